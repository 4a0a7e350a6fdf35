/** A line on the terminal that tells how far a long work is. */

import { clearLine, cursorTo } from "node:readline";
import type { WriteStream } from "node:tty";

/** How often the line is drawn, at most: the time between two drawings in milliseconds. */
const INTERVAL = 100;
const WIDTH = 30;

/** Drawn on a stream that is a terminal, else nowhere. */
export class Progress {
  readonly #terminal: WriteStream | undefined;
  readonly #count: number;
  readonly #cost: number;
  #counted = 0;
  #spent = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;

  /** `count` is the number of things to do, `cost` what they take altogether. */
  constructor(stream: WriteStream, count: number, cost: number) {
    this.#terminal = stream.isTTY && count > 0 ? stream : undefined;
    this.#count = count;
    this.#cost = cost;
    this.#draw();
  }

  /** One thing more is done. */
  advance(cost: number): void {
    this.#counted++;
    this.#spent += cost;
    if (performance.now() - this.#drawnAt >= INTERVAL) this.#draw();
  }

  /** Takes the line away; to be called before anything else is printed, and at the end. */
  clear(): void {
    if (this.#terminal === undefined) return;
    cursorTo(this.#terminal, 0);
    clearLine(this.#terminal, 0);
    this.#drawnAt = Number.NEGATIVE_INFINITY;
  }

  #draw(): void {
    if (this.#terminal === undefined) return;
    const share = this.#cost === 0 ? 1 : this.#spent / this.#cost;
    const bar = "#".repeat(Math.round(share * WIDTH)).padEnd(WIDTH, ".");
    const line = `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %, ${this.#counted} of ${this.#count} variants`;
    cursorTo(this.#terminal, 0);
    // A line that is as long as the terminal is wide would make a second one.
    this.#terminal.write(line.slice(0, Math.max(0, (this.#terminal.columns || 80) - 1)));
    clearLine(this.#terminal, 1);
    this.#drawnAt = performance.now();
  }
}
