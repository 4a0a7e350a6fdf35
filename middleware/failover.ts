/**
 * Asks another app where the first one fails.
 *
 * ```ts
 * export const app = failover([proxy("http://10.0.0.7:3000"), proxy("http://10.1.0.7:3000"), text("We are back soon.")]);
 *
 * export const strict = failover([newSite, oldSite], { statuses: [500, 502, 503, 504] });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { mayHaveBody } from "../src/body/input.ts";
import { isClientGone, statusOfError, TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import { choose, enter } from "../src/exchange/innermost.ts";
import { reportError } from "../src/exchange/report.ts";
import { dropBody, respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Body, Environ, StartResponse } from "../src/gateway.ts";
import { checkOptions, count, type Kinds, listOf, STRING } from "../src/options.ts";
import { isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { Replay } from "./failover/replay.ts";

/** When the next app is asked. */
export interface FailoverOptions {
  /** Which statuses count as failures, from 400 to 599. An app that throws counts as a 500. Default `[502, 503, 504]`. */
  statuses?: readonly number[];
  /**
   * Which methods may be asked of several apps. Default `["GET", "HEAD", "OPTIONS"]`. An app that has failed may have done what
   * it was asked for: name others only where doing it twice does no harm.
   */
  methods?: readonly string[];
  /**
   * How much of a request body is kept for the next app, in bytes. Default 65,536. Where an app has read more than that before it
   * failed, its failure is the answer. 0: none; then the next app is asked only where nothing was read.
   */
  replay?: number;
}

const KINDS: Kinds<FailoverOptions> = { statuses: listOf(count(400, 599)), methods: listOf(STRING), replay: count() };

/** Safe methods (RFC 9110 §9.2.1), except TRACE. */
const SAFE = ["GET", "HEAD", "OPTIONS"];

/**
 * failover answers with the response of the first app that does not fail, and with the last one's where all do. An app fails by one
 * of the `statuses`, or by throwing before its response has begun, if 500 is one of them: then its error is reported. A failure
 * amid a body cuts the response, as something of it was sent.
 *
 * Each request begins with the first app: what is known to be down is remembered by `balancer`, not here. A request body goes
 * to the app at the pace at which the app reads it; what it has read is kept for the next one, up to `replay`.
 *
 * Throws `TSGI_NO_APP` for an empty list and for an element that is not an app, `TSGI_BAD_OPTION`.
 */
export function failover(apps: readonly App[], options: FailoverOptions = {}): App {
  if (!Array.isArray(apps) || apps.length === 0) {
    throw new TsgiError("TSGI_NO_APP", "failover needs a list of apps", { hint: "Pass [first, second]." });
  }
  for (const app of apps) checkApp(app, "failover");
  checkOptions("failover", options, KINDS);
  const { statuses = [502, 503, 504], methods = SAFE, replay: limit = 65_536 } = options;
  const failures = new Set(statuses);
  const repeatable = new Set(methods);
  const last = apps.length - 1;

  const outer: App = function failover(environ, startResponse) {
    const app = apps[0] as App;
    if (last === 0 || !repeatable.has(environ.REQUEST_METHOD)) return app(choose(environ, app), startResponse);
    return attempt(
      0,
      environ,
      startResponse,
      mayHaveBody(environ) ? new Replay(environ["tsgi.input"], limit) : undefined,
    );
  };
  return wrapping(
    outer,
    apps.map((each, index) => ({ app: each, label: `(${index + 1})` })),
  );

  function attempt(
    index: number,
    environ: Environ,
    startResponse: StartResponse,
    replay: Replay | undefined,
  ): Body | Promise<Body> {
    const app = apps[index] as App;
    const inner = replay === undefined ? environ : { ...environ, "tsgi.input": replay.begin() };
    // What the last one has noted of itself is not what answers.
    if (index > 0 || replay !== undefined) enter(inner);
    choose(inner, app);
    if (index === last) {
      replay?.commit();
      return app(inner, startResponse);
    }
    const next = (): Body | Promise<Body> => attempt(index + 1, environ, startResponse, replay);
    const mayGoOn = (code: number): boolean => failures.has(code) && replay?.isReplayable !== false;

    const settled = (response: AppResponse): Body | Promise<Body> => {
      if (mayGoOn(Number(response.status.slice(0, 3)))) {
        dropBody(response.body, inner);
        return next();
      }
      replay?.commit();
      return respond(response, startResponse);
    };
    const failed = (error: unknown): Body | Promise<Body> => {
      if (isClientGone(error) || inner["tsgi.exchange"].isUpgraded || !mayGoOn(codeFor(error))) throw error;
      reportError(inner, error);
      return next();
    };
    let captured: AppResponse | Promise<AppResponse>;
    try {
      captured = capture(app, inner);
    } catch (error) {
      return failed(error);
    }
    return isPromise(captured) ? captured.then(settled, failed) : settled(captured);
  }
}

/** The status that a server answers an error with. */
function codeFor(error: unknown): number {
  return Number((statusOfError(error) ?? "500").slice(0, 3));
}
