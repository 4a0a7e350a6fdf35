/** The streamed body of an app, checked as it is read and finished. */

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
  /** The bodies of the request, of all its layers, that are still to be finished. */
  readonly open: Set<LintedBody>;
  /** Grows from layer to layer: an outer one is called before it calls an inner one. */
  readonly order: number;
  /** The bodies of inner layers that are still to be finished. */
  openWithin(): LintedBody[];
}

export class LintedBody implements ChunkReader {
  readonly isAsync: boolean;
  readonly #inner: BodyReader;
  readonly #exchange: BodyWatch;
  #ended = false;
  #finished = false;
  #reading = false;
  /** The bodies of inner layers that were open when this one came: whoever made this one out of them finishes them. */
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
    if (this.#finished)
      throw violation("SERVER", "a finished body is read", "The body is always finished, exactly once");
    if (this.#reading) {
      throw violation(
        "SERVER",
        "a chunk is asked for before the last one came",
        "The next chunk is asked for when the client has room for it.",
      );
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
    if (this.#finished && !this.#ended) {
      throw violation("SERVER", "the body is finished a second time", "The body is always finished, exactly once");
    }
    this.#finished = true;
    this.#exchange.open.delete(this);
    const finishing = this.#inner.close();
    if (finishing !== undefined) return finishing.then(() => this.#checkDropped());
    this.#checkDropped();
    return undefined;
  }

  #checkDropped(): void {
    for (const body of this.#within) if (!body.#finished) throw dropped();
  }
}
