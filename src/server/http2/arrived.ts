/** The pieces of a body that wait for somebody to take them. */

import { joinBytes } from "../../body/chunk.ts";

/** More pieces than these are taken as one. */
const MANY = 8;

/**
 * What is shorter than this, or than this share of the memory that it is part of, is copied where it has to wait: a client may
 * send its bytes one by one, and each with much that serves nobody. How much is gathered in one piece, in bytes.
 */
const SMALL = 256;
const SMALL_SHARE = 8;
const GATHERED = 2048;

const NOTHING = Buffer.alloc(0);

/** Arrived keeps pieces in their order. */
export class Arrived {
  #pieces: Uint8Array[] = [];
  /** Where small pieces are gathered, how much of it is filled, and which piece ends there. */
  #gathered: Buffer = NOTHING;
  #filled = 0;
  #growing: Buffer | undefined;

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
  }

  /** Takes the first piece, or all of many. */
  take(): Uint8Array | undefined {
    const pieces = this.#pieces;
    return pieces.length > MANY ? joinBytes(pieces.splice(0)) : pieces.shift();
  }

  /** Nobody takes the last piece for now: copies a small one to the end of the one before it, or begins another one. */
  settle(): void {
    const pieces = this.#pieces;
    const piece = pieces.at(-1);
    if (piece === undefined || !isSmall(piece)) return;
    pieces.pop();
    if (this.#filled + piece.length > this.#gathered.length) {
      this.#gathered = Buffer.allocUnsafe(Math.max(GATHERED, piece.length));
      this.#filled = 0;
      this.#growing = undefined;
    }
    // What somebody has taken does not grow.
    const isGrowing = this.#growing !== undefined && pieces.at(-1) === this.#growing;
    const start = isGrowing ? this.#filled - (pieces.pop() as Uint8Array).length : this.#filled;
    this.#gathered.set(piece, this.#filled);
    this.#filled += piece.length;
    this.#growing = this.#gathered.subarray(start, this.#filled);
    pieces.push(this.#growing);
  }
}

function isSmall(piece: Uint8Array): boolean {
  return piece.length < SMALL || piece.length * SMALL_SHARE < piece.buffer.byteLength;
}
