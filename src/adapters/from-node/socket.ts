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

// An emitter whose constructor is not called: its methods make what they need, and hardly anybody listens here.
export interface GatewaySocket extends EventEmitter {}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the prototype is set below.
export class GatewaySocket {
  readable = true;
  writable = true;
  destroyed = false;
  /** Bytes that wait for the client. */
  writableLength = 0;
  /** The response that writes to it; Node's own field. */
  _httpMessage: unknown = null;
  readonly #environ: Environ;
  readonly #owner: SocketOwner;

  constructor(environ: Environ, owner: SocketOwner) {
    this.#environ = environ;
    this.#owner = owner;
  }

  get remoteAddress(): string | undefined {
    return this.#environ.REMOTE_ADDR || undefined;
  }

  get remotePort(): number | undefined {
    return this.#environ.REMOTE_PORT === "" ? undefined : Number(this.#environ.REMOTE_PORT);
  }

  get remoteFamily(): "IPv4" | "IPv6" | undefined {
    const { remoteAddress } = this;
    if (remoteAddress === undefined) return undefined;
    return isIPv6(remoteAddress) ? "IPv6" : "IPv4";
  }

  get localPort(): number {
    return Number(this.#environ.SERVER_PORT);
  }

  get encrypted(): true | undefined {
    return this.#environ["tsgi.url_scheme"] === "https" ? true : undefined;
  }

  get writableHighWaterMark(): number {
    return 65_536;
  }

  /** Says that corking is dealt with already. */
  get writableCorked(): number {
    return 1;
  }

  get _writableState(): { corked: number } {
    return WRITABLE_STATE;
  }

  get connecting(): boolean {
    return false;
  }

  get pending(): boolean {
    return false;
  }

  get timeout(): number {
    return 0;
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

Object.setPrototypeOf(GatewaySocket.prototype, EventEmitter.prototype);
