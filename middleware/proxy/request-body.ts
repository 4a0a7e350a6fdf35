/** The body of a request on its way to a target. */

import { mayBeDropped } from "../../src/promise.ts";

/** Who sends a body. */
export interface Sender {
  /** The client is asked for more: the target has time until it has come. */
  onAsk(): void;
  /** A piece has come, or the end. */
  onPiece(isEnd: boolean): void;
}

type Step = IteratorResult<Uint8Array, undefined>;

const END: Step = { done: true, value: undefined };

/** A request body, for however many attempts. */
export class RequestBody {
  /** In bytes; undefined for one that is sent in chunks. */
  readonly length: number | undefined;
  /** All of it, where it was read before. */
  readonly bytes: Uint8Array | undefined;
  readonly #input: AsyncIterable<Uint8Array>;
  #iterator: AsyncIterator<Uint8Array> | undefined;

  constructor(input: AsyncIterable<Uint8Array>, length: number | undefined, bytes?: Uint8Array) {
    this.#input = input;
    this.length = length;
    this.bytes = bytes;
  }

  /** Whether all of it can still be sent. */
  get isReplayable(): boolean {
    return this.bytes !== undefined || this.#iterator === undefined;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    this.#iterator ??= this.#input[Symbol.asyncIterator]();
    return this.#iterator.next();
  }
}

/** A body as one attempt reads it. Once it is stopped, a read that waits for the client waits no more. */
export class Upload implements AsyncIterableIterator<Uint8Array> {
  readonly #body: RequestBody;
  readonly #sender: Sender;
  /** What the body has failed with. */
  error: unknown;
  hasFailed = false;
  isComplete = false;
  #isStopped = false;
  #sent = 0;
  #waiter: { resolve(step: Step): void; reject(error: unknown): void } | undefined;

  constructor(body: RequestBody, sender: Sender) {
    this.#body = body;
    this.#sender = sender;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    if (this.#isStopped || this.isComplete) return Promise.resolve(END);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#sender.onAsk();
      this.#ask().then(
        (step) => this.#arrived(step),
        (error) => this.#failed(error),
      );
    });
  }

  /** The next piece that is not empty: an empty one says nothing here, and would end a chunked body. */
  async #ask(): Promise<Step> {
    for (;;) {
      const step = await this.#body.next();
      if (step.done) return END;
      if (step.value.length > 0) return step as Step;
    }
  }

  #arrived(step: Step): void {
    const { length } = this.#body;
    this.#sent += step.value?.length ?? 0;
    if (length !== undefined && (step.done ? this.#sent < length : this.#sent > length)) {
      this.#failed(badLength(length));
      return;
    }
    const waiter = this.#take();
    if (waiter === undefined) return;
    if (step.done) this.isComplete = true;
    this.#sender.onPiece(step.done === true);
    waiter.resolve(step);
  }

  #failed(error: unknown): void {
    this.hasFailed = true;
    this.error = error;
    this.#take()?.reject(error);
  }

  #take() {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    return waiter;
  }

  /** Nobody takes the rest: a read that waits rejects, one that comes finds the end. */
  stop(reason: Error): void {
    this.#isStopped = true;
    this.#take()?.reject(reason);
  }

  return(): Promise<Step> {
    this.#isStopped = true;
    return Promise.resolve(END);
  }
}

/** Reads a body whose length is known. Rejects with what reading it fails with, or where it has another length. */
export function readWhole(input: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  return mayBeDropped(readAll(input, length));
}

async function readAll(input: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const whole = new Uint8Array(length);
  let at = 0;
  for await (const piece of input) {
    if (at + piece.length > length) throw badLength(length);
    whole.set(piece, at);
    at += piece.length;
  }
  if (at < length) throw badLength(length);
  return whole;
}

function badLength(length: number): Error {
  return new Error(`the request body is not as long as its Content-Length of ${length}`);
}
