/**
 * The settings of the command: one table, from which come flags, the keys of config files, variables of the environment,
 * checks, the usage and `tsgi config`. They are printed in its order.
 */

import type { Duration, Size, TsgiConfig } from "../../config.ts";
import { BACKLOG, LONGEST } from "../../server/options.ts";
import { INTERFACES } from "../detect-app.ts";
import {
  account,
  BIND,
  choice,
  DURATION,
  LIMIT,
  list,
  MEMORY,
  NETWORK,
  number,
  PART,
  path,
  type Reader,
  SIZE,
  SWITCH,
  text,
  UMASK,
  WORKERS,
} from "./reader.ts";

/** The name of a setting, which is its key in a config file; its flag is the same in kebab case. */
export type SettingName = keyof TsgiConfig;

/** What a value that a config file may write in several ways is read as. */
type Read<Value> =
  IsSame<Value, Duration> extends true
    ? number
    : IsSame<Value, Size> extends true
      ? number
      : [readonly string[]] extends [Value]
        ? readonly string[]
        : Value;

type IsSame<One, Other> = [One, Other] extends [Other, One] ? true : false;

type ValueOf<Name extends SettingName> = Read<NonNullable<TsgiConfig[Name]>>;

/** The settings without a default. */
type Optional =
  | "app"
  | "interface"
  | "bind"
  | "unix"
  | "proxyProtocol"
  | `tls${string}`
  | "user"
  | "group"
  | "umask"
  | "pidFile"
  | "readyPath"
  | "control"
  | "status"
  | "accessLog"
  | "accessLogFormat";

/** The values of all settings. */
export type Values = {
  readonly [Name in SettingName]-?: ValueOf<Name> | (Name extends Optional ? undefined : never);
};

/** What the usage says of a flag. */
export interface FlagRule {
  /** What stands for its value: `"<port>"`. */
  readonly value?: string;
  readonly short?: string;
  readonly help: string;
}

/** One setting. */
export interface Setting<Value, Default = Value> {
  readonly section: Section;
  readonly reader: Reader<Value>;
  readonly default: Default;
  /** Absent: it has no flag. */
  readonly flag?: FlagRule;
  /** The variable of the environment. */
  readonly variable?: string;
  /** Whether its value is never printed. */
  readonly isSecret?: true;
}

/** How the usage groups flags. */
export type Section = "app" | "listening" | "tls" | "limits" | "closing" | "process" | "workers" | "output";

type Settings = {
  readonly [Name in SettingName]-?: Setting<ValueOf<Name>, Name extends Optional ? undefined : ValueOf<Name>>;
};

const FILE = path("a file");

export const SETTINGS: Settings = {
  app: { section: "app", reader: path("a module"), default: undefined },
  interface: {
    section: "app",
    reader: choice("an interface", ...INTERFACES),
    default: undefined,
    flag: { value: "<name>", help: "tsgi, node or fetch (default: detected)" },
  },
  factory: {
    section: "app",
    reader: SWITCH,
    default: false,
    flag: { help: "the export is a function that returns it" },
  },

  bind: {
    section: "listening",
    reader: list(BIND),
    default: undefined,
    flag: { value: "<place>", help: "instead of --host and --port; several: repeat" },
  },
  host: {
    section: "listening",
    reader: text("an address", "for every interface give 0.0.0.0 or ::"),
    default: "127.0.0.1",
    variable: "HOST",
    flag: { value: "<address>", help: "address to listen on" },
  },
  port: {
    section: "listening",
    reader: number("a port", "choose 0 to 65535", 0, 65_535),
    default: 8000,
    variable: "PORT",
    flag: { value: "<number>", short: "p", help: "port, 0 picks a free one" },
  },
  unix: {
    section: "listening",
    reader: path("a path"),
    default: undefined,
    flag: { value: "<path>", help: "Unix socket to listen on instead" },
  },
  backlog: {
    section: "listening",
    reader: number("a number of connections", "choose 1 to 65535", 1, 65_535),
    default: BACKLOG,
    flag: { value: "<number>", help: "connections that may wait in the kernel" },
  },
  maxConnections: {
    section: "listening",
    reader: LIMIT,
    default: 0,
    flag: { value: "<number>", help: "connections that may be open, 0: any" },
  },
  proxyProtocol: {
    section: "listening",
    reader: list(NETWORK, ","),
    default: undefined,
    flag: { value: "<networks>", help: "whose PROXY headers count: 10.0.0.0/8,…" },
  },

  http2: { section: "tls", reader: SWITCH, default: false, flag: { help: "HTTP/2 as well" } },
  maxConcurrentStreams: {
    section: "tls",
    reader: number("a number of streams", `choose 1 to ${LONGEST}`, 1, LONGEST),
    default: 100,
  },
  tlsKey: {
    section: "tls",
    reader: list(FILE),
    default: undefined,
    flag: { value: "<file>", help: "private key in PEM; with --tls-cert: https" },
  },
  tlsCert: {
    section: "tls",
    reader: list(FILE),
    default: undefined,
    flag: { value: "<file>", help: "its certificate; several: repeat both" },
  },
  tlsPassphrase: {
    section: "tls",
    reader: text("a passphrase", "give a text"),
    default: undefined,
    variable: "TSGI_TLS_PASSPHRASE",
    isSecret: true,
  },
  tlsPassphraseFile: {
    section: "tls",
    reader: FILE,
    default: undefined,
    flag: { value: "<file>", help: "decrypts keys (or $TSGI_TLS_PASSPHRASE)" },
  },
  tlsClientCa: {
    section: "tls",
    reader: FILE,
    default: undefined,
    flag: { value: "<file>", help: "clients need a certificate of these" },
  },
  tlsClientCertificates: {
    section: "tls",
    reader: choice("a way to ask for certificates", "request", "require"),
    default: undefined,
  },
  tlsTicketKeys: {
    section: "tls",
    reader: FILE,
    default: undefined,
    flag: { value: "<file>", help: "48 bytes that servers of a site share" },
  },
  tlsMinVersion: {
    section: "tls",
    reader: choice("a version of TLS", "TLSv1.2", "TLSv1.3"),
    default: undefined,
  },
  tlsCiphers: { section: "tls", reader: text("a list of ciphers", "give OpenSSL's names"), default: undefined },

  handshakeTimeout: { section: "limits", reader: DURATION, default: 10_000 },
  headersTimeout: { section: "limits", reader: DURATION, default: 15_000 },
  requestTimeout: {
    section: "limits",
    reader: DURATION,
    default: 300_000,
    flag: { value: "<time>", help: "for a request to arrive" },
  },
  bodyTimeout: {
    section: "limits",
    reader: DURATION,
    default: 60_000,
    flag: { value: "<time>", help: "for a body without progress" },
  },
  keepAliveTimeout: {
    section: "limits",
    reader: DURATION,
    default: 5_000,
    flag: { value: "<time>", help: "for a connection without requests" },
  },
  maxTargetLength: { section: "limits", reader: SIZE, default: 16_384 },
  maxHeaderSize: {
    section: "limits",
    reader: SIZE,
    default: 16_384,
    flag: { value: "<size>", help: "of the head of a request" },
  },
  maxHeadersCount: { section: "limits", reader: LIMIT, default: 100 },
  maxRequestsPerConnection: { section: "limits", reader: LIMIT, default: 0 },
  mergeSlashes: { section: "limits", reader: SWITCH, default: true },

  drainDelay: {
    section: "closing",
    reader: DURATION,
    default: 0,
    flag: { value: "<time>", help: "before it stops listening" },
  },
  linger: {
    section: "closing",
    reader: DURATION,
    default: 1000,
    flag: { value: "<time>", help: "after that, for idle connections" },
  },
  grace: {
    section: "closing",
    reader: DURATION,
    default: 30_000,
    flag: { value: "<time>", help: "after that, for what still runs" },
  },

  user: {
    section: "process",
    reader: account("a user"),
    default: undefined,
    flag: { value: "<name>", help: "user to become once it listens" },
  },
  group: {
    section: "process",
    reader: account("a group"),
    default: undefined,
    flag: { value: "<name>", help: "group to change to (default: the user's)" },
  },
  umask: {
    section: "process",
    reader: UMASK,
    default: undefined,
    flag: { value: "<octal>", help: "permissions that new files do not get" },
  },
  pidFile: {
    section: "process",
    reader: FILE,
    default: undefined,
    flag: { value: "<file>", help: "has the process id while it runs" },
  },

  workers: {
    section: "workers",
    reader: WORKERS,
    default: 1,
    variable: "WEB_CONCURRENCY",
    flag: { value: "<number>", help: "processes, or auto" },
  },
  timeout: {
    section: "workers",
    reader: DURATION,
    default: 30_000,
    flag: { value: "<time>", help: "for one that hangs" },
  },
  bootTimeout: {
    section: "workers",
    reader: DURATION,
    default: 60_000,
    flag: { value: "<time>", help: "for one that starts" },
  },
  maxRequests: {
    section: "workers",
    reader: LIMIT,
    default: 0,
    flag: { value: "<number>", help: "after which one is replaced, 0: never" },
  },
  maxRequestsJitter: {
    section: "workers",
    reader: PART,
    default: 0.1,
    flag: { value: "<part>", help: "by which they differ in that" },
  },
  maxMemory: {
    section: "workers",
    reader: MEMORY,
    default: 0,
    flag: { value: "<size>", help: "beyond which one is replaced" },
  },
  readyPath: {
    section: "workers",
    reader: text("a path of the app", "it starts with a slash", /^\//),
    default: undefined,
    flag: { value: "<path>", help: "that a new one has to answer first" },
  },
  control: {
    section: "workers",
    reader: path("a path"),
    default: undefined,
    flag: { value: "<path>", help: "socket for tsgi ctl" },
  },
  status: {
    section: "workers",
    reader: BIND,
    default: undefined,
    flag: { value: "<place>", help: "for /livez, /readyz, /status, /metrics" },
  },
  reload: {
    section: "workers",
    reader: SWITCH,
    default: false,
    flag: { help: "restart when a module of the app changes" },
  },

  development: { section: "output", reader: SWITCH, default: false, flag: { help: "show errors in the response" } },
  verbose: { section: "output", reader: SWITCH, default: false, flag: { help: "print each exchange as curl -v does" } },
  quiet: { section: "output", reader: SWITCH, default: false, flag: { help: "print nothing but errors" } },
  accessLog: {
    section: "output",
    reader: path("a file", "-", "off"),
    default: undefined,
    flag: { value: "<file>", help: "log requests; - is standard output, or off" },
  },
  accessLogFormat: {
    section: "output",
    reader: choice("a format", "short", "common", "combined", "json"),
    default: undefined,
    flag: { value: "<name>", help: "short, common, combined or json" },
  },
};

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** settingOf gives a setting, whatever its values are. */
export function settingOf(name: SettingName): Setting<unknown, unknown> {
  return SETTINGS[name] as Setting<unknown, unknown>;
}

/** The flag of a setting without its dashes: `"max-connections"`. */
export function flagOf(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
