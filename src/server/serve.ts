/** The core server: an app on ports, Unix sockets and inherited ones. */

import type { Socket } from "node:net";
import { checkApp } from "../apps.ts";
import type { App } from "../gateway.ts";
import { checkOptions, count } from "../options.ts";
import { type CloseOptions, drain } from "./drain.ts";
import { Clock } from "./engine/clock.ts";
import type { OpenExchange } from "./engine/service.ts";
import { Listener, type Shared } from "./listener.ts";
import { LONGEST, type Place, type ServeOptions, type Settings, settingsOf } from "./options.ts";
import { writeLine } from "./secure.ts";
import { Identity } from "./tls/identity.ts";
import type { TlsOptions } from "./tls/options.ts";
import { badTls } from "./tls/pem.ts";

export type { CloseOptions } from "./drain.ts";
export type { ListenOptions, ServeOptions } from "./options.ts";
export type { ProxyProtocolOptions } from "./peer/proxied.ts";
export type { TlsCertificate, TlsCertificates, TlsOptions, TlsPolicy } from "./tls/options.ts";

/** A server that listens. */
export interface Server {
  /**
   * Where it answers: `"http://127.0.0.1:8000"`, `"unix:/path"`, or `"fd:3"` for a Unix socket that was inherited; the first of
   * several.
   */
  readonly url: string;
  /** Where it answers, for each place that it listens on. */
  readonly urls: readonly string[];
  /** The port it listens on, the first of several; 0 for a Unix socket. */
  readonly port: number;
  /**
   * Stops accepting connections without losing a request: what comes on connections that are open is answered, with
   * `Connection: close`, and idle ones are ended after the linger. Event streams (`text/event-stream`) end at once, and their
   * `exchange.signal` is aborted; apps that have taken a connection over are told by `exchange.onServerClose`, and WebSockets of
   * `websocket` closed with 1001; other exchanges finish, and what is left after the grace is cut. Resolves when every
   * connection is closed. A second call gives the same promise.
   */
  close(options?: CloseOptions): Promise<void>;
  /**
   * Renews certificates, and ticket keys where they are given: connections that are open go on, the next handshake has the new
   * ones. What else is not given stays as it is; `clientCertificates` cannot change. Throws `TSGI_BAD_TLS` or
   * `TSGI_BAD_OPTION` for what cannot be used; then nothing changes.
   */
  reloadTls(tls: TlsOptions): void;
}

const listenersOf = new WeakMap<Server, readonly Listener[]>();

/**
 * serve serves an app; resolves once it listens.
 *
 * ```ts
 * const server = await serve(app, { port: 8000 });
 * console.log(server.url);
 * ```
 *
 * Rejects with `TSGI_PORT_IN_USE`, `TSGI_PORT_DENIED` or `TSGI_CANNOT_LISTEN` where it cannot listen, with `TSGI_NO_APP`,
 * `TSGI_BAD_OPTION` or `TSGI_BAD_TLS` for an argument that is wrong.
 */
export async function serve(app: App, options: ServeOptions = {}): Promise<Server> {
  checkApp(app, "serve");
  const settings = settingsOf(options);
  return serveAt(app, settings, settings.places);
}

/** serveAt serves an app at places that need not be known to the options. Rejects as `serve` does. */
export async function serveAt(app: App, settings: Settings, places: readonly Place[]): Promise<Server> {
  const limits = limitsOf(settings);
  const identity = identityOf(settings);
  const sockets = new Set<Socket>();
  const shared: Shared = {
    app,
    settings,
    limits,
    identity,
    // Loading what speaks HTTP/2 takes a while.
    startSession: settings.http2
      ? (await import("./http2/session.ts")).sessionStarter(settings.maxConcurrentStreams, limits.parser)
      : undefined,
    clock: new Clock(Object.values(limits.connection)),
    sockets,
    forget(this: Socket) {
      sockets.delete(this);
    },
  };
  const listeners: Listener[] = [];
  try {
    for (const place of places) listeners.push(await Listener.open(shared, place));
  } catch (error) {
    for (const listener of listeners) listener.stop();
    for (const socket of sockets) socket.destroy();
    throw error;
  }
  let closing: Promise<void> | undefined;
  const [first] = listeners as [Listener];
  const server: Server = {
    port: first.port,
    url: first.url,
    urls: listeners.map(({ url }) => url),
    close(closeOptions = {}) {
      const duration = count(0, LONGEST);
      checkOptions("close", closeOptions, { delay: duration, linger: duration, grace: duration });
      closing ??= drain(listeners, sockets, closeOptions);
      return closing;
    },
    reloadTls(tls) {
      if (identity === undefined) throw badTls("this server has no TLS", "Give tls to serve.");
      identity.renew(tls);
    },
  };
  listenersOf.set(server, listeners);
  return server;
}

function limitsOf(settings: Settings): Shared["limits"] {
  const { headersTimeout, requestTimeout, bodyTimeout, keepAliveTimeout } = settings;
  return {
    connection: {
      headersTimeout,
      requestTimeout,
      bodyTimeout,
      keepAliveTimeout,
      requests: settings.maxRequestsPerConnection,
    },
    parser: {
      targetLength: settings.maxTargetLength || Number.POSITIVE_INFINITY,
      headSize: settings.maxHeaderSize || Number.POSITIVE_INFINITY,
      lines: settings.maxHeadersCount || Number.POSITIVE_INFINITY,
    },
  };
}

function identityOf(settings: Settings): Identity | undefined {
  const { tls } = settings;
  return tls === undefined ? undefined : new Identity(tls, (warning) => writeLine(settings, warning));
}

/** The listeners of a server, in the order of its places. */
export function listenersOfServer(server: Server): readonly Listener[] {
  return listenersOf.get(server) ?? [];
}

/** The exchanges that a server has under way. */
export function openExchanges(server: Server): OpenExchange[] {
  return listenersOfServer(server)
    .flatMap(({ service }) => [...service.connections])
    .flatMap(({ exchanges }) => exchanges);
}

/** The requests that a server is answering: `"GET /path"`. */
export function openRequests(server: Server): string[] {
  return openExchanges(server).map(({ environ }) => `${environ.REQUEST_METHOD} ${environ.REQUEST_URI}`);
}
