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
    let rest = content;
    try {
      for (;;) {
        // Text is not encoded here first: that would be a third of what a line costs.
        const written =
          typeof rest === "string" ? writeSync(this.#descriptor, rest) : writeSync(this.#descriptor, rest);
        if (written === Buffer.byteLength(rest)) return undefined;
        rest = (typeof rest === "string" ? Buffer.from(rest) : rest).subarray(written);
      }
    } catch (error) {
      if (rest === content && codeOf(error) !== "EAGAIN") throw error;
      return rest;
    }
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
