/** A stream of `node:zlib`, fed and read step by step; nothing that it emits, throws or calls back with gets past it. */

import type { Transform } from "node:stream";
import type { ZlibOptions } from "node:zlib";

/** What all streams of `node:zlib` have. */
export type ZlibStream = Transform & {
  /** How many bytes it has taken. */
  readonly bytesWritten: number;
  flush(kind: number, callback: () => void): void;
};

/** How much output may lie in a codec before it stops working, in bytes. */
export const OUTPUT: number = 64 * 1024;

/** Options of the stream that a `Codec` reads. */
export const STREAM_OPTIONS: ZlibOptions & { readonly readableHighWaterMark: number } = {
  readableHighWaterMark: OUTPUT,
};

/**
 * Feeds a stream of `node:zlib` and reads it. One call at a time: after `write`, `flush` or `end`, `next` is called until it
 * gives undefined. `close` may come at any moment.
 */
export class Codec {
  readonly #stream: ZlibStream;
  #failure: { readonly error: unknown } | undefined;
  #isBusy = false;
  #isEnded = false;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(stream: ZlibStream) {
    this.#stream = stream;
    // An error may come at any time, even after the stream was destroyed.
    stream.on("error", (error) => {
      this.#failure ??= { error };
      this.#changed();
    });
    stream.on("readable", () => this.#changed());
    stream.on("end", () => {
      this.#isEnded = true;
      this.#changed();
    });
    stream.on("close", () => this.#changed());
  }

  /** Whether all of the output has been read. A decoder ends by itself where its input does. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** How many bytes were taken; those after the end of encoded input are not. */
  get bytesTaken(): number {
    return this.#stream.bytesWritten;
  }

  write(bytes: Uint8Array): void {
    this.#feed((done) => this.#stream.write(bytes, done));
  }

  /** Has the stream give what it holds back; `kind` is one of the constants of its format. */
  flush(kind: number): void {
    this.#feed((done) => this.#stream.flush(kind, done));
  }

  /** No more input: the output ends. */
  end(): void {
    // The end of the output says when that is done.
    this.#feed(() => this.#stream.end());
  }

  #feed(call: (done: () => void) => void): void {
    this.#isBusy = true;
    try {
      call(() => {
        this.#isBusy = false;
        this.#changed();
      });
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  /** The next output; undefined where all that was fed has been worked off, and where the codec is ended or closed. */
  async next(): Promise<Uint8Array | undefined> {
    while (!this.#isClosed) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const output = this.#stream.read() as Uint8Array | null;
      if (output !== null) return output;
      if (!this.#isBusy || this.#isEnded) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return undefined;
  }

  #changed(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Frees the memory of the stream, once it is not at work any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.destroy();
    this.#changed();
  }
}
