/** The body of a Node request as `tsgi.input`: read on demand, with back-pressure. */

import type { InputStep } from "../body/late-input.ts";
import { TsgiError } from "../errors.ts";
import { mayBeDropped } from "../promise.ts";
import type { BodyConsumer, LeanRequest } from "./lean-request.ts";

type Waiter = { resolve(step: InputStep): void; reject(error: unknown): void };

const DONE: InputStep = Object.freeze({ done: true, value: undefined });

/**
 * NodeInput reads the body of one request. What has arrived stays readable, also when the client has left and after the
 * response; what had not arrived by then rejects. A read that is never awaited does not end the process.
 */
export class NodeInput implements AsyncIterableIterator<Uint8Array>, BodyConsumer {
  readonly #request: LeanRequest;
  readonly #onFirstRead: (() => void) | undefined;
  readonly #queue: Uint8Array[] = [];
  #waiter: Waiter | undefined;
  #promise: Promise<InputStep> | undefined;
  #error: TsgiError | undefined;
  /** How many bytes are still to come; infinite for a body without a declared length. */
  #left: number;
  #started = false;
  /** Whether bytes were discarded, so that the end does not look like the end of the body. */
  #isIncomplete = false;
  /** Whether the app has stopped reading. */
  #dropped = false;
  #discard: { left: number; onExcess: () => void } | undefined;

  constructor(request: LeanRequest, length: number, onFirstRead?: () => void) {
    this.#request = request;
    this.#left = length;
    this.#onFirstRead = onFirstRead;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<InputStep> {
    if (this.#waiter !== undefined) {
      const again = () => this.next();
      return mayBeDropped((this.#promise as Promise<InputStep>).then(again, again));
    }
    if (!this.#started && !this.#dropped) this.#start();
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      if (this.#queue.length === 0 && this.#isReading) this.#request.pipeTo(this);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#dropped || (this.#left === 0 && !this.#isIncomplete)) return Promise.resolve(DONE);
    if (this.#error !== undefined) return mayBeDropped(Promise.reject(this.#error));
    if (this.#discard !== undefined) return mayBeDropped(Promise.reject(bodyDiscarded()));
    this.#promise = new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
    return this.#promise;
  }

  /** Stops reading; what is left of the body is discarded once the response has been sent. */
  return(): Promise<InputStep> {
    this.#dropped = true;
    this.#queue.length = 0;
    this.#settle()?.resolve(DONE);
    return Promise.resolve(DONE);
  }

  #start(): void {
    this.#started = true;
    const isReading = this.#isReading;
    if (isReading) this.#onFirstRead?.();
    // What arrived before the first read waits in the request's own buffer.
    for (const chunk of this.#request.takeArrived()) {
      this.#left -= chunk.length;
      this.#queue.push(chunk);
    }
    if (this.#left === 0) this.#request.endConsumed();
    if (this.#request.complete) this.end();
    else if (isReading && this.isOpen) this.#request.pipeTo(this);
  }

  /** Whether more of the body may arrive and is wanted. */
  get #isReading(): boolean {
    return this.isOpen && this.#error === undefined && this.#discard === undefined;
  }

  take(chunk: Uint8Array): boolean {
    this.#left -= chunk.length;
    if (this.#left === 0) this.#request.endConsumed();
    if (this.#discard !== undefined) return this.#drop(chunk, this.#discard);
    if (this.#dropped || this.#error !== undefined) return false;
    const waiter = this.#settle();
    if (waiter === undefined) this.#queue.push(chunk);
    else waiter.resolve({ done: false, value: chunk });
    return this.#queue.length === 0;
  }

  #drop(chunk: Uint8Array, discard: { left: number; onExcess: () => void }): boolean {
    this.#isIncomplete = true;
    discard.left -= chunk.length;
    if (discard.left >= 0) return true;
    discard.onExcess();
    return false;
  }

  end(): void {
    this.#left = 0;
    this.#settle()?.resolve(DONE);
  }

  /** Reads what is still to come and discards it; if that is more than `limit` bytes, stops and calls back. */
  discard(limit: number, onExcess: () => void): void {
    if (this.#discard !== undefined) return;
    this.#discard = { left: limit, onExcess };
    this.#reject(bodyDiscarded());
    // Reading on discards; what has arrived by now stays.
    if (!this.#started) this.#start();
    this.#request.pipeTo(this);
  }

  /** The identity of the pending read; undefined where none is pending. */
  get wait(): unknown {
    return this.#waiter;
  }

  /** Whether part of the body is still to come. */
  get isOpen(): boolean {
    return this.#left > 0 && !this.#request.complete;
  }

  /** Whether more bytes than `limit` are known to come. */
  exceeds(limit: number): boolean {
    return this.#left > limit && this.#left !== Number.POSITIVE_INFINITY;
  }

  /** Makes the pending read and later ones reject, once what has arrived is read: the rest of the body will not arrive. */
  fail(error: TsgiError): void {
    if (this.#left === 0) return;
    this.#error ??= error;
    this.#reject(this.#error);
  }

  #reject(error: TsgiError): void {
    const waiter = this.#settle();
    if (waiter === undefined) return;
    mayBeDropped(this.#promise as Promise<InputStep>);
    waiter.reject(error);
  }

  #settle(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    return waiter;
  }
}

function bodyDiscarded(): TsgiError {
  return new TsgiError("TSGI_RESPONSE_OVER", "the response ended before the request body was read");
}
