/** The Node servers that accept connections: plain ones, those of TLS, and those behind a proxy that speaks the PROXY protocol. */

import * as net from "node:net";
import type { TLSSocket } from "node:tls";
import { networksOf } from "../networks.ts";
import { callOut } from "../promise.ts";
import { LONGEST, type Settings } from "./options.ts";
import { createProxiedServer, handOver } from "./peer/proxied.ts";
import type { Identity } from "./tls/identity.ts";

/** createAcceptor makes a server that gives each connection, once its handshake is made, to `accept`. */
export function createAcceptor(
  settings: Settings,
  identity: Identity | undefined,
  accept: (socket: net.Socket) => void,
): net.Server {
  const options: net.ServerOpts = { allowHalfOpen: true, noDelay: true };
  const { proxyProtocol } = settings;
  const timeout = settings.handshakeTimeout || LONGEST;
  const secure = identity?.createServer({
    ...options,
    // A client that ends amid the handshake waits for no answer.
    allowHalfOpen: false,
    ALPNProtocols: settings.http2 ? ["h2", "http/1.1"] : ["http/1.1"],
    handshakeTimeout: timeout,
  });
  secure?.on("tlsClientError", (_error, socket) => socket.destroy());
  const admit = identity === undefined ? accept : admitted(identity, accept);
  if (proxyProtocol === undefined) {
    return secure === undefined ? net.createServer(options, admit) : secure.on("secureConnection", admit);
  }
  const allows = networksOf("proxyProtocol", proxyProtocol.from);
  const report = (problem: string) => writeLine(settings, problem);
  return createProxiedServer(
    options,
    { allows, timeout, report },
    secure === undefined ? resumed(admit) : handOver(secure, admit),
  );
}

/** isHttp2 tells whether HTTP/2 was agreed on in the handshake of a socket (RFC 7301). */
export function isHttp2(socket: net.Socket): boolean {
  return (socket as Partial<TLSSocket>).alpnProtocol === "h2";
}

function admitted(identity: Identity, accept: (socket: net.Socket) => void): (socket: net.Socket) => void {
  return (socket) => {
    socket.allowHalfOpen = true;
    if (identity.admits(socket as TLSSocket)) accept(socket);
    else socket.destroy();
  };
}

/** A socket that was paused flows to whoever listens; it is taken over at once. */
function resumed(accept: (socket: net.Socket) => void): (socket: net.Socket) => void {
  return (socket) => {
    socket.resume();
    accept(socket);
  };
}

/** writeLine writes a message of the server to its errors. */
export function writeLine({ errors }: Pick<Settings, "errors">, message: string): void {
  callOut(
    () => errors.write(`tsgi: ${message}\n`),
    () => {},
  );
}
