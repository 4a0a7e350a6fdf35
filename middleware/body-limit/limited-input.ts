/** A request body that is counted while it is read. */

import { tooLarge } from "../../src/body/input.ts";
import { callOut, mayBeDropped } from "../../src/promise.ts";

type Step = IteratorResult<Uint8Array, undefined>;
const DONE: Step = Object.freeze({ done: true, value: undefined });

/**
 * Passes an input on up to a limit, and then rejects each read with `TSGI_BODY_TOO_LARGE`. Any number of reads may be under way,
 * and none of them has to be awaited.
 */
export class LimitedInput implements AsyncIterableIterator<Uint8Array> {
  readonly limit: number;
  readonly #input: AsyncIterable<Uint8Array>;
  #source: AsyncIterator<Uint8Array> | undefined;
  #length = 0;
  #isStopped = false;
  /** Whether more came than may. */
  isExceeded = false;

  constructor(input: AsyncIterable<Uint8Array>, limit: number) {
    this.#input = input;
    this.limit = limit;
  }

  /** Whether somebody has begun to read it. */
  get isRead(): boolean {
    return this.#source !== undefined || this.#isStopped;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    return mayBeDropped(this.#read());
  }

  async #read(): Promise<Step> {
    if (this.isExceeded) throw tooLarge(this.limit);
    if (this.#isStopped) return DONE;
    this.#source ??= this.#input[Symbol.asyncIterator]();
    const step = await this.#source.next();
    if (this.isExceeded) throw tooLarge(this.limit);
    if (step.done || this.#isStopped) return DONE;
    this.#length += step.value.byteLength;
    if (this.#length <= this.limit) return { done: false, value: step.value };
    this.isExceeded = true;
    this.#stop();
    throw tooLarge(this.limit);
  }

  /** Reads what is left, and throws it away; resolves also where that fails. */
  async discard(): Promise<void> {
    try {
      for (let step = await this.next(); !step.done; ) step = await this.next();
    } catch {}
  }

  return(): Promise<Step> {
    this.#stop();
    return Promise.resolve(DONE);
  }

  #stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    callOut(
      () => this.#source?.return?.(),
      () => {},
    );
  }
}
