/** How an exchange has ended, and who wants to know. */

import type { ExchangeEnd } from "../gateway.ts";
import { callOut } from "../promise.ts";

/** Ending gathers what is known of the end while the response is sent, and tells it to callbacks, each once. */
export class Ending implements ExchangeEnd {
  status = 0;
  bytes = 0;
  isComplete = false;
  isClientGone = false;
  error: unknown;
  /** What was reported before the head: what an error response is about that a layer has made. */
  reported: unknown;
  readonly #onError: (error: unknown) => void;
  /** Usually one or two: V8 allocates a list for each exchange in its old space, where it keeps all that hangs on it. */
  #first: ((end: ExchangeEnd) => unknown) | undefined;
  #second: ((end: ExchangeEnd) => unknown) | undefined;
  #others: ((end: ExchangeEnd) => unknown)[] | undefined;
  #isTold = false;

  /** What a callback throws or rejects with goes to `onError`. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Calls back once, at once if the exchange has ended already. */
  add(callback: (end: ExchangeEnd) => unknown): void {
    if (this.#isTold) this.#call(callback);
    else if (this.#first === undefined) this.#first = callback;
    else if (this.#second === undefined) this.#second = callback;
    else {
      this.#others ??= [];
      this.#others.push(callback);
    }
  }

  /** The exchange has ended; `unsent` of the bytes that were handed over did not get to the client. */
  tell(isComplete: boolean, unsent = 0): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.isComplete = isComplete;
    if (this.status >= 500) this.error ??= this.reported;
    this.bytes = Math.max(0, this.bytes - unsent);
    if (this.#first !== undefined) this.#call(this.#first);
    if (this.#second !== undefined) this.#call(this.#second);
    if (this.#others !== undefined) for (const callback of this.#others) this.#call(callback);
    this.#first = undefined;
    this.#second = undefined;
    this.#others = undefined;
  }

  /** The whole response was sent, with this status. */
  complete(status: number): void {
    this.status = status;
    this.tell(true);
  }

  /** The response was cut after this status, or 0 for none, by a client that has left or by the server. */
  cut(status: number, isClientGone: boolean, unsent: number): void {
    this.status = status;
    this.isClientGone = isClientGone;
    this.tell(false, unsent);
  }

  /** What was handed over is with the operating system, or the client has left before. */
  sent(isSent: boolean, unsent: number): void {
    if (!isSent) this.isClientGone = true;
    this.tell(isSent, unsent);
  }

  #call(callback: (end: ExchangeEnd) => unknown): void {
    try {
      const result = callback(this);
      if (result !== undefined) callOut(() => result, this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }
}
