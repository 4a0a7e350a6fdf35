/**
 * Bodies: reading one chunk by chunk, deriving another from it, and finishing it.
 *
 * "Finished" means its `close()` if it has one, a stream's `destroy()` or `cancel()`, else its iterator's `return()`
 * (PEP 3333, "Handling the close() method"). Whoever drops a body finishes it.
 */

import { checkChunk, describe, isChunk, joinBytes, toBytes } from "./chunk.ts";
import { TsgiError } from "./errors.ts";
import type { Body, Chunk } from "./gateway.ts";
import { isPromise } from "./promise.ts";

/** A body that is more than one chunk. */
export type ChunkStream = Iterable<Chunk> | AsyncIterable<Chunk>;

interface Finishable {
  close?(): unknown;
  destroy?(): unknown;
  cancel?(): unknown;
}

const decoder = new TextDecoder();

/** The chunks of a body that are all there already, or undefined where they are still to come. */
export function knownChunks(body: Body): readonly Chunk[] | undefined {
  if (body === undefined || body === null) return [];
  if (isChunk(body)) return [body];
  return Array.isArray(body) && !("close" in body) ? body : undefined;
}

/** Something that gives chunks one by one. */
export interface ChunkReader {
  /** Whether `next` may answer with a promise. */
  readonly isAsync: boolean;
  /** The next chunk, undefined at the end, or a promise of one of the two. */
  next(): Chunk | undefined | Promise<Chunk | undefined>;
  /** Finishes what is read, however far that went; a second call does nothing. */
  finish(): undefined | Promise<unknown>;
}

/**
 * Reads a body chunk by chunk and finishes it exactly once, whatever happens. A synchronous body is read without
 * promises. Throws `TSGI_BAD_BODY` for what is no body.
 */
export class BodyReader implements ChunkReader {
  readonly isAsync: boolean;
  readonly #body: Finishable | null;
  readonly #advance: () => Step | PromiseLike<Step>;
  readonly #stop: () => unknown;
  #ended = false;
  #finished = false;

  constructor(body: Body) {
    const source = (knownChunks(body) ?? body) as Partial<ReadableStream & AsyncIterable<Chunk> & Iterable<Chunk>>;
    if (source === null || typeof source !== "object") throw badBody(body);
    this.#body = source as Finishable;
    this.isAsync = true;
    if (typeof source.getReader === "function") {
      const reader = (source as ReadableStream).getReader();
      this.#advance = () => reader.read() as PromiseLike<Step>;
      this.#stop = () => reader.cancel();
      return;
    }
    let iterator: Iterator<unknown> | AsyncIterator<unknown>;
    if (Symbol.asyncIterator in source) iterator = (source as AsyncIterable<Chunk>)[Symbol.asyncIterator]();
    else if (Symbol.iterator in source) {
      this.isAsync = false;
      iterator = (source as Iterable<Chunk>)[Symbol.iterator]();
    } else throw badBody(body);
    this.#advance = () => iterator.next();
    this.#stop = () => iterator.return?.();
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    if (this.#finished || this.#ended) return undefined;
    let step: Step | PromiseLike<Step>;
    try {
      step = this.#advance();
    } catch (error) {
      this.#ended = true;
      throw error;
    }
    return isPromise(step) ? this.#settle(step) : this.#take(step);
  }

  async #settle(pending: PromiseLike<Step>): Promise<Chunk | undefined> {
    let step: Step;
    try {
      step = await pending;
    } catch (error) {
      // An iterator that threw is at its end: only a `close` or a `destroy` is left to call.
      this.#ended = true;
      throw error;
    }
    return this.#take(step);
  }

  #take(step: Step): Chunk | undefined {
    if (!step.done) return checkChunk(step.value);
    this.#ended = true;
    return undefined;
  }

  finish(): undefined | Promise<unknown> {
    if (this.#finished) return;
    this.#finished = true;
    if (typeof this.#body?.close === "function") return settled(this.#body.close());
    if (typeof this.#body?.destroy === "function") return settled(this.#body.destroy());
    return this.#ended ? undefined : settled(this.#stop());
  }
}

type Step = IteratorResult<unknown>;

function settled(result: unknown): undefined | Promise<unknown> {
  return isPromise(result) ? Promise.resolve(result) : undefined;
}

function badBody(body: unknown): TsgiError {
  return new TsgiError("TSGI_BAD_BODY", `an app returns chunks, not ${describe(body)}`, {
    hint: "Return a string, bytes, an iterable of those, a stream, or nothing.",
  });
}

/** Finishes a body that nobody is going to read. Rejects or throws what its own finishing throws. */
export function finish(body: Body): undefined | Promise<unknown> {
  if (knownChunks(body) === undefined) return new BodyReader(body).finish();
}

/** Fails with an error, whatever else goes wrong in finishing what was to be sent. */
export async function failAfter(finishing: () => unknown, error: unknown): Promise<never> {
  try {
    await finishing();
  } catch {}
  throw error;
}

/** Reads a whole body, and finishes it. */
export async function readBody(body: Body): Promise<Uint8Array> {
  const reader = new BodyReader(body);
  const parts: Uint8Array[] = [];
  try {
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) parts.push(toBytes(chunk));
  } finally {
    await reader.finish();
  }
  return joinBytes(parts);
}

/** Reads a whole body as UTF-8 text, and finishes it. */
export async function readText(body: Body): Promise<string> {
  return decoder.decode(await readBody(body));
}

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
  if (chunks === undefined) return streamOf(new MappedReader(new BodyReader(body), map));
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

  finish(): undefined | Promise<unknown> {
    return this.#inner.finish();
  }
}

/** A reader as a body: iterated once; `return` finishes it even where it was never started, which a generator's does not. */
export function streamOf(reader: ChunkReader): ChunkStream {
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
      await this.#reader.finish();
      throw error;
    }
    return chunk === undefined ? this.return() : { done: false, value: chunk };
  }

  async return(): Promise<IteratorResult<Chunk, undefined>> {
    await this.#reader.finish();
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
    void Promise.resolve(this.#reader.finish()).catch(() => {});
    return { done: true, value: undefined };
  }
}

/** The body of a reader from which one chunk has been taken already. */
export function resumed(first: Chunk | undefined, rest: ChunkReader): ChunkStream {
  return streamOf(new ResumedReader(first, rest));
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

  finish(): Promise<unknown> | undefined {
    this.#first = undefined;
    return this.#rest.finish();
  }
}
