/** A log in a file, or in anything else that has a path. */

import { closeSync, constants, openSync, writeSync } from "node:fs";
import { codeOf } from "../../src/errors.ts";
import type { Content, LogWriter } from "./destination.ts";

// A pipe without a reader, or one that is full, is not to be waited for.
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);
const MODE = 0o640;

/** LogFile appends to a file. What is not written whole, as the disk is full, goes on where it ended. */
export class LogFile implements LogWriter {
  readonly #path: string;
  #descriptor: number;

  /** Throws the error of the system where the file cannot be opened. */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, FLAGS, MODE);
  }

  write(content: Content): Content | undefined {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written);
    } catch (error) {
      if (written === 0 && codeOf(error) !== "EAGAIN") throw error;
      return bytes.subarray(written);
    }
    return undefined;
  }

  reopen(): void {
    const descriptor = openSync(this.#path, FLAGS, MODE);
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
