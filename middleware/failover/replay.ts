/** A request body that one app after another reads from its beginning. */

import { clientGone } from "../../src/errors.ts";
import { callOut, mayBeDropped } from "../../src/promise.ts";

type Step = IteratorResult<Uint8Array, undefined>;
const DONE: Step = Object.freeze({ done: true, value: undefined });

/**
 * Replay keeps what is read of a body, up to a limit, until an app is settled on. Each piece is asked for when the app whose turn
 * it is asks for it. The reads of an app whose turn is over reject: to it, the body ends before its end.
 */
export class Replay {
  readonly #input: AsyncIterable<Uint8Array>;
  readonly #limit: number;
  #source: AsyncIterator<Uint8Array> | undefined;
  /** Pieces that may be read again, or were not read yet. */
  #kept: Uint8Array[] = [];
  /** How many pieces came before those that are kept. */
  #gone = 0;
  #size = 0;
  #pending: Promise<void> | undefined;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  #reader: ReplayReader | undefined;
  /** Whether another app can still read all of it. */
  isReplayable = true;

  constructor(input: AsyncIterable<Uint8Array>, limit: number) {
    this.#input = input;
    this.#limit = limit;
  }

  /** The body for the next app. */
  begin(): AsyncIterable<Uint8Array> {
    this.#reader = new ReplayReader(this);
    return this.#reader;
  }

  /** There is no app after this one. */
  commit(): void {
    this.isReplayable = false;
    this.#forget();
    if (this.#reader?.isStopped) this.stop(this.#reader);
  }

  /** Whether it is the turn of a reader. */
  isOf(reader: ReplayReader): boolean {
    return this.#reader === reader;
  }

  /** The piece at a position. */
  async read(at: number): Promise<Step> {
    while (at >= this.#gone + this.#kept.length) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#hasEnded) return DONE;
      this.#pending ??= this.#pull();
      await this.#pending;
    }
    const value = this.#kept[at - this.#gone] as Uint8Array;
    return { done: false, value };
  }

  /** A reader has taken a piece: nobody else will, unless it can be replayed. */
  taken(): void {
    if (!this.isReplayable) this.#forget();
  }

  async #pull(): Promise<void> {
    try {
      this.#source ??= this.#input[Symbol.asyncIterator]();
      const step = await this.#source.next();
      if (step.done) this.#hasEnded = true;
      else {
        this.#kept.push(step.value);
        this.#size += step.value.byteLength;
        if (this.#size > this.#limit) this.isReplayable = false;
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#pending = undefined;
  }

  #forget(): void {
    const count = (this.#reader?.position ?? 0) - this.#gone;
    this.#kept.splice(0, count);
    this.#gone += count;
  }

  /** A reader wants no more: the client is told so only where no other app may want it. */
  stop(reader: ReplayReader): void {
    if (this.isReplayable || !this.isOf(reader)) return;
    callOut(
      () => this.#source?.return?.(),
      () => {},
    );
  }
}

/** The body as one app reads it. Any number of reads may be under way, and none of them has to be awaited. */
class ReplayReader implements AsyncIterableIterator<Uint8Array> {
  readonly #replay: Replay;
  #last: Promise<unknown> = Promise.resolve();
  position = 0;
  isStopped = false;

  constructor(replay: Replay) {
    this.#replay = replay;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    // One after the other, however many were asked for.
    const step = mayBeDropped(
      this.#last.then(
        () => this.#read(),
        () => this.#read(),
      ),
    );
    this.#last = step;
    return step;
  }

  async #read(): Promise<Step> {
    if (!this.#replay.isOf(this)) throw clientGone();
    if (this.isStopped) return DONE;
    const step = await this.#replay.read(this.position);
    if (!this.#replay.isOf(this)) throw clientGone();
    if (this.isStopped) return DONE;
    if (!step.done) {
      this.position++;
      this.#replay.taken();
    }
    return step;
  }

  return(): Promise<Step> {
    if (!this.isStopped) {
      this.isStopped = true;
      this.#replay.stop(this);
    }
    return Promise.resolve(DONE);
  }
}
