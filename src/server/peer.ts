/** Who is at the other end of a connection. */

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { plainAddress } from "../exchange/environ.ts";
import { sourceOf } from "./peer/proxied.ts";
import type { SecurePeer } from "./tls/environ.ts";
import { variablesOf } from "./tls/variables.ts";

/** peerOf gives what environs say of the client of a connection, which a proxy may have announced. */
export function peerOf(socket: Socket): SecurePeer {
  const source = sourceOf(socket);
  return {
    address: plainAddress(source?.address ?? socket.remoteAddress),
    port: source?.port ?? (socket.remotePort === undefined ? "" : String(socket.remotePort)),
    variables: socket instanceof TLSSocket ? variablesOf(socket) : undefined,
  };
}
