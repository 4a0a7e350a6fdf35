/** Chunks: the pieces that a body is made of. */

import { TsgiError } from "../errors.ts";
import type { Chunk } from "../gateway.ts";

const encoder = new TextEncoder();

/** The length of a chunk in bytes as it is sent. */
export const byteLength: (chunk: Chunk) => number =
  typeof Buffer === "function"
    ? (chunk) => Buffer.byteLength(chunk)
    : (chunk) => (typeof chunk === "string" ? encoder.encode(chunk).length : chunk.byteLength);

/** A chunk as bytes. */
export function toBytes(chunk: Chunk): Uint8Array {
  return typeof chunk === "string" ? encoder.encode(chunk) : chunk;
}

/** One `Uint8Array` of several. */
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

export function isChunk(value: unknown): value is Chunk {
  return typeof value === "string" || value instanceof Uint8Array;
}

/** Throws `TSGI_BAD_CHUNK` for anything that is no chunk. */
export function checkChunk(value: unknown): Chunk {
  if (isChunk(value)) return value;
  throw new TsgiError("TSGI_BAD_CHUNK", `a chunk is a string or a Uint8Array, not ${describe(value)}`, {
    hint: "Encode the value first, for example with JSON.stringify.",
  });
}

/** What a value is, for an error message. */
export function describe(value: unknown): string {
  if (value === null || typeof value !== "object") return typeof value === "function" ? "a function" : String(value);
  return `a value of type ${value.constructor?.name ?? "object"}`;
}
