/** Records a body while its client reads it; goes on without the client where others wait for it. */

import { toBytes } from "../../src/body/chunk.ts";
import { Gathering } from "../../src/body/gathering.ts";
import type { ChunkReader } from "../../src/body/reader.ts";
import type { Chunk } from "../../src/gateway.ts";
import { callOut, isPromise } from "../../src/promise.ts";

/** How many bytes all recordings of a cache may hold. */
export interface Budget {
  left: number;
}

export interface RecordingOptions {
  /** The longest body that is recorded, in bytes. */
  readonly limit: number;
  /** The length that the body declares; undefined where it does not. */
  readonly declared: number | undefined;
  readonly budget: Budget;
  /** Takes the whole body, or nothing where it is not whole, or too long. Called once. */
  onEnd(body: Uint8Array | undefined): void;
  /** Takes what the body fails with where no client reads it any more. */
  onError(error: unknown): void;
}

export class Recording implements ChunkReader {
  readonly isAsync: boolean;
  readonly #inner: ChunkReader;
  readonly #options: RecordingOptions;
  /** Undefined once nothing is recorded any more. */
  #gathering: Gathering | undefined = new Gathering();
  /** What was read ahead, for the client. */
  readonly #ahead: Chunk[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isEnded = false;
  #isClosed = false;
  #isRunning = false;
  /** Whether somebody else waits for the whole. */
  #isWanted = false;
  #pulling: PromiseLike<unknown> | undefined;
  #wake: (() => void) | undefined;

  constructor(inner: ChunkReader, options: RecordingOptions) {
    // What is read ahead arrives later.
    this.isAsync = inner.isAsync;
    this.#inner = inner;
    this.#options = options;
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    const ahead = this.#ahead.shift();
    if (ahead !== undefined) return ahead;
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#isClosed || this.#isEnded) return undefined;
    if (this.#isRunning) {
      return new Promise<void>((resolve) => {
        this.#wake = resolve;
      }).then(() => this.next());
    }
    return this.#pull();
  }

  #pull(): Chunk | undefined | Promise<Chunk | undefined> {
    try {
      const chunk = this.#inner.next();
      if (!isPromise(chunk)) return this.#take(chunk);
      const taken = Promise.resolve(chunk).then(
        (settled) => this.#take(settled),
        (error) => this.#fail(error),
      );
      this.#pulling = taken;
      return taken;
    } catch (error) {
      return this.#fail(error);
    }
  }

  #take(chunk: Chunk | undefined): Chunk | undefined {
    this.#pulling = undefined;
    if (chunk === undefined) {
      this.#isEnded = true;
      this.#finish();
    } else if (this.#gathering !== undefined && chunk.length > 0) {
      const bytes = toBytes(chunk);
      this.#gathering.add(bytes);
      this.#options.budget.left -= bytes.byteLength;
      if (this.#gathering.length > this.#options.limit || this.#options.budget.left < 0) this.#giveUp();
    }
    return chunk;
  }

  #fail(error: unknown): never {
    this.#pulling = undefined;
    this.#failure = { error };
    this.#giveUp();
    throw error;
  }

  #finish(): void {
    const gathering = this.#gathering;
    if (gathering === undefined) return;
    const { declared, onEnd } = this.#options;
    const isWhole = declared === undefined || declared === gathering.length;
    const body = isWhole ? ownBytes(gathering.join()) : undefined;
    this.#stop();
    onEnd(body);
  }

  #giveUp(): void {
    if (this.#gathering === undefined) return;
    this.#stop();
    this.#options.onEnd(undefined);
  }

  #stop(): void {
    this.#options.budget.left += this.#gathering?.length ?? 0;
    this.#gathering = undefined;
  }

  /** Reads on by itself, as somebody waits for the whole; a client that is slow, or leaves, does not matter then. */
  readAhead(): void {
    this.#isWanted = true;
    // A synchronous body is read in one go, by its client.
    if (!this.isAsync || this.#isRunning || this.#isEnded || this.#isClosed || this.#gathering === undefined) return;
    this.#isRunning = true;
    this.#run();
  }

  async #run(): Promise<void> {
    try {
      await this.#pulling;
      while (this.#gathering !== undefined && !this.#isEnded) {
        const chunk = await this.#pull();
        if (chunk !== undefined && !this.#isClosed) {
          this.#ahead.push(chunk);
          this.#wake?.();
        }
      }
    } catch (error) {
      // The client gets it at its next step.
      if (this.#isClosed) this.#options.onError(error);
    }
    this.#isRunning = false;
    this.#wake?.();
    if (this.#isClosed) this.#closeLater();
  }

  #closeLater(): void {
    callOut(() => this.#inner.close(), this.#options.onError);
  }

  /** Nobody else waits any more. */
  unwanted(): void {
    this.#isWanted = false;
    if (!this.#isClosed) return;
    this.#giveUp();
    this.#closeLater();
  }

  get isRecording(): boolean {
    return this.#gathering !== undefined;
  }

  close(): undefined | Promise<unknown> {
    if (this.#isClosed) return undefined;
    this.#isClosed = true;
    this.#ahead.length = 0;
    this.#wake?.();
    // Going on for those who wait; the reading closes the body at its end.
    if (this.#isRunning && this.#isWanted && this.#gathering !== undefined) return undefined;
    this.#giveUp();
    return this.#inner.close();
  }
}

/** The bytes of a body in memory that is not much larger. */
export function ownBytes(whole: Uint8Array): Uint8Array {
  return whole.buffer.byteLength > 2 * whole.byteLength + 1024 ? whole.slice() : whole;
}
