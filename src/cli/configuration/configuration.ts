/** Everything that the command was told about serving, checked, as one value. */

import type { CloseOptions, ListenOptions, ServeOptions } from "../../server/serve.ts";
import { CommandError } from "../command-error.ts";
import type { LoadOptions } from "../load-app.ts";
import type { ProxyCommandOptions } from "../proxy.ts";
import type { StaticOptions } from "../static.ts";
import type { Activated } from "../systemd/activation.ts";
import type { TlsFiles } from "../tls-files.ts";
import { activatedPlaces, parseBind } from "./bind.ts";
import type { SettingName, Values } from "./setting.ts";
import { flagOf, SETTING_NAMES, settingOf } from "./settings.ts";
import type { Resolved } from "./sources.ts";

/** An app in a module. */
export interface ModuleSource {
  readonly kind: "module";
  /** `"site.ts:app"`. */
  readonly target: string;
  readonly load: LoadOptions;
}

/** A folder that is served. */
export interface FolderSource {
  readonly kind: "folder";
  readonly folder: string;
  readonly options: StaticOptions;
}

/** Servers elsewhere. */
export interface TargetsSource {
  readonly kind: "targets";
  /** Their URLs; one at least. */
  readonly targets: readonly string[];
  readonly options: ProxyCommandOptions;
}

/** The options of `serve` that are neither places nor TLS nor functions. */
export type PlainServeOptions = Omit<
  ServeOptions,
  keyof ListenOptions | "listen" | "tls" | "onError" | "errors" | "multiprocess"
>;

/** What workers are started with, and when they are replaced. Durations are milliseconds, sizes bytes; 0 means "never". */
export interface SupervisorSettings {
  readonly workers: number | "auto";
  readonly timeout: number;
  readonly bootTimeout: number;
  readonly maxRequests: number;
  readonly maxRequestsJitter: number;
  readonly maxMemory: number;
  readonly readyPath: string | undefined;
  readonly control: string | undefined;
  readonly status: ListenOptions | undefined;
  readonly reload: boolean;
}

/** What the process itself is to be. */
export interface ProcessSettings {
  readonly user: string | number | undefined;
  readonly group: string | number | undefined;
  readonly umask: number | undefined;
  readonly pidFile: string | undefined;
}

/** Where requests are logged, and how; undefined is for the terminal to decide. */
export interface AccessLogSettings {
  readonly to: string | undefined;
  readonly format: Values["accessLogFormat"];
}

/** Configuration is what the command was told: plain values, which another process can be sent as JSON. */
export interface Configuration {
  readonly source: ModuleSource | FolderSource | TargetsSource;
  /** At least one. */
  readonly places: readonly ListenOptions[];
  readonly serve: PlainServeOptions;
  /** The files of TLS, not what they hold; undefined for http. */
  readonly tls: TlsFiles | undefined;
  readonly close: { readonly [Name in keyof CloseOptions]-?: number };
  readonly process: ProcessSettings;
  readonly supervisor: SupervisorSettings;
  /** Whether something was set that only a supervisor does. */
  readonly isSupervised: boolean;
  readonly accessLog: AccessLogSettings;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly open: boolean;
}

/** The settings of the section of workers that say nothing by themselves. */
const NEEDS_NO_SUPERVISOR: readonly SettingName[] = ["maxRequestsJitter"];

/** What says how several workers are kept running. */
const NOT_WITH_RELOAD: readonly SettingName[] = [
  "workers",
  "timeout",
  "bootTimeout",
  "maxRequests",
  "maxRequestsJitter",
  "maxMemory",
  "readyPath",
];

/** What is known besides the settings. */
interface Circumstances {
  readonly open?: boolean | undefined;
  /** The sockets that systemd has opened; undefined where nobody is to listen. */
  readonly activated?: Activated | undefined;
}

/** configurationOf puts settings together. Throws a `CommandError` for those that do not go together. */
export function configurationOf(
  { values, origins }: Resolved,
  source: Configuration["source"],
  { open = false, activated }: Circumstances = {},
): Configuration {
  const { verbose, quiet } = values;
  if (verbose && quiet) throw new CommandError("--verbose and --quiet exclude each other; leave one out");
  if (values.reload) checkReload(origins);
  const places = placesOf(values, activated);
  if (open && places[0]?.port === undefined) {
    throw new CommandError("a browser cannot --open a Unix socket; leave one out");
  }
  return {
    source,
    places,
    serve: serveOptionsOf(values),
    tls: tlsFilesOf(values),
    close: { delay: values.drainDelay, linger: values.linger, grace: values.grace },
    process: {
      user: values.user,
      group: values.group,
      umask: values.umask === undefined ? undefined : Number.parseInt(values.umask, 8),
      pidFile: values.pidFile,
    },
    supervisor: supervisorSettingsOf(values, activated),
    isSupervised: isSupervised(values),
    accessLog: { to: values.accessLog, format: values.accessLogFormat },
    verbose,
    quiet,
    open,
  };
}

/** A config file may be for production as well; a flag is for now. */
function checkReload(origins: Resolved["origins"]): void {
  const vain = NOT_WITH_RELOAD.find((name) => origins[name].from === "flag");
  if (vain === undefined) return;
  throw new CommandError(`--${flagOf(vain)} does nothing with --reload, which has one worker; leave one of them out`);
}

function placesOf({ bind, unix, host, port }: Values, activated: Activated | undefined): ListenOptions[] {
  if (bind !== undefined) return bind.flatMap((place) => placesAt("bind", place, activated));
  return [unix === undefined ? { host, port } : { unix }];
}

function placesAt(setting: SettingName, text: string, activated: Activated | undefined): ListenOptions[] {
  const named = activatedPlaces(text, activated ?? []);
  if (named === undefined) return [parseBind(text) as ListenOptions];
  if (named.length > 0 || activated === undefined) return named;
  const there = activated.length === 0 ? "none" : activated.map((name) => name || "one without a name").join(", ");
  throw new CommandError(
    `${setting}: systemd has opened no socket for this process that is called ${text.slice(3)}, but ${there}`,
  );
}

function serveOptionsOf(values: Values): PlainServeOptions {
  const { proxyProtocol } = values;
  return {
    backlog: values.backlog,
    maxConnections: values.maxConnections,
    ...(proxyProtocol !== undefined && { proxyProtocol: { from: proxyProtocol } }),
    http2: values.http2,
    maxConcurrentStreams: values.maxConcurrentStreams,
    development: values.development,
    handshakeTimeout: values.handshakeTimeout,
    headersTimeout: values.headersTimeout,
    requestTimeout: values.requestTimeout,
    bodyTimeout: values.bodyTimeout,
    keepAliveTimeout: values.keepAliveTimeout,
    maxTargetLength: values.maxTargetLength,
    maxHeaderSize: values.maxHeaderSize,
    maxHeadersCount: values.maxHeadersCount,
    maxRequestsPerConnection: values.maxRequestsPerConnection,
    mergeSlashes: values.mergeSlashes,
  };
}

function tlsFilesOf(values: Values): TlsFiles | undefined {
  const { tlsKey: keys = [], tlsCert: certs = [], tlsClientCa, tlsClientCertificates } = values;
  if (keys.length !== certs.length) {
    throw new CommandError(
      keys.length === 0 || certs.length === 0
        ? "https needs both --tls-key and --tls-cert"
        : `there are ${keys.length} of --tls-key and ${certs.length} of --tls-cert; give each key with its certificate`,
    );
  }
  if (keys.length === 0) {
    checkUnused(values);
    return undefined;
  }
  if (tlsClientCertificates !== undefined && tlsClientCa === undefined) {
    throw new CommandError("tlsClientCertificates needs tlsClientCa: the file of those who issue them");
  }
  return {
    certificates: keys.map((key, index) => ({ key, cert: certs[index] as string })),
    passphrase: values.tlsPassphrase,
    passphraseFile: values.tlsPassphraseFile,
    clientCa: tlsClientCa,
    clientCertificates: tlsClientCa === undefined ? undefined : (tlsClientCertificates ?? "require"),
    ticketKeys: values.tlsTicketKeys,
    minVersion: values.tlsMinVersion,
    ciphers: values.tlsCiphers,
  };
}

/** A server of http that was told to ask for certificates would let everybody in. */
function checkUnused(values: Values): void {
  for (const name of SETTING_NAMES) {
    const { isSecret } = settingOf(name);
    // A passphrase may be in the environment of all programs.
    if (!name.startsWith("tls") || isSecret || values[name] === undefined) continue;
    throw new CommandError(`${name} needs a certificate; give --tls-key and --tls-cert`);
  }
}

function supervisorSettingsOf(values: Values, activated: Activated | undefined): SupervisorSettings {
  return {
    workers: values.workers,
    timeout: values.timeout,
    bootTimeout: values.bootTimeout,
    maxRequests: values.maxRequests,
    maxRequestsJitter: values.maxRequestsJitter,
    maxMemory: values.maxMemory,
    readyPath: values.readyPath,
    control: values.control,
    status: values.status === undefined ? undefined : (placesAt("status", values.status, activated)[0] ?? {}),
    reload: values.reload,
  };
}

function isSupervised(values: Values): boolean {
  return SETTING_NAMES.some((name) => {
    const setting = settingOf(name);
    return setting.section === "workers" && !NEEDS_NO_SUPERVISOR.includes(name) && values[name] !== setting.default;
  });
}
