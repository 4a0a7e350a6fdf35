/** A connection within a stream of HTTP/2 (RFC 8441): what an app gets that takes one over. */

import type { ServerHttp2Stream } from "node:http2";
import { Duplex } from "node:stream";
import { refuseStream } from "./refuse-stream.ts";
import { responseFields } from "./response-head.ts";
import { HeadReader, type SwitchingHead } from "./switching-head.ts";

const NO_ERROR = 0;
const INTERNAL_ERROR = 2;
const CANCEL = 8;

const SWITCHING = 101;

type Callback = (error?: Error | null) => void;

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
export class Tunnel extends Duplex {
  readonly #stream: ServerHttp2Stream;
  /** Undefined once the head has been written. */
  #reader: HeadReader | undefined = new HeadReader();
  /** Undefined once there is a tunnel. */
  #owner: TunnelOwner | undefined;
  /** How much of a body that refuses the client is still to come; -1 where its end tells, and of a tunnel. */
  #left = -1;
  #isReading = false;
  #isTimed = false;
  #hasEnded = false;
  #bytesSent = 0;
  /** As a socket counts. */
  bytesRead = 0;

  constructor(stream: ServerHttp2Stream, owner: TunnelOwner) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#owner = owner;
    stream.once("end", () => {
      this.#hasEnded = true;
      if (!this.destroyed) this.push(null);
    });
    stream.once("close", () => this.#streamClosed());
    // Without a listener, a client that leaves would end the process.
    this.on("error", ignore);
  }

  override _read(): void {
    if (this.#isReading) {
      this.#stream.resume();
      return;
    }
    this.#isReading = true;
    this.#stream.on("data", (bytes: Uint8Array) => {
      this.bytesRead += bytes.length;
      if (!this.push(bytes)) this.#stream.pause();
    });
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
    if (stream.closed || stream.destroyed) return;
    const fields = responseFields(code === SWITCHING ? 200 : code, headers, -1);
    if (code < 200 && code !== SWITCHING) {
      stream.additionalHeaders(fields);
      this.#reader = new HeadReader();
      return;
    }
    this.#reader = undefined;
    if (code === SWITCHING) this.#owner = undefined;
    else this.#left = length;
    // Any 2xx would say that the tunnel is there (RFC 9110 §9.3.6).
    if (code >= 200 && code < 300) {
      this.#left = 0;
      refuseStream(stream, "501 Not Implemented");
    } else stream.respond(fields, this.#left === 0 ? { endStream: true } : undefined);
  }

  #send(bytes: Uint8Array, callback: Callback): void {
    const stream = this.#stream;
    const part = this.#left < 0 ? bytes : bytes.subarray(0, this.#left);
    const sent = (error?: Error | null): void => {
      this.#bytesSent += bytes.length;
      callback(error && connectionReset());
    };
    if (this.#left > 0) this.#left -= part.length;
    if (part.length === 0 || stream.closed || stream.destroyed || stream.writableEnded) sent();
    else if (this.#left === 0) {
      // An app may destroy the connection right after its last word.
      stream.end(part);
      sent();
    } else stream.write(part, sent);
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: Callback): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "utf8", callback);
  }

  override _final(callback: Callback): void {
    const stream = this.#stream;
    // The client would wait for an answer, or take it for whole.
    if (this.#reader !== undefined || this.#left > 0) stream.close(INTERNAL_ERROR);
    if (stream.closed || stream.destroyed || stream.writableEnded) callback();
    else stream.end(() => callback());
  }

  /** The end of a connection that was cut is a reset (RFC 8441 §5). */
  override _destroy(error: Error | null, callback: Callback): void {
    const stream = this.#stream;
    const isRefused = this.#owner !== undefined && stream.writableEnded;
    if (isRefused) this.#owner?.refused();
    else if (!stream.closed && !stream.destroyed && !(stream.writableEnded && this.#hasEnded)) {
      stream.close(this.#reader !== undefined || this.#left > 0 ? INTERNAL_ERROR : CANCEL);
    }
    callback(error);
  }

  #streamClosed(): void {
    const isWhole = this.#stream.rstCode === NO_ERROR && this.#hasEnded && this.writableEnded;
    if (!this.destroyed && !isWhole) this.destroy(connectionReset());
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

  /** Emits `timeout` after so many milliseconds without activity; 0 turns it off. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (callback !== undefined && milliseconds > 0) this.once("timeout", callback);
    else if (callback !== undefined) this.off("timeout", callback);
    if (!this.#isTimed) this.#stream.on("timeout", () => this.emit("timeout"));
    this.#isTimed = true;
    this.#stream.setTimeout(milliseconds);
    return this;
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
