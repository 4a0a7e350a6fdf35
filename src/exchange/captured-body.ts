/** What an app sends, in the order in which it sends it: what it writes, and what the body that it returned gives. */

import { BodyReader, type ChunkReader, closeBody } from "../body/reader.ts";
import { isClientGone, TsgiError } from "../errors.ts";
import type { Body, Chunk, Environ } from "../gateway.ts";
import { callOut, isPromise } from "../promise.ts";
import { responseOver } from "./failures.ts";
import { reportError } from "./report.ts";

/** A chunk, the end of the body where there is no chunk, or a failure. */
type Arrival = { readonly chunk: Chunk | undefined; readonly onTaken?: () => void } | { readonly error: unknown };

interface Waiter {
  resolve(chunk: Chunk | undefined): void;
  reject(error: unknown): void;
}

const END: Arrival = { chunk: undefined };

export class CapturedBody implements ChunkReader {
  readonly isAsync: boolean;
  readonly #environ: Environ;
  readonly #queue: Arrival[] = [];
  /** The body that the app returned; undefined as long as the app runs. */
  #rest: ChunkReader | undefined;
  #isPulling = false;
  /** The end or a failure has arrived. */
  #isOver = false;
  #isClosed = false;
  #waiter: Waiter | undefined;
  /** Whether a chunk was written, so that the response has begun. */
  hasBegun = false;

  constructor(environ: Environ, rest?: ChunkReader) {
    this.#environ = environ;
    this.#rest = rest;
    this.isAsync = rest === undefined || rest.isAsync;
  }

  /** Takes a chunk of `write`; the promise is settled once it has been read, or the body was closed. */
  write(chunk: Chunk): Promise<void> {
    if (this.#isClosed) throw new TsgiError("TSGI_CLIENT_GONE", "the response is no longer read");
    if (this.#isOver) throw responseOver();
    this.hasBegun = true;
    return new Promise((onTaken) => this.#arrive({ chunk, onTaken }));
  }

  /** The app has returned: this is what follows. */
  endWith(body: Body): void {
    if (this.#isClosed) {
      callOut(
        () => closeBody(body),
        (error) => this.#reportLate(error),
      );
      return;
    }
    try {
      this.#rest = new BodyReader(body);
      if (this.#waiter !== undefined) this.pull();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The app has failed: its body ends with this error, or the error is reported if the body has ended already. */
  fail(error: unknown): void {
    if (this.#isClosed || this.#isOver) this.#reportLate(error);
    else this.#arrive({ error });
  }

  #reportLate(error: unknown): void {
    if (!isClientGone(error)) reportError(this.#environ, error);
  }

  /** Asks the body that was returned for its next chunk, which arrives after what is written meanwhile. */
  pull(onChunk?: (chunk: Chunk | undefined) => void, onError?: (error: unknown) => void): void {
    const arrived = (chunk: Chunk | undefined): void => {
      this.#isPulling = false;
      if (!this.#isClosed) this.#arrive(chunk === undefined ? END : { chunk });
      onChunk?.(chunk);
    };
    const failed = (error: unknown): void => {
      this.#isPulling = false;
      this.fail(error);
      onError?.(error);
    };
    let step: Chunk | undefined | Promise<Chunk | undefined>;
    try {
      step = (this.#rest as ChunkReader).next();
    } catch (error) {
      failed(error);
      return;
    }
    if (isPromise(step)) {
      this.#isPulling = true;
      step.then(arrived, failed);
    } else arrived(step);
  }

  #arrive(arrival: Arrival): void {
    if ("error" in arrival || arrival === END) this.#isOver = true;
    const waiter = this.#waiter;
    if (waiter === undefined) {
      this.#queue.push(arrival);
      return;
    }
    this.#waiter = undefined;
    if ("error" in arrival) waiter.reject(arrival.error);
    else {
      arrival.onTaken?.();
      waiter.resolve(arrival.chunk);
    }
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    if (this.#isClosed) return undefined;
    if (this.#queue.length === 0 && !this.#isOver && !this.#isPulling && this.#rest !== undefined) this.pull();
    const arrival = this.#queue.shift();
    if (arrival === undefined) return this.#isOver ? undefined : this.#nextArrival();
    if ("error" in arrival) throw arrival.error;
    arrival.onTaken?.();
    return arrival.chunk;
  }

  #nextArrival(): Promise<Chunk | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  close(): Promise<unknown> | undefined {
    if (this.#isClosed) return undefined;
    this.#isClosed = true;
    for (const arrival of this.#queue.splice(0)) if ("onTaken" in arrival) arrival.onTaken?.();
    this.#waiter?.resolve(undefined);
    this.#waiter = undefined;
    return this.#rest?.close();
  }
}
