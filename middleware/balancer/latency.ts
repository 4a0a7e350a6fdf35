/** How long a target takes for the head of a response: an average in which a peak counts at once, and fades. */

/** After how long a value counts 1/e, in milliseconds. */
const FADING = 10_000;

/** What a failure adds, in milliseconds. */
const PENALTY = 1000;

/** After how long that counts 1/e: a target that has failed once is tried again within seconds. */
const PENALTY_FADING = 1000;

/** How often that has faded before it is forgotten. */
const FORGOTTEN = 12;

/**
 * What each value counts at least: a target that has been fast a few dozen times is, whatever it was before. A pause of this
 * process looks like one of all targets, of which those with the most requests would seem the slowest for long.
 */
const SHARE = 0.1;

/** Keeps averages comparable where nothing was measured for long. */
const LEAST = 0.01;

/** A peak-sensitive average, weighted by time (PeakEWMA of Finagle). Milliseconds. */
export class Latency {
  #value: number;
  #at: number;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(value: number, now: number) {
    this.#value = value;
    this.#at = now;
  }

  /** What a request is expected to take: less, the longer nothing was measured, so that a slow target is tried again. */
  at(now: number): number {
    const expected = Math.max(LEAST, this.#value * Math.exp((this.#at - now) / FADING));
    const fadings = (now - this.#failedAt) / PENALTY_FADING;
    return fadings > FORGOTTEN ? expected : expected + PENALTY * Math.exp(-fadings);
  }

  observe(elapsed: number, now: number): void {
    const fading = Math.exp((this.#at - now) / FADING);
    const faded = this.#value * fading;
    this.#value = elapsed > faded ? elapsed : this.#value + (elapsed - this.#value) * Math.max(1 - fading, SHARE);
    this.#at = now;
  }

  penalize(now: number): void {
    this.#failedAt = now;
  }

  set(value: number, now: number): void {
    this.#value = value;
    this.#at = now;
    this.#failedAt = Number.NEGATIVE_INFINITY;
  }
}
