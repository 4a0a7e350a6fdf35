/** Bodies made of others: mapped chunk by chunk, resumed after a first chunk, or read from anything that gives chunks. */

import type { Body, Chunk } from "../gateway.ts";
import { isPromise } from "../promise.ts";
import { checkChunk } from "./chunk.ts";
import { BodyReader, type ChunkReader, knownChunks } from "./reader.ts";

/** A body that is more than one chunk. */
export type ChunkStream = Iterable<Chunk> | AsyncIterable<Chunk>;

/** How `mapBody` changes a body. */
export interface BodyMap {
  /** What to send for a chunk; nothing for "nothing yet". An empty chunk in means "flush" (rule 10). */
  chunk(chunk: Chunk): Chunk | undefined;
  /** What is left to send at the end of the body. */
  end?(): Chunk | undefined;
}

/**
 * A body derived from another, chunk by chunk, as lazily as it is read. Finishing it finishes the inner one, even where it
 * was never started. A body of chunks that are all there already stays an array, so its length stays known.
 */
export function mapBody(body: Body, map: BodyMap): ChunkStream {
  const chunks = knownChunks(body);
  if (chunks === undefined) return toStream(new MappedReader(new BodyReader(body), map));
  const mapped = chunks.map((chunk) => map.chunk(checkChunk(chunk)));
  return [...mapped, map.end?.()].filter((chunk) => chunk !== undefined);
}

class MappedReader implements ChunkReader {
  readonly isAsync: boolean;
  readonly #inner: BodyReader;
  readonly #map: BodyMap;
  #ended = false;

  constructor(inner: BodyReader, map: BodyMap) {
    this.isAsync = inner.isAsync;
    this.#inner = inner;
    this.#map = map;
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    while (!this.#ended) {
      const chunk = this.#inner.next();
      if (isPromise(chunk)) return this.#settle(chunk);
      const mapped = this.#take(chunk);
      if (mapped !== undefined) return mapped;
    }
    return undefined;
  }

  async #settle(pending: Promise<Chunk | undefined>): Promise<Chunk | undefined> {
    const mapped = this.#take(await pending);
    return mapped === undefined ? this.next() : mapped;
  }

  #take(chunk: Chunk | undefined): Chunk | undefined {
    if (chunk === undefined) {
      this.#ended = true;
      return this.#map.end?.();
    }
    return this.#map.chunk(chunk) ?? (chunk.length === 0 ? chunk : undefined);
  }

  close(): undefined | Promise<unknown> {
    return this.#inner.close();
  }
}

/** A reader as a body: iterated once; `return` finishes it even where it was never started, which a generator's does not. */
export function toStream(reader: ChunkReader): ChunkStream {
  return reader.isAsync ? new AsyncStream(reader) : new SyncStream(reader);
}

class AsyncStream implements AsyncIterableIterator<Chunk> {
  readonly #reader: ChunkReader;

  constructor(reader: ChunkReader) {
    this.#reader = reader;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Chunk, undefined>> {
    let chunk: Chunk | undefined;
    try {
      chunk = await this.#reader.next();
    } catch (error) {
      await this.#reader.close();
      throw error;
    }
    return chunk === undefined ? this.return() : { done: false, value: chunk };
  }

  async return(): Promise<IteratorResult<Chunk, undefined>> {
    await this.#reader.close();
    return { done: true, value: undefined };
  }
}

class SyncStream implements IterableIterator<Chunk> {
  readonly #reader: ChunkReader;

  constructor(reader: ChunkReader) {
    this.#reader = reader;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Chunk, undefined> {
    let chunk: Chunk | undefined;
    try {
      chunk = this.#reader.next() as Chunk | undefined;
    } catch (error) {
      this.return();
      throw error;
    }
    return chunk === undefined ? this.return() : { done: false, value: chunk };
  }

  return(): IteratorResult<Chunk, undefined> {
    // A synchronous iterator cannot wait for a `close` that returns a promise; its failure must not end the process.
    void Promise.resolve(this.#reader.close()).catch(() => {});
    return { done: true, value: undefined };
  }
}

/** The body of a reader from which one chunk has been taken already. */
export function resume(first: Chunk | undefined, rest: ChunkReader): ChunkStream {
  return toStream(new ResumedReader(first, rest));
}

class ResumedReader implements ChunkReader {
  readonly isAsync: boolean;
  #first: Chunk | undefined;
  readonly #rest: ChunkReader;

  constructor(first: Chunk | undefined, rest: ChunkReader) {
    this.isAsync = rest.isAsync;
    this.#first = first;
    this.#rest = rest;
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? this.#rest.next();
  }

  close(): Promise<unknown> | undefined {
    this.#first = undefined;
    return this.#rest.close();
  }
}
