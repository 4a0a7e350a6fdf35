/** Reads the header lines of one connection (RFC 7541). */

import { decodeHuffman } from "./huffman.ts";
import { FIRST_LEARNED, LINE_COST, type Line, STATIC_LINES, TABLE_SIZE } from "./static-table.ts";

/** What no value may hold, and whitespace that it may not begin or end with (RFC 9113 §8.2.1, RFC 9110 §5.5). */
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]|^[\t ]|[\t ]$/;

/** The largest number of a block, which no index and no length comes near. */
const MOST_SHIFT = 21;
const MALFORMED = -1;

const NOTHING = Buffer.alloc(0);

const HUFFMAN = 0x80;
const INDEXED = 0x80;
const LEARNED = 0x40;
const RESIZED = 0x20;

/** HeaderDecoder reads one block after the other, and knows what the client has it learn. */
export class HeaderDecoder {
  /** Whether a value of the last block is one that no field may have. */
  isMalformed = false;
  /** Whether the lines of the last block are larger than they may be: those beyond are left out. */
  isTooLarge = false;
  readonly #most: number;
  /** What was learned, the latest last; what is before `#first` was forgotten. */
  #learned: Line[] = [];
  #first = 0;
  #size = 0;
  #limit = TABLE_SIZE;
  #bytes: Buffer = NOTHING;
  #at = 0;
  #end = 0;

  /** `most` is how large the lines of a block may be, in bytes as RFC 9113 §6.5.2 counts them. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Gives names and values in turn; undefined for what is not a block, after which no other one can be read. */
  decode(bytes: Buffer, start: number, end: number): string[] | undefined {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.isMalformed = false;
    let left = this.#most;
    const lines: string[] = [];
    while (this.#at < end) {
      const line = this.#readLine(lines.length === 0 && left === this.#most);
      if (line === undefined) return undefined;
      if (line === RESIZE) continue;
      left -= line.name.length + line.value.length + LINE_COST;
      if (left < 0) continue;
      if (line.isMalformed) this.isMalformed = true;
      lines.push(line.name, line.value);
    }
    this.#bytes = NOTHING;
    this.isTooLarge = left < 0;
    return lines;
  }

  #readLine(isFirst: boolean): Line | undefined {
    const first = this.#bytes[this.#at] as number;
    if ((first & INDEXED) !== 0) return this.#lineAt(this.#readNumber(0x7f));
    if ((first & LEARNED) !== 0) {
      const line = this.#readLiteral(0x3f);
      if (line !== undefined) this.#learn(line);
      return line;
    }
    if ((first & RESIZED) === 0) return this.#readLiteral(0x0f);
    const limit = this.#readNumber(0x1f);
    if (!isFirst || limit === MALFORMED || limit > TABLE_SIZE) return undefined;
    this.#limit = limit;
    this.#forget(0);
    return RESIZE;
  }

  #lineAt(index: number): Line | undefined {
    if (index < FIRST_LEARNED) return STATIC_LINES[index - 1];
    const at = this.#learned.length - 1 - (index - FIRST_LEARNED);
    return at >= this.#first ? this.#learned[at] : undefined;
  }

  #readLiteral(mask: number): Line | undefined {
    const index = this.#readNumber(mask);
    const name = index === 0 ? this.#readText() : this.#lineAt(index)?.name;
    if (name === undefined) return undefined;
    const value = this.#readText();
    return value === undefined ? undefined : { name, value, isMalformed: BAD_VALUE.test(value) };
  }

  #learn(line: Line): void {
    const size = line.name.length + line.value.length + LINE_COST;
    this.#forget(size);
    if (size > this.#limit) return;
    this.#learned.push(line);
    this.#size += size;
  }

  /** Makes room for a line. */
  #forget(room: number): void {
    while (this.#first < this.#learned.length && this.#size + room > this.#limit) {
      const { name, value } = this.#learned[this.#first++] as Line;
      this.#size -= name.length + value.length + LINE_COST;
    }
    if (this.#first > this.#limit / LINE_COST) {
      this.#learned = this.#learned.slice(this.#first);
      this.#first = 0;
    }
  }

  /** A number whose first byte has other bits beside those of `mask` (RFC 7541 §5.1). */
  #readNumber(mask: number): number {
    if (this.#at >= this.#end) return MALFORMED;
    let value = (this.#bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MOST_SHIFT; shift += 7) {
      if (this.#at >= this.#end) return MALFORMED;
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return MALFORMED;
  }

  #readText(): string | undefined {
    const isHuffman = this.#at < this.#end && ((this.#bytes[this.#at] as number) & HUFFMAN) !== 0;
    const length = this.#readNumber(0x7f);
    const start = this.#at;
    const end = start + length;
    if (length === MALFORMED || end > this.#end) return undefined;
    this.#at = end;
    return isHuffman ? decodeHuffman(this.#bytes, start, end) : this.#bytes.toString("latin1", start, end);
  }
}

/** Not a line: the size of the table was said. */
const RESIZE: Line = { name: "", value: "", isMalformed: false };
