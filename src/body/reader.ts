/**
 * Bodies: reading one chunk by chunk, deriving another from it, and finishing it.
 *
 * "Finished" means its `close()` if it has one, a stream's `destroy()` or `cancel()`, else its iterator's `return()`
 * (PEP 3333, "Handling the close() method"). Whoever drops a body finishes it.
 */

import { TsgiError } from "../errors.ts";
import type { Body, Chunk } from "../gateway.ts";
import { isPromise } from "../promise.ts";
import { checkChunk, describe, isChunk, joinBytes, toBytes } from "./chunk.ts";

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
  close(): undefined | Promise<unknown>;
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

  close(): undefined | Promise<unknown> {
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
export function closeBody(body: Body): undefined | Promise<unknown> {
  if (knownChunks(body) === undefined) return new BodyReader(body).close();
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
    await reader.close();
  }
  return joinBytes(parts);
}

/** Reads a whole body as UTF-8 text, and finishes it. */
export async function readText(body: Body): Promise<string> {
  return decoder.decode(await readBody(body));
}
