/** The body of a request as `tsgi.input`: read on demand, with back-pressure. */

import type { InputStep } from "../../body/late-input.ts";
import { TsgiError } from "../../errors.ts";
import { mayBeDropped } from "../../promise.ts";

/** Where a body comes from. */
export interface BodySource {
  /** The next piece that has come already, `"end"`, why the rest cannot be read, or undefined where more must come first. */
  readBody(): Uint8Array | "end" | TsgiError | undefined;
  /** The app reads for the first time. */
  bodyWanted(): void;
  /** The app waits for more. */
  bodyAwaited(): void;
}

/** How much of what nobody reads of a body is read and discarded, in bytes, before the client is told to stop, or is left. */
export const MOST_DISCARDED: number = 1024 * 1024;

type Waiter = { resolve(step: InputStep): void; reject(error: unknown): void };

const DONE: InputStep = Object.freeze({ done: true, value: undefined });

/**
 * RequestInput reads the body of one request. What has arrived stays readable, also when the client has left and after the
 * response; what had not arrived by then rejects. A read that is never awaited does not end the process.
 */
export class RequestInput implements AsyncIterableIterator<Uint8Array> {
  /** Undefined once nothing more can come from there. */
  #source: BodySource | undefined;
  /** What has arrived and was not read when the source was let go of. */
  #arrived: Uint8Array[] | undefined;
  #waiter: Waiter | undefined;
  #promise: Promise<InputStep> | undefined;
  #error: TsgiError | undefined;
  #hasStarted = false;
  /** Whether the body was read to its end, by the app or after it. */
  isComplete = false;
  /** Whether the app has stopped reading. */
  #isDropped = false;

  constructor(source: BodySource) {
    this.#source = source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<InputStep> {
    if (this.#waiter !== undefined) {
      const again = () => this.next();
      return mayBeDropped((this.#promise as Promise<InputStep>).then(again, again));
    }
    if (this.#isDropped) return Promise.resolve(DONE);
    const arrived = this.#arrived?.shift();
    if (arrived !== undefined) return Promise.resolve({ done: false, value: arrived });
    if (this.#error !== undefined) return mayBeDropped(Promise.reject(this.#error));
    if (this.isComplete) return Promise.resolve(DONE);
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      this.#source?.bodyWanted();
    }
    const step = this.#read();
    if (step instanceof TsgiError) return mayBeDropped(Promise.reject(step));
    if (step !== undefined) return Promise.resolve(step);
    this.#promise = new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
    this.#source?.bodyAwaited();
    return this.#promise;
  }

  #read(): InputStep | TsgiError | undefined {
    const step = this.#source?.readBody();
    if (step === undefined) return undefined;
    if (step === "end") {
      this.#endSource();
      return DONE;
    }
    if (step instanceof TsgiError) {
      this.#error = step;
      this.#source = undefined;
      return step;
    }
    return { done: false, value: step };
  }

  #endSource(): void {
    this.isComplete = true;
    this.#source = undefined;
  }

  /** Stops reading; what is left of the body is discarded once the response has been sent. */
  return(): Promise<InputStep> {
    this.#isDropped = true;
    this.#arrived = undefined;
    this.#takeWaiter()?.resolve(DONE);
    return Promise.resolve(DONE);
  }

  /** Whether the app waits for a piece. */
  get isAwaited(): boolean {
    return this.#waiter !== undefined;
  }

  /** Whether the app has begun to read. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Whether the rest of the body cannot be read. */
  get hasFailed(): boolean {
    return this.#error !== undefined;
  }

  /** More may have come: hands it to the read that waits. */
  arrive(): void {
    if (this.#waiter === undefined) return;
    const step = this.#read();
    if (step === undefined) return;
    const waiter = this.#takeWaiter() as Waiter;
    if (step instanceof TsgiError) {
      mayBeDropped(this.#promise as Promise<InputStep>);
      waiter.reject(step);
    } else waiter.resolve(step);
  }

  /** Sets aside what has arrived, so that its end is known where it has come as well. */
  collect(): void {
    while (this.#source !== undefined && this.#waiter === undefined) {
      const step = this.#source.readBody();
      if (step === undefined) return;
      if (step === "end") this.#endSource();
      else if (step instanceof TsgiError) {
        this.#error = step;
        this.#source = undefined;
      } else if (!this.#isDropped) {
        this.#arrived ??= [];
        this.#arrived.push(step);
      }
    }
  }

  /** Lets go of the source: what has arrived stays, what has not rejects with this error. */
  fail(error: TsgiError): void {
    this.collect();
    this.#source = undefined;
    if (!this.isComplete) this.#error ??= error;
    const waiter = this.#takeWaiter();
    if (waiter === undefined) return;
    mayBeDropped(this.#promise as Promise<InputStep>);
    waiter.reject(error);
  }

  #takeWaiter(): Waiter | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    return waiter;
  }
}

/** The error of a read that goes on after the response. */
export function bodyDiscarded(): TsgiError {
  return new TsgiError("TSGI_RESPONSE_OVER", "the response ended before the request body was read");
}
