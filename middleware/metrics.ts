/**
 * Counts and times requests, for Prometheus and what reads its format.
 *
 * ```ts
 * export const app = metrics(site, { path: "/metrics" });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { routeOf, traceInnermost } from "../src/exchange/innermost.ts";
import type { App, Environ } from "../src/gateway.ts";
import { immediate } from "../src/immediate.ts";
import { EXPOSITION_TYPE, exposition } from "../src/metrics/exposition.ts";
import type { MetricsSnapshot } from "../src/metrics/snapshot.ts";
import { BOOLEAN, checkOptions, either, FUNCTION, type Kind, oneOf, STRING } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";
import { ProcessGauges } from "./metrics/process-gauges.ts";
import { DURATIONS, Recorder } from "./metrics/recorder.ts";

export type { Metric, MetricsSnapshot, MetricType, Series } from "../src/metrics/snapshot.ts";

/** Options of `metrics`. */
export interface MetricsOptions {
  /** At which path below the mount the metrics are read; `false` for none. Default `"/metrics"`. */
  path?: string | false | undefined;
  /**
   * Who may read them there; all others get what `app` answers. Default: clients of this machine, unless their request has a
   * header that a proxy adds (`X-Forwarded-For`, `Forwarded`, `X-Real-IP`, `Via`). A proxy on this machine that adds none of them
   * passes: set `path: false` behind one, and mount `read` behind a guard or on another port.
   */
  allow?: ((environ: Environ) => boolean) | undefined;
  /** Whether the label of a status is its code, `404`, or its class, `4xx`. Default `"code"`. */
  status?: "code" | "class" | undefined;
  /** The upper bounds of the buckets of durations, in seconds. Default those that OpenTelemetry advises, 0.005 to 10. */
  buckets?: readonly number[] | undefined;
  /** Whether memory, event loop and connections of the process are measured too. Default `true`. */
  process?: boolean | undefined;
}

/** An app whose requests are measured. */
export interface Metrics extends App {
  /** All that was measured so far. */
  snapshot(): MetricsSnapshot;
  /** What was counted since the last time, and the gauges as they are: for a process that adds up those of others. */
  takeIncrements(): MetricsSnapshot;
  /** An app that answers with the metrics in the text format of Prometheus, to be mounted where only those come who may. */
  readonly read: App;
}

const BUCKETS: Kind = {
  expected: "a list of numbers, each larger than the one before",
  accepts: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((bound, index) => Number.isFinite(bound) && (index === 0 || bound > value[index - 1])),
};
const PATH: Kind = {
  expected: "a path",
  accepts: (value) => STRING.accepts(value) && /^\/[^?#]*$/.test(value as string),
};

/**
 * metrics counts the requests of `app` by method, scheme, route, status and failure: `http.server.request.duration`,
 * `http.server.active_requests`, `http.server.request.body.size` (of those that declare it) and
 * `http.server.response.body.size`, by OpenTelemetry's conventions. A route is the pattern of mounts and routes, never a path of a
 * client, so that the number of series is bounded; a method that is not registered is `_OTHER`; a response that was not sent
 * whole has the failure `aborted`, by the client, or `cut`.
 *
 * A request is measured until its response was sent, cut, or given up. Needs a server that tells how an exchange ends
 * (`exchange.onEnd`), as all of tsgi's do. Throws `TSGI_BAD_OPTION`.
 */
export function metrics(app: App, options: MetricsOptions = {}): Metrics {
  checkApp(app, "metrics");
  checkOptions("metrics", options, {
    path: either(PATH, oneOf(false)),
    allow: FUNCTION,
    status: oneOf("code", "class"),
    buckets: BUCKETS,
    process: BOOLEAN,
  });
  const { path = "/metrics", status = "code", buckets = DURATIONS } = options;
  const allow = immediate("allow of metrics", options.allow ?? isLocal);
  const recorder = new Recorder([...buckets], status);
  const gauges = options.process === false ? undefined : new ProcessGauges();
  /** All layers hear of an end one after the other, and of the same. */
  let lastEnd: unknown;

  const outer: App = function metrics(environ, startResponse) {
    if (environ.PATH_INFO === path && allow(environ)) return read(environ, startResponse);
    const exchange = environ["tsgi.exchange"];
    if (exchange.onEnd !== undefined) {
      gauges?.count(exchange.server);
      traceInnermost(environ);
      const begun = recorder.begin(environ.REQUEST_METHOD, environ["tsgi.url_scheme"]);
      const since = performance.now();
      exchange.onEnd((end) => {
        if (end === lastEnd) {
          recorder.drop(begun);
          return;
        }
        lastEnd = end;
        const size = environ.CONTENT_LENGTH;
        const duration = (performance.now() - since) / 1000;
        recorder.end(begun, routeOf(environ), end, duration, size === undefined ? -1 : Number(size));
      });
    }
    return app(environ, startResponse);
  };
  const snapshot = () => [...recorder.snapshot(), ...(gauges?.snapshot() ?? [])];
  const takeIncrements = () => [...recorder.takeIncrements(), ...(gauges?.snapshot() ?? [])];
  const read: App = function metrics(_environ, startResponse) {
    startResponse("200 OK", [
      ["Content-Type", EXPOSITION_TYPE],
      ["Cache-Control", "no-store"],
    ]);
    return exposition(snapshot());
  };
  return wrapping(Object.assign(outer, { snapshot, takeIncrements, read }), app);
}

/** Whether a client is on this machine, as far as can be known. */
function isLocal(environ: Environ): boolean {
  const { REMOTE_ADDR: address, HTTP_X_FORWARDED_FOR, HTTP_FORWARDED, HTTP_X_REAL_IP, HTTP_VIA } = environ;
  if ((HTTP_X_FORWARDED_FOR ?? HTTP_FORWARDED ?? HTTP_X_REAL_IP ?? HTTP_VIA) !== undefined) return false;
  return address === "::1" || /^127\.\d+\.\d+\.\d+$/.test(address);
}
