/** Reads a body ahead as long as it gives chunks without a pause. */

import { toBytes } from "../../src/body/chunk.ts";
import type { ChunkReader } from "../../src/body/reader.ts";
import { badLength } from "../../src/exchange/failures.ts";
import type { Chunk } from "../../src/gateway.ts";
import { isPromise } from "../../src/promise.ts";

/** Why reading ahead has stopped: as much was read as was asked for, the body gives nothing just now, or it is at its end. */
export type Stop = "enough" | "pause" | "end";

/** How long bytes may be held back in wait for more, in milliseconds. */
const HOLD = 10;

/** The same where the body gives chunks without a pause: it keeps the process busy, and little else is sent meanwhile. */
const HOLD_IF_BUSY = 100;

export interface AheadOptions {
  /** The length that the body declares, or -1. A longer one is cut there. */
  readonly declared: number;
  /** How many bytes go on at the first pause, however short. Less is held for a while, as the body may be at its end. */
  readonly worthSending: number;
  /** Whether each pause counts: for event streams. */
  readonly isLive: boolean;
  /** Takes the error of a body that is too long. */
  onError(error: unknown): void;
}

export class Ahead {
  readonly #reader: ChunkReader;
  readonly #options: AheadOptions;
  #parts: Uint8Array[] = [];
  #size = 0;
  #total = 0;
  /** Whether bytes that were taken are held back by who took them. */
  #isOwed = false;
  /** When the first byte came of those that are held back. */
  #since = 0;
  #hasPassedOn = false;
  #isPulling = false;
  #arrival: { readonly chunk: Chunk | undefined } | { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #isEnded = false;
  #isClosed = false;

  constructor(reader: ChunkReader, options: AheadOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** How many bytes are there to be taken. */
  get size(): number {
    return this.#size;
  }

  /** Takes the bytes that were read, up to a number of them. They are held back until `passedOn` is called. */
  take(most: number): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let left = most;
    while (left > 0) {
      const [part] = this.#parts;
      if (part === undefined) break;
      if (part.byteLength > left) {
        taken.push(part.subarray(0, left));
        this.#parts[0] = part.subarray(left);
        left = 0;
      } else {
        taken.push(part);
        this.#parts.shift();
        left -= part.byteLength;
      }
    }
    this.#size -= most - left;
    this.#isOwed = true;
    return taken;
  }

  /** All that was taken has been passed on. */
  passedOn(): void {
    this.#isOwed = false;
    this.#hasPassedOn = true;
  }

  /** Reads until there are `enough` bytes, or the body pauses while some are held back, or ends. Rejects where it fails. */
  async read(enough: number): Promise<Stop> {
    while (this.#size < enough) {
      if (this.#isEnded || this.#isClosed) return "end";
      const step = this.#step();
      const chunk = isPromise(step) ? await step : step;
      if (chunk === PAUSE) return "pause";
      if (chunk === undefined) {
        if (this.#total < this.#options.declared && !this.#isClosed) throw badLength(this.#options.declared, "shorter");
        this.#isEnded = true;
        return "end";
      }
      if (chunk.length === 0) {
        // "Flush" (rule 10).
        if (this.#isHolding) return "pause";
      } else if (this.#add(toBytes(chunk))) return "pause";
    }
    return "enough";
  }

  get #isHolding(): boolean {
    return this.#isOwed || this.#size > 0;
  }

  /** Adds bytes; whether they are too old to be held back any longer, as with a body that takes its time without a pause. */
  #add(bytes: Uint8Array): boolean {
    const wasHolding = this.#isHolding;
    const { declared } = this.#options;
    const left = declared < 0 ? bytes.byteLength : declared - this.#total;
    if (bytes.byteLength > left) {
      this.#options.onError(badLength(declared, "longer"));
      this.#isEnded = true;
    }
    const part = bytes.byteLength > left ? bytes.subarray(0, left) : bytes;
    this.#total += part.byteLength;
    this.#size += part.byteLength;
    if (part.byteLength > 0) this.#parts.push(part);
    if (!wasHolding) {
      this.#since = performance.now();
      return false;
    }
    return performance.now() - this.#since >= HOLD_IF_BUSY;
  }

  #step(): Chunk | undefined | typeof PAUSE | Promise<Chunk | undefined | typeof PAUSE> {
    if (!this.#isPulling && this.#arrival === undefined) {
      const chunk = this.#reader.next();
      if (!isPromise(chunk)) return chunk;
      this.#isPulling = true;
      chunk.then(
        (settled) => this.#arrive({ chunk: settled }),
        (error) => this.#arrive({ error }),
      );
    }
    return this.#arrived();
  }

  #arrive(arrival: { readonly chunk: Chunk | undefined } | { readonly error: unknown }): void {
    this.#isPulling = false;
    this.#arrival = arrival;
    this.#wake?.();
  }

  async #arrived(): Promise<Chunk | undefined | typeof PAUSE> {
    if (this.#arrival === undefined && !(await this.#wait())) return PAUSE;
    const arrival = this.#arrival;
    this.#arrival = undefined;
    if (arrival === undefined) return undefined;
    if ("error" in arrival) throw arrival.error;
    return arrival.chunk;
  }

  /** Waits for a chunk; false where the body pauses before. */
  #wait(): Promise<boolean> {
    return new Promise((resolve) => {
      let stop: () => void = () => {};
      const settle = (hasArrived: boolean): void => {
        stop();
        this.#wake = undefined;
        resolve(hasArrived);
      };
      this.#wake = () => settle(true);
      if (!this.#isHolding) return;
      const { isLive, worthSending } = this.#options;
      // A process that was busy hears of what has come meanwhile before this turn.
      const pauseNextTurn = (): void => {
        const turn = setImmediate(settle, false);
        stop = () => clearImmediate(turn);
      };
      if (isLive || (!this.#hasPassedOn && this.#size >= worthSending)) pauseNextTurn();
      else {
        const timer = setTimeout(pauseNextTurn, HOLD - (performance.now() - this.#since));
        stop = () => clearTimeout(timer);
      }
    });
  }

  /** Closes the body; a `read` that waits for it ends. */
  close(): Promise<unknown> | undefined {
    if (this.#isClosed) return undefined;
    this.#isClosed = true;
    this.#parts = [];
    this.#size = 0;
    const closing = this.#reader.close();
    this.#wake?.();
    return closing;
  }
}

const PAUSE: unique symbol = Symbol("pause");
