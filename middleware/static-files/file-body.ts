/** Parts of a file as a body. */

import { LendingBody, Memory } from "../../src/body/lending.ts";
import type { Part } from "../../src/http/partial.ts";
import type { OpenFile } from "./open-file.ts";

/**
 * How much is read at a time, in bytes: as much as a server keeps for a slow reader anyway. Half of it takes a fifth more of
 * CPU time for a large file.
 */
export const CHUNK: number = 128 * 1024;

/** The memory of chunks of that length, of which two megabytes wait for their next use. */
const PIECES = new Memory(CHUNK, 16);

/**
 * Reads parts of an open file, and releases it: after the last byte, on an error, or when it is closed earlier, even before
 * it was started. It throws before the last chunk if the file was written to meanwhile, so that an incomplete response never
 * looks whole, nor mixes two versions; with `mayGrow`, not if the file only grew.
 */
export class FileBody extends LendingBody implements AsyncIterableIterator<Uint8Array> {
  readonly #file: OpenFile;
  readonly #parts: readonly Part[];
  readonly #lastRange: number;
  readonly #mayGrow: boolean;
  #index = 0;
  /** How much of the current part has been read. */
  #read = 0;
  #underWay: Promise<unknown> | undefined;
  #closing: Promise<unknown> | undefined;
  #first: IteratorResult<Uint8Array, undefined> | undefined;

  constructor(file: OpenFile, parts: readonly Part[], mayGrow: boolean) {
    super(PIECES);
    this.#file = file;
    this.#parts = parts;
    this.#mayGrow = mayGrow;
    this.#lastRange = parts.findLastIndex((part) => !(part instanceof Uint8Array));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Reads the first chunk ahead: an error in the file by then is known before a head is sent. */
  async start(): Promise<this> {
    this.#first = await this.next();
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const first = this.#first;
    if (first !== undefined) {
      this.#first = undefined;
      return first;
    }
    const part = this.#parts[this.#index];
    if (this.#closing !== undefined || part === undefined) return this.return();
    if (part instanceof Uint8Array) {
      this.#index++;
      return { done: false, value: part };
    }
    const position = part.first + this.#read;
    const left = part.last + 1 - position;
    const length = Math.min(left, CHUNK);
    const isLast = length === left && this.#index === this.#lastRange;
    this.#read += length;
    if (length === left) {
      this.#index++;
      this.#read = 0;
    }
    try {
      const reading = this.#readChunk(position, length, isLast);
      this.#underWay = reading;
      const value = await reading;
      // A slow client may take minutes for the last chunk.
      if (isLast && this.#index === this.#parts.length) await this.close();
      return { done: false, value };
    } catch (error) {
      if (this.#closing !== undefined) return this.return();
      await this.close();
      throw error;
    }
  }

  async #readChunk(position: number, length: number, isLast: boolean): Promise<Uint8Array> {
    const bytes = await this.#file.read(position, length, length === CHUNK ? PIECES.take() : undefined);
    PIECES.lend(bytes);
    if (isLast) await this.#file.check(this.#mayGrow);
    return bytes;
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#first = undefined;
    await this.close();
    return { done: true, value: undefined };
  }

  /** Releases the file, once; a read that is under way ends first. */
  close(): Promise<unknown> {
    this.#closing ??= Promise.allSettled([this.#underWay]).then(() => this.#file.release());
    return this.#closing;
  }
}
