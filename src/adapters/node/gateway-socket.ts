/** The socket of a request that came through the gateway: what Node handlers look at and call, without a connection. */

import { EventEmitter } from "node:events";
import { isIPv6 } from "node:net";
import type { Environ } from "../../gateway.ts";

/** Who gets what is written, and learns that the socket is destroyed. */
export interface SocketOwner {
  /** As `Writable.write`: false asks to wait for `drain`. */
  write(data: string | Uint8Array, encoding: BufferEncoding | undefined, callback?: (error?: Error) => void): boolean;
  destroyed(error: Error | undefined): void;
}

/** Nothing is ever held back here; Node counts in it when it corks. */
const WRITABLE_STATE = { corked: 0 };

export class GatewaySocket extends EventEmitter {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localPort: number;
  readonly encrypted: true | undefined;
  readable = true;
  writable = true;
  destroyed = false;
  /** Bytes that wait for the client. */
  writableLength = 0;
  readonly writableHighWaterMark = 65_536;
  /** Says that corking is dealt with already. */
  readonly writableCorked = 1;
  readonly connecting = false;
  readonly pending = false;
  readonly timeout = 0;
  readonly _writableState: { corked: number } = WRITABLE_STATE;
  /** The response that writes to it; Node's own field. */
  _httpMessage: unknown = null;
  readonly #owner: SocketOwner;

  constructor({ REMOTE_ADDR, REMOTE_PORT, SERVER_PORT, "tsgi.url_scheme": scheme }: Environ, owner: SocketOwner) {
    super();
    this.remoteAddress = REMOTE_ADDR === "" ? undefined : REMOTE_ADDR;
    this.remotePort = REMOTE_PORT === "" ? undefined : Number(REMOTE_PORT);
    this.localPort = Number(SERVER_PORT);
    this.encrypted = scheme === "https" ? true : undefined;
    this.#owner = owner;
  }

  get remoteFamily(): "IPv4" | "IPv6" | undefined {
    if (this.remoteAddress === undefined) return undefined;
    return isIPv6(this.remoteAddress) ? "IPv6" : "IPv4";
  }

  get readyState(): "open" | "closed" {
    return this.destroyed ? "closed" : "open";
  }

  write(data: string | Uint8Array, encoding?: BufferEncoding, callback?: (error?: Error) => void): boolean {
    return this.#owner.write(data, encoding, callback);
  }

  /** Ends the exchange, so that a response that is under way does not look whole. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.close();
    this.#owner.destroyed(error);
    return this;
  }

  destroySoon(): void {
    this.destroy();
  }

  /** The exchange is over for other reasons. */
  close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    this.emit("close", false);
  }

  address(): object {
    return { port: this.localPort };
  }

  // The connection is the server's: its limits hold, and what is set here says nothing.

  end(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  cork(): void {}

  uncork(): void {}

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}
