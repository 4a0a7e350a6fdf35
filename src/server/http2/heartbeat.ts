/** Whether a client is still there that nothing is heard of. */

import type { Clock } from "../engine/clock.ts";

/** Heartbeat asks the client of one session for an answer now and then, while an app works for it. */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #ask: () => void;
  /** When the client was last heard of, or asked. */
  #since: number;
  #isAsked = false;

  /** `ask` sends a PING. */
  constructor(clock: Clock, ask: () => void) {
    this.#clock = clock;
    this.#ask = ask;
    this.#since = clock.now;
  }

  /** Asks where that is due; false where nothing has come since for as long as `limit`, in milliseconds. */
  beat(limit: number): boolean {
    if (!this.#clock.hasPassed(this.#since, limit)) return true;
    if (this.#isAsked) return false;
    this.#since = this.#clock.now;
    this.#isAsked = true;
    this.#ask();
    return true;
  }

  /** Something has come. */
  hear(): void {
    this.#isAsked = false;
    this.#since = this.#clock.now;
  }
}
