/** What counts the requests of a key, and what it says: the form of limiters of the package `rate-limiter-flexible`. */

/** What is left of a key's requests. */
export interface RateLimiterResult {
  readonly remainingPoints: number;
  readonly msBeforeNext: number;
}

/** A limiter of the package. It rejects with a result, which is not an `Error`, where a key has none left. */
export interface RateLimiter {
  consume(key: string, points?: number): Promise<RateLimiterResult>;
}

/** What becomes of a request. */
export interface Verdict extends RateLimiterResult {
  readonly isAllowed: boolean;
}

/** What a limiter rejects with where a key has none left. */
export function isResult(value: unknown): value is RateLimiterResult {
  return typeof value === "object" && value !== null && !(value instanceof Error) && "msBeforeNext" in value;
}
