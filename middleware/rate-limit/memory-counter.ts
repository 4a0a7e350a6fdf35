/** Requests counted in memory, for keys that clients may choose. */

import { BoundedMap } from "../../src/bounded-map.ts";
import type { Verdict } from "./limiter.ts";

/** How many keys are counted at least; at most twice as many. One takes about 150 bytes. */
const KEYS = 50_000;

interface Window {
  count: number;
  /** When it ends, in milliseconds since 1970. */
  readonly end: number;
}

/** Counts in windows that begin with a key's first request. Where there are more keys than fit, those not used for longest start anew. */
export class MemoryCounter {
  readonly #limit: number;
  readonly #duration: number;
  readonly #windows: BoundedMap<string, Window> = new BoundedMap(KEYS);

  /** `duration` is in milliseconds. */
  constructor(limit: number, duration: number) {
    this.#limit = limit;
    this.#duration = duration;
  }

  consume(key: string): Verdict {
    const now = Date.now();
    let window = this.#windows.get(key);
    if (window === undefined || now >= window.end) {
      window = { count: 0, end: now + this.#duration };
      this.#windows.set(key, window);
    }
    window.count++;
    return {
      isAllowed: window.count <= this.#limit,
      remainingPoints: Math.max(0, this.#limit - window.count),
      msBeforeNext: window.end - now,
    };
  }
}
