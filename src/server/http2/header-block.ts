/** Header blocks, which may come in several frames (RFC 9113 §4.3, §6.10). */

import { ENHANCE_YOUR_CALM, NO_ERROR } from "./frames.ts";

/** How many frames of CONTINUATION a block may have: more than any limit of heads needs. */
const MOST_CONTINUATIONS = 8;

/** HeaderBlock gathers one block after the other. */
export class HeaderBlock {
  /** The stream whose block is still to come in part; 0 for none. */
  id = 0;
  /** Whether nothing follows the block on its stream. */
  isEnd = false;
  #parts: Buffer[] = [];

  /** A block begins that is not whole. */
  begin(id: number, isEnd: boolean, part: Buffer): void {
    this.id = id;
    this.isEnd = isEnd;
    // The bytes may be part of a larger piece, which is not to be kept.
    this.#parts = [Buffer.from(part)];
  }

  /** More of it has come. Gives an error code. */
  add(part: Buffer): number {
    if (this.#parts.length > MOST_CONTINUATIONS) return ENHANCE_YOUR_CALM;
    this.#parts.push(Buffer.from(part));
    return NO_ERROR;
  }

  /** Gives the whole block. */
  take(): Buffer {
    const block = Buffer.concat(this.#parts);
    this.#parts = [];
    this.id = 0;
    return block;
  }
}
