/** Targets that fail again and again get no requests for a while: judged by the requests themselves. */

/** When a target is ejected, and for how long. */
export interface EjectionOptions {
  /** How many failures in a row eject a target. Default 3. */
  failures?: number | undefined;
  /** Within which time, in milliseconds. Default 10 000. */
  window?: number | undefined;
  /** For how long the first time, in milliseconds; twice as long each time that its trial fails. Default 10 000. */
  time?: number | undefined;
  /** For how long at most, in milliseconds. Default 300 000. */
  longest?: number | undefined;
  /** How many percent of the targets may be ejected at once, rounded up, and never all. Default 50. */
  share?: number | undefined;
}

/** The options with their defaults; `failures` is infinite where nothing is ejected. */
export interface EjectionSettings {
  readonly failures: number;
  readonly window: number;
  readonly time: number;
  readonly longest: number;
  readonly share: number;
}

export function ejectionSettings(options: EjectionOptions | false): EjectionSettings {
  const { failures = 3, window = 10_000, time = 10_000, longest = 300_000, share = 50 } = options || {};
  return { failures: options === false ? Number.POSITIVE_INFINITY : failures, window, time, longest, share };
}

/** `in`: gets requests; `out`: gets none; `trial`: gets one at a time, until one succeeds. */
export type Standing = "in" | "out" | "trial";

/** Ejection judges one target. Times are of a clock that never goes back, in milliseconds. */
export class Ejection {
  readonly #settings: EjectionSettings;
  #failures = 0;
  #firstFailure = 0;
  #isOut = false;
  /** When its next trial may begin. */
  #until = 0;
  #since = 0;
  /** How often it was ejected since it last was in for long. */
  #times = 0;
  /** How often it was ejected. */
  count = 0;

  constructor(settings: EjectionSettings) {
    this.#settings = settings;
  }

  standing(now: number): Standing {
    if (!this.#isOut) return "in";
    return now < this.#until ? "out" : "trial";
  }

  /** When the standing changes by itself. */
  get until(): number {
    return this.#isOut ? this.#until : Number.POSITIVE_INFINITY;
  }

  /** A request that began then has succeeded. Tells whether the target is in again. */
  succeeded(began: number): boolean {
    this.#failures = 0;
    if (!this.#isOut || began < this.#since) return false;
    this.#isOut = false;
    return true;
  }

  /** A request has failed. `mayLeave` tells whether the others can do without the target; the result, whether it was ejected. */
  failed(now: number, mayLeave: () => boolean): boolean {
    if (this.#isOut) {
      // Requests that began before it was ejected say nothing new.
      if (now < this.#until) return false;
    } else {
      if (this.#failures === 0 || now - this.#firstFailure > this.#settings.window) {
        this.#failures = 0;
        this.#firstFailure = now;
      }
      if (++this.#failures < this.#settings.failures || !mayLeave()) return false;
      // Long enough without: it begins anew.
      if (now - this.#until > this.#settings.longest) this.#times = 0;
    }
    const { time, longest } = this.#settings;
    const length = Math.min(longest, time * 2 ** Math.min(this.#times, 30));
    this.#times++;
    this.#failures = 0;
    this.#isOut = true;
    this.#since = now;
    // Not all balancers try it at the same moment.
    this.#until = now + length * (0.8 + 0.4 * Math.random());
    this.count++;
    return true;
  }
}
