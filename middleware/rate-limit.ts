/**
 * Limits how many requests each client makes in a period.
 *
 * ```ts
 * export const app = rateLimit(site, { limit: 100, window: 60_000 });
 *
 * // For many processes: a limiter of the package rate-limiter-flexible, over Redis or Valkey.
 * const limiter = new RateLimiterRedis({ storeClient, useRedisPackage: true, points: 100, duration: 60 });
 * export const shared = rateLimit(site, { limit: 100, window: 60_000, limiter });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { plainAddress } from "../src/exchange/environ.ts";
import type { App, Body, Environ, HeaderList, StartResponse } from "../src/gateway.ts";
import { immediate } from "../src/immediate.ts";
import { BOOLEAN, checkOptions, count, FUNCTION, type Kind, type Kinds } from "../src/options.ts";
import { isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { InsuredLimiter } from "./rate-limit/insured-limiter.ts";
import type { RateLimiter, RateLimiterResult, Verdict } from "./rate-limit/limiter.ts";
import { MemoryCounter } from "./rate-limit/memory-counter.ts";

export type { RateLimiter, RateLimiterResult } from "./rate-limit/limiter.ts";

/** How many requests a client may make. */
export interface RateLimitOptions {
  /** How many in one window. Required. */
  limit: number;
  /** How long a window is, from the first request on, in milliseconds; counted in whole seconds. Required. */
  window: number;
  /** Which client a request is of. Default its address, of IPv6 the network of 56 bits, as a customer has all of that. */
  key?: (environ: Environ) => string;
  /** Counts instead of the memory of this process. Give it the same limit and window. */
  limiter?: RateLimiter;
  /** Whether responses tell what is left, by `RateLimit` and `RateLimit-Policy`, which are drafts. Default `false`. */
  headers?: boolean;
}

const LIMITER: Kind = {
  expected: "a limiter of rate-limiter-flexible",
  accepts: (value) => typeof (value as Partial<RateLimiter> | null)?.consume === "function",
};

const KINDS: Kinds<RateLimitOptions> = {
  limit: count(1),
  window: count(1000),
  key: FUNCTION,
  limiter: LIMITER,
  headers: BOOLEAN,
};

/**
 * rateLimit answers with 429 and `Retry-After` (RFC 6585 §4), without asking `app`, where a client has made `limit` requests in its
 * window. It reads no header: behind proxies `proxyFix` belongs outside of it, else all clients are one, and a client cannot choose
 * its address.
 *
 * The memory of the process counts, for 50 000 clients at least and 100 000 at most: of more, those that were not there for longest
 * start anew. Each process counts for itself unless it has a `limiter` of the package `rate-limiter-flexible` (11). Where that fails, or
 * takes longer than 0.4 seconds, the memory counts until it is back, and the first failure is reported. A client of Redis with
 * `disableOfflineQueue: true` fails at once. It does not protect from many clients at once: that is what `shed` and `concurrencyLimit`
 * are for.
 *
 * Throws `TSGI_BAD_OPTION`. Source of the headers: draft-ietf-httpapi-ratelimit-headers-11.
 */
export function rateLimit(app: App, options: RateLimitOptions): App {
  checkApp(app, "rateLimit");
  checkOptions("rateLimit", options, KINDS);
  const { limit, window, key = networkOf, limiter, headers: hasHeaders = false } = options;
  if ((limit as unknown) === undefined || (window as unknown) === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "rateLimit needs a limit and a window", {
      hint: "Give requests and milliseconds: { limit: 100, window: 60_000 }.",
    });
  }
  const duration = Math.ceil(window / 1000);
  const memory = new MemoryCounter(limit, duration * 1000);
  const insured = limiter === undefined ? undefined : new InsuredLimiter(limiter, memory);
  const policy = ["RateLimit-Policy", `"default";q=${limit};w=${duration}`] as const;
  const headersOf = ({ remainingPoints, msBeforeNext }: RateLimiterResult): HeaderList =>
    hasHeaders
      ? [policy, ["RateLimit", `"default";r=${Math.max(0, remainingPoints)};t=${Math.ceil(msBeforeNext / 1000)}`]]
      : [];

  const nameOf = key === networkOf ? key : immediate("key of rateLimit", key);

  const outer: App = function rateLimit(environ, startResponse) {
    const name = nameOf(environ);
    const verdict = insured === undefined ? memory.consume(name) : insured.consume(name, environ);
    return isPromise(verdict)
      ? verdict.then((result) => decide(result, environ, startResponse))
      : decide(verdict, environ, startResponse);
  };
  return wrapping(outer, app);

  function decide(verdict: Verdict, environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    if (!verdict.isAllowed) return refuse(verdict, environ, startResponse);
    if (!hasHeaders) return app(environ, startResponse);
    const added = headersOf(verdict);
    return app(environ, (status, headers, error) => startResponse(status, [...headers, ...added], error));
  }

  function refuse(result: RateLimiterResult, environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    const seconds = Math.max(1, Math.ceil(result.msBeforeNext / 1000));
    return text("Too Many Requests\n", {
      status: "429 Too Many Requests",
      headers: [["Retry-After", String(seconds)], ...headersOf(result)],
    })(environ, startResponse);
  }
}

/** The address of a client; of IPv6 the first 56 bits. */
function networkOf({ REMOTE_ADDR }: Environ): string {
  const address = plainAddress(REMOTE_ADDR);
  if (!address.includes(":")) return address;
  const [plain = ""] = address.split("%");
  const [head = "", tail] = plain.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...first, ...Array(Math.max(0, 8 - first.length - last.length)).fill("0"), ...last];
  const bits = groups.slice(0, 4).map((group) => Number.parseInt(group, 16));
  return `${bits[0]?.toString(16)}:${bits[1]?.toString(16)}:${bits[2]?.toString(16)}:${((bits[3] ?? 0) >> 8).toString(16)}/56`;
}
