import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { after, before, test } from "node:test";
import { type Context, context, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { accessLog } from "../../middleware/access-log.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { router } from "../../middleware/router.ts";
import { checkTraceState, parseTraceParent } from "../../middleware/trace-context/fields.ts";
import { traceContext } from "../../middleware/trace-context.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App, Environ } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { eventually, start } from "../support/raw-client.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

for (const [what, value, flags] of [
  ["version 0", TRACEPARENT, 1],
  ["not sampled", `00-${TRACE}-${PARENT}-00`, 0],
  ["unknown flags, which are dropped", `00-${TRACE}-${PARENT}-ff`, 3],
  ["a later version", `cc-${TRACE}-${PARENT}-01`, 1],
  ["a later version that goes on", `cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`, 1],
] as const) {
  test(`traceparent: ${what}`, () => {
    assert.deepEqual(parseTraceParent(value), { traceId: TRACE, parentId: PARENT, flags });
  });
}

for (const [what, value] of [
  ["none", undefined],
  ["empty", ""],
  ["version ff", `ff-${TRACE}-${PARENT}-01`],
  ["version 0 that goes on", `${TRACEPARENT}-x`],
  ["a later version that goes on without a dash", `cc-${TRACE}-${PARENT}-01.what`],
  ["upper case", TRACEPARENT.toUpperCase()],
  ["no trace", `00-${"0".repeat(32)}-${PARENT}-01`],
  ["no span", `00-${TRACE}-${"0".repeat(16)}-01`],
  ["a short trace", `00-${TRACE.slice(1)}-${PARENT}-01`],
  ["a long trace", `00-0${TRACE}-${PARENT}-01`],
  ["no flags", `00-${TRACE}-${PARENT}`],
  ["long flags", `00-${TRACE}-${PARENT}-001`],
  ["what is not hexadecimal", `00-${TRACE.replace("0a", "0g")}-${PARENT}-01`],
  ["two", `${TRACEPARENT}, ${TRACEPARENT}`],
  ["spaces", ` ${TRACEPARENT}`],
  ["a line end", `${TRACEPARENT}\n`],
] as const) {
  test(`traceparent: ${what} is as none`, () => {
    assert.equal(parseTraceParent(value), undefined);
  });
}

const members = (count: number) => Array.from({ length: count }, (_, index) => `k${index}=v`).join();

for (const [what, value, expected] of [
  ["none", undefined, ""],
  ["one", "foo=1", "foo=1"],
  ["several, with whitespace and empty ones", "foo=1 \t ,,\tbar=2, ", "foo=1,bar=2"],
  ["a vendor of a tenant", "fw529a3039@dt=FfffffeF,0a@b=1", "fw529a3039@dt=FfffffeF,0a@b=1"],
  ["all characters of keys and values", "a_-*/z= !~+;:<>", "a_-*/z= !~+;:<>"],
  ["32", members(32), members(32)],
  ["33", members(33), ""],
  ["one key twice", "foo=1,bar=2,foo=3", ""],
  ["no value", "foo=", ""],
  ["no key", "=1", ""],
  ["an equals sign in a value", "foo=a=b", ""],
  ["upper case in a key", "Foo=1", ""],
  ["a control character", "foo=\x07", ""],
  ["beyond ASCII", "foo=\xe9", ""],
  ["a long key", `${"k".repeat(257)}=1`, ""],
  ["a long value", `k=${"v".repeat(257)}`, ""],
  ["a long tenant", `${"t".repeat(242)}@v=1`, ""],
  ["a long system", `t@${"v".repeat(15)}=1`, ""],
  ["whitespace in a value, and a long run of it", `a=b ${" ".repeat(200)}c`, `a=b ${" ".repeat(200)}c`],
  ["the longest", `${"t".repeat(241)}@${"v".repeat(14)}=${"v".repeat(256)}`, undefined],
] as const) {
  test(`tracestate: ${what}`, () => {
    assert.equal(checkTraceState(value), expected ?? value);
  });
}

/** What an app finds in its environ. */
async function placeOf(headers: Record<string, string>, options?: Parameters<typeof traceContext>[1]) {
  let found: Environ | undefined;
  const app: App = (environ, startResponse) => {
    found = environ;
    return text("hello")(environ, startResponse);
  };
  await (await request(traceContext(app, options), "/", { headers })).text();
  const environ = found as Environ;
  const state = environ["tsgi.state"];
  return {
    id: state["trace.id"] as string,
    span: state["trace.span_id"] as string,
    parent: state["trace.parent"] as string,
    state: state["trace.state"],
    headers: [environ.HTTP_TRACEPARENT, environ.HTTP_TRACESTATE],
  };
}

test("traceContext: a trace is gone on with, with a span of its own", async () => {
  const place = await placeOf({ traceparent: TRACEPARENT, tracestate: "foo=1" }, { spans: false });
  assert.equal(place.id, TRACE);
  assert.match(place.span, /^[\da-f]{16}$/);
  assert.notEqual(place.span, PARENT);
  assert.equal(place.parent, `00-${TRACE}-${place.span}-01`);
  assert.equal(place.state, "foo=1");
  assert.deepEqual(place.headers, [place.parent, "foo=1"]);
});

test("traceContext: a new trace where there is none, and where none is believed; the state goes with it", async () => {
  for (const [headers, options] of [
    [{}, {}],
    [{ traceparent: "00-nonsense", tracestate: "foo=1" }, {}],
    [{ traceparent: TRACEPARENT, tracestate: "foo=1" }, { trust: false }],
    [{ traceparent: TRACEPARENT, tracestate: "foo=1" }, { trust: () => false }],
  ] as const) {
    const place = await placeOf(headers, { spans: false, ...options });
    assert.match(place.id, /^[\da-f]{32}$/);
    assert.notEqual(place.id, TRACE);
    assert.equal(place.parent, `00-${place.id}-${place.span}-02`);
    assert.equal(place.state, "");
    assert.deepEqual(place.headers, ["traceparent" in headers ? place.parent : undefined, undefined]);
  }
});

const exporter = new InMemorySpanExporter();

/** As the one of the SDK for Node. */
class Contexts {
  readonly #storage = new AsyncLocalStorage<Context>();
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }
  with<Args extends unknown[], Result>(
    active: Context,
    call: (...args: Args) => Result,
    self?: ThisParameterType<typeof call>,
    ...args: Args
  ): Result {
    return this.#storage.run(active, () => call.apply(self, args));
  }
  bind<Target>(_context: Context, target: Target): Target {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

before(() => {
  context.setGlobalContextManager(new Contexts());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    }),
  );
});
after(() => {
  trace.disable();
  context.disable();
});

/** The spans of one request, the inner ones first. */
async function spansOf(app: App, url: string, options: RequestOptions = {}) {
  exporter.reset();
  const response = await request(traceContext(app), url, options).catch(() => undefined);
  await response?.text().catch(() => {});
  await eventually(() => exporter.getFinishedSpans().some(({ kind }) => kind === SpanKind.SERVER));
  return exporter.getFinishedSpans();
}

test("traceContext: a request is a span with the attributes of the conventions", async () => {
  const app = dispatcher(notFound, { "/shop/:city": router(notFound, { "GET /cart/:id": text("hello") }) });
  const [span] = await spansOf(app, "https://a.example/shop/bonn/cart/7?a=1&sig=secret", {
    headers: { traceparent: TRACEPARENT, tracestate: "foo=1", "User-Agent": "curl/8" },
  });
  assert.equal(span?.name, "GET /shop/:city/cart/:id");
  assert.equal(span?.parentSpanContext?.spanId, PARENT);
  assert.equal(span?.spanContext().traceId, TRACE);
  assert.equal(span?.spanContext().traceState?.serialize(), "foo=1");
  assert.deepEqual(span?.status, { code: 0 });
  assert.deepEqual(span?.attributes, {
    "http.request.method": "GET",
    "url.scheme": "https",
    "url.path": "/shop/bonn/cart/7",
    "url.query": "a=1&sig=REDACTED",
    "server.address": "localhost",
    "server.port": 443,
    "client.address": "127.0.0.1",
    "network.protocol.version": "1.1",
    "user_agent.original": "curl/8",
    "http.route": "/shop/:city/cart/:id",
    "http.response.status_code": 200,
    "http.response.body.size": 5,
  });
});

test("traceContext: a method that is not registered does not name the span", async () => {
  const [span] = await spansOf(notFound, "/", { method: "BREW" });
  assert.equal(span?.name, "HTTP");
  assert.equal(span?.attributes["http.request.method"], "_OTHER");
  assert.equal(span?.attributes["http.request.method_original"], "BREW");
  assert.deepEqual(span?.status, { code: 0 });
});

test("traceContext: the context is active while the app runs and while its body is read", async () => {
  const part = (name: string) => trace.getTracer("test").startSpan(name).end();
  const app: App = async function* (_environ, startResponse) {
    part("before");
    await new Promise(setImmediate);
    startResponse("200 OK", []);
    yield "a";
    part("amid");
    try {
      yield "b";
    } finally {
      part("after");
    }
  };
  const outer: App = async (environ, startResponse) => {
    part("app");
    await new Promise(setImmediate);
    part("later");
    return app(environ, startResponse);
  };
  const spans = await spansOf(outer, "/");
  const server = spans.find(({ kind }) => kind === SpanKind.SERVER);
  const inner = spans.filter((span) => span !== server);
  assert.deepEqual(
    inner.map(({ name }) => name),
    ["app", "later", "before", "amid", "after"],
  );
  for (const span of inner) assert.equal(span.parentSpanContext?.spanId, server?.spanContext().spanId, span.name);
  assert.equal(trace.getActiveSpan(), undefined);
});

test("traceContext: requests at once have contexts of their own, and the environ has that of the span", async () => {
  const app: App = async (environ, startResponse) => {
    await new Promise((resolve) => setTimeout(resolve, Number(environ.QUERY_STRING)));
    startResponse("200 OK", []);
    return `${trace.getActiveSpan()?.spanContext().spanId} ${environ["tsgi.state"]["trace.span_id"]}`;
  };
  const traced = traceContext(app);
  const bodies = await Promise.all([3, 1, 2].map(async (ms) => (await request(traced, `/?${ms}`)).text()));
  for (const body of bodies) assert.match(body, /^([\da-f]{16}) \1$/);
  assert.equal(new Set(bodies).size, 3);
});

test("traceContext: an app that throws is an error, with the exception", async () => {
  const [span] = await spansOf(() => {
    throw new TypeError("boom");
  }, "/");
  assert.equal(span?.attributes["http.response.status_code"], 500);
  assert.equal(span?.attributes["error.type"], "TypeError");
  assert.deepEqual(span?.status, { code: 2 });
  assert.equal(span?.events[0]?.attributes?.["exception.message"], "boom");
});

test("traceContext: a client that leaves ends the span, which is not an error of the app", async (t) => {
  exporter.reset();
  const app: App = async function* (environ, startResponse) {
    startResponse("200 OK", []);
    yield "begin";
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
  };
  const { connect } = await start(t, traceContext(app));
  const client = (await connect()).get("/");
  await client.until("begin");
  client.socket.destroy();
  await eventually(() => exporter.getFinishedSpans().length > 0);
  const [span] = exporter.getFinishedSpans();
  assert.equal(span?.attributes["error.type"], "aborted");
  assert.deepEqual(span?.status, { code: 0 });
});

test("traceContext: a trace that is not sampled is handed on as such", async () => {
  exporter.reset();
  const place = await placeOf({ traceparent: `00-${TRACE}-${PARENT}-00` });
  assert.equal(place.parent, `00-${TRACE}-${place.span}-00`);
  assert.notEqual(place.span, PARENT);
  assert.deepEqual(exporter.getFinishedSpans(), []);
});

test("traceContext: the access log has the id of the trace", async () => {
  const lines: string[] = [];
  const app = accessLog(traceContext(text("hello")), {
    to: { write: (line) => lines.push(line) },
    format: ({ traceId }) => traceId,
  });
  await (await request(app, "/", { headers: { traceparent: TRACEPARENT } })).text();
  await eventually(() => lines.length > 0);
  assert.deepEqual(lines, [`${TRACE}\n`]);
});

test("traceContext: wrong options throw when the app is built", () => {
  assert.throws(() => traceContext(notFound, { trust: 1 as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => traceContext(notFound, { span: true } as never), { code: "TSGI_BAD_OPTION" });
});
