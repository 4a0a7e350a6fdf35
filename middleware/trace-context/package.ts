/** The package `@opentelemetry/api`, as much as is used of it: its own types are only there for those who have installed them. */

import { loadPackage } from "../../src/peer-package.ts";

/** What is active while code runs: the span, among other things. */
export type OtelContext = object;

/** Attributes by their name. */
export type OtelAttributes = Record<string, string | number>;

/** Where a span stands. */
export interface OtelSpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
  readonly traceState?: object;
}

export interface OtelSpan {
  spanContext(): OtelSpanContext;
  setAttribute(name: string, value: string | number): unknown;
  setStatus(status: { code: number }): unknown;
  updateName(name: string): unknown;
  recordException(error: Error | string): void;
  end(): void;
}

interface StartOptions {
  readonly kind: number;
  readonly attributes: OtelAttributes;
}

export interface OtelApi {
  readonly ROOT_CONTEXT: OtelContext;
  readonly SpanKind: { readonly SERVER: number };
  readonly SpanStatusCode: { readonly ERROR: number };
  readonly ProxyTracerProvider: new () => { getDelegate(): object };
  readonly trace: {
    getTracerProvider(): object;
    getTracer(name: string): { startSpan(name: string, options: StartOptions, context: OtelContext): OtelSpan };
    setSpan(context: OtelContext, span: OtelSpan): OtelContext;
    setSpanContext(context: OtelContext, spanContext: OtelSpanContext): OtelContext;
  };
  readonly context: { with<Result>(context: OtelContext, call: () => Result): Result };
  isSpanContextValid(context: OtelSpanContext): boolean;
  createTraceState(text: string): object;
}

/** Throws `TSGI_NO_PACKAGE` where it is not installed. */
export function loadOtel(): OtelApi {
  return loadPackage<OtelApi>("@opentelemetry/api", "traceContext", "@opentelemetry/api@1");
}
