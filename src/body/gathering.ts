/** The bytes of a body, gathered until all of them are there. */

import { joinBytes } from "./chunk.ts";

/** Chunks up to this length, in bytes, are joined as soon as there are so many of them. */
const SMALL = 1024;
const MANY = 256;

/**
 * A `Gathering` takes chunks and gives them as one. A chunk takes a hundred bytes of memory beside its own, and the other side may
 * send its bytes one by one: a body up to a limit is not to take a hundred times that.
 */
export class Gathering {
  readonly #parts: Uint8Array[] = [];
  /** How many of the last parts are small. */
  #small = 0;
  #length = 0;

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  add(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#length += bytes.byteLength;
    this.#parts.push(bytes);
    this.#small = bytes.byteLength > SMALL ? 0 : this.#small + 1;
    if (this.#small < MANY) return;
    this.#parts.push(joinBytes(this.#parts.splice(-MANY)));
    this.#small = 0;
  }

  /** All bytes; those of a single chunk are the chunk itself. */
  join(): Uint8Array {
    return joinBytes(this.#parts);
  }
}
