/**
 * Records of FastCGI, as in its specification 1.0 (§3.3, §3.4, §5, appendix). A connection carries one request at a time here,
 * so each record belongs to the request with the number 1.
 */

import type { Variables } from "../program/variables.ts";

/** The types of records that are used here. */
export const Type = { begin: 1, abort: 2, end: 3, params: 4, stdin: 5, stdout: 6, stderr: 7 } as const;

const VERSION = 1;
const REQUEST = 1;
const HEADER_LENGTH = 8;
/** The longest content of a record, in bytes; a multiple of 8, so that it needs no padding. */
const MAX_CONTENT = 65_528;

/** The header of a record whose content has this length. */
function recordHeader(type: number, length: number): Buffer {
  return Buffer.from([VERSION, type, 0, REQUEST, length >> 8, length & 255, 0, 0]);
}

/** The records of a request up to its body. They ask a responder, and the server to keep the connection open. */
export function requestRecords(variables: Variables): Buffer {
  const begin = Buffer.from([0, 1, 1, 0, 0, 0, 0, 0]);
  const params = Object.entries(variables).flatMap(([name, value]) =>
    nameValuePair(Buffer.from(name), Buffer.from(value)),
  );
  return Buffer.concat([
    recordHeader(Type.begin, begin.length),
    begin,
    ...streamRecords(Type.params, Buffer.concat(params)),
    emptyRecord(Type.params),
  ]);
}

/** Bytes of a stream as records. */
export function streamRecords(type: number, bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += MAX_CONTENT) {
    const part = bytes.subarray(from, from + MAX_CONTENT);
    records.push(recordHeader(type, part.length), part);
  }
  return records;
}

/** A record without content: the end of a stream, or an abort. */
export function emptyRecord(type: number): Buffer {
  return recordHeader(type, 0);
}

function nameValuePair(name: Buffer, value: Buffer): Buffer[] {
  return [encodeLength(name.length), encodeLength(value.length), name, value];
}

function encodeLength(length: number): Buffer {
  if (length < 128) return Buffer.from([length]);
  const four = Buffer.alloc(4);
  four.writeUInt32BE(length + 0x80000000);
  return four;
}

/** Parses records as their bytes arrive, without waiting for the rest of a record. */
export class RecordReader {
  readonly #onContent: (type: number, content: Uint8Array) => void;
  readonly #header = Buffer.alloc(HEADER_LENGTH);
  #known = 0;
  #content = 0;
  #padding = 0;

  /** Calls back with each piece of content. */
  constructor(onContent: (type: number, content: Uint8Array) => void) {
    this.#onContent = onContent;
  }

  /** Throws if the bytes are not a record of the request. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#known < HEADER_LENGTH) {
        this.#header[this.#known++] = bytes[at++] as number;
        if (this.#known === HEADER_LENGTH) this.#begin();
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
      if (this.#known === HEADER_LENGTH && this.#content + this.#padding === 0) this.#known = 0;
    }
  }

  #begin(): void {
    const [version, type] = this.#header;
    if (version !== VERSION) throw new Error(`sent version ${version} of FastCGI instead of 1`);
    if (this.#header.readUInt16BE(2) !== REQUEST) throw new Error(`sent a record of type ${type} for another request`);
    this.#content = this.#header.readUInt16BE(4);
    this.#padding = this.#header[6] as number;
  }
}
