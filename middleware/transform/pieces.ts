/** Long chunks in pieces. */

import { checkChunks } from "../../src/body/chunk.ts";
import { BodyReader, type ChunkReader, knownChunks } from "../../src/body/reader.ts";
import { toStream } from "../../src/body/stream.ts";
import type { Body, Chunk } from "../../src/gateway.ts";
import { isPromise } from "../../src/promise.ts";

/** A chunk that is longer is changed in pieces, so that other requests have their turn in between. */
const LONG = 1024 * 1024;
const PIECE = 64 * 1024;

/** inPieces gives a body whose long chunks come in pieces; a body without long chunks that is all there stays as it is. */
export function inPieces(body: Body): Body {
  const chunks = knownChunks(body);
  if (chunks !== undefined && checkChunks(chunks) <= LONG) return body;
  return toStream(new PieceReader(new BodyReader(body)));
}

export class PieceReader implements ChunkReader {
  readonly isAsync: boolean;
  readonly #inner: ChunkReader;
  #long: Chunk = "";
  #offset = 0;

  constructor(inner: ChunkReader) {
    this.isAsync = inner.isAsync;
    this.#inner = inner;
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    if (this.#offset < this.#long.length) return this.#piece();
    const chunk = this.#inner.next();
    return isPromise(chunk) ? chunk.then((settled) => this.#take(settled)) : this.#take(chunk);
  }

  #take(chunk: Chunk | undefined): Chunk | undefined {
    if (chunk === undefined || chunk.length <= LONG) return chunk;
    this.#long = chunk;
    this.#offset = 0;
    return this.#piece();
  }

  #piece(): Chunk {
    const long = this.#long;
    const start = this.#offset;
    let end = start + PIECE;
    // A character beyond the basic plane is two halves of a pair, which mean nothing alone.
    if (typeof long === "string" && (long.charCodeAt(end - 1) & 0xfc00) === 0xd800) end++;
    this.#offset = end;
    if (end >= long.length) this.#long = "";
    return typeof long === "string" ? long.slice(start, end) : long.subarray(start, end);
  }

  close(): undefined | Promise<unknown> {
    this.#long = "";
    return this.#inner.close();
  }
}
