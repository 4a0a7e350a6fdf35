/**
 * Refuses requests while the process is too busy to answer in time.
 *
 * ```ts
 * export const app = dispatcher(shed(site, { delay: 200 }), {
 *   "/health": text("ok"),
 * });
 * ```
 */

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { checkApp, text } from "../src/apps.ts";
import type { App } from "../src/gateway.ts";
import { checkOptions, count, type Kinds } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";

/** When requests are refused. */
export interface ShedOptions {
  /**
   * The mean delay of the event loop in the last half second beyond which requests are refused, in milliseconds. Default 250. A
   * request waits for the loop several times, so clients notice a multiple of it.
   */
  delay?: number;
  /** After how many seconds a client that was refused may try again: the `Retry-After` of the 503. Default 1. */
  retryAfter?: number;
}

const KINDS: Kinds<ShedOptions> = { delay: count(1), retryAfter: count() };

/** How often the loop is measured, in milliseconds, which is added to its delay. */
const RESOLUTION = 10;

/** How long a verdict holds, in milliseconds. */
const PERIOD = 500;

/**
 * shed answers with 503 and `Retry-After` (RFC 9110 §15.6.4), without asking `app`, while the event loop runs behind by more than
 * `delay`: those who are let in get their answers in time, where otherwise nobody would. It looks twice a second at most, when a
 * request comes, and lets requests in again as soon as the loop has caught up. Requests that have begun are not touched.
 *
 * The delay is that of the whole process, whatever makes it busy. It says nothing of what waits elsewhere, such as a slow
 * database; that is what `timeout` and `concurrencyLimit` are for. It needs Node.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function shed(app: App, options: ShedOptions = {}): App {
  checkApp(app, "shed");
  checkOptions("shed", options, KINDS);
  const { delay = 250, retryAfter = 1 } = options;
  const refuse = text("Service Unavailable\n", {
    status: "503 Service Unavailable",
    headers: [["Retry-After", String(retryAfter)]],
  });
  const loop = new Loop(delay);

  const outer: App = function shed(environ, startResponse) {
    return loop.isBehind() ? refuse(environ, startResponse) : app(environ, startResponse);
  };
  return wrapping(outer, app);
}

class Loop {
  readonly #delay: number;
  #histogram: IntervalHistogram | undefined;
  #lookedAt = 0;
  #isBehind = false;

  constructor(delay: number) {
    this.#delay = delay;
  }

  isBehind(): boolean {
    const now = performance.now();
    if (now - this.#lookedAt < PERIOD) return this.#isBehind;
    this.#lookedAt = now;
    if (this.#histogram === undefined) {
      this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
      this.#histogram.enable();
      return false;
    }
    // Without a single measurement there is no mean, and no reason to refuse anybody.
    const mean = this.#histogram.mean / 1e6 - RESOLUTION;
    this.#histogram.reset();
    this.#isBehind = mean > this.#delay;
    return this.#isBehind;
  }
}
