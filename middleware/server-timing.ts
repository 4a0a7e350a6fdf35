/**
 * Tells browsers where the time of a response went: their developer tools show it.
 *
 * ```ts
 * const users: App = async (environ, startResponse) => {
 *   const found = await timings(environ).time("db", () => find(undefined));
 *   return json(found)(environ, startResponse);
 * };
 *
 * export const app = serverTiming(users);
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { isSwitching } from "../src/exchange/failures.ts";
import type { App, Environ, HeaderList } from "../src/gateway.ts";
import { BOOLEAN, checkOptions, type Kinds } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";
import { Metrics, NO_TIMINGS, type Timings } from "./server-timing/metrics.ts";

export type { Timings } from "./server-timing/metrics.ts";

/** What is told. */
export interface ServerTimingOptions {
  /** Whether the time until the response began is told, as `total`. Default `true`. */
  total?: boolean;
}

const KINDS: Kinds<ServerTimingOptions> = { total: BOOLEAN };

const KEY = "server.timing";

/** timings gives what takes the times of a request; they go nowhere where no `serverTiming` is around the app. */
export function timings(environ: Environ): Timings {
  const found = environ["tsgi.state"][KEY];
  return found instanceof Metrics ? found : NO_TIMINGS;
}

/**
 * serverTiming adds the header `Server-Timing` to each response: what `timings(environ)` was told of until the response began, and how
 * long that took. What comes later is not told; lines that the app has sent itself stay.
 *
 * Everybody can read it who can read the response: durations tell whether something was found, or was in a cache. On a site that
 * strangers reach, `when` has it for some only. Pages of other origins get it with `Timing-Allow-Origin` alone.
 *
 * Throws `TSGI_BAD_OPTION`. Source: W3C Server Timing §3.
 */
export function serverTiming(app: App, options: ServerTimingOptions = {}): App {
  checkApp(app, "serverTiming");
  checkOptions("serverTiming", options, KINDS);
  const { total = true } = options;

  const outer: App = function serverTiming(environ, startResponse) {
    const state = environ["tsgi.state"];
    // Of two, the inner one tells what was told to it; the outer one goes on with that.
    const metrics = state[KEY] instanceof Metrics ? state[KEY] : new Metrics();
    state[KEY] = metrics;
    const since = performance.now();
    return app(environ, (status, headers, error) =>
      startResponse(status, isSwitching(status) ? headers : timed(headers, metrics, total ? since : undefined), error),
    );
  };
  return wrapping(outer, app);
}

function timed(headers: HeaderList, metrics: Metrics, since: number | undefined): HeaderList {
  const value = metrics.take(since === undefined ? undefined : performance.now() - since);
  return value === "" ? headers : [...headers, ["Server-Timing", value]];
}
