/** The socket of a request that came through the gateway: what Node handlers look at and call, without a connection. */

import { EventEmitter } from "node:events";
import { isIP, isIPv6 } from "node:net";
import type { Environ } from "../../gateway.ts";

export type WriteCallback = (error?: Error | null) => void;

/** Who gets what is written, and learns what happens to the socket. */
export interface SocketOwner {
  /** As `Writable.write`: false asks to wait for `drain`. */
  write(data: string | Uint8Array, encoding: BufferEncoding | undefined, callback?: WriteCallback): boolean;
  /** The handler destroyed the socket, or ended it. */
  destroyed(error: Error | undefined): void;
  /** Closes request, response and socket. */
  close(): void;
  /** The time that the handler set has passed without activity. Tells whether it has a listener. */
  timedOut(): boolean;
  /** Takes what a listener throws. */
  failed(error: unknown): void;
  /** Whether nothing of the response is still to come. */
  readonly isOver: boolean;
  readonly bytesWritten: number;
}

/** Nothing is ever held back here; Node counts in it when it corks. */
const WRITABLE_STATE = { corked: 0 };

/** What few handlers ask for. */
interface SocketDetails {
  isClosed: boolean;
  errored: Error | null;
  timeout: number | undefined;
  timer: NodeJS.Timeout | undefined;
  encrypted: boolean | undefined;
}

// An emitter whose constructor is not called: its methods create what they need, and few handlers listen here.
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
  #details: SocketDetails | undefined;

  constructor(environ: Environ, owner: SocketOwner) {
    this.#environ = environ;
    this.#owner = owner;
  }

  get #own(): SocketDetails {
    this.#details ??= { isClosed: false, errored: null, timeout: undefined, timer: undefined, encrypted: undefined };
    return this.#details;
  }

  get remoteAddress(): string | undefined {
    return this.#environ.REMOTE_ADDR || undefined;
  }

  get remotePort(): number | undefined {
    return this.#environ.REMOTE_PORT === "" ? undefined : Number(this.#environ.REMOTE_PORT);
  }

  get remoteFamily(): "IPv4" | "IPv6" | undefined {
    return familyOf(this.remoteAddress);
  }

  get localAddress(): string | undefined {
    const { SERVER_NAME: name } = this.#environ;
    return isIP(name) > 0 ? name : undefined;
  }

  get localPort(): number {
    return Number(this.#environ.SERVER_PORT);
  }

  get localFamily(): "IPv4" | "IPv6" | undefined {
    return familyOf(this.localAddress);
  }

  /** The server of the connection: handlers listen for its `close`, proxies for its `upgrade` too. */
  get server(): object | undefined {
    return this.#environ["tsgi.exchange"].server;
  }

  get encrypted(): boolean | undefined {
    const isSecure = this.#environ["tsgi.url_scheme"] === "https" ? true : undefined;
    return this.#details?.encrypted ?? isSecure;
  }

  /** Set where a handler knows better: a proxy in front may have taken TLS off. */
  set encrypted(value: boolean | undefined) {
    this.#own.encrypted = value ?? false;
  }

  /** As on a TLS socket whose client sent no certificate; undefined on a plain one. */
  get getPeerCertificate(): (() => object) | undefined {
    return this.encrypted ? noCertificate : undefined;
  }

  get authorized(): false | undefined {
    return this.encrypted ? false : undefined;
  }

  /** Bytes of the body of this response. */
  get bytesWritten(): number {
    return this.#owner.bytesWritten;
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

  get timeout(): number | undefined {
    return this.#details?.timeout;
  }

  get closed(): boolean {
    return this.#details?.isClosed ?? false;
  }

  get errored(): Error | null {
    return this.#details?.errored ?? null;
  }

  get readyState(): "open" | "closed" {
    return this.destroyed ? "closed" : "open";
  }

  /** Calls listeners; what one of them throws goes to the owner. An `error` event without a listener is dropped. */
  emit(name: string | symbol, ...args: unknown[]): boolean {
    if (name === "error" && this.listenerCount("error") === 0) return false;
    try {
      return EventEmitter.prototype.emit.call(this, name, ...args);
    } catch (error) {
      this.#owner.failed(error);
      return true;
    }
  }

  write(data: string | Uint8Array, encoding?: BufferEncoding | WriteCallback, callback?: WriteCallback): boolean {
    if (this.#details !== undefined) this.isActive();
    if (typeof encoding === "function") return this.#owner.write(data, undefined, encoding);
    return this.#owner.write(data, encoding, callback);
  }

  /** Destroys the exchange: a response that is under way does not look whole. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.shut();
    if (error) this.#own.errored = error;
    this.#owner.destroyed(error ?? undefined);
    if (error) process.nextTick(emitError, this, error);
    setImmediate(closeOwner, this.#owner);
    return this;
  }

  destroySoon(): void {
    this.destroy();
  }

  /** Ends the exchange, as the end of a connection would: a response that has not ended by then does not look whole. */
  end(data?: unknown, encoding?: BufferEncoding): this {
    if (typeof data === "string" || data instanceof Uint8Array) this.write(data, encoding);
    return this.#owner.isOver ? this : this.destroy();
  }

  /** Refuses everything from now on. */
  shut(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    this.setTimeout(0);
  }

  /** Emits `close`, once. */
  emitClose(): void {
    if (this.closed) return;
    this.#own.isClosed = true;
    this.emit("close", this.errored !== null);
  }

  address(): object {
    const { localAddress: address, localFamily: family, localPort: port } = this;
    return { address, family, port };
  }

  /**
   * Emits `timeout` on request, response and socket after this many milliseconds without activity; 0 turns it off. If
   * neither request nor response has a listener for it, the socket is destroyed, as on a Node server.
   */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (milliseconds === 0 && this.#details === undefined) return this;
    const own = this.#own;
    clearTimeout(own.timer);
    own.timeout = milliseconds;
    if (callback !== undefined) {
      if (milliseconds === 0) this.off("timeout", callback);
      else this.once("timeout", callback);
    }
    own.timer = milliseconds === 0 ? undefined : setTimeout(() => this.#timedOut(), milliseconds).unref();
    return this;
  }

  #timedOut(): void {
    const isHeard = this.#owner.timedOut();
    this.emit("timeout");
    if (!isHeard) this.destroy();
  }

  /** Something was read or written: the time starts again. */
  isActive(): void {
    this.#details?.timer?.refresh();
  }

  /** Gives no data: the body of a request is read from the request. */
  pipe<Destination>(destination: Destination): Destination {
    return destination;
  }

  // The connection is the server's: these calls change nothing.

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

// A connection emits its error first, and closes when the event loop comes to that.

function emitError(socket: GatewaySocket, error: Error): void {
  socket.emit("error", error);
}

function closeOwner(owner: SocketOwner): void {
  owner.close();
}

function familyOf(address: string | undefined): "IPv4" | "IPv6" | undefined {
  if (address === undefined) return undefined;
  return isIPv6(address) ? "IPv6" : "IPv4";
}

const noCertificate = (): object => ({});

Object.setPrototypeOf(GatewaySocket.prototype, EventEmitter.prototype);
