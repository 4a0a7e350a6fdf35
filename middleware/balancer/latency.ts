/** How long a target takes for the head of a response: an average in which a peak counts at once, and fades. */

/** After how long a value counts 1/e, in milliseconds. */
const FADING = 10_000;

/** What a failure counts as at least, in milliseconds. */
const PENALTY = 1000;

/** Keeps averages comparable where nothing was measured for long. */
const LEAST = 0.01;

/** A peak-sensitive average, weighted by time (PeakEWMA of Finagle). Milliseconds. */
export class Latency {
  #value: number;
  #at: number;

  constructor(value: number, now: number) {
    this.#value = value;
    this.#at = now;
  }

  /** What a request is expected to take: less, the longer nothing was measured, so that a slow target is tried again. */
  at(now: number): number {
    return Math.max(LEAST, this.#value * Math.exp((this.#at - now) / FADING));
  }

  observe(elapsed: number, now: number): void {
    const fading = Math.exp((this.#at - now) / FADING);
    const faded = this.#value * fading;
    this.#value = elapsed > faded ? elapsed : faded + elapsed * (1 - fading);
    this.#at = now;
  }

  penalize(now: number): void {
    this.set(Math.max(this.at(now), PENALTY), now);
  }

  set(value: number, now: number): void {
    this.#value = value;
    this.#at = now;
  }
}
