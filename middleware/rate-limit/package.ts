/** The package `rate-limiter-flexible`, as much as is used of it: its own types are only there for those who have installed them. */

import { loadPackage } from "../../src/peer-package.ts";

/** What is left of a key's requests. */
export interface RateLimiterResult {
  readonly remainingPoints: number;
  readonly msBeforeNext: number;
}

/** A limiter of the package. It rejects with a result, which is not an `Error`, where a key has none left. */
export interface RateLimiter {
  consume(key: string, points?: number): Promise<RateLimiterResult>;
}

interface RateLimiterPackage {
  readonly RateLimiterMemory: new (options: { points: number; duration: number }) => RateLimiter;
}

/** Throws `TSGI_NO_PACKAGE`. */
export function loadRateLimiter(): RateLimiterPackage {
  return loadPackage<RateLimiterPackage>("rate-limiter-flexible", "rateLimit", "rate-limiter-flexible@11");
}
