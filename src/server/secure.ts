/** The Node servers that accept connections: plain ones, and those of TLS. */

import * as net from "node:net";
import * as tls from "node:tls";
import { TsgiError } from "../errors.ts";
import { LONGEST, type Settings, type TlsOptions } from "./options.ts";

/** createAcceptor makes a server that gives each connection, once its handshake is made, to `accept`. Throws `TSGI_BAD_TLS`. */
export function createAcceptor(settings: Settings, accept: (socket: net.Socket) => void): net.Server {
  const options: net.ServerOpts = { allowHalfOpen: true, noDelay: true };
  if (settings.tls === undefined) return net.createServer(options, accept);
  const server = createSecureServer(options, settings.tls, settings.handshakeTimeout);
  server.on("secureConnection", accept);
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

function createSecureServer(options: net.ServerOpts, { key, cert }: TlsOptions, handshakeTimeout: number): tls.Server {
  try {
    return tls.createServer({
      ...options,
      key: key as Buffer,
      cert: cert as Buffer,
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: handshakeTimeout || LONGEST,
    });
  } catch (cause) {
    throw new TsgiError("TSGI_BAD_TLS", `the key or the certificate cannot be used: ${(cause as Error).message}`, {
      hint: "Pass the contents of a PEM private key and of the certificate that belongs to it.",
      cause,
    });
  }
}
