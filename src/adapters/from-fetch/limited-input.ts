/** A request body of unknown length with a limit. */

import { declaredLength, tooLarge } from "../../body/input.ts";
import type { InputStep } from "../../body/late-input.ts";
import type { Environ } from "../../gateway.ts";
import { mayBeDropped } from "../../promise.ts";

/** Gives the bytes of an input up to a limit; beyond it rejects with `TSGI_BODY_TOO_LARGE`, and remembers that. */
export class LimitedInput implements AsyncIterableIterator<Uint8Array> {
  readonly #input: AsyncIterable<Uint8Array>;
  readonly limit: number;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #length = 0;
  exceeded = false;

  constructor(input: AsyncIterable<Uint8Array>, limit: number) {
    this.#input = input;
    this.limit = limit;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<InputStep> {
    return mayBeDropped(this.#read());
  }

  async #read(): Promise<InputStep> {
    if (this.exceeded) throw tooLarge(this.limit);
    this.#iterator ??= this.#input[Symbol.asyncIterator]();
    const step = await this.#iterator.next();
    if (step.done) return { done: true, value: undefined };
    this.#length += step.value.byteLength;
    if (this.#length <= this.limit) return step;
    this.exceeded = true;
    await this.return();
    throw tooLarge(this.limit);
  }

  async return(): Promise<InputStep> {
    this.#iterator ??= this.#input[Symbol.asyncIterator]();
    await this.#iterator.return?.();
    return { done: true, value: undefined };
  }
}

/**
 * The input of a request with a limit on its body; undefined where its declared length is within it, which servers hold it to.
 * Throws `TSGI_BODY_TOO_LARGE` where the declared length is over the limit.
 */
export function limitInput(environ: Environ, limit: number): LimitedInput | undefined {
  const declared = declaredLength(environ);
  if (declared > limit) throw tooLarge(limit);
  return declared < 0 && limit !== Number.POSITIVE_INFINITY
    ? new LimitedInput(environ["tsgi.input"], limit)
    : undefined;
}
