/** A request body decoded while it is read. */

import { joinBytes } from "../../src/body/chunk.ts";
import { tooLarge } from "../../src/body/input.ts";
import { codeOf, TsgiError } from "../../src/errors.ts";
import { callOut, mayBeDropped } from "../../src/promise.ts";
import type { Codec } from "../compress/codec.ts";
import type { ContentCoding } from "../compress/encoders.ts";
import { openDecoder } from "./decoders.ts";

/** How much a body may become. */
export interface Bounds {
  /** The largest decoded body, in bytes. */
  readonly limit: number;
  /** How many times as large as what was received it may be. */
  readonly ratio: number;
}

/** A body that is smaller may have any ratio, in bytes. */
const ANY_RATIO = 1024 * 1024;

type Step = IteratorResult<Uint8Array, undefined>;
const DONE: Step = Object.freeze({ done: true, value: undefined });

/**
 * Decodes an input, which it opens with the first read. Any number of reads may be under way, and none has to be awaited. A
 * body that is malformed, cut short or followed by something else rejects with `TSGI_MALFORMED_BODY`, one that becomes too
 * large with `TSGI_BODY_TOO_LARGE`; what the input rejects with is passed on.
 */
export class DecodedInput implements AsyncIterableIterator<Uint8Array> {
  readonly #input: AsyncIterable<Uint8Array>;
  readonly #coding: ContentCoding;
  readonly #bounds: Bounds;
  #source: AsyncIterator<Uint8Array> | undefined;
  #isReceived = false;
  #codec: Codec | undefined;
  #received = 0;
  #given = 0;
  /** The last read, successful or not. */
  #last: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  #isStopped = false;

  constructor(input: AsyncIterable<Uint8Array>, coding: ContentCoding, bounds: Bounds) {
    this.#input = input;
    this.#coding = coding;
    this.#bounds = bounds;
  }

  /** How many bytes were received of what the client has sent, whatever codings lie between. */
  get sent(): number {
    return this.#input instanceof DecodedInput ? this.#input.sent : this.#received;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    if (this.#isStopped && this.#failure === undefined) return Promise.resolve(DONE);
    const read = this.#last.then(() => this.#read());
    this.#last = mayBeDropped(read).then(
      () => undefined,
      () => undefined,
    );
    return read;
  }

  async #read(): Promise<Step> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#isStopped) return DONE;
    try {
      const bytes = await this.#decoded();
      if (bytes !== undefined && !this.#isStopped) return { done: false, value: bytes };
      this.#stop();
      return DONE;
    } catch (error) {
      if (this.#isStopped) return DONE;
      this.#failure = { error };
      this.#stop();
      throw error;
    }
  }

  /** The next decoded bytes; undefined at the end. */
  async #decoded(): Promise<Uint8Array | undefined> {
    for (;;) {
      const output = await this.#output();
      if (output !== undefined || this.#isStopped) return output;
      const codec = this.#codec;
      const bytes = await this.#next();
      if (codec?.isEnded) {
        if (bytes !== undefined || codec.bytesTaken < this.#received) throw malformed("goes on after its end");
        return undefined;
      }
      if (bytes !== undefined) this.#feed(bytes);
      else if (codec === undefined) return undefined;
      else codec.end();
    }
  }

  #feed(bytes: Uint8Array): void {
    this.#codec ??= openDecoder(this.#coding, bytes);
    this.#received += bytes.byteLength;
    this.#codec.write(bytes);
  }

  async #output(): Promise<Uint8Array | undefined> {
    let output: Uint8Array | undefined;
    try {
      output = await this.#codec?.next();
    } catch (cause) {
      // That is not the client's fault.
      if (codeOf(cause) === "Z_MEM_ERROR") throw cause;
      throw malformed("cannot be decoded", cause);
    }
    if (output === undefined) return undefined;
    this.#given += output.byteLength;
    const { limit, ratio } = this.#bounds;
    if (this.#given > limit) throw tooLarge(limit);
    if (this.#given > ANY_RATIO && this.#given > this.sent * ratio) {
      throw new TsgiError("TSGI_BODY_TOO_LARGE", `the request body decodes to more than ${ratio} times its size`, {
        hint: "Raise `ratio` where such bodies are expected.",
        status: "413 Content Too Large",
      });
    }
    return output;
  }

  /** The next bytes of the input that are not empty; the first two come together, as they say what follows. */
  async #next(): Promise<Uint8Array | undefined> {
    this.#source ??= this.#input[Symbol.asyncIterator]();
    const parts: Uint8Array[] = [];
    let length = 0;
    while (!this.#isReceived && length < (this.#received === 0 ? 2 : 1)) {
      const step = await this.#source.next();
      if (step.done) {
        this.#isReceived = true;
        break;
      }
      parts.push(step.value);
      length += step.value.byteLength;
    }
    return length === 0 ? undefined : joinBytes(parts);
  }

  /** Stops reading at once, whatever the input still waits for. */
  return(): Promise<Step> {
    this.#stop();
    return Promise.resolve(DONE);
  }

  #stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#codec?.close();
    callOut(
      () => this.#source?.return?.(),
      () => {},
    );
  }
}

function malformed(what: string, cause?: unknown): TsgiError {
  return new TsgiError("TSGI_MALFORMED_BODY", `the request body ${what}`, {
    status: "400 Bad Request",
    ...(cause === undefined ? {} : { cause }),
  });
}
