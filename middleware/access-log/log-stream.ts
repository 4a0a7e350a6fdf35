/** A log that goes to a stream of Node, or to any object that takes text. */

import { callOut } from "../../src/promise.ts";
import { type Content, type LogWriter, MOST_WAITING } from "./destination.ts";

/** What takes the lines of a log: a stream, `process.stdout`, an object of yours. */
export interface LogTarget {
  /** Takes whole lines, with their ends. What it throws means that it did not take them. */
  write(text: string): unknown;
}

/** What a `Writable` has beside `write`. */
interface StreamLike extends LogTarget {
  readonly writable?: boolean;
  readonly writableLength?: number;
  readonly errored?: unknown;
  on?(event: "error", listener: (error: unknown) => void): unknown;
}

/** Streams whose errors are heard: one without a listener ends the process. */
const heard = new WeakSet<object>();

/** LogStream hands lines to a stream as long as that takes them. */
export class LogStream implements LogWriter {
  readonly #target: StreamLike;
  readonly #onError: (error: unknown) => void;
  #hasRejected = false;

  constructor(target: LogTarget, onError: (error: unknown) => void) {
    this.#target = target;
    this.#onError = onError;
    if (typeof this.#target.on !== "function" || heard.has(target)) return;
    heard.add(target);
    this.#target.on("error", () => {});
  }

  write(content: Content): Content | undefined {
    const target = this.#target;
    if (target.writable === false) throw target.errored ?? new Error("the stream of the access log has ended");
    if ((target.writableLength ?? 0) > MOST_WAITING) return content;
    const result = target.write(content as string);
    callOut(
      () => result,
      (error) => this.#rejected(error),
    );
    return undefined;
  }

  #rejected(error: unknown): void {
    if (!this.#hasRejected) this.#onError(error);
    this.#hasRejected = true;
  }
}
