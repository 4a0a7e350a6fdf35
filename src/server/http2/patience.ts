/** How much of what costs a server something, and a client nothing, is put up with. */

import type { Clock } from "../engine/clock.ts";

/** How much may come at once, and how much more each second. */
const MOST = 1000;
const PER_SECOND = 33;

/**
 * Patience counts what one client does that serves nobody: streams that it resets, frames that say nothing. What it does for a
 * purpose makes up for that, so that a proxy in front, whose many clients leave now and then, is not taken for an attacker.
 */
export class Patience {
  readonly #clock: Clock;
  #left = MOST;
  /** When it was last renewed. */
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now;
  }

  /** Counts one more of it; false where that is too much. */
  spend(): boolean {
    if (this.#left > 0) {
      this.#left--;
      return true;
    }
    const { now } = this.#clock;
    const more = Math.floor(((now - this.#since) * PER_SECOND) / 1000);
    if (more === 0) return false;
    this.#since = now;
    this.#left = Math.min(MOST, more) - 1;
    return true;
  }

  /** Something of use has come. */
  restore(): void {
    if (this.#left < MOST) this.#left++;
  }
}
