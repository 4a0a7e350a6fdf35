/** The body of a Node request as `tsgi.input`: nothing is read before it is asked for, and never more than fits. */

import type { TsgiError } from "../errors.ts";
import type { BodyTaker, LeanRequest } from "./lean-request.ts";

type Step = IteratorResult<Uint8Array, undefined>;
type Waiter = { resolve(step: Step): void; reject(error: unknown): void };

const DONE: Step = Object.freeze({ done: true, value: undefined });

export class NodeInput implements AsyncIterableIterator<Uint8Array>, BodyTaker {
  readonly #request: LeanRequest;
  readonly #onFirstRead: (() => void) | undefined;
  readonly #queue: Uint8Array[] = [];
  #waiter: Waiter | undefined;
  #promise: Promise<Step> | undefined;
  #error: unknown;
  /** Bytes still to come; infinite for a body without a declared length. */
  #left: number;
  #started = false;
  /** The app wants no more of it. */
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

  next(): Promise<Step> {
    if (this.#waiter !== undefined) return (this.#promise as Promise<Step>).then(() => this.next());
    if (!this.#started) this.#start();
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      if (this.#queue.length === 0 && this.isOpen) this.#request.flowTo(this);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#left === 0 || this.#dropped) return Promise.resolve(DONE);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    this.#promise = new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
    return this.#promise;
  }

  /** Stops reading; what is left of the body is discarded once the response has been sent. */
  return(): Promise<Step> {
    this.#dropped = true;
    this.#queue.length = 0;
    this.#settle()?.resolve(DONE);
    return Promise.resolve(DONE);
  }

  #start(): void {
    this.#started = true;
    this.#onFirstRead?.();
    // What came while the app was busy with something else waits in the request's own buffer.
    const early = this.#request.read();
    if (early !== null) this.take(early);
    if (this.#request.complete) this.end();
    else if (this.isOpen) this.#request.flowTo(this);
  }

  take(chunk: Uint8Array): boolean {
    this.#left -= chunk.length;
    if (this.#discard !== undefined) {
      this.#discard.left -= chunk.length;
      if (this.#discard.left < 0) this.#discard.onExcess();
      return true;
    }
    if (this.#dropped || this.#error !== undefined) return false;
    const waiter = this.#settle();
    if (waiter === undefined) this.#queue.push(chunk);
    else waiter.resolve({ done: false, value: chunk });
    return this.#queue.length === 0;
  }

  end(): void {
    this.#left = 0;
    this.#settle()?.resolve(DONE);
  }

  /** Takes what is left off the wire and drops it; calls back when that is more than `limit` bytes. */
  discard(limit: number, onExcess: () => void): void {
    this.#discard = { left: limit, onExcess };
    this.#started = true;
    this.#queue.length = 0;
    this.#request.flowTo(this);
  }

  /** Whether the app is waiting for the client. */
  get isWaiting(): boolean {
    return this.#waiter !== undefined;
  }

  /** Whether a part of the body is still to come. */
  get isOpen(): boolean {
    return this.#left > 0 && this.#error === undefined;
  }

  /** Makes this and every later read reject: what is left of the body will not come. */
  fail(error: TsgiError): void {
    this.#error ??= error;
    this.#settle()?.reject(error);
  }

  #settle(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    return waiter;
  }
}
