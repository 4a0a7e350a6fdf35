/** Time limits: one timer for all connections of a server, which looks at each of them now and then. */

/** What has a time limit. */
export interface Timed {
  /** Does what is due; `now` is the time of the clock. */
  checkTime(now: number): void;
}

/** Half of the time that the checks take at most, and at least; in milliseconds. */
const SHORTEST = 10;
const LONGEST = 500;

/**
 * Clock knows the time roughly: it is read in an interval, of which the shortest limit has four. What is timed is checked then.
 * It goes on by one interval at most, so nothing is cut before its time: while the process is busy nobody is heard, and time
 * stands still.
 */
export class Clock {
  /** The time in milliseconds. */
  now: number = currentTime();
  /** When it was read. */
  #read: number = this.now;
  /** How long the interval is, in milliseconds. */
  readonly interval: number;
  readonly #timed = new Set<Timed>();
  #timer: NodeJS.Timeout | undefined;

  /** `limits` are the durations that count, in milliseconds; 0 for one that does not. */
  constructor(limits: readonly number[]) {
    const shortest = Math.min(...limits.filter((limit) => limit > 0), 4 * LONGEST);
    this.interval = Math.max(SHORTEST, Math.floor(shortest / 4));
  }

  /** Whether `limit` milliseconds have passed since a time of this clock; never where there is no limit. */
  hasPassed(since: number, limit: number): boolean {
    return limit > 0 && this.now - since >= limit + this.interval;
  }

  /** Starts checking something. */
  add(timed: Timed): void {
    this.#timed.add(timed);
    if (this.#timer !== undefined) return;
    this.now = currentTime();
    this.#read = this.now;
    // In an immediate, what has arrived by now was read: no request is taken for missing.
    this.#timer = setInterval(() => setImmediate(() => this.#check()), this.interval).unref();
  }

  /** Stops checking something. */
  remove(timed: Timed): void {
    this.#timed.delete(timed);
    if (this.#timed.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const read = currentTime();
    this.now += Math.min(read - this.#read, this.interval);
    this.#read = read;
    for (const timed of this.#timed) timed.checkTime(this.now);
  }
}

/** A whole number: V8 keeps those without a box. */
function currentTime(): number {
  return Math.round(performance.now());
}
