/** The body of a Fetch `Response` as a body of the gateway. */

import type { ChunkReader } from "../../body.ts";
import { streamOf } from "../../body-stream.ts";
import type { Body } from "../../gateway.ts";

type Step = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/**
 * Reads the first chunk, and tells a body of one chunk, as of `new Response("text")`, from a stream: it gets its
 * `Content-Length` then. Rejects with what the stream fails with before its first chunk.
 */
export async function bodyOf(stream: ReadableStream<Uint8Array>): Promise<Body> {
  const reader = stream.getReader();
  const first = await reader.read();
  if (first.done) return undefined;
  const pending = reader.read();
  let second: Step | undefined;
  const known = pending.then(
    (step) => {
      second = step;
    },
    () => {},
  );
  // What is there already is known after a turn or two of the promises within the stream.
  for (let turn = 0; turn < TURNS && second === undefined; turn++) await Promise.race([known, undefined]);
  if (second?.done) return first.value;
  return streamOf(new RestReader(reader, first.value, pending));
}

const TURNS = 3;

/** A chunk that was read, one that is being read, and what follows. */
class RestReader implements ChunkReader {
  readonly isAsync = true;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #first: Uint8Array | undefined;
  #pending: Promise<Step> | undefined;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, first: Uint8Array, pending: Promise<Step>) {
    this.#reader = reader;
    this.#first = first;
    this.#pending = pending;
  }

  next(): Uint8Array | Promise<Uint8Array | undefined> {
    const first = this.#first;
    if (first !== undefined) {
      this.#first = undefined;
      return first;
    }
    const step = this.#pending ?? this.#reader.read();
    this.#pending = undefined;
    return step.then(({ value }) => value);
  }

  finish(): Promise<unknown> {
    return this.#reader.cancel();
  }
}
