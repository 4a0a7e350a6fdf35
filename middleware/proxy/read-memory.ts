/** The memory that connections read into: where it is left to Node, that is another 64 KiB for each read. */

import type { OnReadOpts } from "node:net";
import { Memory } from "../../src/body/lending.ts";

const SIZE = 64 * 1024;
/** From this length on, what was read of a body goes into memory that comes back. */
const LEAST_LENT = SIZE / 2;
/** All pieces for bodies, of which two megabytes wait for their next use. */
export const LARGE_PIECES: Memory = new Memory(SIZE, 32);

/**
 * What every connection of plain TCP reads into, and nobody ever gets: it is copied at once. To hand it on, and give the socket
 * other memory for its next read, would save the copy, but Node goes on reading into the first where anything throws in that turn.
 */
const READ = Buffer.allocUnsafeSlow(SIZE);

/** ReadMemory is where what one socket of plain TCP has read is kept. */
export class ReadMemory {
  /** Whether nothing but the body of a response is to come: no head, no size of a chunk, no trailers. */
  isBody = false;

  /** Options that have a socket read here; `push` gets what has come, and answers false where reading is to stop for now. */
  onread(push: (bytes: Buffer) => boolean): OnReadOpts {
    return {
      buffer: READ,
      callback: (length, memory) => push(this.#copy(memory, length)),
    };
  }

  #copy(memory: Uint8Array, length: number): Buffer {
    const read = memory.subarray(0, length);
    if (!this.isBody || length < LEAST_LENT) return Buffer.from(read);
    const bytes = LARGE_PIECES.take().subarray(0, length);
    bytes.set(read);
    LARGE_PIECES.lend(bytes);
    return bytes;
  }
}
