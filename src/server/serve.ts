/** The core server: an app on ports, Unix sockets and inherited ones. */

import type { AddressInfo, Server as NodeServer, Socket } from "node:net";
import { checkApp } from "../apps.ts";
import { environBuilder } from "../exchange/environ.ts";
import type { ErrorPage, ResponderOptions } from "../exchange/sink.ts";
import type { App, Environ, StatusLine } from "../gateway.ts";
import { checkOptions, count } from "../options.ts";
import { type CloseOptions, drain } from "./drain.ts";
import { Clock } from "./engine/clock.ts";
import { Connection } from "./engine/connection.ts";
import { failed } from "./engine/events.ts";
import { headText } from "./engine/head-text.ts";
import type { Service } from "./engine/service.ts";
import { developmentPage } from "./error-page.ts";
import { listen } from "./listen.ts";
import { LONGEST, type Place, type ServeOptions, type Settings, settingsOf } from "./options.ts";
import { createAcceptor, isHttp2, writeLine } from "./secure.ts";
import { secureEnvironBuilder } from "./tls/environ.ts";
import { Identity } from "./tls/identity.ts";
import type { TlsOptions } from "./tls/options.ts";
import { badTls } from "./tls/pem.ts";

export type { CloseOptions } from "./drain.ts";
export type { ListenOptions, ServeOptions } from "./options.ts";
export type { ProxyProtocolOptions } from "./proxied.ts";
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

const servicesOf = new WeakMap<Server, readonly Service[]>();

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
  const limits = limitsOf(settings);
  const identity = identityOf(settings);
  // Loading what speaks HTTP/2 takes a while.
  const startSession = settings.http2
    ? (await import("./http2/session.ts")).sessionStarter(settings.maxConcurrentStreams, limits.parser)
    : undefined;
  const clock = new Clock(Object.values(limits.connection));
  const sockets = new Set<Socket>();
  // One for all: those of idle connections add up.
  function forget(this: Socket): void {
    sockets.delete(this);
  }
  const servers: NodeServer[] = [];
  const services: Service[] = [];
  const urls: string[] = [];
  try {
    for (const place of settings.places) {
      let service: Service | undefined;
      const server = createAcceptor(settings, identity, (socket) => {
        if (service === undefined) return;
        if (isHttp2(socket)) startSession?.(socket, service);
        else new Connection(socket, service);
      });
      server.maxConnections = settings.maxConnections || LONGEST;
      server.on("connection", (socket) => {
        sockets.add(socket);
        socket.on("close", forget);
      });
      await listen(server, place, settings.backlog);
      servers.push(server);
      reportAcceptErrors(server, settings);
      const address = addressOf(server, place);
      urls.push(urlOf(address, settings));
      service = {
        app,
        buildEnviron: builderFor(address, settings),
        responderOptions: responderOptions(settings, app),
        headText: headText(settings.keepAliveTimeout),
        limits: limits.connection,
        parserLimits: limits.parser,
        clock,
        server,
        startSession,
        connections: new Set(),
        onClose: new Set(),
        isClosing: false,
        lingering: undefined,
        isHeld: false,
      };
      services.push(service);
    }
  } catch (error) {
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
    throw error;
  }
  let closing: Promise<void> | undefined;
  const [first] = servers.map((server) => server.address());
  const served: Server = {
    port: typeof first === "string" ? 0 : (first?.port ?? 0),
    url: urls[0] as string,
    urls,
    close(closeOptions = {}) {
      const duration = count(0, LONGEST);
      checkOptions("close", closeOptions, { delay: duration, linger: duration, grace: duration });
      closing ??= drain({ servers, services, sockets }, closeOptions);
      return closing;
    },
    reloadTls(tls) {
      if (identity === undefined) throw badTls("this server has no TLS", "Give tls to serve.");
      identity.renew(tls);
    },
  };
  servicesOf.set(served, services);
  return served;
}

function limitsOf(settings: Settings): { connection: Service["limits"]; parser: Service["parserLimits"] } {
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

/** A connection could not be accepted, for want of descriptors. */
function reportAcceptErrors(server: NodeServer, settings: Settings): void {
  server.on("error", (error) => writeLine(settings, error.message));
}

function responderOptions({ onError, development }: Settings, app: App): ResponderOptions {
  const errorPage: ((status: StatusLine, error: unknown, environ: Environ) => ErrorPage | undefined) | undefined =
    development ? (status, error, environ) => developmentPage(status, error, environ, app) : undefined;
  return {
    onError(error, environ) {
      if (failed.hasSubscribers) failed.publish({ environ, error });
      return onError?.(error, environ);
    },
    errorPage,
  };
}

/** Where a server listens: its name and port, or the URL of its Unix socket. */
type Address = { readonly name: string; readonly port: number } | { readonly socket: string };

function addressOf(server: NodeServer, { host, fd }: Place): Address {
  const address = server.address() as AddressInfo | string | null;
  if (typeof address === "string") return { socket: `unix:${address}` };
  // Node does not know the path of a Unix socket that it has inherited.
  if (address === null) return { socket: `fd:${fd}` };
  return { name: fd === undefined ? host : address.address, port: address.port };
}

function builderFor(address: Address, { tls, errors, multiprocess, mergeSlashes }: Settings): Service["buildEnviron"] {
  const scheme = tls === undefined ? "http" : "https";
  const port = "socket" in address ? (scheme === "https" ? "443" : "80") : String(address.port);
  const buildersOf = tls === undefined ? environBuilder : secureEnvironBuilder;
  return buildersOf({
    name: "socket" in address ? "localhost" : address.name,
    port,
    scheme,
    errors,
    multiprocess,
    mergeSlashes,
  });
}

function urlOf(address: Address, { tls }: Settings): string {
  if ("socket" in address) return address.socket;
  const { name, port } = address;
  return `${tls === undefined ? "http" : "https"}://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** The requests that a server is answering: `"GET /path"`. */
export function openRequests(server: Server): string[] {
  const services = servicesOf.get(server) ?? [];
  return services
    .flatMap(({ connections }) => [...connections])
    .flatMap(({ environs }) => environs)
    .map((environ) => `${environ.REQUEST_METHOD} ${environ.REQUEST_URI}`);
}
