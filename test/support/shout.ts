/** A protocol to upgrade to: it gives back in upper case what comes. */

import type { Duplex } from "node:stream";
import type { App, Environ } from "../../src/gateway.ts";
import { hello, wire } from "./raw-client.ts";

export const SWITCHED = wire(`HTTP/1.1 101 Switching Protocols
Connection: Upgrade
Upgrade: shout

`);

/** The header lines that ask for it. */
export const ASK = ["Connection: Upgrade", "Upgrade: shout"] as const;

/** Takes the connection over, and gives back in upper case what comes. */
export function shout(environ: Environ): Duplex {
  const socket = environ["tsgi.exchange"].upgrade?.() as Duplex;
  socket.write(SWITCHED);
  socket.on("data", (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
  socket.on("end", () => socket.end());
  return socket;
}

/** Takes an upgrade where there is one, else says hello. */
export const shouting: App = (environ, startResponse) => {
  if (environ["tsgi.exchange"].upgrade === undefined) return hello(environ, startResponse);
  shout(environ);
};
