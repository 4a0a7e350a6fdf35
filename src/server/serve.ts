/** The core server: an app on a port or a Unix socket, over `node:http` and `node:https`. */

import type { AddressInfo, Socket } from "node:net";
import { checkApp } from "../apps.ts";
import { environBuilder } from "../exchange/environ.ts";
import type { App } from "../gateway.ts";
import { checkOptions, count } from "../options.ts";
import { callOut } from "../promise.ts";
import { Connection } from "./connection.ts";
import { developmentPage } from "./error-page.ts";
import { listen } from "./listen.ts";
import { requestListener } from "./listener.ts";
import { closeServer, createServer, openSockets, refuseStalledBodies } from "./node-server.ts";
import { LONGEST, type ServeOptions, type Settings, settingsOf } from "./options.ts";

export type { ServeOptions, TlsOptions } from "./options.ts";

/** A server that listens. */
export interface Server {
  /** Where it answers: `"http://127.0.0.1:8000"`, or `"unix:/path"`. */
  readonly url: string;
  /** The port it listens on; 0 for a Unix socket. */
  readonly port: number;
  /**
   * Stops accepting connections, closes idle ones at once, ends event streams (`text/event-stream`, whose
   * `exchange.signal` is aborted), lets other exchanges finish, and cuts what is left after the grace. Resolves when every
   * connection is closed. A second call gives the same promise.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** How a server is closed. */
export interface CloseOptions {
  /** How long running exchanges may take, in milliseconds. Default 10 000. */
  grace?: number | undefined;
}

const connectionsOf = new WeakMap<Server, ReadonlySet<Socket>>();

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
  const server = createServer(settings);
  const sockets = openSockets(server, "connection");
  const connections = settings.tls === undefined ? sockets : openSockets(server, "secureConnection");
  await listen(server, settings);
  // A connection could not be accepted, for want of descriptors.
  server.on("error", (error) => {
    callOut(
      () => settings.errors.write(`tsgi: ${error.message}\n`),
      () => {},
    );
  });

  const address = server.address();
  const port = typeof address === "object" ? (address as AddressInfo).port : 0;
  const listener = listenerFor(app, settings, port);
  server.on("request", listener);
  server.on("checkContinue", (request, response) => listener(request, response, true));
  refuseStalledBodies(server, connections, settings.bodyTimeout);
  let closing: Promise<void> | undefined;
  const served: Server = {
    port,
    url: urlOfServer(settings, port),
    close(closeOptions = {}) {
      checkOptions("close", closeOptions, { grace: count(0, LONGEST) });
      closing ??= closeServer(server, sockets, connections, closeOptions.grace ?? 10_000);
      return closing;
    },
  };
  connectionsOf.set(served, connections);
  return served;
}

function listenerFor(app: App, settings: Settings, port: number): ReturnType<typeof requestListener> {
  const { host, unix, tls, errors, multiprocess, mergeSlashes, onError, development } = settings;
  const scheme = tls === undefined ? "http" : "https";
  const buildEnviron = environBuilder({
    name: unix === undefined ? host : "localhost",
    port: unix === undefined ? String(port) : scheme === "https" ? "443" : "80",
    scheme,
    errors,
    multiprocess,
    mergeSlashes,
  });
  return requestListener(
    app,
    buildEnviron,
    { onError, errorPage: development ? developmentPage : undefined },
    { requestsPerConnection: settings.maxRequestsPerConnection, headersCount: settings.maxHeadersCount },
  );
}

function urlOfServer({ host, unix, tls }: Settings, port: number): string {
  if (unix !== undefined) return `unix:${unix}`;
  return `${tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The requests that a server is answering: `"GET /path"`, for each connection the latest one. */
export function openRequests(server: Server): string[] {
  const connections = [...(connectionsOf.get(server) ?? [])].map((socket) => Connection.of(socket));
  return connections.flatMap(({ pending, response }) =>
    pending === 0 || response === undefined ? [] : [`${response.req.method} ${response.req.url}`],
  );
}
