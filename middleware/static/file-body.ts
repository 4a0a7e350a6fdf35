/** A file, or a range of it, as a body. */

import type { ByteRange } from "../../src/range.ts";
import type { OpenFile } from "./open-file.ts";

/** How much is read at a time, in bytes. */
export const CHUNK: number = 64 * 1024;

/**
 * Reads a range of an open file, and closes it: after the last byte, on an error, or when it is finished earlier, even where
 * it was never started. A file that somebody writes to meanwhile makes it throw before the last chunk, so that a response
 * never looks whole that is not, nor mixes two versions.
 */
export class FileBody implements AsyncIterableIterator<Uint8Array> {
  readonly #file: OpenFile;
  #position: number;
  readonly #end: number;
  #finished = false;

  constructor(file: OpenFile, { first, last }: ByteRange) {
    this.#file = file;
    this.#position = first;
    this.#end = last + 1;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const left = this.#end - this.#position;
    if (this.#finished || left <= 0) return this.return();
    const isLast = left <= CHUNK;
    const length = isLast ? left : CHUNK;
    try {
      const value = await this.#file.read(this.#position, length, isLast);
      this.#position += length;
      // A slow client may take minutes for the last chunk.
      if (isLast) await this.close();
      return { done: false, value };
    } catch (error) {
      if (this.#finished) return this.return();
      await this.close();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** Closes the file, once; a read that is under way ends first. */
  close(): Promise<void> {
    this.#finished = true;
    return this.#file.close();
  }
}
