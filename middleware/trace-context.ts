/**
 * Places each request in a trace that goes on over several services.
 *
 * ```ts
 * export const app = traceContext(site);
 * ```
 *
 * With the package `@opentelemetry/api`, which is not installed with tsgi, and an SDK, each request is a span.
 */

import { checkApp } from "../src/apps.ts";
import type { MutableEnviron } from "../src/exchange/environ.ts";
import { enter, traceInnermost } from "../src/exchange/innermost.ts";
import type { App, Environ } from "../src/gateway.ts";
import { immediate } from "../src/immediate.ts";
import { BOOLEAN, checkOptions, either, FUNCTION } from "../src/options.ts";
import { randomId } from "../src/random-id.ts";
import { wrapping } from "../src/wrapping.ts";
import { checkTraceState, formatTraceParent, parseTraceParent, type TraceParent } from "./trace-context/fields.ts";
import { loadSpans, type Started } from "./trace-context/spans.ts";

/** Options of `traceContext`. */
export interface TraceContextOptions {
  /**
   * Whether the trace of a request that names one is gone on with: `false` begins a new one for each, `true` believes every
   * client, and a function decides. Default `true`, as everybody in a trace does; `false` is for a server that only strangers
   * reach, who could otherwise have their requests recorded.
   */
  trust?: boolean | ((environ: Environ) => boolean) | undefined;
  /**
   * Whether requests become spans of OpenTelemetry. Default: where `@opentelemetry/api` is installed, which does nothing without
   * an SDK. `true` throws `TSGI_NO_PACKAGE` where it is not.
   */
  spans?: boolean | undefined;
}

/** A new trace is not recorded where there is nothing to record it; its id is random. */
const RANDOM = 0b10;

/**
 * traceContext reads `traceparent` and `tracestate` as W3C Trace Context has them, and gives the request a span id of its own,
 * in a new trace where there is none or a malformed one. `environ["tsgi.state"]` has `trace.id`, `trace.span_id` and, to be sent
 * along with requests that the app makes, `trace.parent` and `trace.state`; in the environ these replace the headers of the client.
 *
 * Where spans are made, they have the names and attributes of OpenTelemetry's conventions for HTTP servers, and end when the
 * response was sent, cut or given up. The context of the span is active while the app runs and while its body is read. A 5xx
 * and a response that was cut are errors; what the app failed with is recorded as an exception.
 *
 * Throws `TSGI_BAD_OPTION`, `TSGI_NO_PACKAGE`.
 */
export function traceContext(app: App, options: TraceContextOptions = {}): App {
  checkApp(app, "traceContext");
  checkOptions("traceContext", options, { trust: either(BOOLEAN, FUNCTION), spans: BOOLEAN });
  const { trust = true } = options;
  const spans = options.spans === false ? undefined : loadSpans(options.spans === true);
  const trusts = typeof trust === "function" ? immediate("trust of traceContext", trust) : () => trust;

  const outer: App = function traceContext(environ, startResponse) {
    const exchange = environ["tsgi.exchange"];
    const sent = parseTraceParent(environ.HTTP_TRACEPARENT);
    const parent = sent !== undefined && trusts(environ) ? sent : undefined;
    const state = parent === undefined ? "" : checkTraceState(environ.HTTP_TRACESTATE);
    const started = exchange.onEnd && spans?.start(environ, parent, state);
    const own = ownOf(parent, started);
    const inner = placed(environ, own, state);
    if (spans === undefined || started === undefined) return app(inner, startResponse);
    traceInnermost(inner);
    exchange.onEnd?.((end) => spans.end(started.span, environ, end));
    return spans.run(app, inner, startResponse, started.context);
  };
  return wrapping(outer, app);
}

/** Where the request itself stands. */
function ownOf(parent: TraceParent | undefined, started: Started | undefined): TraceParent {
  if (started !== undefined) {
    const { traceId, spanId, traceFlags } = started.span.spanContext();
    return { traceId, parentId: spanId, flags: traceFlags };
  }
  if (parent === undefined) return { traceId: randomId(16), parentId: randomId(8), flags: RANDOM };
  return { ...parent, parentId: randomId(8) };
}

/** Writes down where a request stands. */
function placed(environ: Environ, own: TraceParent, traceState: string): Environ {
  const parent = formatTraceParent(own);
  const state = environ["tsgi.state"];
  state["trace.id"] = own.traceId;
  state["trace.span_id"] = own.parentId;
  state["trace.parent"] = parent;
  state["trace.state"] = traceState;
  const { HTTP_TRACEPARENT, HTTP_TRACESTATE } = environ;
  if (HTTP_TRACEPARENT === undefined && HTTP_TRACESTATE === undefined) return environ;
  const inner: MutableEnviron = { ...environ, HTTP_TRACEPARENT: parent };
  if (HTTP_TRACESTATE !== undefined) inner.HTTP_TRACESTATE = traceState === "" ? undefined : traceState;
  return enter(inner);
}
