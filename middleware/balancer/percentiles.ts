/** How long heads of responses took lately, by share: what the page shows, and when a second attempt is worth it. */

/** Buckets for each doubling: a value is at most a fifth too large. */
const PER_DOUBLING = 4;

/** What the first bucket holds, in milliseconds: anything up to this. */
const LEAST = 0.125;

/** Up to two minutes. */
const BUCKETS = 20 * PER_DOUBLING + 1;

/** For how long a generation counts what comes, in milliseconds: what is told is of the last one to two of these. */
const GENERATION = 30_000;

/** Counts of durations, which are forgotten after a while. */
export class Percentiles {
  #recent = new Uint32Array(BUCKETS);
  #older = new Uint32Array(BUCKETS);
  #since: number;

  constructor(now: number) {
    this.#since = now;
  }

  observe(elapsed: number, now: number): void {
    this.#turn(now);
    const bucket = elapsed <= LEAST ? 0 : Math.ceil(Math.log2(elapsed / LEAST) * PER_DOUBLING);
    (this.#recent[Math.min(bucket, BUCKETS - 1)] as number)++;
  }

  #turn(now: number): void {
    if (now - this.#since < GENERATION) return;
    const isOld = now - this.#since >= 2 * GENERATION;
    const spare = this.#older.fill(0);
    this.#older = isOld ? new Uint32Array(BUCKETS) : this.#recent;
    this.#recent = spare;
    this.#since = now;
  }

  /** Adds what was counted to a sum of several. */
  addTo(sum: Uint32Array, now: number): void {
    this.#turn(now);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      (sum[bucket] as number) += (this.#recent[bucket] as number) + (this.#older[bucket] as number);
    }
  }
}

/** The percentiles of what was measured, in milliseconds, one for each of the shares; undefined where fewer than `least` were counted. */
export function percentilesOf(
  all: Iterable<Percentiles>,
  shares: readonly number[],
  now: number,
  least = 1,
): readonly number[] | undefined {
  const sum = new Uint32Array(BUCKETS);
  for (const each of all) each.addTo(sum, now);
  const total = sum.reduce((before, count) => before + count, 0);
  if (total < least) return undefined;
  return shares.map((share) => {
    let left = Math.ceil((total * share) / 100);
    let bucket = 0;
    while (bucket < BUCKETS - 1 && left > (sum[bucket] as number)) left -= sum[bucket++] as number;
    return LEAST * 2 ** (bucket / PER_DOUBLING);
  });
}
