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
  /** Whether the app wants nothing more. */
  #isLeft = false;
  #isReleased = false;
  #isOver = false;
  /** Whether more came than may. */
  isExceeded = false;

  constructor(input: AsyncIterable<Uint8Array>, limit: number) {
    this.#input = input;
    this.limit = limit;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    return mayBeDropped(this.#nextOfApp());
  }

  async #nextOfApp(): Promise<Step> {
    if (this.#isLeft && !this.isExceeded) return DONE;
    const step = await this.#read();
    return this.#isLeft ? DONE : step;
  }

  async #read(): Promise<Step> {
    if (this.isExceeded) throw tooLarge(this.limit);
    if (this.#isOver) return DONE;
    this.#source ??= this.#input[Symbol.asyncIterator]();
    const step = await this.#source.next();
    if (this.isExceeded) throw tooLarge(this.limit);
    if (step.done) this.#isOver = true;
    if (this.#isOver || step.done) return DONE;
    this.#length += step.value.byteLength;
    if (this.#length <= this.limit) return { done: false, value: step.value };
    this.isExceeded = true;
    this.#stop();
    throw tooLarge(this.limit);
  }

  /** Reads what the app has not read, and throws it away; resolves also where that fails. */
  async discard(): Promise<void> {
    try {
      while (!(await this.#read()).done);
    } catch {}
  }

  /** How long the body is may still be asked for. */
  return(): Promise<Step> {
    this.#isLeft = true;
    if (this.#isReleased) this.#stop();
    return Promise.resolve(DONE);
  }

  /** Nobody asks any more: what the app leaves is left. */
  release(): void {
    this.#isReleased = true;
    if (this.#isLeft) this.#stop();
  }

  #stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    callOut(
      () => this.#source?.return?.(),
      () => {},
    );
  }
}
