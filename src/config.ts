/** What a config file of the `tsgi` command says. */

/** `Duration`: milliseconds, or a number with its unit: `"500ms"`, `"30s"`, `"5m"`, `"1h"`. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h"}`;

/** `Size`: bytes, or a number with its unit, of 1024 each: `"16K"`, `"512M"`, `"2G"`. */
export type Size = number | `${number}${"K" | "M" | "G"}`;

/**
 * `TsgiConfig` is what a config file may say. A flag of the same name, in kebab case, comes before it: `--max-connections` before
 * `maxConnections`. Paths are relative to the folder of the file. Where it is not said otherwise, 0 means "no limit".
 */
export interface TsgiConfig {
  /** The app that `tsgi` serves without an argument: `"site.ts:app"`, or `"site.ts"`. Default: none. */
  app?: string | undefined;
  /** What the app's export is. Default: detected. */
  interface?: "tsgi" | "node" | "fetch" | undefined;
  /** Whether the export is a function that returns the app. Default `false`. */
  factory?: boolean | undefined;

  /**
   * One place to listen on, or several: `"127.0.0.1:8000"`, `":8000"` for every interface, `"[::1]:8000"`, `"unix:site.sock"`,
   * `"unix:site.sock?mode=660"`, `"fd:3"` for a socket that was inherited, `"fd:web"` for one that systemd calls so. Instead of `host`, `port` and `unix`.
   */
  bind?: string | readonly string[] | undefined;
  /** The address to listen on. Default: `HOST` of the environment, or `127.0.0.1`. */
  host?: string | undefined;
  /** The port to listen on; 0 picks a free one. Default: `PORT` of the environment, or `8000`. */
  port?: number | undefined;
  /** The path of a Unix socket to listen on, instead of `host` and `port`. */
  unix?: string | undefined;
  /** How many connections wait in the kernel to be accepted, for each place. Default `1024`. */
  backlog?: number | undefined;
  /** How many connections are open at once, for each place and process; what comes beyond it is closed. Default `0`. */
  maxConnections?: number | undefined;
  /**
   * The networks of the proxies that begin each connection with a header of the PROXY protocol: `["10.0.0.0/8"]`. Connections
   * from elsewhere, or without the header, are closed. Default: no header is expected.
   */
  proxyProtocol?: string | readonly string[] | undefined;

  /** Serves HTTP/2 as well. Default `false`. */
  http2?: boolean | undefined;
  /** How many streams of HTTP/2 a connection may have open at once. Default `100`. */
  maxConcurrentStreams?: number | undefined;
  /** The file of a private key in PEM, or several; makes it https. Files of TLS are read again when they change. */
  tlsKey?: string | readonly string[] | undefined;
  /** The file of the certificate of each key, with its chain; the first is for clients that ask for an unknown name. */
  tlsCert?: string | readonly string[] | undefined;
  /** What encrypted keys are decrypted with. Default: `TSGI_TLS_PASSPHRASE` of the environment. */
  tlsPassphrase?: string | undefined;
  /** The file whose first line decrypts the keys, instead of `tlsPassphrase`. */
  tlsPassphraseFile?: string | undefined;
  /** The file of the certificates of those who issue client certificates. Default: clients are not asked for one. */
  tlsClientCa?: string | undefined;
  /** Whether a client without a certificate is let in; needs `tlsClientCa`. Default `"require"`: it is not. */
  tlsClientCertificates?: "request" | "require" | undefined;
  /** The file of 48 random bytes that encrypt sessions; servers that share them resume each other's. Default: random ones. */
  tlsTicketKeys?: string | undefined;
  /** The oldest version of TLS. Default `"TLSv1.2"`. */
  tlsMinVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
  /** The cipher suites, in OpenSSL's format. Default: those of Node. */
  tlsCiphers?: string | undefined;

  /** How long a client may take for a TLS handshake, and a proxy for its header. Default `10s`. */
  handshakeTimeout?: Duration | undefined;
  /** How long a client may take for the head of a request. Default `15s`. */
  headersTimeout?: Duration | undefined;
  /** How long a client may take for a whole request. Default `5m`. */
  requestTimeout?: Duration | undefined;
  /** How long a body may make no progress. Default `1m`. */
  bodyTimeout?: Duration | undefined;
  /** How long an idle connection is kept; behind a load balancer, longer than that keeps it. Default `5s`. */
  keepAliveTimeout?: Duration | undefined;
  /** The longest request target. Default `16K`. */
  maxTargetLength?: Size | undefined;
  /** The largest head of a request. Default `16K`. */
  maxHeaderSize?: Size | undefined;
  /** How many header lines a request may have. Default `100`. */
  maxHeadersCount?: number | undefined;
  /** How many requests a connection may carry. Default `0`. */
  maxRequestsPerConnection?: number | undefined;
  /** Whether a run of `/` in a path is one. Default `true`. */
  mergeSlashes?: boolean | undefined;

  /** How long a server that closes still accepts connections, for load balancers that hear of it late. Default `0`. */
  drainDelay?: Duration | undefined;
  /** How long idle connections are kept after that, as requests may be on their way. Default `1s`; 0 ends them at once. */
  linger?: Duration | undefined;
  /** How long running exchanges may take after that; then they are cut. Default `30s`; 0 cuts them at once. */
  grace?: Duration | undefined;

  /** The user that the process becomes once it listens: a name or a number. Needs root. Default: it stays as it is. */
  user?: string | number | undefined;
  /** The group that the process changes to with it: a name or a number. Default: that of `user`. */
  group?: string | number | undefined;
  /** Which permissions new files do not get, in octal digits: `"027"`. Default: that of the shell. */
  umask?: string | undefined;
  /** The file that the process writes its id to, and removes at its end. Default: none. */
  pidFile?: string | undefined;

  /** How many processes serve the app; `"auto"`: one for each CPU. Default: `WEB_CONCURRENCY` of the environment, or `1`. */
  workers?: number | "auto" | undefined;
  /** How long a worker may hang before it is replaced. Default `30s`. */
  timeout?: Duration | undefined;
  /** How long a worker may take to start. Default `1m`. */
  bootTimeout?: Duration | undefined;
  /** After how many requests a worker is replaced. Default `0`. */
  maxRequests?: number | undefined;
  /** By which part of `maxRequests` workers differ, so that not all are replaced at once: 0 to 1. Default `0.1`. */
  maxRequestsJitter?: number | undefined;
  /** How much memory a worker may take before it is replaced. Default `0`. */
  maxMemory?: Size | undefined;
  /** The path that a new worker has to answer, without a socket, before it counts as ready. Default: none is asked. */
  readyPath?: string | undefined;
  /** The path of the socket that `tsgi ctl` connects to. Default: none. */
  control?: string | undefined;
  /** Where `/livez`, `/readyz`, `/status` and `/metrics` are answered, as in `bind`: `"127.0.0.1:8001"`. Default: nowhere. */
  status?: string | undefined;
  /** Restarts the app when its modules change, behind the open port; for development. Default `false`. */
  reload?: boolean | undefined;

  /** Shows errors in the response. Default `false`. */
  development?: boolean | undefined;
  /** Prints each exchange as `curl -v` does. Default `false`. */
  verbose?: boolean | undefined;
  /** Prints nothing but errors. Default `false`. */
  quiet?: boolean | undefined;
  /** Where requests are logged: a file, `"-"` for standard output, or `"off"`. Default: to a terminal only. */
  accessLog?: string | undefined;
  /** How requests are logged. Default: `"short"` on a terminal, else `"combined"`. */
  accessLogFormat?: "short" | "common" | "combined" | "json" | undefined;
}

/**
 * defineConfig gives back the config that it is given, for its types: the default export of `tsgi.config.ts`.
 *
 * ```ts
 * export default defineConfig({ app: "site.ts:app", bind: ":8000", workers: "auto" });
 * ```
 */
export function defineConfig(config: TsgiConfig): TsgiConfig {
  return config;
}
