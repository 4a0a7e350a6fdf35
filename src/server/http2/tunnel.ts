/** A connection within a stream of HTTP/2 (RFC 8441): what an app gets that takes one over. */

import { Duplex } from "node:stream";
import type { HeaderList } from "../../gateway.ts";
import { CANCEL, INTERNAL_ERROR } from "./frames.ts";
import { HeadReader, type SwitchingHead } from "./switching-head.ts";

const SWITCHING = 101;

type Callback = (error?: Error | null) => void;

/** The stream that a tunnel goes through. */
export interface TunnelTransport {
  /** Whether nothing can be sent any more: its end has been, or the stream is closed. */
  readonly isEnded: boolean;
  /** Whether the end was sent. */
  readonly hasSentEnd: boolean;
  /** Says who is told of what comes; `resume` lets it come. */
  bind(reader: TunnelReader): void;
  resume(): void;
  /** Sends an informational head. */
  inform(code: number, headers: HeaderList): void;
  /** Sends the head, which may be all. */
  respond(code: number, headers: HeaderList, isEnd: boolean): void;
  /** Answers that there are no tunnels. */
  refuse(): void;
  write(bytes: Uint8Array, callback: () => void): void;
  end(bytes: Uint8Array | undefined, callback: () => void): void;
  /** Ends both directions at once. */
  reset(code: number): void;
}

/** Who is told of what comes through a stream. */
export interface TunnelReader {
  /** Bytes; false asks for no more of them until `resume`. */
  streamBytes(bytes: Uint8Array): boolean;
  /** The client has ended its side. */
  streamEnded(): void;
  /** The stream is closed: `isWhole` where both sides have ended it. */
  streamClosed(isWhole: boolean): void;
}

/** Who is told what becomes of a head. */
export interface TunnelOwner {
  /** What was written is not a head. */
  headFailed(error: unknown): void;
  /** The client was refused, and nobody wants what it still sends. */
  refused(): void;
}

/**
 * Tunnel is written to and read from as a socket whose client has asked for an upgrade by HTTP/1.1: the app writes a head, with
 * the status 101 and then its bytes, or with another one and a body. The client gets that of HTTP/2: 200 for a 101, without what
 * belongs to one connection. So what takes sockets over, such as `ws`, takes tunnels as well.
 */
export class Tunnel extends Duplex implements TunnelReader {
  readonly #stream: TunnelTransport;
  /** Undefined once the head has been written. */
  #reader: HeadReader | undefined = new HeadReader();
  /** Undefined once there is a tunnel. */
  #owner: TunnelOwner | undefined;
  /** How much of a body that refuses the client is still to come; -1 where its end tells, and of a tunnel. */
  #left = -1;
  #hasEnded = false;
  #bytesSent = 0;
  /** As a socket counts. */
  bytesRead = 0;
  /** Since when nothing has come or gone. */
  #idle: NodeJS.Timeout | undefined;

  constructor(stream: TunnelTransport, owner: TunnelOwner) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#owner = owner;
    // Without a listener, a client that leaves would end the process.
    this.on("error", ignore);
    stream.bind(this);
  }

  streamBytes(bytes: Uint8Array): boolean {
    this.bytesRead += bytes.length;
    this.#idle?.refresh();
    return this.destroyed || this.push(bytes);
  }

  streamEnded(): void {
    this.#hasEnded = true;
    if (!this.destroyed) this.push(null);
  }

  streamClosed(isWhole: boolean): void {
    if (!this.destroyed && !isWhole) this.destroy(connectionReset());
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, callback: Callback): void {
    if (this.#reader === undefined) this.#send(bytes, callback);
    else this.#takeHead(this.#reader, bytes, callback);
  }

  #takeHead(reader: HeadReader, bytes: Uint8Array, callback: Callback): void {
    try {
      const taken = reader.take(bytes);
      this.#bytesSent += bytes.length - (taken?.rest.length ?? 0);
      if (taken === undefined) callback();
      else {
        this.#respond(taken.head);
        this._write(taken.rest, "utf8", callback);
      }
    } catch (error) {
      this.#owner?.headFailed(error);
      callback(error as Error);
    }
  }

  #respond({ code, headers, length }: SwitchingHead): void {
    const stream = this.#stream;
    if (stream.isEnded) return;
    if (code < 200 && code !== SWITCHING) {
      stream.inform(code, headers);
      this.#reader = new HeadReader();
      return;
    }
    this.#reader = undefined;
    if (code === SWITCHING) this.#owner = undefined;
    else this.#left = length;
    // Any 2xx would say that the tunnel is there (RFC 9110 §9.3.6).
    if (code >= 200 && code < 300) {
      this.#left = 0;
      stream.refuse();
    } else stream.respond(code === SWITCHING ? 200 : code, headers, this.#left === 0);
  }

  #send(bytes: Uint8Array, callback: Callback): void {
    const stream = this.#stream;
    const part = this.#left < 0 ? bytes : bytes.subarray(0, this.#left);
    const sent = (): void => {
      this.#bytesSent += bytes.length;
      callback();
    };
    this.#idle?.refresh();
    if (this.#left > 0) this.#left -= part.length;
    if (part.length === 0 || stream.isEnded) sent();
    // An app may destroy the connection right after its last word.
    else if (this.#left === 0) stream.end(part, sent);
    else stream.write(part, sent);
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: Callback): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "utf8", callback);
  }

  override _final(callback: Callback): void {
    const stream = this.#stream;
    // The client would wait for an answer, or take it for whole.
    if (this.#reader !== undefined || this.#left > 0) stream.reset(INTERNAL_ERROR);
    this.#owner?.refused();
    if (stream.isEnded) callback();
    else stream.end(undefined, callback);
  }

  /** The end of a connection that was cut is a reset (RFC 8441 §5). */
  override _destroy(error: Error | null, callback: Callback): void {
    const stream = this.#stream;
    clearTimeout(this.#idle);
    if (this.#owner !== undefined && stream.hasSentEnd) this.#owner.refused();
    else if (!(stream.hasSentEnd && this.#hasEnded)) {
      stream.reset(this.#reader !== undefined || this.#left > 0 ? INTERNAL_ERROR : CANCEL);
    }
    callback(error);
  }

  // What else a socket has.

  get bytesWritten(): number {
    return this.#bytesSent + this.writableLength;
  }

  /** Ends it, and destroys it when all is sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  /** Emits `timeout` after that many milliseconds without activity; 0 turns it off. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (callback !== undefined && milliseconds > 0) this.once("timeout", callback);
    else if (callback !== undefined) this.off("timeout", callback);
    clearTimeout(this.#idle);
    this.#idle = milliseconds > 0 ? setTimeout(() => this.#timedOut(), milliseconds).unref() : undefined;
    return this;
  }

  #timedOut(): void {
    this.#idle?.refresh();
    this.emit("timeout");
  }

  // The connection is that of all streams: these calls change nothing.

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/** The error that a socket has then. */
function connectionReset(): Error {
  return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
}

function ignore(): void {}
