/**
 * Keeps responses, and answers the next requests with them.
 *
 * ```ts
 * const news: App = (_environ, startResponse) => {
 *   startResponse("200 OK", [
 *     ["Content-Type", "text/plain"],
 *     ["Cache-Control", "max-age=10, stale-while-revalidate=60"],
 *     ["Vary", "Accept-Language"],
 *   ]);
 *   return `the news of ${new Date().toISOString()}\n`;
 * };
 *
 * export const app = cache(compress(news), { store: memoryCacheStore({ maxSize: 16 * 1024 * 1024 }) });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { isSwitching } from "../src/exchange/failures.ts";
import { respond } from "../src/exchange/respond.ts";
import type { App, Environ, HeaderList } from "../src/gateway.ts";
import { TOKEN } from "../src/http/field-rules.ts";
import { getHeader } from "../src/http/headers.ts";
import { canonicalPath } from "../src/http/path.ts";
import { urlOf } from "../src/http/url.ts";
import { immediate } from "../src/immediate.ts";
import { BOOLEAN, checkOptions, count, FUNCTION, type Kinds, OBJECT, STRING } from "../src/options.ts";
import { andThen } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { askedOf, isPlain, originOf, uriOf } from "./cache/asked.ts";
import { GuardedStore } from "./cache/guarded-store.ts";
import { memoryCacheStore } from "./cache/memory-cache-store.ts";
import { SharedCache } from "./cache/shared-cache.ts";
import type { CacheStore } from "./cache/store.ts";
import { withStatus } from "./cache/stored.ts";

export { type MemoryCacheStoreOptions, memoryCacheStore } from "./cache/memory-cache-store.ts";
export { type RedisCacheClient, type RedisCacheStoreOptions, redisCacheStore } from "./cache/redis-cache-store.ts";
export type { CacheEntry, CacheStore } from "./cache/store.ts";

/** What a cache keeps, and where. */
export interface CacheOptions {
  /** Where responses are kept. Default `memoryCacheStore()`: 64 MiB in the memory of the process. */
  store?: CacheStore;
  /** The largest body that is kept, in bytes. Default 1 MiB. Larger ones are passed on. */
  limit?: number;
  /**
   * What else responses depend on, beside the URL, `Vary` and the headers of proxies: `(environ) => environ.REMOTE_ADDR`. Where it
   * gives undefined, the request passes the cache by. Default nothing.
   */
  key?: (environ: Environ) => string | undefined;
  /**
   * How long a request waits for another one that asks for the same, in milliseconds; then it asks the app by itself. Default
   * 5000; 0 lets each ask.
   */
  wait?: number;
  /** How long a store may take to answer, in milliseconds. Default 100. Then it counts as empty, and rests for a second. */
  storeTimeout?: number;
  /**
   * Whether clients may ask for something fresher than what is kept, by `Cache-Control: no-cache`, `max-age`, `min-fresh` and
   * `only-if-cached`. Default `false`: the cache is there to spare the app, and browsers send these for each reload.
   */
  clientDirectives?: boolean;
  /** What the cache calls itself in `Cache-Status`, a token. Default `"tsgi"`. */
  name?: string;
}

const KINDS: Kinds<CacheOptions> = {
  store: OBJECT,
  limit: count(),
  key: FUNCTION,
  wait: count(),
  storeTimeout: count(1),
  clientDirectives: BOOLEAN,
  name: STRING,
};

/**
 * cache keeps responses that may be shared, and answers requests with them as long as they are fresh (RFC 9111).
 *
 * Kept are whole responses to GET that say so: by `max-age`, `s-maxage` or `Expires`; with `no-cache` they are kept to be validated
 * by their `ETag` or `Last-Modified`. Never kept are those that are `private` or `no-store`, set a cookie, vary by `*`, are parts,
 * or fail; after `Authorization`, or where a layer further out has authenticated the client, only those that are `public`, or have
 * `s-maxage` or `must-revalidate` (§3.5). HEAD is answered with what is kept of GET, and so are `If-None-Match` and
 * `If-Modified-Since`; put `range` around it for ranges.
 *
 * A stale response is validated, or served at once and refreshed behind it (`stale-while-revalidate`), or served where the app
 * fails or answers 500, 502, 503 or 504 (`stale-if-error`, RFC 5861). Requests for the same missing response wait for the first
 * one, unless what it brings is not to be shared; neither its client's pace nor its leaving holds them up. A method that is not
 * safe invalidates its URL, `Location` and `Content-Location`, if it succeeds (§4.4).
 *
 * Requests share a response only if all are the same: scheme, host, mount, target, what `Vary` names, and `X-Forwarded-*`. Those
 * with content, an overridden method or target, `If-Match` or `Upgrade` pass the cache by. Put authentication outside, and do not
 * let layers in between change what an app sees by anything else; name that by `key`.
 *
 * Responses have `Age` and `Cache-Status` (RFC 9211). Throws `TSGI_BAD_OPTION`.
 */
export function cache(app: App, options: CacheOptions = {}): App {
  checkApp(app, "cache");
  checkOptions("cache", options, KINDS);
  const { store = memoryCacheStore(), limit = 1024 * 1024, wait = 5000, storeTimeout = 100 } = options;
  const key = options.key && immediate("key of cache", options.key);
  const { clientDirectives = false, name = "tsgi" } = options;
  checkStore(store);
  checkName(name);
  const shared = new SharedCache(app, new GuardedStore(store, storeTimeout), { limit, wait, name, clientDirectives });

  const outer: App = function cache(environ, startResponse) {
    const { REQUEST_METHOD: method } = environ;
    if (method === "GET" || method === "HEAD") {
      const extra = key === undefined ? "" : key(environ);
      if (extra !== undefined && isPlain(environ)) {
        const asked = askedOf(environ, key === undefined ? "" : JSON.stringify(extra));
        return andThen(shared.answer(asked, environ), (response) => respond(response, startResponse));
      }
    }
    const isSafe = SAFE.has(method);
    const member = `${name}; fwd=${isSafe && (method === "GET" || method === "HEAD") ? "bypass" : "method"}`;
    return app(environ, (status, headers, error) => {
      if (isSwitching(status)) return startResponse(status, headers, error);
      if (!isSafe && SUCCESS.test(status)) {
        for (const uri of changedBy(environ, headers)) shared.invalidate(uri, environ);
      }
      return startResponse(status, withStatus(headers, member), error);
    });
  };
  return wrapping(outer, app);
}

/** Methods that change nothing (RFC 9110 §9.2.1, and the registry). */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"]);

const SUCCESS = /^[23]/;

/** The URIs that a request has changed: its own, and those on the same origin that its response names (RFC 9111 §4.4). */
function changedBy(environ: Environ, headers: HeaderList): Set<string> {
  const uris = new Set([uriOf(environ)]);
  const base = urlOf(environ);
  for (const name of ["Location", "Content-Location"]) {
    const value = getHeader(headers, name);
    if (value === undefined || !URL.canParse(value, base)) continue;
    const { origin, pathname, search } = new URL(value, base);
    const path = canonicalPath(pathname);
    if (origin === new URL(base).origin && path !== undefined) {
      uris.add(`${originOf(environ)}${path}?${search.slice(1)}`);
    }
  }
  return uris;
}

function checkStore({ get, set, delete: remove }: CacheStore): void {
  if ([get, set, remove].every((member) => typeof member === "function")) return;
  throw new TsgiError("TSGI_BAD_OPTION", "store of cache is not a store", {
    hint: "Give memoryCacheStore(), redisCacheStore(client), or an object with get, set and delete.",
  });
}

function checkName(name: string): void {
  if (TOKEN.test(name)) return;
  throw new TsgiError("TSGI_BAD_OPTION", `name of cache is ${JSON.stringify(name)}`, {
    hint: "Give a token: letters, digits, - and _.",
  });
}
