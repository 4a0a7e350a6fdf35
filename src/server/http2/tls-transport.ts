/** A TLS socket as the transport of a session of HTTP/2. */

import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";

type Callback = (error?: Error | null) => void;

/**
 * TlsTransport stands between a TLS socket and its session. A session that is given the socket itself takes it over, and
 * nobody else may write to it any more, or the process ends; but the notice that a server closes has to be written beside it.
 * What the session writes comes as whole frames between `cork` and `uncork`, and goes on as one piece.
 */
export class TlsTransport extends Duplex {
  readonly #socket: TLSSocket;
  #pieces: Uint8Array[] = [];
  #callbacks: Callback[] = [];
  #corks = 0;

  constructor(socket: TLSSocket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      if (!this.push(bytes)) socket.pause();
    });
    // The end of the client's side is not passed on: Node ends the other side then, and writing after that ends the process. The
    // session is destroyed when the socket is; what it still does then must find a transport that is not closed.
    socket.on("close", () => setImmediate(() => setImmediate(() => this.destroy())));
    socket.on("drain", () => this.#written());
    socket.pause();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override cork(): void {
    this.#corks++;
  }

  override uncork(): void {
    this.#corks--;
    this.#pass();
  }

  override write(bytes: Uint8Array, given?: BufferEncoding | Callback, last?: Callback): boolean {
    const callback = typeof given === "function" ? given : last;
    this.#pieces.push(bytes);
    if (callback !== undefined) this.#callbacks.push(callback);
    this.#pass();
    return true;
  }

  #pass(): void {
    const pieces = this.#pieces;
    if (this.#corks > 0 || pieces.length === 0) return;
    this.#pieces = [];
    const bytes = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
    const socket = this.#socket;
    if (socket.writableEnded || socket.destroyed || socket.write(bytes)) this.#written();
  }

  #written(): void {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) callback();
  }

  /**
   * The session may write once more after it has ended its side, and Node throws where nobody can catch it if that comes before
   * it hears that the end was taken: so it hears that at once, and what it writes meanwhile is sent.
   */
  override end(...given: unknown[]): this {
    setImmediate(() => this.#socket.end());
    for (const one of given) if (typeof one === "function") one();
    return this;
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#socket.destroy();
    callback(error);
  }
}
