/** The core server: an app on a port or a Unix socket, over `node:http` and `node:https`. */

import { lstat, unlink } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { TsgiError } from "../errors.ts";
import { environBuilder } from "../exchange/environ.ts";
import type { App, Environ, ErrorStream } from "../gateway.ts";
import { onClientError, refuse } from "./client-error.ts";
import { Connection } from "./connection.ts";
import { developmentPage } from "./error-page.ts";
import { LeanRequest } from "./lean-request.ts";
import { LeanResponse } from "./lean-response.ts";
import { nodeListener, refuseRequest } from "./listener.ts";

/** How `serve` listens and what it puts up with. Durations are milliseconds, sizes bytes; 0 means "no limit". */
export interface ServeOptions {
  /** The address to listen on. Default `"127.0.0.1"`: this machine only; `"0.0.0.0"` or `"::"` for every interface. */
  host?: string | undefined;
  /** The port to listen on. Default 8000; 0 picks a free one. */
  port?: number | undefined;
  /** The path of a Unix socket to listen on, instead of host and port. */
  unix?: string | undefined;
  /** Serves https: the certificate chain and its private key, in PEM. */
  tls?: { key: string | Uint8Array; cert: string | Uint8Array } | undefined;
  /** Shows errors in the response, with stack and environ. Default `false`: a bare 500. */
  development?: boolean | undefined;
  /** Told each error that is reported, beside `errors`. */
  onError?: ((error: unknown, environ: Environ) => void) | undefined;
  /** Where error text goes, the environ's `tsgi.errors`. Default standard error. */
  errors?: ErrorStream | undefined;
  /** How long a client may take to send the head of a request; 408 after it. Default 15 s. */
  headersTimeout?: number | undefined;
  /** How long a client may take to send a whole request; 408 after it. Default 5 min. */
  requestTimeout?: number | undefined;
  /** How long a body may stand still: within twice that time, a request's is answered with 408, a response's cut. Default 60 s. */
  bodyTimeout?: number | undefined;
  /** How long an idle connection is kept for the next request. Default 5 s. */
  keepAliveTimeout?: number | undefined;
  /** The largest head of a request; 431 beyond it. Default 16 KiB. */
  maxHeaderSize?: number | undefined;
  /** How many requests a connection may carry. Default 0: no limit. */
  maxRequestsPerConnection?: number | undefined;
  /** `false` keeps runs of `/` inside a path apart. Default `true`: `/a//b` is `/a/b`. */
  mergeSlashes?: boolean | undefined;
  /** What the app learns as `tsgi.multiprocess`. Default `false`. */
  multiprocess?: boolean | undefined;
}

/** The largest number that Node's timers and its parser take. */
const LONGEST = 2 ** 31 - 1;

/** A server that listens. */
export interface Server {
  /** Where it answers: `"http://127.0.0.1:8000"`, or `"unix:/path"`. */
  readonly url: string;
  /** The port it listens on; 0 for a Unix socket. */
  readonly port: number;
  /**
   * Stops accepting, closes idle connections at once, lets what runs finish, and cuts what is left after `grace`
   * milliseconds (default 10 000). Resolves when every connection is closed.
   */
  close(options?: { grace?: number }): Promise<void>;
}

/**
 * Serves an app; resolves once it listens.
 *
 * ```ts
 * const server = await serve(app, { port: 8000 });
 * console.log(server.url);
 * ```
 *
 * Rejects with `TSGI_PORT_IN_USE`, `TSGI_PORT_DENIED` or `TSGI_CANNOT_LISTEN`; `TSGI_BAD_OPTION` or `TSGI_NO_APP` for what
 * cannot be served.
 */
export async function serve(app: App, options: ServeOptions = {}): Promise<Server> {
  check(app, options);
  const host = options.host ?? "127.0.0.1";
  const bodyTimeout = options.bodyTimeout ?? 60_000;
  const requestTimeout = options.requestTimeout ?? 300_000;
  // Node refuses a head that may take longer than the whole request.
  const headersTimeout = Math.min(options.headersTimeout ?? 15_000, requestTimeout || LONGEST);
  const settings: http.ServerOptions = {
    IncomingMessage: LeanRequest,
    ServerResponse: LeanResponse as typeof http.ServerResponse,
    headersTimeout,
    requestTimeout,
    keepAliveTimeout: options.keepAliveTimeout ?? 5_000,
    maxHeaderSize: (options.maxHeaderSize ?? 16_384) || LONGEST,
    // The listener answers a request without `Host`.
    requireHostHeader: false,
    connectionsCheckingInterval: checkingInterval(headersTimeout, requestTimeout),
  };
  const server = options.tls === undefined ? http.createServer(settings) : createSecureServer(settings, options.tls);
  // The size of a head bounds its lines; beyond a number of them Node would drop the rest in silence.
  server.maxHeadersCount = 0;

  const sockets = keepSet(server, "connection");
  const connections = options.tls === undefined ? sockets : keepSet(server, "secureConnection");
  server.on("connect", (_request, socket: Socket) => {
    // Node lets go of the socket here.
    socket.on("error", () => socket.destroy());
    socket.resume();
    refuse(socket, "501 Not Implemented");
  });
  server.on("checkExpectation", (request, response) => refuseRequest(request, response, "417 Expectation Failed"));
  server.on("clientError", onClientError);
  server.on("timeout", onTimeout);
  await listen(server, host, options);
  const errors = options.errors ?? process.stderr;
  // A connection that could not be accepted, for want of descriptors.
  server.on("error", (error) => errors.write(`tsgi: ${error.message}\n`));

  const address = server.address();
  const port = typeof address === "object" ? (address as AddressInfo).port : 0;
  const scheme = options.tls === undefined ? "http" : "https";
  const listener = nodeListener(
    app,
    environBuilder({
      name: options.unix === undefined ? host : "localhost",
      port: options.unix === undefined ? String(port) : scheme === "https" ? "443" : "80",
      scheme,
      errors,
      multiprocess: options.multiprocess ?? false,
      mergeSlashes: options.mergeSlashes ?? true,
    }),
    { onError: options.onError, errorPage: options.development ? developmentPage : undefined },
    options.maxRequestsPerConnection,
  );

  server.on("request", listener);
  server.on("checkContinue", (request, response) => listener(request, response, true));
  const watch = watchBodies(connections, bodyTimeout);
  server.once("close", () => clearInterval(watch));
  let closing: Promise<void> | undefined;
  return {
    port,
    url:
      options.unix === undefined
        ? `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`
        : `unix:${options.unix}`,
    close({ grace = 10_000 } = {}) {
      closing ??= close(server, sockets, connections, grace);
      return closing;
    },
  };
}

function check(app: unknown, options: ServeOptions): void {
  if (typeof app !== "function") {
    throw new TsgiError("TSGI_NO_APP", `an app is a function, not ${app === null ? "null" : typeof app}`, {
      hint: "Pass (environ, startResponse) => body.",
    });
  }
  const { port } = options;
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new TsgiError("TSGI_BAD_OPTION", `port ${port} is no port`, {
      hint: "Choose 0 to 65535; 0 picks a free one.",
    });
  }
  for (const name of [
    "headersTimeout",
    "requestTimeout",
    "bodyTimeout",
    "keepAliveTimeout",
    "maxHeaderSize",
    "maxRequestsPerConnection",
  ] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= LONGEST)) {
      throw new TsgiError("TSGI_BAD_OPTION", `${name} is ${value}`, {
        hint: `Give a whole number up to ${LONGEST}, 0 for no limit.`,
      });
    }
  }
}

/** How often Node looks for requests that take too long: four times within the shortest limit. */
function checkingInterval(...limits: number[]): number {
  const shortest = Math.min(...limits.filter((limit) => limit > 0), 120_000);
  return Math.max(100, Math.floor(shortest / 4));
}

function createSecureServer(
  settings: http.ServerOptions,
  tls: { key: string | Uint8Array; cert: string | Uint8Array },
): https.Server {
  try {
    return https.createServer({ ...settings, key: tls.key as Buffer, cert: tls.cert as Buffer });
  } catch (cause) {
    throw new TsgiError("TSGI_BAD_TLS", `the key or the certificate cannot be used: ${(cause as Error).message}`, {
      hint: "Pass the contents of a PEM private key and of the certificate that belongs to it.",
      cause,
    });
  }
}

/** The sockets that the server announces with this event, as long as they are open. */
function keepSet(server: http.Server, event: "connection" | "secureConnection"): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

/** A response that stands still is given up, and an idle connection closed; an app that takes its time is left alone. */
function onTimeout(socket: Socket): void {
  const connection = Connection.of(socket);
  if (connection.pending === 0 || connection.isStalled) socket.destroy();
}

/** Refuses bodies that stand still. One look at all connections costs less than a timer for each body. */
function watchBodies(connections: ReadonlySet<Socket>, bodyTimeout: number): NodeJS.Timeout | undefined {
  if (bodyTimeout === 0) return undefined;
  const look = () => {
    for (const socket of connections) {
      const connection = Connection.of(socket);
      if (connection.standsStill) refuse(socket, "408 Request Timeout");
      // Only the socket itself sees a client that reads slowly, but reads.
      if (connection.isStalled && socket.timeout !== bodyTimeout) socket.setTimeout(bodyTimeout);
    }
  };
  return setInterval(look, bodyTimeout).unref();
}

async function listen(server: http.Server, host: string, { port = 8000, unix }: ServeOptions): Promise<void> {
  try {
    await listenOn(server, unix === undefined ? { host, port } : { path: unix });
  } catch (error) {
    if (unix === undefined || (error as NodeJS.ErrnoException).code !== "EADDRINUSE" || (await isAlive(unix))) {
      throw listenError(error as NodeJS.ErrnoException, unix ?? `${host}:${port}`);
    }
    // The socket of a server that died: nobody answers on it.
    await unlink(unix);
    await listenOn(server, { path: unix }).catch((cause) => {
      throw listenError(cause, unix);
    });
  }
}

function listenOn(server: http.Server, where: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Whether a server listens on the path, or something else is there, which has to stay. */
async function isAlive(unix: string): Promise<boolean> {
  const file = await lstat(unix).catch(() => undefined);
  if (!file?.isSocket()) return true;
  return new Promise((resolve) => {
    const socket = connect(unix, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
  });
}

function listenError(cause: NodeJS.ErrnoException, where: string): TsgiError {
  if (cause.code === "EADDRINUSE") {
    return new TsgiError("TSGI_PORT_IN_USE", `${where} is in use`, {
      hint: "Stop what runs there or choose another port.",
      cause,
    });
  }
  if (cause.code === "EACCES") {
    return new TsgiError("TSGI_PORT_DENIED", `${where} is not allowed to this user`, {
      hint: "Choose a port from 1024 up.",
      cause,
    });
  }
  return new TsgiError("TSGI_CANNOT_LISTEN", `cannot listen on ${where}: ${cause.message}`, {
    hint: "Check the host name and that the folder of a socket exists.",
    cause,
  });
}

function close(
  server: http.Server,
  sockets: ReadonlySet<Socket>,
  connections: ReadonlySet<Socket>,
  grace: number,
): Promise<void> {
  return new Promise((resolve) => {
    const leave = (socket: Socket) => Connection.of(socket).leave();
    const deadline = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, grace);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
    // Responses that start from now on say that the connection ends with them.
    for (const socket of connections) leave(socket);
    // A handshake that was under way.
    server.on("secureConnection", leave);
  });
}
