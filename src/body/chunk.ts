/** Chunks: the pieces that a body is made of. */

import { TsgiError } from "../errors.ts";
import type { Chunk } from "../gateway.ts";
import { isPromise, mayBeDropped } from "../promise.ts";

const encoder = new TextEncoder();

/** byteLength gives the length of a chunk in bytes as it is sent. */
export const byteLength: (chunk: Chunk) => number =
  typeof Buffer === "function"
    ? (chunk) => Buffer.byteLength(chunk)
    : (chunk) => (typeof chunk === "string" ? encoder.encode(chunk).length : chunk.byteLength);

/** toBytes gives a chunk as bytes, a string as UTF-8. */
export function toBytes(chunk: Chunk): Uint8Array {
  return typeof chunk === "string" ? encoder.encode(chunk) : chunk;
}

/** joinBytes gives one `Uint8Array` of several. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

/** isChunk tells whether a value is a chunk: a string or a `Uint8Array`. */
export function isChunk(value: unknown): value is Chunk {
  return typeof value === "string" || value instanceof Uint8Array;
}

/** checkChunk gives a chunk back as it is. Throws `TSGI_BAD_CHUNK` for anything else. */
export function checkChunk(value: unknown): Chunk {
  if (isChunk(value)) return value;
  if (isPromise(value)) mayBeDropped(value);
  throw new TsgiError("TSGI_BAD_CHUNK", `a chunk is a string or a Uint8Array, not ${describe(value)}`, {
    hint: "Encode the value first, for example with JSON.stringify.",
  });
}

/** checkChunks gives the length in bytes of several chunks. Throws `TSGI_BAD_CHUNK` where one of them is not a chunk. */
export function checkChunks(chunks: readonly unknown[]): number {
  let length = 0;
  for (let index = 0; index < chunks.length; index++) {
    const chunk = chunks[index];
    if (isChunk(chunk)) length += byteLength(chunk);
    else return refuseChunk(chunks, chunk);
  }
  return length;
}

/** A list of promises is refused as a whole: none of them is waited for, so none may end the process. */
function refuseChunk(chunks: readonly unknown[], chunk: unknown): never {
  for (const each of chunks) if (isPromise(each)) mayBeDropped(each);
  return checkChunk(chunk) as never;
}

/** What a value is, for an error message. */
export function describe(value: unknown): string {
  if (value === null || typeof value !== "object") return typeof value === "function" ? "a function" : String(value);
  return isPromise(value) ? "a promise" : `a value of type ${value.constructor?.name ?? "object"}`;
}

/** piecesOf gives the bytes of chunks in pieces of at most that length. */
export function* piecesOf(chunks: Iterable<Chunk>, length: number): Generator<Uint8Array> {
  for (const chunk of chunks) {
    const bytes = toBytes(chunk);
    for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
  }
}
