/** Whether a shared cache may store a response, and for how long it is fresh (RFC 9111 §3, §4.2). */

import CachePolicy from "http-cache-semantics";
import type { AppResponse, Environ } from "../../src/gateway.ts";
import { getHeader, hasHeader } from "../../src/http/headers.ts";
import { parseDate } from "../../src/http/precondition.ts";

/** What is known of a response that may be stored. Times are in seconds, except `storedAt`. */
export interface Judgement {
  /** When it was stored, in milliseconds since 1970. */
  readonly storedAt: number;
  /** Its age then. */
  readonly age: number;
  /** The age up to which it is fresh. */
  readonly lifetime: number;
  /** How long it may be served while it is fetched anew (RFC 5861 §3). */
  readonly whileRevalidate: number;
  /** How long it may be served where the app fails (RFC 5861 §4). */
  readonly ifError: number;
}

/** The directives of a `Cache-Control` by their names, in lower case. */
export type Directives = ReadonlyMap<string, string | undefined>;

const DIRECTIVE = /([^\s,=]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*)))?/g;

export function directivesOf(field: string | undefined): Directives {
  const directives = new Map<string, string | undefined>();
  for (const [, name = "", quoted, plain] of field?.matchAll(DIRECTIVE) ?? []) {
    const key = name.toLowerCase();
    const value = quoted ?? plain;
    // Of two lifetimes the shorter one counts (RFC 9111 §4.2.1).
    if (!directives.has(key) || secondsOf(value) < secondsOf(directives.get(key))) directives.set(key, value);
  }
  return directives;
}

/** No response is kept for longer: 2^31 seconds are "forever" (RFC 9111 §1.2.2). */
const FOREVER = 2 ** 31;

/** A number of seconds; 0 for what is not one, as what is malformed counts as stale (RFC 9111 §4.2.1). */
export function secondsOf(value: string | undefined): number {
  return value !== undefined && /^\d+$/.test(value) ? Math.min(FOREVER, Number(value)) : 0;
}

/** Statuses that are never of a whole response, or have none. */
const PARTS = new Set([206, 304]);

/** A date that is over; the package takes some dates that are malformed, such as "0", for others. */
const PAST = "Thu, 01 Jan 1970 00:00:00 GMT";

/** How many fields a response may vary by. */
const MOST_FIELDS = 20;

/** Keys of the environ by which a response varies; undefined where it varies by what no request tells. */
export function varyOf(headers: AppResponse["headers"]): readonly string[] | undefined {
  const vary = getHeader(headers, "Vary");
  if (vary === undefined) return [];
  const names = vary.split(",").flatMap((name) => name.trim().toUpperCase().replaceAll("-", "_") || []);
  if (names.includes("*") || names.length > MOST_FIELDS) return undefined;
  return names.map((name) => (name === "CONTENT_TYPE" || name === "CONTENT_LENGTH" ? name : `HTTP_${name}`));
}

/**
 * What may be stored of a response to a GET; undefined where nothing may. It has to say itself how long it is fresh, or that it is
 * to be validated: no lifetime is guessed. One that sets a cookie is never stored; one to a client that has authenticated itself,
 * here or to a layer further out, only where `Cache-Control` says that others may have it too (§3.5).
 */
export function judge(
  environ: Environ,
  { status, headers }: Pick<AppResponse, "status" | "headers">,
): Judgement | undefined {
  const cacheControl = getHeader(headers, "Cache-Control");
  const expires = getHeader(headers, "Expires");
  if (cacheControl === undefined && expires === undefined) return undefined;
  const code = Number(status.slice(0, 3));
  if (PARTS.has(code) || hasHeader(headers, "Set-Cookie") || hasHeader(headers, "Content-Range")) return undefined;
  const directives = directivesOf(cacheControl);
  const isExplicit = ["max-age", "s-maxage", "no-cache"].some((name) => directives.has(name));
  if (!isExplicit && expires === undefined) return undefined;

  const now = Date.now();
  const date = getHeader(headers, "Date");
  const made = parseDate(date);
  const policy = new CachePolicy(
    { method: "GET", headers: requestHeaders(environ) },
    {
      status: code,
      headers: present({
        "cache-control": cacheControl === undefined ? undefined : plainDirectives(directives),
        date: made === undefined ? undefined : date,
        expires: expires === undefined || parseDate(expires) !== undefined ? expires : PAST,
      }),
    },
    { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 },
  );
  if (!policy.storable()) return undefined;
  const isStrict = ["must-revalidate", "proxy-revalidate", "no-cache"].some((name) => directives.has(name));
  const apparent = made === undefined ? 0 : Math.max(0, now / 1000 - made - 1);
  return {
    storedAt: now,
    age: Math.max(Math.floor(apparent), secondsOf(getHeader(headers, "Age")?.split(",")[0]?.trim())),
    // A property of the package that its types leave out.
    lifetime: Math.min(FOREVER, Math.max(0, (policy as unknown as { maxAge(): number }).maxAge())),
    whileRevalidate: isStrict ? 0 : secondsOf(directives.get("stale-while-revalidate")),
    ifError: isStrict ? 0 : secondsOf(directives.get("stale-if-error")),
  };
}

/**
 * The directives as the package reads them, which compares names as they are written. It serves nothing that is to be validated
 * once it is stale, fresh or not; what is stale is ours to judge.
 */
function plainDirectives(directives: Directives): string {
  return [...directives]
    .filter(([name]) => name !== "proxy-revalidate")
    .map(([name, value]) => {
      if (name === "max-age" || name === "s-maxage") return `${name}=${secondsOf(value)}`;
      return name;
    })
    .join(", ");
}

/** Who has authenticated the client does not matter. */
function requestHeaders(environ: Environ): Record<string, string> {
  const isKnown = environ.SSL_CLIENT_VERIFY === "SUCCESS" ? "certificate" : undefined;
  const noStore = directivesOf(environ.HTTP_CACHE_CONTROL).has("no-store") ? "no-store" : undefined;
  return present({
    authorization: environ.HTTP_AUTHORIZATION ?? environ.REMOTE_USER ?? environ.AUTH_TYPE ?? isKnown,
    "cache-control": noStore,
  });
}

function present(fields: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** The age of a stored response (RFC 9111 §4.2.3), in whole seconds. */
export function ageOf({ storedAt, age }: Judgement, now: number): number {
  return age + Math.max(0, Math.floor((now - storedAt) / 1000));
}

/** Whether a response may go to those who wait for it: not one that each of them has to have validated. */
export function isForOthers({ lifetime, age, whileRevalidate }: Judgement): boolean {
  return lifetime - age + whileRevalidate > 0;
}
