/**
 * Records of FastCGI, as its specification 1.0 has them (§3.3, §3.4, §5, appendix). A connection carries one request at a
 * time here, so that each is of the request 1.
 */

import type { Variables } from "../program/variables.ts";

export const Type = { begin: 1, abort: 2, end: 3, params: 4, stdin: 5, stdout: 6, stderr: 7 } as const;

const VERSION = 1;
const REQUEST = 1;
const HEADER = 8;
/** The longest content of a record, in bytes; a multiple of 8, so that it wants no padding. */
const LONGEST = 65_528;

/** The head of a record with so much content. */
function headOf(type: number, length: number): Buffer {
  return Buffer.from([VERSION, type, 0, REQUEST, length >> 8, length & 255, 0, 0]);
}

/** A request up to its body: a responder's, on a connection that stays open. */
export function requestRecords(variables: Variables): Buffer {
  const begin = Buffer.from([0, 1, 1, 0, 0, 0, 0, 0]);
  const params = Object.entries(variables).flatMap(([name, value]) => pairOf(Buffer.from(name), Buffer.from(value)));
  return Buffer.concat([
    headOf(Type.begin, begin.length),
    begin,
    ...streamRecords(Type.params, Buffer.concat(params)),
    emptyRecord(Type.params),
  ]);
}

/** Bytes of a stream as records. */
export function streamRecords(type: number, bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += LONGEST) {
    const part = bytes.subarray(from, from + LONGEST);
    records.push(headOf(type, part.length), part);
  }
  return records;
}

/** A record without content: the end of a stream, or the request's. */
export function emptyRecord(type: number): Buffer {
  return headOf(type, 0);
}

function pairOf(name: Buffer, value: Buffer): Buffer[] {
  return [lengthOf(name.length), lengthOf(value.length), name, value];
}

function lengthOf(length: number): Buffer {
  if (length < 128) return Buffer.from([length]);
  const four = Buffer.alloc(4);
  four.writeUInt32BE(length + 0x80000000);
  return four;
}

/** Takes records apart as their bytes come, without waiting for the rest of one. */
export class RecordReader {
  readonly #onContent: (type: number, content: Uint8Array) => void;
  readonly #header = Buffer.alloc(HEADER);
  #known = 0;
  #content = 0;
  #padding = 0;

  /** Calls back with each piece of content. */
  constructor(onContent: (type: number, content: Uint8Array) => void) {
    this.#onContent = onContent;
  }

  /** Throws for bytes that are no record of this request. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#known < HEADER) {
        this.#header[this.#known++] = bytes[at++] as number;
        if (this.#known === HEADER) this.#begin();
      } else if (this.#content > 0) {
        const piece = bytes.subarray(at, at + this.#content);
        at += piece.length;
        this.#content -= piece.length;
        this.#onContent(this.#header[1] as number, piece);
      } else {
        const skipped = Math.min(this.#padding, bytes.length - at);
        at += skipped;
        this.#padding -= skipped;
      }
      if (this.#known === HEADER && this.#content + this.#padding === 0) this.#known = 0;
    }
  }

  #begin(): void {
    const [version, type] = this.#header;
    if (version !== VERSION) throw new Error(`it speaks version ${version} of FastCGI, if any`);
    if (this.#header.readUInt16BE(2) !== REQUEST) throw new Error(`a record of type ${type} is of no request`);
    this.#content = this.#header.readUInt16BE(4);
    this.#padding = this.#header[6] as number;
  }
}
