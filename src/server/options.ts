/** The options of `serve`. */

import { TsgiError } from "../errors.ts";
import type { Environ, ErrorStream } from "../gateway.ts";
import { BOOLEAN, checkOptions, count, either, FUNCTION, type Kind, type Kinds, STRING } from "../options.ts";

/** Where `serve` listens and what its limits are. Durations are milliseconds, sizes bytes; 0 means "no limit". */
export interface ServeOptions {
  /** The address to listen on. Default `"127.0.0.1"`: this machine only; `"0.0.0.0"` or `"::"` for every interface. */
  host?: string | undefined;
  /** The port to listen on. Default 8000; 0 picks a free one. */
  port?: number | undefined;
  /** The path of a Unix socket to listen on, instead of host and port. */
  unix?: string | undefined;
  /** Serves https. Default: http. */
  tls?: TlsOptions | undefined;
  /** Shows errors in the response: message, stack, source and environ. Default `false`: a bare 500. */
  development?: boolean | undefined;
  /** Called with each error that is reported to `errors`. Default: nothing. */
  onError?: ((error: unknown, environ: Environ) => void) | undefined;
  /** Where error text goes, the environ's `tsgi.errors`. Default: standard error. */
  errors?: ErrorStream | undefined;
  /** How long a client may take for a TLS handshake; after it, the connection is closed. Default 10 s. */
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
  /** The largest head of a request; 431 beyond it. Default 16 KiB. */
  maxHeaderSize?: number | undefined;
  /** How many header lines a request may have; 431 beyond it. Default 100. */
  maxHeadersCount?: number | undefined;
  /** How many requests a connection may carry. Default 0: no limit. */
  maxRequestsPerConnection?: number | undefined;
  /** Whether a run of `/` in a path is one: `/a//b` is `/a/b`. Default `true`; `false` keeps runs that are not at the start. */
  mergeSlashes?: boolean | undefined;
  /** The environ's `tsgi.multiprocess`: whether other processes serve the same app. Default `false`. */
  multiprocess?: boolean | undefined;
}

/** What `serve` needs for https. */
export interface TlsOptions {
  /** The private key in PEM. */
  key: string | Uint8Array;
  /** The certificate that belongs to the key, with its chain, in PEM. */
  cert: string | Uint8Array;
}

/** The largest number that Node's timers and its parser take. */
export const LONGEST: number = 2 ** 31 - 1;

const LIMIT: Kind = { ...count(0, LONGEST), expected: `a whole number up to ${LONGEST}, 0 for no limit` };
const PEM: Kind = either(STRING, { expected: "bytes", accepts: (value) => value instanceof Uint8Array });

const KINDS: Kinds<ServeOptions> = {
  // An empty host would be every interface, where a variable was not set.
  host: {
    expected: 'an address, "0.0.0.0" or "::" for every interface',
    accepts: (value) => typeof value === "string" && value !== "",
  },
  port: { ...count(0, 65_535), expected: "0 to 65535; 0 picks a free one" },
  unix: { expected: "the path of a socket", accepts: (value) => typeof value === "string" && value !== "" },
  tls: { expected: "{ key, cert }", accepts: (value) => typeof value === "object" && value !== null },
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
  maxHeaderSize: LIMIT,
  maxHeadersCount: LIMIT,
  maxRequestsPerConnection: LIMIT,
  mergeSlashes: BOOLEAN,
  multiprocess: BOOLEAN,
};

const TLS_KINDS: Kinds<TlsOptions> = { key: PEM, cert: PEM };

/** The options that have no default. */
type Optional = "unix" | "tls" | "onError";

/** Options with their defaults. */
export type Settings = {
  readonly [Name in Exclude<keyof ServeOptions, Optional>]-?: NonNullable<ServeOptions[Name]>;
} & { readonly [Name in Optional]: ServeOptions[Name] };

/** settingsOf checks the options and adds the defaults. Throws `TSGI_BAD_OPTION`. */
export function settingsOf(options: ServeOptions): Settings {
  checkOptions("serve", options, KINDS);
  const { tls } = options;
  if (tls !== undefined) checkTls(tls);
  return {
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 8000,
    unix: options.unix,
    tls,
    development: options.development ?? false,
    onError: options.onError,
    errors: options.errors ?? process.stderr,
    handshakeTimeout: options.handshakeTimeout ?? 10_000,
    headersTimeout: options.headersTimeout ?? 15_000,
    requestTimeout: options.requestTimeout ?? 300_000,
    bodyTimeout: options.bodyTimeout ?? 60_000,
    keepAliveTimeout: options.keepAliveTimeout ?? 5_000,
    maxHeaderSize: options.maxHeaderSize ?? 16_384,
    maxHeadersCount: options.maxHeadersCount ?? 100,
    maxRequestsPerConnection: options.maxRequestsPerConnection ?? 0,
    mergeSlashes: options.mergeSlashes ?? true,
    multiprocess: options.multiprocess ?? false,
  };
}

function checkTls(tls: TlsOptions): void {
  checkOptions("tls", tls, TLS_KINDS);
  for (const name of ["key", "cert"] as const) {
    if (tls[name] !== undefined) continue;
    throw new TsgiError("TSGI_BAD_OPTION", `tls has no ${name}`, {
      hint: "Give { key, cert }: the contents of a PEM private key and of its certificate.",
    });
  }
}
