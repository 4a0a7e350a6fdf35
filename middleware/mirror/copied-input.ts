/** A request body that two apps get: the one at its own pace, the other as far as it keeps up. */

import { Gathering } from "../../src/body/gathering.ts";
import { declaredLength } from "../../src/body/input.ts";
import { clientGone } from "../../src/errors.ts";
import type { Environ } from "../../src/gateway.ts";
import { mayBeDropped } from "../../src/promise.ts";

type Step = IteratorResult<Uint8Array, undefined>;
const DONE: Step = Object.freeze({ done: true, value: undefined });

/** The body as the app gets it that answers. */
export class CopyingInput implements AsyncIterableIterator<Uint8Array> {
  readonly #environ: Environ;
  readonly #copy: CopiedInput;
  readonly #declared: number;
  #source: AsyncIterator<Uint8Array> | undefined;
  #length = 0;

  constructor(environ: Environ, copy: CopiedInput) {
    this.#environ = environ;
    this.#copy = copy;
    this.#declared = declaredLength(environ);
    const { onAbort, onEnd } = environ["tsgi.exchange"];
    onAbort?.call(environ["tsgi.exchange"], () => copy.cut());
    onEnd?.call(environ["tsgi.exchange"], () => copy.cut());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    return mayBeDropped(this.#read());
  }

  async #read(): Promise<Step> {
    this.#source ??= this.#environ["tsgi.input"][Symbol.asyncIterator]();
    let step: IteratorResult<Uint8Array>;
    try {
      step = await this.#source.next();
    } catch (error) {
      this.#copy.cut();
      throw error;
    }
    if (step.done) {
      this.#copy.end();
      return DONE;
    }
    this.#copy.push(step.value);
    this.#length += step.value.byteLength;
    // Nobody has to ask for the end of a body whose length is known.
    if (this.#length === this.#declared) this.#copy.end();
    return step;
  }

  async return(): Promise<Step> {
    this.#copy.cut();
    await this.#source?.return?.();
    return DONE;
  }
}

/** The body as the other app gets it. Any number of reads may be under way, and none of them has to be awaited. */
export class CopiedInput implements AsyncIterableIterator<Uint8Array> {
  /** Called when it is too far behind. */
  onLate: () => void = () => {};
  readonly #limit: number;
  /** What has come and was not read, which the next read gets as one. */
  #behind = new Gathering();
  #state: "open" | "ended" | "cut" | "stopped" = "open";
  readonly #waiters: { resolve(step: Step): void; reject(error: unknown): void }[] = [];

  /** `limit` is how much may wait, in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(value: Uint8Array): void {
    if (this.#state !== "open") return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve({ done: false, value });
    else {
      this.#behind.add(value);
      if (this.#behind.length <= this.#limit) return;
      this.cut();
      this.onLate();
    }
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    for (const { resolve } of this.#waiters.splice(0)) resolve(DONE);
  }

  /** There is no more of it, although it has not ended. */
  cut(): void {
    if (this.#state !== "open") return;
    this.#state = "cut";
    this.#behind = new Gathering();
    for (const { reject } of this.#waiters.splice(0)) reject(clientGone());
  }

  next(): Promise<Step> {
    if (this.#behind.length > 0) {
      const value = this.#behind.join();
      this.#behind = new Gathering();
      return Promise.resolve({ done: false, value });
    }
    if (this.#state === "cut") return mayBeDropped(Promise.reject(clientGone()));
    if (this.#state !== "open") return Promise.resolve(DONE);
    return mayBeDropped(new Promise((resolve, reject) => this.#waiters.push({ resolve, reject })));
  }

  return(): Promise<Step> {
    if (this.#state === "open") this.end();
    this.#state = "stopped";
    this.#behind = new Gathering();
    return Promise.resolve(DONE);
  }
}
