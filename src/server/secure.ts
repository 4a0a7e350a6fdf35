/** The Node servers that accept connections: plain ones, and those of TLS. */

import * as net from "node:net";
import * as tls from "node:tls";
import { TsgiError } from "../errors.ts";
import { LONGEST, type Settings, type TlsOptions } from "./options.ts";

/** createAcceptor makes a server that gives each connection, once its handshake is made, to `accept`. Throws `TSGI_BAD_TLS`. */
export function createAcceptor(settings: Settings, accept: (socket: net.Socket) => void): net.Server {
  const options: net.ServerOpts = { allowHalfOpen: true, noDelay: true };
  if (settings.tls === undefined) return net.createServer(options, accept);
  const server = createSecureServer(options, settings.tls, settings);
  server.on("secureConnection", accept);
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

/** isHttp2 tells whether HTTP/2 was agreed on in the handshake of a socket (RFC 7301). */
export function isHttp2(socket: net.Socket): boolean {
  return (socket as Partial<tls.TLSSocket>).alpnProtocol === "h2";
}

function createSecureServer(options: net.ServerOpts, { key, cert }: TlsOptions, settings: Settings): tls.Server {
  try {
    return tls.createServer({
      ...options,
      key: key as Buffer,
      cert: cert as Buffer,
      ALPNProtocols: settings.http2 ? ["h2", "http/1.1"] : ["http/1.1"],
      handshakeTimeout: settings.handshakeTimeout || LONGEST,
    });
  } catch (cause) {
    throw new TsgiError("TSGI_BAD_TLS", `the key or the certificate cannot be used: ${(cause as Error).message}`, {
      hint: "Pass the contents of a PEM private key and of the certificate that belongs to it.",
      cause,
    });
  }
}
