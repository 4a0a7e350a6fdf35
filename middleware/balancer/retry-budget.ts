/** How many requests may be sent again, so that retries do not bury targets that are overloaded already. */

/** How many seconds the budget looks back. */
const SECONDS = 10;

/** Retries that may be under way in any case. */
const LEAST = 3;

/** RetryBudget allows retries up to a share of the requests of the last ten seconds, and always some. */
export class RetryBudget {
  readonly #share: number;
  readonly #requests = new Array<number>(SECONDS).fill(0);
  readonly #retries = new Array<number>(SECONDS).fill(0);
  #second = 0;
  #underWay = 0;
  /** How many retries there were, and how many there were not, as it was used up. */
  retries = 0;
  refused = 0;

  /** `percent` of the requests. */
  constructor(percent: number) {
    this.#share = percent / 100;
  }

  request(now: number): void {
    this.#turn(now);
    (this.#requests[this.#second % SECONDS] as number)++;
  }

  /** Takes a retry out of the budget. Tells whether there was one. */
  take(now: number): boolean {
    if (this.left(now) === 0) {
      this.refused++;
      return false;
    }
    (this.#retries[this.#second % SECONDS] as number)++;
    this.#underWay++;
    this.retries++;
    return true;
  }

  /** How many requests could be sent again now. */
  left(now: number): number {
    if (this.#share === 0) return 0;
    this.#turn(now);
    const ofShare = Math.ceil(sum(this.#requests) * this.#share - sum(this.#retries));
    return Math.max(0, ofShare, LEAST - this.#underWay);
  }

  /** A retry has an outcome. */
  done(): void {
    this.#underWay--;
  }

  /** Forgets the seconds that are too long ago. */
  #turn(now: number): void {
    const second = Math.floor(now / 1000);
    for (let each = Math.max(this.#second, second - SECONDS) + 1; each <= second; each++) {
      this.#requests[each % SECONDS] = 0;
      this.#retries[each % SECONDS] = 0;
    }
    this.#second = Math.max(this.#second, second);
  }
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const each of numbers) total += each;
  return total;
}
