/** A body in chunks (RFC 9112 §7.1), as its bytes come. */

import type { StatusLine } from "../../gateway.ts";
import { FieldLines } from "./field-lines.ts";
import { INCOMPLETE, LineScan, MALFORMED } from "./scan.ts";
import { BODY, END, MORE, type ParserLimits, REFUSED, type Step } from "./steps.ts";

const CR = 13;
const LF = 10;
const SEMICOLON = 59;

/** 2^53 has 14 digits. */
const MOST_DIGITS = 14;

/** How many bytes of extensions a body may have, all chunks together. */
const MOST_EXTENSIONS = 16_384;

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED = '"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"';
const EXTENSIONS = new RegExp(`^(?:;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?)+$`);

/** For each byte its value as a hexadecimal digit, or 255. */
const DIGITS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? 255 : digit;
});

const SIZE = 0;
const DATA = 1;
const DATA_END = 2;
const TRAILERS = 3;

const NOTHING = new Uint8Array(0);
const NO_LINES: readonly string[] = [];

/** ChunkedBody reads one body after the other. */
export class ChunkedBody {
  readonly #limits: ParserLimits;
  readonly #scan = new LineScan();
  #state: typeof SIZE | typeof DATA | typeof DATA_END | typeof TRAILERS = SIZE;
  /** How much of the chunk is still to come. */
  #left = 0;
  #extensionsLeft = MOST_EXTENSIONS;
  /** How many bytes of the extensions that have not ended yet are known to be text. */
  #text = 0;

  /** After `BODY`: the piece. */
  chunk: Uint8Array = NOTHING;
  /** After `END`: the trailer lines, names and values in turn. */
  trailers: readonly string[] = NO_LINES;
  /** After `REFUSED`: the status. */
  refusal: StatusLine = "400 Bad Request";
  /** How many bytes the last step has read. */
  consumed = 0;

  constructor(limits: ParserLimits) {
    this.#limits = limits;
  }

  /** Starts with another body. */
  start(): void {
    this.#state = SIZE;
    this.#extensionsLeft = MOST_EXTENSIONS;
    this.#scan.reset();
  }

  /** Reads on in the bytes from `start` to `end`: to a piece, the end, or as far as the bytes go. */
  read(bytes: Buffer, start: number, end: number): Step {
    let at = start;
    for (;;) {
      this.consumed = at - start;
      if (at === end) return MORE;
      switch (this.#state) {
        case SIZE: {
          const length = this.#readSize(bytes, at, end);
          if (length === REFUSE) return REFUSED;
          if (length === INCOMPLETE) return MORE;
          at += length;
          break;
        }
        case DATA: {
          const length = Math.min(this.#left, end - at);
          this.chunk = bytes.subarray(at, at + length);
          this.#left -= length;
          if (this.#left === 0) this.#state = DATA_END;
          this.consumed += length;
          return BODY;
        }
        case DATA_END:
          if (bytes[at] !== CR) return this.#refuse("400 Bad Request");
          if (at + 1 === end) return MORE;
          if (bytes[at + 1] !== LF) return this.#refuse("400 Bad Request");
          at += 2;
          this.#state = SIZE;
          break;
        case TRAILERS:
          return this.#readTrailers(bytes, at, end);
      }
    }
  }

  /** Reads the line with the size of a chunk. Gives its length, `INCOMPLETE` or `REFUSE`. */
  #readSize(bytes: Buffer, start: number, end: number): number {
    let size = 0;
    let at = start;
    while (at < end) {
      const digit = DIGITS[bytes[at] as number] as number;
      if (digit > 15) break;
      size = 16 * size + digit;
      at++;
      if (at - start > MOST_DIGITS || size > Number.MAX_SAFE_INTEGER) return this.#refuseSize("400 Bad Request");
    }
    if (at === end) return INCOMPLETE;
    if (at === start) return this.#refuseSize("400 Bad Request");
    const extensions = bytes[at] === SEMICOLON ? this.#readExtensions(bytes, at, end) : 0;
    if (extensions < 0) return extensions;
    at += extensions;
    if (bytes[at] !== CR) return this.#refuseSize("400 Bad Request");
    if (at + 1 === end) return INCOMPLETE;
    if (bytes[at + 1] !== LF) return this.#refuseSize("400 Bad Request");
    this.#extensionsLeft -= extensions;
    this.#text = 0;
    this.#left = size;
    this.#state = size === 0 ? TRAILERS : DATA;
    return at + 2 - start;
  }

  /** Reads the extensions of a chunk, which nobody here wants. Gives their length, `INCOMPLETE` or `REFUSE`. */
  #readExtensions(bytes: Buffer, start: number, end: number): number {
    let at = start + this.#text;
    while (at < end && isText(bytes[at] as number)) at++;
    this.#text = at - start;
    if (this.#text > this.#extensionsLeft) return this.#refuseSize("413 Content Too Large");
    if (at === end) return INCOMPLETE;
    if (bytes[at] !== CR) return this.#refuseSize("400 Bad Request");
    if (at + 1 === end) return INCOMPLETE;
    return EXTENSIONS.test(bytes.toString("latin1", start, at)) ? at - start : this.#refuseSize("400 Bad Request");
  }

  #readTrailers(bytes: Buffer, start: number, end: number): Step {
    const limits = this.#limits;
    const length = this.#scan.scan(bytes, start, end, limits.headSize, limits.lines);
    if (length === INCOMPLETE) return MORE;
    if (length < 0) {
      return this.#refuse(length === MALFORMED ? "400 Bad Request" : "431 Request Header Fields Too Large");
    }
    const lines = new FieldLines().read(bytes, start, length, -1, this.#scan.count - 2);
    if (lines === undefined) return this.#refuse("400 Bad Request");
    this.trailers = lines;
    this.consumed += length;
    return END;
  }

  #refuseSize(status: StatusLine): number {
    this.refusal = status;
    return REFUSE;
  }

  #refuse(status: StatusLine): Step {
    this.refusal = status;
    return REFUSED;
  }
}

/** What a size line gives that is refused. */
const REFUSE = -2;

function isText(byte: number): boolean {
  return byte >= 32 ? byte !== 127 : byte === 9;
}
