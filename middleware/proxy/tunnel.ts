/** Two connections as one, after both sides have switched protocols. */

import type { Duplex } from "node:stream";
import type { Body, HeaderList } from "../../src/gateway.ts";
import type { Switched } from "./outcome.ts";

/** How long what one side has sent last may take to reach the other, in milliseconds. */
const FLUSH_TIMEOUT = 5000;

/** A tunnel is the body of a 101: closing it, where the connection was not given away, closes the target's side. */
export class Tunnel {
  readonly #switched: Switched;
  readonly #protocol: string;
  #isOpen = false;

  /** `protocol` is what the target has switched to, `timeout` after how long without a byte the tunnel is closed, or 0. */
  constructor(switched: Switched, protocol: string, timeout: number) {
    const { socket } = switched;
    this.#switched = switched;
    this.#protocol = protocol;
    socket.pause();
    socket.on("error", () => socket.destroy());
    if (timeout > 0) socket.setTimeout(timeout, () => socket.destroy());
  }

  get asBody(): Body {
    return this as Iterable<never>;
  }

  /** There is nothing to send. */
  [Symbol.iterator](): Iterator<never> {
    return [][Symbol.iterator]();
  }

  /** Takes the client's connection, and sends the 101 with these headers. */
  open(connection: object, headers: HeaderList): void {
    const client = connection as Duplex;
    const { socket, head } = this.#switched;
    this.#isOpen = true;
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const text = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${this.#protocol}\r\n${lines}\r\n`;
    splice(client, socket);
    client.write(Buffer.from(text, "latin1"));
    if (head.length > 0) client.write(head);
    client.pipe(socket);
    socket.pipe(client);
  }

  close(): void {
    if (!this.#isOpen) this.#switched.socket.destroy();
  }
}

/** What ends one side ends the other, once the bytes sent before have gone out. */
function splice(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
    // `pipe` ends the other side, which closes it when all is written, unless nobody reads there.
    from.on("end", () => {
      const timer = setTimeout(() => to.destroy(), FLUSH_TIMEOUT);
      to.once("close", () => clearTimeout(timer));
      to.once("finish", () => to.destroy());
    });
  }
}
