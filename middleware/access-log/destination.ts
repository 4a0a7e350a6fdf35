/** Where the lines of a log go: gathered for one turn of the event loop, and written at once. */

import { callOut } from "../../src/promise.ts";

/** What a writer takes: text, or the rest of one that it took in part. */
export type Content = string | Uint8Array;

/** A writer takes text at once. */
export interface LogWriter {
  /** Takes all, or returns what it did not take, to be tried again. Throws where it took nothing for an error. */
  write(content: Content): Content | undefined;
  /** Opens anew what was moved away, if it is a file. Throws where that fails; what was open stays open then. */
  reopen?(): void;
  close?(): void;
}

/** How much is gathered before it is written in any case, and how much may wait for a destination that does not take it. */
const MOST_GATHERED = 64 * 1024;
export const MOST_WAITING: number = 1024 * 1024;

/** How long a destination that takes nothing is left alone, in milliseconds. */
const PAUSE = 250;

/** Destinations with lines that were not written yet, which a process that exits still writes. */
const unwritten = new Set<Destination>();
let isExitWatched = false;

/** Destination gathers lines for a writer. Whatever the writer does, `add` is quick and does not throw. */
export class Destination {
  readonly #writer: LogWriter;
  readonly #onError: (error: unknown) => void;
  #text = "";
  #rest: Content | undefined;
  /** Whether a write is due at the end of this turn, or after a pause. */
  #isScheduled = false;
  #isStuck = false;
  #hasFailed = false;
  #lost = 0;
  /** The time of this turn, once it was asked for. */
  #time = 0;

  /** `onError` is told once of each series of failures, and how many lines were lost by it. */
  constructor(writer: LogWriter, onError: (error: unknown) => void) {
    this.#writer = writer;
    this.#onError = (error) =>
      callOut(
        () => onError(error),
        () => {},
      );
  }

  /** The time of this turn, in milliseconds since 1970; only lines that are added make another turn of it. */
  get time(): number {
    if (this.#time === 0 || !this.#isScheduled) this.#time = Date.now();
    return this.#time;
  }

  /** Adds a line, without its end. It is lost where too much waits already. */
  add(line: string): void {
    if (this.#text.length > MOST_WAITING) {
      this.#lost++;
      return;
    }
    this.#text += `${line}\n`;
    if (!this.#isScheduled) this.#schedule();
    else if (this.#text.length > MOST_GATHERED && !this.#isStuck) this.flush();
  }

  #schedule(): void {
    this.#isScheduled = true;
    unwritten.add(this);
    watchExit();
    if (this.#isStuck) setTimeout(this.#due, PAUSE).unref();
    else setImmediate(this.#due);
  }

  readonly #due = (): void => {
    this.#isScheduled = false;
    this.#time = 0;
    this.flush();
  };

  /** Writes what was gathered, as far as the writer takes it. */
  flush(): void {
    try {
      this.#isStuck = !this.#pass();
      if (!this.#isStuck) this.#recovered();
    } catch (error) {
      this.#isStuck = true;
      if (!this.#hasFailed) this.#onError(error);
      this.#hasFailed = true;
    }
    if (!this.#isStuck) unwritten.delete(this);
    else if (!this.#isScheduled) this.#schedule();
  }

  /** Whether all was taken. */
  #pass(): boolean {
    if (this.#rest !== undefined) this.#rest = this.#writer.write(this.#rest);
    if (this.#rest !== undefined) return false;
    const text = this.#text;
    if (text === "") return true;
    this.#text = "";
    try {
      this.#rest = this.#writer.write(text);
    } catch (error) {
      this.#text = text + this.#text;
      throw error;
    }
    return this.#rest === undefined;
  }

  #recovered(): void {
    this.#hasFailed = false;
    const lost = this.#lost;
    this.#lost = 0;
    if (lost > 0) this.#onError(new Error(`${lost} lines were lost while their destination took none`));
  }

  /** Writes what was gathered, and goes on with the file that has the name now. Throws where that cannot be opened. */
  reopen(): void {
    this.flush();
    this.#writer.reopen?.();
    this.flush();
  }

  /** Writes what was gathered, and closes what was opened for it. */
  close(): void {
    this.flush();
    unwritten.delete(this);
    this.#writer.close?.();
  }
}

function watchExit(): void {
  if (isExitWatched) return;
  isExitWatched = true;
  process.on("exit", () => {
    for (const destination of unwritten) destination.flush();
  });
}
