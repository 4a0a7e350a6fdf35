/** The memory that a connection reads into: where it is left to Node, that is another 64 KiB for each read. */

import type { OnReadOpts } from "node:net";
import { Memory } from "../../src/body/lending.ts";

/** What a connection has while it gets little, of which there may be ten thousand. */
const SMALL = 8 * 1024;
/** What it has while it gets more. */
const LARGE = 64 * 1024;
/** From this length on, memory is handed on with what was read into it; less is copied. */
const LEAST_HANDED_ON = LARGE / 2;
/** All large pieces, of which two megabytes wait for their next use. */
export const LARGE_PIECES: Memory = new Memory(LARGE, 32);

/** ReadMemory is what one socket of plain TCP reads into. */
export class ReadMemory {
  readonly #small: Buffer = Buffer.allocUnsafeSlow(SMALL);
  #memory = this.#small;
  /** Whether nothing but the body of a response is to come: no head, no size of a chunk, no trailers. */
  isBody = false;

  /** Options that have a socket read here; `push` gets what has come, and answers false where reading is to stop for now. */
  onread(push: (bytes: Buffer) => boolean): OnReadOpts {
    return {
      buffer: () => this.#memory,
      callback: (length) => push(this.#take(length)),
    };
  }

  #take(length: number): Buffer {
    const memory = this.#memory;
    const bytes = memory.subarray(0, length);
    if (length >= LEAST_HANDED_ON) {
      if (this.isBody) LARGE_PIECES.lend(bytes);
      this.#memory = LARGE_PIECES.take();
      return bytes;
    }
    const copy = Buffer.from(bytes);
    if (length === memory.length) this.#memory = LARGE_PIECES.take();
    else if (length <= SMALL && memory !== this.#small) {
      this.#memory = this.#small;
      LARGE_PIECES.put(memory);
    }
    return copy;
  }
}
