/** The options of `serve`. */

import { TsgiError } from "../errors.ts";
import type { Environ, ErrorStream } from "../gateway.ts";
import { BOOLEAN, checkOptions, count, FUNCTION, type Kind, type Kinds } from "../options.ts";
import { checkProxyProtocol, type ProxyProtocolOptions } from "./peer/proxied.ts";
import { checkTls, type TlsOptions } from "./tls/options.ts";

/** One place where a server listens. */
export interface ListenOptions {
  /** The address to listen on. Default `"127.0.0.1"`: this machine only; `"0.0.0.0"` or `"::"` for every interface. */
  host?: string | undefined;
  /** The port to listen on. Default 8000; 0 picks a free one. */
  port?: number | undefined;
  /** The path of a Unix socket to listen on, instead of host and port. */
  unix?: string | undefined;
  /** The permissions of the Unix socket, `0o660` for example. Default: all that the umask of the process leaves. */
  mode?: number | undefined;
  /** The descriptor of a socket that listens already, inherited from another process, instead of host and port. */
  fd?: number | undefined;
}

/** Where `serve` listens and what its limits are. Durations are milliseconds, sizes bytes; 0 means "no limit". */
export interface ServeOptions extends ListenOptions {
  /** Several places to listen on, instead of `host`, `port`, `unix`, `mode` and `fd`. Default: that one. */
  listen?: readonly ListenOptions[] | undefined;
  /** How many connections wait in the kernel to be accepted, for each place; the kernel has a limit of its own. Default 1024. */
  backlog?: number | undefined;
  /** How many connections are open at once, for each place; what comes beyond it is closed. Default 0: no limit. */
  maxConnections?: number | undefined;
  /** Serves https, with one certificate `{ key, cert }` or several `{ certificates: [{ key, cert }, …] }`. Default: http. */
  tls?: TlsOptions | undefined;
  /**
   * Serves HTTP/2 as well: by ALPN with `tls`, and without it to clients that begin with it (prior knowledge; RFC 9113).
   * Default `false`.
   */
  http2?: boolean | undefined;
  /** How many streams of HTTP/2 a connection may have open at once. Default 100. */
  maxConcurrentStreams?: number | undefined;
  /**
   * Takes connections from proxies that send a header of the PROXY protocol, version 1 or 2, before anything else, TLS
   * included: `REMOTE_ADDR` and `REMOTE_PORT` are what it says, `SERVER_NAME` and `SERVER_PORT` stay the server's own. A
   * connection from elsewhere, or without the header, is closed. Not for a Unix socket with TLS. Default: no header is expected.
   */
  proxyProtocol?: ProxyProtocolOptions | undefined;
  /** Shows errors in the response: message, stack, source and environ. Default `false`: a bare 500. */
  development?: boolean | undefined;
  /** Called with each error that is reported to `errors`. Default: nothing. */
  onError?: ((error: unknown, environ: Environ) => void) | undefined;
  /** Where error text goes, the environ's `tsgi.errors`. Default: standard error. */
  errors?: ErrorStream | undefined;
  /** How long a client may take for a TLS handshake, and a proxy for its header; then the connection is closed. Default 10 s. */
  handshakeTimeout?: number | undefined;
  /** How long a client may take to send the head of a request; 408 after it. Default 15 s. */
  headersTimeout?: number | undefined;
  /** How long a client may take to send a whole request; 408 after it. Default 5 min. */
  requestTimeout?: number | undefined;
  /**
   * How long a body may make no progress. After at most twice this time a stalled request gets 408 and a stalled response
   * is cut. Default 60 s.
   */
  bodyTimeout?: number | undefined;
  /** How long an idle connection is kept for the next request. Default 5 s. */
  keepAliveTimeout?: number | undefined;
  /** The longest request target; 414 beyond it. Default 16 KiB, as for the whole head. */
  maxTargetLength?: number | undefined;
  /** The largest head of a request, and the largest trailer section; 431 beyond it. Default 16 KiB. */
  maxHeaderSize?: number | undefined;
  /** How many header lines a request may have, and how many trailer lines; 431 beyond it. Default 100. */
  maxHeadersCount?: number | undefined;
  /** How many requests a connection may carry. Default 0: no limit. */
  maxRequestsPerConnection?: number | undefined;
  /** Whether a run of `/` in a path is one: `/a//b` is `/a/b`. Default `true`; `false` keeps runs that are not at the start. */
  mergeSlashes?: boolean | undefined;
  /** The environ's `tsgi.multiprocess`: whether other processes serve the same app. Default `false`. */
  multiprocess?: boolean | undefined;
}

/** How many connections wait in the kernel where nothing else is said: what comes at once while the process is busy. */
export const BACKLOG: number = 1024;

/** The largest number that Node's timers and its parser take. */
export const LONGEST: number = 2 ** 31 - 1;

const LIMIT: Kind = { ...count(0, LONGEST), expected: `a whole number up to ${LONGEST}, 0 for no limit` };

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

const LISTEN_KINDS: Kinds<ListenOptions> = {
  // An empty host would be every interface, where a variable was not set.
  host: {
    expected: 'an address, "0.0.0.0" or "::" for every interface',
    accepts: (value) => typeof value === "string" && value !== "",
  },
  port: { ...count(0, 65_535), expected: "0 to 65535; 0 picks a free one" },
  unix: { expected: "the path of a socket", accepts: (value) => typeof value === "string" && value !== "" },
  mode: { ...count(0, 0o777), expected: "permissions, 0o660 for example" },
  fd: { ...count(0, LONGEST), expected: "the descriptor of a socket that listens" },
};

/** What each option of `serve` may be. */
export const SERVE_KINDS: Kinds<ServeOptions> = {
  ...LISTEN_KINDS,
  listen: { expected: "a list of places", accepts: (value) => Array.isArray(value) && value.length > 0 },
  backlog: { ...count(1, 65_535), expected: "1 to 65535 connections" },
  maxConnections: LIMIT,
  tls: { expected: "{ key, cert }", accepts: isObject },
  proxyProtocol: { expected: '{ from: ["10.0.0.0/8"] }', accepts: isObject },
  http2: BOOLEAN,
  maxConcurrentStreams: { ...count(1, LONGEST), expected: "a number of streams from 1 up" },
  development: BOOLEAN,
  onError: FUNCTION,
  errors: {
    expected: "an object with a write method, such as process.stderr",
    accepts: (value) => typeof (value as Partial<ErrorStream> | null)?.write === "function",
  },
  handshakeTimeout: LIMIT,
  headersTimeout: LIMIT,
  requestTimeout: LIMIT,
  bodyTimeout: LIMIT,
  keepAliveTimeout: LIMIT,
  maxTargetLength: LIMIT,
  maxHeaderSize: LIMIT,
  maxHeadersCount: LIMIT,
  maxRequestsPerConnection: LIMIT,
  mergeSlashes: BOOLEAN,
  multiprocess: BOOLEAN,
};

/** Where a server listens: its name and port, or the URL of its Unix socket. */
export type Address = { readonly name: string; readonly port: number } | { readonly socket: string };

/** A place with its defaults. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly unix: string | undefined;
  readonly mode?: number | undefined;
  readonly fd: number | undefined;
  /** The address, where it is known before; without a descriptor, another process accepts connections and hands them over. */
  readonly address?: Address | undefined;
}

/** The options that have no default. */
type Optional = "tls" | "proxyProtocol" | "onError";

/** Options with their defaults. */
export type Settings = {
  readonly [Name in Exclude<keyof ServeOptions, Optional | keyof ListenOptions | "listen">]-?: NonNullable<
    ServeOptions[Name]
  >;
} & { readonly [Name in Optional]: ServeOptions[Name] } & { readonly places: readonly Place[] };

/** settingsOf checks the options and adds the defaults. Throws `TSGI_BAD_OPTION`. */
export function settingsOf(options: ServeOptions): Settings {
  checkOptions("serve", options, SERVE_KINDS);
  const { tls, proxyProtocol } = options;
  if (tls !== undefined) checkTls(tls);
  const places = placesOf(options);
  if (proxyProtocol !== undefined) checkProxyProtocol(proxyProtocol, places, tls !== undefined);
  return {
    places,
    backlog: options.backlog ?? BACKLOG,
    maxConnections: options.maxConnections ?? 0,
    tls,
    http2: options.http2 ?? false,
    maxConcurrentStreams: options.maxConcurrentStreams ?? 100,
    proxyProtocol,
    development: options.development ?? false,
    onError: options.onError,
    errors: options.errors ?? process.stderr,
    handshakeTimeout: options.handshakeTimeout ?? 10_000,
    headersTimeout: options.headersTimeout ?? 15_000,
    requestTimeout: options.requestTimeout ?? 300_000,
    bodyTimeout: options.bodyTimeout ?? 60_000,
    keepAliveTimeout: options.keepAliveTimeout ?? 5_000,
    maxTargetLength: options.maxTargetLength ?? 16_384,
    maxHeaderSize: options.maxHeaderSize ?? 16_384,
    maxHeadersCount: options.maxHeadersCount ?? 100,
    maxRequestsPerConnection: options.maxRequestsPerConnection ?? 0,
    mergeSlashes: options.mergeSlashes ?? true,
    multiprocess: options.multiprocess ?? false,
  };
}

function placesOf(options: ServeOptions): Place[] {
  const { listen } = options;
  if (listen === undefined) return [placeOf(options, "serve")];
  const extra = (["host", "port", "unix", "mode", "fd"] as const).find((name) => options[name] !== undefined);
  if (extra !== undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", `serve was given ${extra} and listen`, {
      hint: `Write ${extra} in the list: { listen: [{ ${extra}: … }] }.`,
    });
  }
  return listen.map((place, index) => {
    checkOptions(`serve's listen[${index}]`, place, LISTEN_KINDS);
    return placeOf(place, `serve's listen[${index}]`);
  });
}

function placeOf({ host, port, unix, mode, fd }: ListenOptions, owner: string): Place {
  if (unix !== undefined && fd !== undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", `${owner} was given unix and fd`, { hint: "Give one of them." });
  }
  if (mode !== undefined && unix === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", `${owner} was given mode without unix`, {
      hint: "Leave it out, or give the path of a Unix socket.",
    });
  }
  return { host: host ?? "127.0.0.1", port: port ?? 8000, unix, mode, fd };
}
