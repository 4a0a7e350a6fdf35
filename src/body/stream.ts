/** Bodies made of others: mapped chunk by chunk, resumed after a first chunk, or read from anything that gives chunks. */

import type { Body, Chunk } from "../gateway.ts";
import { isPromise, mayBeDropped } from "../promise.ts";
import { checkChunk, checkChunks } from "./chunk.ts";
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
 * mapBody derives a body from another, chunk by chunk, as lazily as it is read. Closing it closes the inner one, even where
 * that was never started. A body whose chunks are all there already stays an array, so its length stays known.
 */
export function mapBody(body: Body, map: BodyMap): ChunkStream {
  const chunks = knownChunks(body);
  if (chunks === undefined) return toStream(new MappedReader(new BodyReader(body), map));
  checkChunks(chunks);
  return [...chunks.map((chunk) => map.chunk(chunk)), map.end?.()].filter((chunk) => chunk !== undefined);
}

class MappedReader implements ChunkReader {
  readonly isAsync: boolean;
  readonly #inner: ChunkReader;
  readonly #map: BodyMap;
  #ended = false;

  constructor(inner: ChunkReader, map: BodyMap) {
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

  /** A loop, since a chain of promises would keep one for each chunk that is dropped. */
  async #settle(first: Promise<Chunk | undefined>): Promise<Chunk | undefined> {
    let pending: Chunk | undefined | Promise<Chunk | undefined> = first;
    for (;;) {
      const mapped = this.#take(await pending);
      if (mapped !== undefined || this.#ended) return mapped;
      pending = this.#inner.next();
    }
  }

  #take(chunk: Chunk | undefined): Chunk | undefined {
    if (chunk === undefined) {
      this.#ended = true;
      return this.#map.end?.();
    }
    return this.#map.chunk(checkChunk(chunk)) ?? (chunk.length === 0 ? chunk : undefined);
  }

  close(): undefined | Promise<unknown> {
    return this.#inner.close();
  }
}

/**
 * toStream makes a body of a reader, to be iterated once. At its end it closes the reader by itself; `close` closes it at
 * any time, even where it was never started, which a generator's `return` does not, and tells how that went.
 */
export function toStream(reader: ChunkReader): ChunkStream {
  return reader.isAsync ? new AsyncStream(reader) : new SyncStream(reader);
}

/** Closes a reader; what that fails with at its end belongs to who calls `close` then, not to who reads the last chunk. */
class Closing {
  readonly #reader: ChunkReader;
  #atEnd: { readonly promise: Promise<unknown> | undefined } | undefined;

  constructor(reader: ChunkReader) {
    this.#reader = reader;
  }

  close(): Promise<unknown> | undefined {
    const promise = this.#atEnd === undefined ? this.#reader.close() : this.#atEnd.promise;
    return promise && mayBeDropped(promise);
  }

  /** The reader has come to its end, or failed. */
  end(): Promise<unknown> | undefined {
    this.#atEnd ??= { promise: this.close() };
    return this.#atEnd.promise;
  }
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

class AsyncStream implements AsyncIterableIterator<Chunk> {
  readonly #reader: ChunkReader;
  readonly #closing: Closing;

  constructor(reader: ChunkReader) {
    this.#reader = reader;
    this.#closing = new Closing(reader);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Chunk, undefined>> {
    let chunk: Chunk | undefined;
    try {
      chunk = await this.#reader.next();
    } catch (error) {
      await this.#closed();
      throw error;
    }
    if (chunk !== undefined) return { done: false, value: chunk };
    await this.#closed();
    return DONE;
  }

  /** Closed, however that went. */
  async #closed(): Promise<void> {
    try {
      await this.#closing.end();
    } catch {}
  }

  async return(): Promise<IteratorResult<Chunk, undefined>> {
    await this.#closing.close();
    return DONE;
  }

  close(): Promise<unknown> | undefined {
    return this.#closing.close();
  }
}

class SyncStream implements IterableIterator<Chunk> {
  readonly #reader: ChunkReader;
  readonly #closing: Closing;

  constructor(reader: ChunkReader) {
    this.#reader = reader;
    this.#closing = new Closing(reader);
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Chunk, undefined> {
    let chunk: Chunk | undefined;
    try {
      chunk = this.#reader.next() as Chunk | undefined;
    } catch (error) {
      this.#closing.end();
      throw error;
    }
    if (chunk !== undefined) return { done: false, value: chunk };
    this.#closing.end();
    return DONE;
  }

  return(): IteratorResult<Chunk, undefined> {
    this.#closing.close();
    return DONE;
  }

  close(): Promise<unknown> | undefined {
    return this.#closing.close();
  }
}

/** resume makes a body of a reader from which one chunk has been taken already. */
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
