/**
 * Whether a client that has ended its side is still there: it has left, or waits for its answer, and both look the same. One that
 * has left refuses whatever is sent to it, so it is sent the beginning of what it gets in any case. Where there is nothing of the
 * kind, as amid a body of known length, the operating system asks by keep-alive, which takes it a minute or two.
 */

import type { Output } from "./output.ts";

/** How long after one another a client is asked, in milliseconds. */
const DELAYS = [0, 10, 40, 160, 640, 2_560, 10_240];

/** Probe asks the client of one connection. */
export class Probe {
  readonly #output: Output;
  #timer: NodeJS.Timeout | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Begins to ask, unless it does already. `nextText` gives what can be sent early; an empty string for nothing. */
  start(nextText: () => string): void {
    if (this.#timer === undefined) this.#askAfter(0, nextText);
  }

  /** Asks no more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #askAfter(count: number, nextText: () => string): void {
    const delay = DELAYS[count];
    if (delay === undefined) {
      this.#timer = undefined;
      return;
    }
    this.#timer = setTimeout(() => {
      // What waits to be sent asks as well.
      if (this.#output.length === 0) this.#output.addText(nextText());
      this.#output.flush();
      this.#askAfter(count + 1, nextText);
    }, delay).unref();
  }
}
