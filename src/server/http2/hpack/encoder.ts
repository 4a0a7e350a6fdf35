/** Writes the header lines of one connection (RFC 7541), as text of which each character is a byte. */

import { BoundedMap } from "../../../bounded-map.ts";
import { FIRST_LEARNED, LINE_COST, STATIC_LINES, STATIC_NAMES, TABLE_SIZE } from "./static-table.ts";

/** What is known of a name. */
interface Name {
  /** In lower case. */
  readonly text: string;
  /** The index that both sides know it by; 0 for none. */
  readonly index: number;
  /** Whether its value is hardly ever the same again. */
  readonly isVolatile: boolean;
  /** Whether nobody on the way should remember its value (RFC 7541 §7.1.3). */
  readonly isSecret: boolean;
}

/** A line that the client has learned. */
interface Learned {
  readonly value: string;
  /** How many lines it had learned with it. */
  readonly number: number;
}

const VOLATILE = new Set([":status", "content-length", "content-range", "etag", "last-modified", "location", "age"]);
const SECRET = new Set(["set-cookie", "authorization", "proxy-authenticate", "www-authenticate"]);

const names = new BoundedMap<string, Name>(1000);

function nameOf(given: string): Name {
  const known = names.get(given);
  if (known !== undefined) return known;
  const text = given.toLowerCase();
  const name = {
    text,
    index: STATIC_NAMES.get(text) ?? 0,
    isVolatile: VOLATILE.has(text),
    isSecret: SECRET.has(text),
  };
  names.set(given, name);
  return name;
}

const STATUSES: ReadonlyMap<string, string> = new Map(
  STATIC_LINES.flatMap(({ name, value }, at) => (name === ":status" ? [[value, numberText(0x80, 0x7f, at + 1)]] : [])),
);

/**
 * HeaderEncoder has the client learn the lines that are likely to come again, the latest one of each name. It uses no Huffman
 * code: that costs more time than it saves bytes, where most lines are sent as one byte.
 */
export class HeaderEncoder {
  readonly #latest = new Map<string, Learned>();
  /** The sizes of what the client has learned, the latest last; what is before `#first` it has forgotten. */
  #sizes: number[] = [];
  #first = 0;
  #size = 0;
  #limit = TABLE_SIZE;
  /** How many lines it has ever learned. */
  #count = 0;
  /** The smallest limit since the last block, where it has to be told (RFC 7541 §4.2); -1 where nothing is. */
  #lowest = -1;

  /** The client remembers this many bytes at most; more than it does at first is not made use of. */
  resize(size: number): void {
    const limit = Math.min(size, TABLE_SIZE);
    if (limit === this.#limit && this.#lowest < 0) return;
    this.#lowest = this.#lowest < 0 ? limit : Math.min(this.#lowest, limit);
    this.#limit = limit;
    this.#forget(0);
  }

  /** What a block begins with. */
  begin(): string {
    if (this.#lowest < 0) return "";
    const lowest = numberText(0x20, 0x1f, this.#lowest);
    const isLower = this.#lowest < this.#limit;
    this.#lowest = -1;
    return isLower ? lowest + numberText(0x20, 0x1f, this.#limit) : lowest;
  }

  /** The line of a status. */
  status(code: number): string {
    const text = String(code);
    return STATUSES.get(text) ?? this.line(":status", text);
  }

  /** A header line; its name may be in any case. */
  line(given: string, value: string): string {
    const name = nameOf(given);
    if (name.isSecret) return literal(0x10, 0x0f, name, value);
    if (name.isVolatile) return literal(0, 0x0f, name, value);
    const latest = this.#latest.get(name.text);
    if (latest !== undefined && latest.value === value && latest.number > this.#forgotten) {
      return numberText(0x80, 0x7f, FIRST_LEARNED + this.#count - latest.number);
    }
    const size = name.text.length + value.length + LINE_COST;
    // A long value would have the client forget most of what it has learned.
    if (size > this.#limit / 4) return literal(0, 0x0f, name, value);
    this.#forget(size);
    this.#sizes.push(size);
    this.#size += size;
    this.#latest.set(name.text, { value, number: ++this.#count });
    return literal(0x40, 0x3f, name, value);
  }

  /** How many lines the client has forgotten. */
  get #forgotten(): number {
    return this.#count - (this.#sizes.length - this.#first);
  }

  /** As the client does, to make room for a line. */
  #forget(room: number): void {
    while (this.#first < this.#sizes.length && this.#size + room > this.#limit) {
      this.#size -= this.#sizes[this.#first++] as number;
    }
    if (this.#first > TABLE_SIZE / LINE_COST) {
      this.#sizes = this.#sizes.slice(this.#first);
      this.#first = 0;
      this.#dropForgotten();
    }
  }

  /** Apps choose names. */
  #dropForgotten(): void {
    const forgotten = this.#forgotten;
    for (const [name, { number }] of this.#latest) if (number <= forgotten) this.#latest.delete(name);
  }
}

function literal(flag: number, mask: number, name: Name, value: string): string {
  const begin = numberText(flag, mask, name.index);
  return name.index === 0 ? begin + lengthText(name.text) + lengthText(value) : begin + lengthText(value);
}

function lengthText(text: string): string {
  return numberText(0, 0x7f, text.length) + text;
}

/** A number beside other bits (RFC 7541 §5.1). */
function numberText(flag: number, mask: number, value: number): string {
  if (value < mask) return String.fromCharCode(flag | value);
  let text = String.fromCharCode(flag | mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) text += String.fromCharCode((rest & 0x7f) | 0x80);
  return text + String.fromCharCode(rest);
}
