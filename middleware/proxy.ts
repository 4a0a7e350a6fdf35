/**
 * A server elsewhere as an app.
 *
 * ```ts
 * export const app = dispatcher(site, { "/api": proxy("http://10.0.0.7:3000") });
 * ```
 *
 * It needs the package `undici`, 7.30 or later, which is not installed with tsgi: `npm install undici@7`.
 */

import type { App, Body, Environ, StartResponse } from "../src/gateway.ts";
import { checkOptions } from "../src/options.ts";
import { isPromise } from "../src/promise.ts";
import { startAttempt } from "./proxy/attempt.ts";
import { Forwarding } from "./proxy/forwarding.ts";
import {
  DRAIN_OPTIONS,
  type DrainOptions,
  settingsOf,
  UPSTREAM_OPTIONS,
  type UpstreamOptions,
} from "./proxy/options.ts";
import { type AttemptListener, type Failure, mayRepeat } from "./proxy/outcome.ts";
import { Pool } from "./proxy/pool.ts";
import type { AttemptLimits } from "./proxy/reception.ts";
import { Run, type Started, type Strategy } from "./proxy/run.ts";
import { targetOf } from "./proxy/target.ts";
import type { UpstreamRequest } from "./proxy/upstream-request.ts";

export type { TlsOptions } from "./proxy/connect.ts";
export type { Trust } from "./proxy/forwarded.ts";
export type { DrainOptions } from "./proxy/options.ts";

/** Options of `proxy`. */
export interface ProxyOptions extends UpstreamOptions {}

/** An app that is a server elsewhere. */
export interface ProxyApp extends App {
  /**
   * Closes the connections that are kept: from now on requests are a 503. Resolves when all that is under way is over; what is
   * not after `deadline` milliseconds is cut, which is a 502 before the head. Default: no deadline. Without it connections close
   * by themselves, after `keepAliveTimeout`, and no process goes on for them.
   */
  close(options?: DrainOptions): Promise<void>;
}

/**
 * proxy makes an app of a server elsewhere, to be mounted, guarded and transformed as any other. A target is `http://host:port`,
 * `https://host` or `unix:/path/of.sock`, each with a path that all requests begin with (`unix:/path/of.sock:/base`).
 *
 * The target gets the method, the path below the mount, the query, the headers and the body, and is told of the client by
 * `X-Forwarded-*`, the mount among them, and `Via`. What belongs to a connection stays there (RFC 9110 §7.6.1). Nothing is
 * buffered except small request bodies, and who reads slowly makes the other side wait. A client that leaves ends the request
 * to the target; a target that fails amid its response cuts the client's. The answers besides the target's:
 *
 * - 502 where it cannot be reached, or does not answer in HTTP, 504 where it takes too long.
 * - 503 with `Retry-After` where too many requests are under way.
 * - 400, 431 to a request that cannot be sent on; 405 to TRACE, 501 to CONNECT; 508 to one that has come by here before.
 *
 * Trailers of the target go to clients that ask for them (`TE: trailers`), those of a client to the target where a `Trailer`
 * announces them (RFC 9110 §6.5). Targets are spoken to in HTTP/1.1, unless `http2` says otherwise.
 *
 * GET, HEAD and OPTIONS are repeated once where the target has closed a connection that was kept; other methods never, once
 * anything of them was sent.
 *
 * Throws `TSGI_BAD_TARGET`, `TSGI_BAD_OPTION`, `TSGI_NO_PACKAGE` where `undici` is not installed, and `TSGI_HTTP2_NEEDS_UNDICI_8`
 * where it is too old for `http2`.
 */
export function proxy(target: string, options: ProxyOptions = {}): ProxyApp {
  const parsed = targetOf(target, "proxy");
  checkOptions("proxy", options, UPSTREAM_OPTIONS);
  const { forwarding, returning, pool: poolOptions, limits } = settingsOf(options);
  const maker = new Forwarding(forwarding, "proxy");
  const pool = new Pool(parsed, poolOptions, "proxy");
  const hasBase = parsed.base !== "";

  function send(environ: Environ, startResponse: StartResponse, request: UpstreamRequest | App): Body | Promise<Body> {
    if (typeof request === "function") return request(environ, startResponse);
    const strategy = new OneTarget(pool, request, limits);
    return new Run(environ, startResponse, request, returning, maker.pseudonym, strategy).body;
  }

  const app: App = function proxy(environ, startResponse) {
    const request = maker.requestOf(environ, hasBase);
    if (isPromise(request)) return request.then((made) => send(environ, startResponse, made));
    return send(environ, startResponse, request);
  };
  return Object.assign(app, {
    async close(how: DrainOptions = {}) {
      checkOptions("close of proxy", how, DRAIN_OPTIONS);
      await pool.close(how.deadline);
    },
  });
}

/** The strategy where there is nowhere else to go. */
class OneTarget implements Strategy {
  readonly #pool: Pool;
  readonly #request: UpstreamRequest;
  readonly #limits: AttemptLimits;
  #hasRepeated = false;

  constructor(pool: Pool, request: UpstreamRequest, limits: AttemptLimits) {
    this.#pool = pool;
    this.#request = request;
    this.#limits = limits;
  }

  attempt(last: Failure | undefined, listener: AttemptListener): Started | undefined {
    if (last !== undefined) {
      if (this.#pool.isClosed) return undefined;
      const { method, body } = this.#request;
      // Another failure would be the same again.
      const mayHelp = last.isStale || last.reason === "continue";
      if (!mayHelp || this.#hasRepeated || !mayRepeat(last, method, body?.isReplayable ?? true)) return undefined;
      this.#hasRepeated = true;
    }
    const attempt = startAttempt(this.#pool, this.#request, this.#limits, listener, last !== undefined);
    return { attempt, target: this.#pool.target };
  }
}
