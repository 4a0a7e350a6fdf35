/** The body of a Fetch `Response` as a body of the gateway. */

import type { ChunkReader } from "../../body/reader.ts";
import { toStream } from "../../body/stream.ts";
import type { Body } from "../../gateway.ts";

type Step = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/**
 * Tells a body of one chunk, as of `new Response("text")`, from a stream: it gets its `Content-Length` then. Only what is
 * there already counts; nothing is waited for, since the gateway has to know a stream to end it when the client goes away.
 */
export async function bodyOf(stream: ReadableStream<Uint8Array>): Promise<Body> {
  const reader = stream.getReader();
  const first = new Arrival(reader.read());
  if (await first.isThere()) {
    if (first.step?.done) return undefined;
    const second = new Arrival(reader.read());
    if ((await second.isThere()) && second.step?.done) return first.step?.value;
    return toStream(new StepReader(reader, [first.pending, second.pending]));
  }
  return toStream(new StepReader(reader, [first.pending]));
}

/** What is there already is known after a turn or two of the promises within the stream. */
const TURNS = 3;

class Arrival {
  readonly pending: Promise<Step>;
  step: Step | undefined;
  readonly #known: Promise<void>;

  constructor(pending: Promise<Step>) {
    this.pending = pending;
    this.#known = pending.then(
      (step) => {
        this.step = step;
      },
      () => {},
    );
  }

  async isThere(): Promise<boolean> {
    for (let turn = 0; turn < TURNS && this.step === undefined; turn++) await Promise.race([this.#known, undefined]);
    return this.step !== undefined;
  }
}

/** Chunks that are being read, and what follows. */
class StepReader implements ChunkReader {
  readonly isAsync = true;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #pending: Promise<Step>[];

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, pending: Promise<Step>[]) {
    this.#reader = reader;
    this.#pending = pending;
  }

  next(): Promise<Uint8Array | undefined> {
    return (this.#pending.shift() ?? this.#reader.read()).then(({ value }) => value);
  }

  close(): Promise<unknown> {
    return this.#reader.cancel();
  }
}
