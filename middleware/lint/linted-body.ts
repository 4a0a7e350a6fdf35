/** The streamed body of an app, checked as it is read and closed. */

import { BodyReader, type ChunkReader } from "../../src/body/reader.ts";
import type { Body, Chunk } from "../../src/gateway.ts";
import { isPromise } from "../../src/promise.ts";
import { dropped, violation } from "./violation.ts";

/** What watches over the response that a body belongs to. */
export interface BodyWatch {
  /** The app sends a chunk. */
  took(chunk: Chunk): void;
  /** The body came to its own end. */
  ended(): void;
  /** The bodies of the request, of all its layers, that are still to be closed. */
  readonly open: Set<LintedBody>;
  /** Grows from layer to layer: an outer one is called before it calls an inner one. */
  readonly order: number;
  /** The bodies of inner layers that are still to be closed. */
  openWithin(): LintedBody[];
}

export class LintedBody implements ChunkReader {
  readonly isAsync: boolean;
  readonly #inner: BodyReader;
  readonly #exchange: BodyWatch;
  #ended = false;
  #closed = false;
  #reading = false;
  /** The bodies of inner layers that were open when this one came: the layer that made this one out of them closes them. */
  readonly #within: readonly LintedBody[];

  constructor(body: Body, exchange: BodyWatch) {
    this.#inner = new BodyReader(body);
    this.isAsync = this.#inner.isAsync;
    this.#exchange = exchange;
    this.#within = exchange.openWithin();
    exchange.open.add(this);
  }

  get order(): number {
    return this.#exchange.order;
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    if (this.#closed) throw violation("SERVER", "a closed body is read", "closeDropped");
    if (this.#reading) {
      throw violation("SERVER", "a chunk is asked for before the last one came", "oneAtATime");
    }
    const chunk = this.#inner.next();
    if (!isPromise(chunk)) return this.#take(chunk);
    this.#reading = true;
    return this.#settle(chunk);
  }

  async #settle(pending: Promise<Chunk | undefined>): Promise<Chunk | undefined> {
    try {
      return this.#take(await pending);
    } finally {
      this.#reading = false;
    }
  }

  #take(chunk: Chunk | undefined): Chunk | undefined {
    if (chunk !== undefined) this.#exchange.took(chunk);
    else {
      this.#ended = true;
      this.#exchange.ended();
    }
    return chunk;
  }

  close(): Promise<unknown> | undefined {
    if (this.#closed && !this.#ended) {
      return Promise.reject(violation("SERVER", "the body is closed a second time", "closeOnce"));
    }
    this.#closed = true;
    this.#exchange.open.delete(this);
    const closing = this.#inner.close();
    if (closing !== undefined) return closing.then(() => this.#checkDropped());
    return this.#within.every((body) => body.#closed) ? undefined : Promise.reject(dropped());
  }

  #checkDropped(): void {
    for (const body of this.#within) if (!body.#closed) throw dropped();
  }
}
