/** A file, or a range of it, as a body. */

import { TsgiError } from "../../src/errors.ts";
import { type OpenFile, versionOf } from "./open-file.ts";

/** How much is read at a time, in bytes. */
const CHUNK = 64 * 1024;

/**
 * Reads bytes `start` up to `end` of an open file, and closes it. A file that somebody writes to meanwhile makes it throw
 * before the last chunk, so that a response never looks whole that is not, nor mixes two versions.
 */
export class FileBody implements AsyncIterableIterator<Uint8Array> {
  readonly #file: OpenFile;
  readonly #end: number;
  #position: number;
  #closing: Promise<void> | undefined;

  constructor(file: OpenFile, start: number, end: number) {
    this.#file = file;
    this.#position = start;
    this.#end = end;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const left = this.#end - this.#position;
    if (left <= 0 || this.#closing !== undefined) return this.return();
    try {
      return { done: false, value: await this.#read(left) };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async #read(left: number): Promise<Uint8Array> {
    const { handle, version } = this.#file;
    const buffer = Buffer.allocUnsafe(Math.min(left, CHUNK));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, this.#position);
    this.#position += bytesRead;
    const isLast = this.#position >= this.#end;
    if (bytesRead === 0 || (isLast && versionOf(await handle.stat({ bigint: true })) !== version)) throw changed();
    return buffer.subarray(0, bytesRead);
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** Closes the file, once; a read that is under way ends first. */
  close(): Promise<void> {
    this.#closing ??= this.#file.handle.close();
    return this.#closing;
  }
}

function changed(): TsgiError {
  return new TsgiError("TSGI_FILE_CHANGED", "the file was changed while it was being sent");
}
