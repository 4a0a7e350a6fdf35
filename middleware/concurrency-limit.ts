/**
 * Limits how many requests are in an app at once; further requests queue.
 *
 * ```ts
 * export const app = dispatcher(site, {
 *   "/reports": concurrencyLimit(reports, { limit: 4 }),
 * });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { BodyReader, closeBody, knownChunks } from "../src/body/reader.ts";
import { toStream } from "../src/body/stream.ts";
import { codeOf, TsgiError } from "../src/errors.ts";
import { ConcurrencyLimit } from "../src/exchange/concurrency-limit.ts";
import type { App, Body, Environ, StartResponse } from "../src/gateway.ts";
import { checkOptions, count, type Kinds } from "../src/options.ts";
import { isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";

/** How many requests run and queue. */
export interface ConcurrencyLimitOptions {
  /** How many requests run at once. Required. */
  limit: number;
  /** How many further requests queue. Default 16 for each one that runs. With 0, none does. */
  queue?: number;
  /** How long a request queues, in milliseconds. Default 10,000. */
  maxWait?: number;
  /** After how many seconds a client that was refused may try again: the `Retry-After` of the 503. Default 1. */
  retryAfter?: number;
}

const KINDS: Kinds<ConcurrencyLimitOptions> = {
  limit: count(1),
  queue: count(),
  maxWait: count(1, 2 ** 31 - 1),
  retryAfter: count(),
};

/**
 * concurrencyLimit lets `limit` requests into `app` at once. Further ones queue in the order in which they came; where the queue
 * is full, or `maxWait` is over, the answer is a 503 with `Retry-After` (RFC 9110 §15.6.4). A client that leaves gives its place
 * in the queue back.
 *
 * A request runs until its body has come to its end or was closed; what is still in a socket does not count, and neither does a
 * WebSocket after its handshake. The limit is that of the process: several workers have one each. It does not tell clients
 * apart, as `rateLimit` does.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function concurrencyLimit(app: App, options: ConcurrencyLimitOptions): App {
  checkApp(app, "concurrencyLimit");
  checkOptions("concurrencyLimit", options, KINDS);
  const { limit, queue = 16 * limit, maxWait = 10_000, retryAfter = 1 } = options;
  if ((limit as unknown) === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "concurrencyLimit has no limit", { hint: "Give a number: { limit: 100 }." });
  }
  const refuse = text("Service Unavailable\n", {
    status: "503 Service Unavailable",
    headers: [["Retry-After", String(retryAfter)]],
  });
  const overloaded = () => new TsgiError("TSGI_OVERLOADED", `${limit} requests run and ${queue} queue`);
  const places = new ConcurrencyLimit({ limit, queue, maxWait, overloaded });

  const outer: App = function concurrencyLimit(environ, startResponse) {
    return places.tryAcquire() ? run(environ, startResponse) : wait(environ, startResponse);
  };
  return wrapping(outer, app);

  async function wait(environ: Environ, startResponse: StartResponse): Promise<Body> {
    try {
      await places.acquire(environ["tsgi.exchange"]);
    } catch (error) {
      if (codeOf(error) !== "TSGI_OVERLOADED") throw error;
      return refuse(environ, startResponse);
    }
    return run(environ, startResponse);
  }

  /** Runs the app on a place that was acquired. */
  function run(environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    let result: Body | Promise<Body>;
    try {
      result = app(environ, startResponse);
    } catch (error) {
      places.release();
      throw error;
    }
    if (!isPromise<Body>(result)) return releasing(result);
    return Promise.resolve(result).then(releasing, (error) => {
      places.release();
      throw error;
    });
  }

  /** A body with whose end the place is given back. */
  function releasing(body: Body): Body {
    if (knownChunks(body) !== undefined) {
      places.release();
      return body;
    }
    let reader: BodyReader;
    try {
      reader = new BodyReader(body);
    } catch (error) {
      places.release();
      void closeBody(body)?.catch(() => {});
      throw error;
    }
    let isReleased = false;
    return toStream({
      isAsync: reader.isAsync,
      next: () => reader.next(),
      close() {
        if (isReleased) return undefined;
        isReleased = true;
        const closing = reader.close();
        if (closing === undefined) places.release();
        else closing.then(places.release.bind(places), () => places.release());
        return closing;
      },
    });
  }
}
