/** A limiter in whose place the memory of this process counts while it fails or hangs. */

import { writeError } from "../../src/exchange/report.ts";
import type { Environ } from "../../src/gateway.ts";
import { mayBeDropped } from "../../src/promise.ts";
import { isResult, type RateLimiter, type RateLimiterResult, type Verdict } from "./limiter.ts";
import type { MemoryCounter } from "./memory-counter.ts";

/** How long a limiter may take, in milliseconds. */
const PATIENCE = 400;

export class InsuredLimiter {
  readonly #limiter: RateLimiter;
  readonly #memory: MemoryCounter;
  #isFailing = false;

  constructor(limiter: RateLimiter, memory: MemoryCounter) {
    this.#limiter = limiter;
    this.#memory = memory;
  }

  /** Never rejects. The first failure in a row is reported. */
  async consume(key: string, environ: Environ): Promise<Verdict> {
    try {
      const result = await this.#inTime(key);
      this.#isFailing = false;
      return verdict(result, true);
    } catch (error) {
      if (isResult(error)) {
        this.#isFailing = false;
        return verdict(error, false);
      }
      if (!this.#isFailing) writeError(environ, error);
      this.#isFailing = true;
      return this.#memory.consume(key);
    }
  }

  async #inTime(key: string): Promise<RateLimiterResult> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      // Where the process was busy, the answer may be there, and has only not been read.
      const fail = (): void => reject(new Error("the limiter of rateLimit does not answer"));
      timer = setTimeout(() => {
        timer = setTimeout(fail);
      }, PATIENCE);
    });
    try {
      return await Promise.race([mayBeDropped(this.#limiter.consume(key)), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function verdict({ remainingPoints, msBeforeNext }: RateLimiterResult, isAllowed: boolean): Verdict {
  return { isAllowed, remainingPoints, msBeforeNext };
}
