/** Parts of a file as a body. */

import type { ByteRange } from "../../src/http/range.ts";
import type { OpenFile } from "./open-file.ts";

/**
 * How much is read at a time, in bytes: as much as a server keeps for a slow reader anyway. Half of it takes a fifth more of
 * CPU time for a large file.
 */
export const CHUNK: number = 128 * 1024;

/** A part of a body: a range of the file, or bytes that stand between two. */
export type Part = ByteRange | Uint8Array;

/**
 * Reads parts of an open file, and releases it: after the last byte, on an error, or when it is finished earlier, even where
 * it was never started. A file that somebody writes to meanwhile makes it throw before the last chunk, so that a response
 * never looks whole that is not, nor mixes two versions.
 */
export class FileBody implements AsyncIterableIterator<Uint8Array> {
  readonly #file: OpenFile;
  readonly #parts: readonly Part[];
  readonly #lastRange: number;
  #index = 0;
  /** How much of the current part has been read. */
  #read = 0;
  #underWay: Promise<unknown> | undefined;
  #closing: Promise<unknown> | undefined;
  #first: IteratorResult<Uint8Array, undefined> | undefined;

  constructor(file: OpenFile, parts: readonly Part[]) {
    this.#file = file;
    this.#parts = parts;
    this.#lastRange = parts.findLastIndex((part) => !(part instanceof Uint8Array));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Reads the first chunk ahead: what is wrong with the file by then is known before a head is sent. */
  async begun(): Promise<this> {
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
      const reading = this.#file.read(position, length, isLast);
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
