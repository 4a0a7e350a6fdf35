/** The body of a Fetch `Response` as a body of the gateway. */

import { type ChunkReader, cancelStream } from "../../body/reader.ts";
import { toStream } from "../../body/stream.ts";
import type { Body } from "../../gateway.ts";
import { mayBeDropped, whenSettled } from "../../promise.ts";

type Step = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/**
 * Tells a body that is there already, as that of `new Response("text")`, from a stream: it is one chunk, and gets its
 * `Content-Length`. There is what needs neither input nor output nor a timer: what the stream has given when all promises that
 * could be settled are. Calls `onDelay` where not even a first chunk is.
 */
export function bodyOf(stream: ReadableStream<Uint8Array>, onDelay: () => void): Promise<Body> {
  const reader = stream.getReader();
  return new Promise((resolve, reject) => {
    let isOpen = true;
    let first: Step | undefined;
    const pending = [mayBeDropped(reader.read())];

    function settle(body: Body): void {
      if (isOpen) resolve(body);
      isOpen = false;
    }

    (pending[0] as Promise<Step>).then(
      (step) => {
        first = step;
        if (step.done) settle(undefined);
        if (!isOpen) return;
        const second = mayBeDropped(reader.read());
        pending.push(second);
        second.then(
          ({ done }) => {
            if (done) settle(step.value);
          },
          () => {},
        );
      },
      (error) => {
        isOpen = false;
        reject(error);
      },
    );
    whenSettled(() => {
      if (!isOpen) return;
      if (first === undefined) onDelay();
      settle(toStream(new StepReader(reader, pending)));
    });
  });
}

/** A stream that is to go out in chunks, whatever it has already. */
export function chunksOf(stream: ReadableStream<Uint8Array>): Body {
  return toStream(new StepReader(stream.getReader(), []));
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
    return cancelStream(this.#reader);
  }
}
