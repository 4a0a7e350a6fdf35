/** The body of a target's response: bytes that wait for their reader, and a target that waits while too many do. */

import { LendingBody } from "../../src/body/lending.ts";
import { TsgiError } from "../../src/errors.ts";
import type { Body } from "../../src/gateway.ts";
import { LARGE_PIECES } from "./read-memory.ts";

/** Where the bytes come from. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** The reader does not want the rest. */
  drop(): void;
  /** The target has sent nothing for too long, though asked. */
  stalled(): void;
}

type Step = IteratorResult<Uint8Array, undefined>;

/** How many bytes may wait for their reader before the target has to. */
const HIGH_WATER_MARK = 65_536;

const DONE: Step = Object.freeze({ done: true, value: undefined });

/** A body to be read once. A step that has arrived is not a promise. */
export class ResponseBody extends LendingBody {
  readonly #source: BodySource;
  /** In milliseconds; 0 for none. */
  readonly #timeout: number;
  readonly #pieces: Uint8Array[] = [];
  #waiter: { resolve(step: Step): void; reject(error: unknown): void } | undefined;
  #held = 0;
  #isPaused = false;
  #isEnded = false;
  #isClosed = false;
  #error: unknown;
  #hasFailed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: BodySource, timeout: number) {
    super(LARGE_PIECES);
    this.#source = source;
    this.#timeout = timeout;
  }

  /** All of the body, where it has come already. */
  get whole(): readonly Uint8Array[] | undefined {
    return this.#isEnded ? this.#pieces : undefined;
  }

  /** Whether nothing has come that could be read. */
  get isQuiet(): boolean {
    return this.#held === 0 && !this.#isEnded;
  }

  /** As what an app returns. */
  get asBody(): Body {
    return this as unknown as AsyncIterable<Uint8Array>;
  }

  push(piece: Uint8Array): void {
    // After a pause undici gives empty pieces; pausing for one would go on for ever.
    if (piece.length === 0 || this.#isClosed || this.#isEnded) return;
    const waiter = this.#takeWaiter();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: piece });
      return;
    }
    this.#pieces.push(piece);
    this.#held += piece.length;
    if (!this.#isPaused && this.#held >= HIGH_WATER_MARK) {
      this.#isPaused = true;
      this.#source.pause();
    }
  }

  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#takeWaiter()?.resolve(DONE);
  }

  fail(error: unknown): void {
    if (this.#isEnded || this.#hasFailed) return;
    this.#hasFailed = true;
    this.#error = error;
    clearTimeout(this.#timer);
    this.#takeWaiter()?.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Step | Promise<Step> {
    if (this.#isClosed) return DONE;
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#held -= piece.length;
      if (this.#pieces.length === 0) this.#resume();
      return { done: false, value: piece };
    }
    if (this.#hasFailed) throw this.#error;
    if (this.#isEnded) return DONE;
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#watch();
      this.#resume();
    });
  }

  /** A timer for the whole body: that it fires while nobody waits means nothing. */
  #watch(): void {
    if (this.#timeout === 0) return;
    if (this.#timer !== undefined) {
      this.#timer.refresh();
      return;
    }
    this.#timer = setTimeout(() => {
      if (this.#waiter !== undefined) this.#source.stalled();
    }, this.#timeout);
  }

  #resume(): void {
    if (!this.#isPaused || this.#isEnded || this.#hasFailed) return;
    this.#isPaused = false;
    this.#source.resume();
  }

  #takeWaiter() {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    return waiter;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#pieces.length > 0) this.#pieces.length = 0;
    clearTimeout(this.#timer);
    if (!this.#isEnded && !this.#hasFailed) this.#source.drop();
    this.#takeWaiter()?.resolve(DONE);
  }

  return(): Promise<Step> {
    this.close();
    return Promise.resolve(DONE);
  }
}

/** The error of a response that the target has not sent to its end. */
export function cutResponse(cause: unknown): TsgiError {
  return new TsgiError("TSGI_BAD_GATEWAY", "the target did not send all of its response", { cause });
}
