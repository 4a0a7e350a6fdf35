/** The Node server below `serve`: its limits, and its answers to what is not a request. */

import * as http from "node:http";
import * as https from "node:https";
import type { Socket } from "node:net";
import { TsgiError } from "../errors.ts";
import { onClientError, refuse } from "./client-error.ts";
import { Connection } from "./connection.ts";
import { LeanRequest } from "./lean-request.ts";
import { LeanResponse } from "./lean-response.ts";
import { refuseRequest } from "./listener.ts";
import { LONGEST, type Settings, type TlsOptions } from "./options.ts";

/** createServer makes a server that is complete except for its request listener. Throws `TSGI_BAD_TLS`. */
export function createServer(settings: Settings): http.Server {
  const { tls, handshakeTimeout, headersTimeout, requestTimeout, keepAliveTimeout, maxHeaderSize } = settings;
  // Node refuses a head that may take longer than the whole request.
  const headTimeout = Math.min(headersTimeout, requestTimeout || LONGEST);
  const options: http.ServerOptions = {
    IncomingMessage: LeanRequest,
    ServerResponse: LeanResponse as typeof http.ServerResponse,
    headersTimeout: headTimeout,
    requestTimeout,
    keepAliveTimeout,
    maxHeaderSize: maxHeaderSize || LONGEST,
    // The listener answers a request without `Host`.
    requireHostHeader: false,
    connectionsCheckingInterval: checkingInterval(headTimeout, requestTimeout),
  };
  const server =
    tls === undefined
      ? http.createServer(options)
      : createSecureServer({ ...options, handshakeTimeout: handshakeTimeout || LONGEST }, tls);
  // The listener refuses a head of too many lines; Node would drop the excess silently.
  server.maxHeadersCount = 0;
  server.on("connect", (_request, socket: Socket) => {
    // Node no longer handles the errors of this socket.
    socket.on("error", () => socket.destroy());
    socket.resume();
    refuse(socket, "501 Not Implemented");
  });
  server.on("checkExpectation", (request, response) => refuseRequest(request, response, "417 Expectation Failed"));
  server.on("clientError", onClientError);
  server.on("timeout", onTimeout);
  return server;
}

function createSecureServer(options: https.ServerOptions, { key, cert }: TlsOptions): https.Server {
  try {
    return https.createServer({ ...options, key: key as Buffer, cert: cert as Buffer });
  } catch (cause) {
    throw new TsgiError("TSGI_BAD_TLS", `the key or the certificate cannot be used: ${(cause as Error).message}`, {
      hint: "Pass the contents of a PEM private key and of the certificate that belongs to it.",
      cause,
    });
  }
}

/** How often Node looks for requests that take too long: four times within the shortest limit. */
function checkingInterval(...limits: number[]): number {
  const shortest = Math.min(...limits.filter((limit) => limit > 0), 120_000);
  return Math.max(100, Math.floor(shortest / 4));
}

/** Gives up a response that makes no progress and closes an idle connection; an app that takes its time is left alone. */
function onTimeout(socket: Socket): void {
  const connection = Connection.of(socket);
  if (connection.pending === 0 || connection.isStalled) socket.destroy();
}

/** The open sockets that the server announces with this event. */
export function openSockets(server: http.Server, event: "connection" | "secureConnection"): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

/**
 * Refuses request bodies that make no progress, and has Node time responses that do not; until the server closes. Checking
 * all connections now and then costs less than a timer for each body.
 */
export function refuseStalledBodies(server: http.Server, connections: ReadonlySet<Socket>, timeout: number): void {
  if (timeout === 0) return;
  const sweep = () => {
    for (const socket of connections) {
      const connection = Connection.of(socket);
      if (connection.checkStalled()) refuse(socket, "408 Request Timeout");
      // Only the socket itself notices that a slow client does read.
      if (connection.isStalled && socket.timeout !== timeout) socket.setTimeout(timeout);
    }
  };
  const timer = setInterval(sweep, timeout).unref();
  server.once("close", () => clearInterval(timer));
}

/** Closes a server: idle connections at once, others when their exchanges have ended, all of them after `grace` ms. */
export function closeServer(
  server: http.Server,
  sockets: ReadonlySet<Socket>,
  connections: ReadonlySet<Socket>,
  grace: number,
): Promise<void> {
  return new Promise((resolve) => {
    const close = (socket: Socket) => Connection.of(socket).closeWithServer();
    const deadline = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, grace);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
    // Responses that start from now on say that the connection ends with them.
    for (const socket of connections) close(socket);
    // A handshake may still be in progress.
    server.on("secureConnection", close);
  });
}
