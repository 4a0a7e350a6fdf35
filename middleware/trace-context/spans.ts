/** Spans of requests, through the API of OpenTelemetry, by its conventions for HTTP servers. */

import { BodyReader, knownChunks } from "../../src/body/reader.ts";
import { toStream } from "../../src/body/stream.ts";
import { codeOf } from "../../src/errors.ts";
import { routeOf } from "../../src/exchange/innermost.ts";
import type { App, Body, Environ, ExchangeEnd, StartResponse } from "../../src/gateway.ts";
import { andThen } from "../../src/promise.ts";
import type { TraceParent } from "./fields.ts";
import {
  loadOtel,
  type OtelApi,
  type OtelAttributes,
  type OtelContext,
  type OtelSpan,
  type OtelSpanContext,
} from "./package.ts";

const KNOWN_METHODS = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "OPTIONS",
  "PATCH",
  "QUERY",
  "CONNECT",
  "TRACE",
]);

/** Parameters whose values sign a request: they do not belong into a trace. */
const SIGNATURES = /\b(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&]*/g;

/** A span, and the context in which its request is answered. */
export interface Started {
  readonly span: OtelSpan;
  readonly context: OtelContext;
}

/** The API, if it is installed. `isNeeded` has its absence throw `TSGI_NO_PACKAGE`. */
export function loadSpans(isNeeded: boolean): Spans | undefined {
  try {
    return new Spans(loadOtel());
  } catch (error) {
    if (isNeeded || codeOf(error) !== "TSGI_NO_PACKAGE") throw error;
    return undefined;
  }
}

/** Spans starts and ends spans. */
export class Spans {
  readonly #api: OtelApi;
  /** What stands for an SDK where none is registered. */
  readonly #none: object;

  constructor(api: OtelApi) {
    this.#api = api;
    this.#none = new api.ProxyTracerProvider().getDelegate();
  }

  /** Whether an SDK is registered by now; the app may have been built before. */
  get #isRegistered(): boolean {
    const provider = this.#api.trace.getTracerProvider() as { getDelegate?(): object };
    return (provider.getDelegate?.() ?? provider) !== this.#none;
  }

  /** Starts the span of a request; undefined where no SDK is there to take it. */
  start(environ: Environ, parent: TraceParent | undefined, state: string): Started | undefined {
    if (!this.#isRegistered) return undefined;
    const { trace, ROOT_CONTEXT, SpanKind } = this.#api;
    const outer = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, this.#remote(parent, state));
    const span = trace
      .getTracer("tsgi")
      .startSpan(methodOf(environ), { kind: SpanKind.SERVER, attributes: attributesOf(environ) }, outer);
    const own = span.spanContext();
    return this.#api.isSpanContextValid(own) && own.spanId !== parent?.parentId
      ? { span, context: trace.setSpan(outer, span) }
      : undefined;
  }

  #remote({ traceId, parentId, flags }: TraceParent, state: string): OtelSpanContext {
    const context = { traceId, spanId: parentId, traceFlags: flags, isRemote: true };
    return state === "" ? context : { ...context, traceState: this.#api.createTraceState(state) };
  }

  /** Runs an app in a context, and has its body read in it. */
  run(app: App, environ: Environ, startResponse: StartResponse, context: OtelContext): Body | Promise<Body> {
    const { context: contexts } = this.#api;
    const result = contexts.with(context, () => app(environ, startResponse));
    return andThen(result, (body: Body) => {
      if (knownChunks(body) !== undefined) return body;
      const reader = new BodyReader(body);
      return toStream({
        isAsync: reader.isAsync,
        next: () => contexts.with(context, () => reader.next()),
        close: () => contexts.with(context, () => reader.close()),
      });
    });
  }

  /** Ends a span with what its client got. */
  end(span: OtelSpan, environ: Environ, { status, bytes, isComplete, isClientGone, error }: ExchangeEnd): void {
    const route = routeOf(environ);
    if (route !== "") {
      span.setAttribute("http.route", route);
      span.updateName(`${methodOf(environ)} ${route}`);
    }
    if (status > 0) span.setAttribute("http.response.status_code", status);
    span.setAttribute("http.response.body.size", bytes);
    if (error !== undefined) span.recordException(error instanceof Error ? error : String(error));
    const isCut = !isComplete && !isClientGone;
    if (status >= 500 || isCut) {
      const named = error instanceof Error ? error.name : status >= 500 ? String(status) : "cut";
      span.setAttribute("error.type", named);
      span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    } else if (isClientGone) span.setAttribute("error.type", "aborted");
    span.end();
  }
}

/** What a span is called: a client can make up methods. */
function methodOf({ REQUEST_METHOD }: Environ): string {
  return KNOWN_METHODS.has(REQUEST_METHOD) ? REQUEST_METHOD : "HTTP";
}

function attributesOf(environ: Environ): OtelAttributes {
  const { REQUEST_METHOD: method, QUERY_STRING: query, HTTP_USER_AGENT: agent, CONTENT_LENGTH: length } = environ;
  const isKnown = KNOWN_METHODS.has(method);
  const attributes: OtelAttributes = {
    "http.request.method": isKnown ? method : "_OTHER",
    "url.scheme": environ["tsgi.url_scheme"],
    "url.path": environ.SCRIPT_NAME + environ.PATH_INFO,
    "server.address": environ.SERVER_NAME,
    "client.address": environ.REMOTE_ADDR,
    "network.protocol.version": environ.SERVER_PROTOCOL.replace("HTTP/", ""),
  };
  if (!isKnown) attributes["http.request.method_original"] = method;
  if (query !== "") attributes["url.query"] = query.replace(SIGNATURES, "$1=REDACTED");
  if (environ.SERVER_PORT !== "") attributes["server.port"] = Number(environ.SERVER_PORT);
  if (agent !== undefined) attributes["user_agent.original"] = agent;
  if (length !== undefined) attributes["http.request.body.size"] = Number(length);
  return attributes;
}
