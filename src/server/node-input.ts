/** The body of a Node request as `tsgi.input`: nothing is read before it is asked for, and never more than fits. */

import { clientGone, TsgiError } from "../errors.ts";
import type { BodyConsumer, LeanRequest } from "./lean-request.ts";

type Step = IteratorResult<Uint8Array, undefined>;
type Waiter = { resolve(step: Step): void; reject(error: unknown): void };

const DONE: Step = Object.freeze({ done: true, value: undefined });

export class NodeInput implements AsyncIterableIterator<Uint8Array>, BodyConsumer {
  readonly #request: LeanRequest;
  readonly #onFirstRead: (() => void) | undefined;
  readonly #queue: Uint8Array[] = [];
  #waiter: Waiter | undefined;
  #promise: Promise<Step> | undefined;
  #error: TsgiError | undefined;
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
    if (this.#waiter !== undefined) {
      const again = () => this.next();
      return (this.#promise as Promise<Step>).then(again, again);
    }
    if (!this.#started && !this.#dropped && this.#discard === undefined) this.#start();
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      if (this.#queue.length === 0 && this.isOpen && this.#error === undefined) this.#request.flowTo(this);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#dropped) return Promise.resolve(DONE);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#discard !== undefined) return Promise.reject(responseOver());
    if (this.#left === 0) return Promise.resolve(DONE);
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
    // A body that came whole, but was not read before the client left, is gone with the request.
    if (this.#error === undefined && this.#request.destroyed) this.fail(clientGone());
    if (this.#error !== undefined) return;
    this.#started = true;
    this.#onFirstRead?.();
    // What came while the app was busy with something else waits in the request's own buffer.
    // From Node 26 on, a read gives one chunk of it.
    for (let early = this.#request.read(); early !== null; early = this.#request.read()) this.take(early);
    if (this.#request.complete) this.end();
    else if (this.isOpen) this.#request.flowTo(this);
  }

  take(chunk: Uint8Array): boolean {
    this.#left -= chunk.length;
    if (this.#left === 0) this.#request.finish();
    if (this.#discard !== undefined) return this.#drop(chunk, this.#discard);
    if (this.#dropped || this.#error !== undefined) return false;
    const waiter = this.#settle();
    if (waiter === undefined) this.#queue.push(chunk);
    else waiter.resolve({ done: false, value: chunk });
    return this.#queue.length === 0;
  }

  #drop(chunk: Uint8Array, discard: { left: number; onExcess: () => void }): boolean {
    discard.left -= chunk.length;
    if (discard.left >= 0) return true;
    discard.onExcess();
    return false;
  }

  end(): void {
    this.#left = 0;
    this.#settle()?.resolve(DONE);
  }

  /** Takes what is left off the wire and drops it; calls back, and takes no more, when that is more than `limit` bytes. */
  discard(limit: number, onExcess: () => void): void {
    if (this.#discard !== undefined) return;
    this.#discard = { left: limit, onExcess };
    this.#queue.length = 0;
    this.#settle()?.reject(responseOver());
    this.#request.flowTo(this);
  }

  /** What the app waits for, as something to compare; undefined while it waits for nothing. */
  get wait(): unknown {
    return this.#waiter;
  }

  /** Whether a part of the body is still to come. */
  get isOpen(): boolean {
    return this.#left > 0 && !this.#request.complete;
  }

  /** Whether more than so many bytes are known to come. */
  exceeds(limit: number): boolean {
    return this.#left > limit && this.#left !== Number.POSITIVE_INFINITY;
  }

  /** Makes this and every later read reject: what is left of the body will not come. */
  fail(error: TsgiError): void {
    if (this.#left === 0) return;
    this.#error ??= error;
    this.#settle()?.reject(this.#error);
  }

  #settle(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    return waiter;
  }
}

function responseOver(): TsgiError {
  return new TsgiError("TSGI_RESPONSE_OVER", "the response ended before the request body was read");
}
