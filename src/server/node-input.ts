/** The body of a Node request as `tsgi.input`: nothing is read before it is asked for, and never more than fits. */

import type { IncomingMessage } from "node:http";
import type { TsgiError } from "../errors.ts";

type Step = IteratorResult<Uint8Array, undefined>;
type Waiter = { resolve(step: Step): void; reject(error: unknown): void };

const DONE: Step = Object.freeze({ done: true, value: undefined });

export class NodeInput implements AsyncIterableIterator<Uint8Array> {
  readonly #request: IncomingMessage;
  readonly #onFirstRead: (() => void) | undefined;
  readonly #queue: Uint8Array[] = [];
  #waiter: Waiter | undefined;
  #promise: Promise<Step> | undefined;
  #error: unknown;
  /** Bytes still to come; infinite for a body without a declared length. */
  #left: number;
  #started = false;

  constructor(request: IncomingMessage, length: number, onFirstRead?: () => void) {
    this.#request = request;
    this.#left = length;
    this.#onFirstRead = onFirstRead;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    if (this.#waiter !== undefined) return (this.#promise as Promise<Step>).then(() => this.next());
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      if (this.#queue.length === 0) this.#request.resume();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#left === 0) return Promise.resolve(DONE);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    this.#promise = new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
    if (!this.#started) this.#start();
    return this.#promise;
  }

  /** Stops reading; what is left of the body is discarded by the server once the response has been sent. */
  return(): Promise<Step> {
    this.#left = 0;
    this.#queue.length = 0;
    this.#settle()?.resolve(DONE);
    return Promise.resolve(DONE);
  }

  #start(): void {
    this.#started = true;
    this.#onFirstRead?.();
    this.#request.on("data", (chunk: Uint8Array) => this.#take(chunk));
    if (this.#left === Number.POSITIVE_INFINITY) this.#request.once("end", () => this.#end());
  }

  #take(chunk: Uint8Array): void {
    if (this.#left === 0 || this.#error !== undefined) return;
    this.#left -= chunk.length;
    const waiter = this.#settle();
    if (waiter !== undefined) waiter.resolve({ done: false, value: chunk });
    else {
      this.#queue.push(chunk);
      this.#request.pause();
    }
  }

  #end(): void {
    this.#left = 0;
    this.#settle()?.resolve(DONE);
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
