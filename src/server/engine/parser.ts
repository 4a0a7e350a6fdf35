/**
 * Parses the requests of a connection (RFC 9112). It knows bytes and nothing else: they may come in any pieces, and what two
 * readers could read differently is refused.
 */

import type { StatusLine } from "../../gateway.ts";
import { ChunkedBody } from "./chunked.ts";
import { FieldLines } from "./field-lines.ts";
import { Framing } from "./framing.ts";
import { readRequestLine, refuseBegun } from "./request-line.ts";
import { INCOMPLETE, LineScan, MALFORMED, scannedBreaks, TOO_LARGE } from "./scan.ts";
import { BODY, END, HEAD, MORE, type ParserLimits, REFUSED, type Step } from "./steps.ts";

export { BODY, END, HEAD, MORE, type ParserLimits, REFUSED, type Step } from "./steps.ts";

const NOTHING: Buffer = Buffer.alloc(0);
const NO_LINES: readonly string[] = [];

/** Empty lines before a request are skipped (RFC 9112 §2.2): at most this many bytes of them. */
const MOST_EMPTY = 8;

const BETWEEN = 0;
const SIZED = 1;
const CHUNKED = 2;
const BROKEN = 3;

/**
 * RequestParser reads one request after the other. Each gives `HEAD`, any number of `BODY` and `END`. After `REFUSED`, whose
 * status is `refusal`, nothing is read any more.
 */
export class RequestParser {
  readonly #limits: ParserLimits;
  readonly #scan = new LineScan();
  readonly #fields = new FieldLines();
  readonly #framing = new Framing();
  #chunked: ChunkedBody | undefined;
  #state: typeof BETWEEN | typeof SIZED | typeof CHUNKED | typeof BROKEN = BETWEEN;
  /** The bytes that have come and were not read: those of `#bytes` from `#at` to `#end`. */
  #bytes = NOTHING;
  #at = 0;
  #end = 0;
  /** Whether `#bytes` is a copy of its own, with room at its end. */
  #isCopy = false;
  #skipped = 0;
  /** How much of a body with a declared length is still to come. */
  #left = 0;
  /** The method of the last head, as sent. */
  method = "";
  /** The request target of the last head, as sent. */
  target = "";
  /** The version of the last head; an unknown minor version counts as 1.1. */
  protocol: "HTTP/1.0" | "HTTP/1.1" = "HTTP/1.1";
  /** The field lines of the last head as sent: names and values in turn. */
  lines: readonly string[] = NO_LINES;
  /** The last piece of a body. */
  chunk: Uint8Array = NOTHING;
  /** The trailer lines of the last body: names and values in turn. */
  trailers: readonly string[] = NO_LINES;
  /** Why the bytes are refused. */
  refusal: StatusLine = "400 Bad Request";

  constructor(limits: ParserLimits) {
    this.#limits = limits;
  }

  /** The declared length of the last request's body, or -1. */
  get contentLength(): number {
    return this.#framing.contentLength;
  }

  /** Whether the body of the last request comes in chunks. */
  get isChunked(): boolean {
    return this.#framing.isChunked;
  }

  /** Whether the client keeps the connection after the last request. */
  get keepsAlive(): boolean {
    return this.#framing.keepsAlive;
  }

  /** Whether the client of the last request waits for `100 Continue` before it sends the body. */
  get expectsContinue(): boolean {
    return this.#framing.expectsContinue;
  }

  /** Whether the last request asks for another protocol. */
  get isUpgrade(): boolean {
    return this.#framing.isUpgrade;
  }

  /** How many bytes of the body are still to come, where that is known; else 0. */
  get bodyLeft(): number {
    return this.#state === SIZED ? this.#left : 0;
  }

  /** How many bytes have come that were not read. */
  get held(): number {
    return this.#end - this.#at;
  }

  /** Whether the bytes of a request have begun to come that has no head yet. */
  get isAmidHead(): boolean {
    return this.#state === BETWEEN && this.#end > this.#at;
  }

  /** Takes bytes, which must not change any more. */
  push(bytes: Uint8Array): void {
    const held = this.#end - this.#at;
    if (held === 0) {
      this.#bytes = asBuffer(bytes);
      this.#at = 0;
      this.#end = bytes.length;
      this.#isCopy = false;
      return;
    }
    if (!this.#isCopy || this.#end + bytes.length > this.#bytes.length) this.#makeRoom(held, bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #makeRoom(held: number, more: number): void {
    const larger = Buffer.allocUnsafeSlow(2 * (held + more));
    this.#bytes.copy(larger, 0, this.#at, this.#end);
    this.#bytes = larger;
    this.#at = 0;
    this.#end = held;
    this.#isCopy = true;
  }

  /** Lets go of the last request: a connection that waits keeps nothing of it. */
  forget(): void {
    this.target = "";
    this.lines = NO_LINES;
    this.trailers = NO_LINES;
    this.chunk = NOTHING;
  }

  /** What has come and was not read. */
  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#end);
  }

  /** Gives what has come and was not read, and forgets it: the connection is another protocol's. */
  takeRest(): Uint8Array {
    const { rest } = this;
    this.#release();
    return rest;
  }

  /** Reads on. */
  read(): Step {
    switch (this.#state) {
      case BETWEEN:
        return this.#readHead();
      case SIZED:
        return this.#readSized();
      case CHUNKED:
        return this.#readChunked(this.#chunked as ChunkedBody);
      case BROKEN:
        return REFUSED;
    }
  }

  #readHead(): Step {
    if (this.#at === this.#end) return MORE;
    if (this.#bytes[this.#at] === 13 && this.#scan.position === 0 && !this.#skipEmptyLines()) {
      return this.#state === BROKEN ? REFUSED : MORE;
    }
    const { headSize, lines, targetLength } = this.#limits;
    const bytes = this.#bytes;
    const start = this.#at;
    const length = this.#scan.scan(bytes, start, this.#end, headSize, lines + 1);
    if (length < 0) return this.#withoutHead(length);
    const breaks = scannedBreaks();
    const line = readRequestLine(bytes, start, start + (breaks[0] as number), targetLength);
    if (typeof line === "string") return this.#refuse(line);
    const fields = this.#fields;
    const read = fields.read(bytes, start, length, 0, this.#scan.count - 2);
    if (read === undefined) return this.#refuse("400 Bad Request");
    const refusal = this.#framing.read(read, line.protocol === "HTTP/1.0", fields.names);
    if (refusal !== undefined) return this.#refuse(refusal);
    if (line.method === "CONNECT") return this.#refuse("501 Not Implemented");
    this.method = line.method;
    this.target = line.target;
    this.protocol = line.protocol;
    this.lines = read;
    this.#scan.reset();
    this.#skipped = 0;
    this.#advance(length);
    this.trailers = NO_LINES;
    if (this.#framing.isChunked) {
      this.#chunked ??= new ChunkedBody(this.#limits);
      this.#chunked.start();
      this.#state = CHUNKED;
    } else {
      this.#left = Math.max(0, this.#framing.contentLength);
      this.#state = SIZED;
    }
    return HEAD;
  }

  /** Why there is no head: what is wrong with its request line counts before what is wrong after it. */
  #withoutHead(reason: number): Step {
    const { headSize, targetLength } = this.#limits;
    const start = this.#at;
    const requestLine = this.#scan.count > 0 ? (scannedBreaks()[0] as number) : -1;
    const known = Math.min(this.#scan.position, headSize + 1);
    if (requestLine >= 0 && requestLine + 2 <= headSize + 1) {
      const line = readRequestLine(this.#bytes, start, start + requestLine, targetLength);
      if (typeof line === "string") return this.#refuse(line);
    } else {
      const refusal = refuseBegun(this.#bytes, start, start + known, targetLength);
      if (refusal !== undefined) return this.#refuse(refusal);
      if (reason === TOO_LARGE) return this.#refuse("414 URI Too Long");
    }
    if (reason === INCOMPLETE) return MORE;
    return this.#refuse(reason === MALFORMED ? "400 Bad Request" : "431 Request Header Fields Too Large");
  }

  /** Skips empty lines before a request. False where the bytes are not enough, or too many. */
  #skipEmptyLines(): boolean {
    while (this.#end - this.#at >= 2 && this.#bytes[this.#at] === 13 && this.#bytes[this.#at + 1] === 10) {
      this.#skipped += 2;
      this.#advance(2);
      if (this.#skipped <= MOST_EMPTY) continue;
      this.#refuse("400 Bad Request");
      return false;
    }
    const held = this.#end - this.#at;
    return held > 1 || (held === 1 && this.#bytes[this.#at] !== 13);
  }

  #readSized(): Step {
    if (this.#left === 0) {
      this.#state = BETWEEN;
      return END;
    }
    const length = Math.min(this.#left, this.#end - this.#at);
    if (length === 0) return MORE;
    this.chunk = this.#bytes.subarray(this.#at, this.#at + length);
    this.#left -= length;
    this.#advance(length);
    return BODY;
  }

  #readChunked(body: ChunkedBody): Step {
    const step = body.read(this.#bytes, this.#at, this.#end);
    if (step === REFUSED) return this.#refuse(body.refusal);
    if (step === BODY) this.chunk = body.chunk;
    this.#advance(body.consumed);
    if (step !== END) return step;
    this.trailers = body.trailers;
    this.#state = BETWEEN;
    return END;
  }

  #advance(length: number): void {
    this.#at += length;
    // A connection that waits keeps no bytes.
    if (this.#at === this.#end) this.#release();
  }

  #release(): void {
    this.#bytes = NOTHING;
    this.#at = 0;
    this.#end = 0;
    this.#isCopy = false;
  }

  #refuse(status: StatusLine): Step {
    this.refusal = status;
    this.#state = BROKEN;
    return REFUSED;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
