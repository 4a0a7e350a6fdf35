/**
 * Bodies: reading one chunk by chunk, and closing it.
 *
 * A body is closed by its `close()` if it has one, by a stream's `destroy()` or `cancel()`, else by its iterator's `return()`
 * (PEP 3333, "Handling the close() method"). Code that drops a body closes it.
 */

import { TsgiError } from "../errors.ts";
import type { Body, Chunk } from "../gateway.ts";
import { callOut, isPromise, mayBeDropped, whenSettled } from "../promise.ts";
import { checkChunk, checkChunks, describe, isChunk, toBytes } from "./chunk.ts";
import { Gathering } from "./gathering.ts";

/** The members that close a body, and those of a Node stream that fails. */
interface Closable {
  close?(): unknown;
  destroy?(): unknown;
  on?(event: "error", listener: () => void): unknown;
}

const decoder = new TextDecoder();

/** knownChunks gives the chunks of a body that are all there already, or undefined where they are still to come. */
export function knownChunks(body: Body): readonly Chunk[] | undefined {
  if (body === undefined || body === null) return [];
  if (isChunk(body)) return [body];
  return Array.isArray(body) && !("close" in body) ? body : undefined;
}

/** What gives chunks one by one, and is closed once. */
export interface ChunkReader {
  /** Whether `next` may answer with a promise. */
  readonly isAsync: boolean;
  /** Gives the next chunk, undefined at the end, or a promise of one of the two. Throws or rejects where the body fails. */
  next(): Chunk | undefined | Promise<Chunk | undefined>;
  /** Closes what is read, however far that went; a second call does nothing. Never throws: it rejects. */
  close(): undefined | Promise<unknown>;
}

/** A step of an iterator of chunks. */
export type ChunkStep = IteratorResult<unknown>;

/**
 * Reads a body chunk by chunk and closes it exactly once, whatever happens. A synchronous body is read without promises.
 * Throws `TSGI_BAD_BODY` for what is not a body, `TSGI_BAD_CHUNK` for a list of something else than chunks.
 */
export class BodyReader implements ChunkReader {
  readonly isAsync: boolean;
  readonly #body: Closable;
  readonly #advance: () => ChunkStep | PromiseLike<ChunkStep>;
  readonly #stop: () => unknown;
  #ended = false;
  #closed = false;

  constructor(body: Body) {
    const chunks = knownChunks(body);
    if (chunks !== undefined) checkChunks(chunks);
    const source = (chunks ?? body) as Partial<ReadableStream & AsyncIterable<Chunk> & Iterable<Chunk>>;
    if (source === null || typeof source !== "object") throw badBody(body);
    this.#body = source as Closable;
    adopt(body);
    this.isAsync = true;
    if (typeof source.getReader === "function") {
      const reader = (source as ReadableStream).getReader();
      this.#advance = () => reader.read() as PromiseLike<ChunkStep>;
      this.#stop = () => cancelStream(reader);
      return;
    }
    let iterator: Iterator<unknown> | AsyncIterator<unknown>;
    if (Symbol.asyncIterator in source) iterator = (source as AsyncIterable<Chunk>)[Symbol.asyncIterator]();
    else if (Symbol.iterator in source) {
      this.isAsync = false;
      iterator = (source as Iterable<Chunk>)[Symbol.iterator]();
    } else throw badBody(body);
    this.#advance = () => iterator.next() as ChunkStep | PromiseLike<ChunkStep>;
    this.#stop = () => iterator.return?.();
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    if (this.#closed || this.#ended) return undefined;
    let step: ChunkStep | PromiseLike<ChunkStep>;
    try {
      step = this.#advance();
    } catch (error) {
      this.#ended = true;
      throw error;
    }
    return isPromise(step) ? this.#settle(step) : this.#take(step);
  }

  async #settle(pending: PromiseLike<ChunkStep>): Promise<Chunk | undefined> {
    let step: ChunkStep;
    try {
      step = await pending;
    } catch (error) {
      // An iterator that threw is at its end: only a `close` or a `destroy` is left to call.
      this.#ended = true;
      throw error;
    }
    return this.#take(step);
  }

  #take(step: ChunkStep): Chunk | undefined {
    if (!step.done) return checkChunk(step.value);
    this.#ended = true;
    return undefined;
  }

  close(): undefined | Promise<unknown> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      if (typeof this.#body.close === "function") return settled(this.#body.close());
      if (typeof this.#body.destroy === "function") return settled(this.#body.destroy());
      return this.#ended ? undefined : settled(this.#stop());
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/**
 * Cancels a web stream, or its reader, once nothing is about to flow into it: on Node 20 and 22 a stream of `Readable.toWeb` that
 * is cancelled before the Node stream flows ends the process.
 */
export async function cancelStream(stream: Pick<ReadableStreamDefaultReader, "cancel">): Promise<void> {
  await new Promise<void>(whenSettled);
  return stream.cancel();
}

function settled(result: unknown): undefined | Promise<unknown> {
  return isPromise(result) ? Promise.resolve(result) : undefined;
}

function badBody(body: unknown): TsgiError {
  return new TsgiError("TSGI_BAD_BODY", `an app returns chunks, not ${describe(body)}`, {
    hint: "Return a string, bytes, an iterable of those, a stream, or nothing.",
  });
}

/**
 * adopt takes responsibility for a body that will be read or closed later: a Node stream that fails until then, or while
 * it is destroyed, emits an `error` that would end the process if nobody listened. Its reader still gets the error.
 */
export function adopt(body: Body): void {
  const { on, destroy } = (body ?? {}) as Closable;
  if (typeof on === "function" && typeof destroy === "function") on.call(body, "error", ignore);
}

function ignore(): void {}

/** closeBody closes a body that is not going to be read. Never throws: it rejects with the error of the closing. */
export function closeBody(body: Body): undefined | Promise<unknown> {
  const chunks = knownChunks(body);
  if (chunks !== undefined) {
    // There is nothing to close, but promises, which are not chunks, may be among them.
    for (const chunk of chunks) if (isPromise(chunk)) mayBeDropped(chunk);
    return undefined;
  }
  try {
    return new BodyReader(body).close();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** failAfter closes what was to be sent and rejects with `error`, whatever goes wrong in closing and however long it takes. */
export async function failAfter(closing: () => unknown, error: unknown): Promise<never> {
  callOut(closing, ignore);
  throw error;
}

/** readBody reads a whole body and closes it. Rejects with what the body, or closing it, fails with. */
export function readBody(body: Body): Promise<Uint8Array> {
  return mayBeDropped(readChunks(new BodyReader(body)));
}

async function readChunks(reader: ChunkReader): Promise<Uint8Array> {
  const gathering = new Gathering();
  try {
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
      gathering.add(toBytes(chunk));
    }
  } catch (error) {
    return failAfter(() => reader.close(), error);
  }
  await reader.close();
  return gathering.join();
}

/** readText reads a whole body as UTF-8 text and closes it. */
export async function readText(body: Body): Promise<string> {
  return decoder.decode(await readBody(body));
}
