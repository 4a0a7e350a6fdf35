/** The request body, checked as it is read. */

import { violation } from "./violation.ts";

export class LintedInput implements AsyncIterableIterator<Uint8Array> {
  readonly #inner: AsyncIterable<Uint8Array>;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #ended = false;

  constructor(inner: AsyncIterable<Uint8Array>) {
    this.#inner = inner;
  }

  [Symbol.asyncIterator](): this {
    if (this.#iterator !== undefined) throw violation("INPUT", "the input is read a second time", "input");
    this.#iterator = this.#inner[Symbol.asyncIterator]();
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#ended) throw violation("INPUT", "the input is read after its end", "input");
    const step = await (this.#iterator as AsyncIterator<Uint8Array>).next();
    if (step.done) this.#ended = true;
    else if (!(step.value instanceof Uint8Array)) {
      throw violation("INPUT", `the input gave ${typeof step.value}`, "input");
    }
    return step;
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#ended = true;
    await this.#iterator?.return?.();
    return { done: true, value: undefined };
  }
}
