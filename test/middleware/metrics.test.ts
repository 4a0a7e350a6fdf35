import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram, Registry } from "prom-client";
import { cascade } from "../../middleware/cascade.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { type MetricsOptions, metrics } from "../../middleware/metrics.ts";
import { router } from "../../middleware/router.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { exposition } from "../../src/metrics/exposition.ts";
import { MetricTotals } from "../../src/metrics/snapshot.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { readExposition } from "../support/exposition.ts";
import { aWhile, eventually, start } from "../support/raw-client.ts";

const hello = text("hello");
const QUIET: MetricsOptions = { process: false };

async function ask(app: App, url: string, options?: RequestOptions): Promise<string> {
  return (await request(app, url, options)).text();
}

/** What is counted of requests: the labels and the number. */
async function countsOf(app: App): Promise<Record<string, number>> {
  const samples = readExposition(await ask(app, "/metrics"));
  const prefix = "http_server_request_duration_seconds_count";
  return Object.fromEntries(
    [...samples].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
  );
}

test("metrics: requests are counted by method, route and status", async () => {
  const shop = router(notFound, { "GET /cart/:id": hello, "POST /cart": text("", { status: "201 Created" }) });
  const app = metrics(dispatcher(notFound, { "/shop/:city": shop, "/plain": hello }), QUIET);
  for (const path of ["/shop/bonn/cart/1", "/shop/ulm/cart/2", "/shop/ulm/none", "/plain/a", "/plain/b", "/none"]) {
    await ask(app, path);
  }
  await ask(app, "/shop/bonn/cart", { method: "POST" });
  await ask(app, "https://a.example/plain");
  assert.deepEqual(await countsOf(app), {
    '{http_request_method="GET",url_scheme="http",http_route="/shop/:city/cart/:id",http_response_status_code="200"}': 2,
    '{http_request_method="GET",url_scheme="http",http_route="/shop/:city",http_response_status_code="404"}': 1,
    '{http_request_method="GET",url_scheme="http",http_route="/plain",http_response_status_code="200"}': 2,
    '{http_request_method="GET",url_scheme="http",http_response_status_code="404"}': 1,
    '{http_request_method="POST",url_scheme="http",http_route="/shop/:city/cart",http_response_status_code="201"}': 1,
    '{http_request_method="GET",url_scheme="https",http_route="/plain",http_response_status_code="200"}': 1,
  });
});

test("metrics: the text is what Prometheus' own client writes for the same requests", async () => {
  const app = metrics(hello, { ...QUIET, buckets: [60, 120] });
  for (const body of ["x", "y".repeat(5000)]) await ask(app, "/", { method: "PUT", body });
  const samples = readExposition(await ask(app, "/metrics"));
  const registry = new Registry();
  const labelNames = ["http_request_method", "url_scheme", "http_response_status_code"] as const;
  const sizes = new Histogram({
    name: "http_server_request_body_size_bytes",
    help: "Size of HTTP server request bodies.",
    buckets: [100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000],
    labelNames,
    registers: [registry],
  });
  for (const size of [1, 5000]) {
    sizes.observe({ http_request_method: "PUT", url_scheme: "http", http_response_status_code: "200" }, size);
  }
  const normal = (key: string) => key.replace(/\{(.*)\}/, (_, labels) => `{${labels.split(",").sort().join()}}`);
  const theirs = [...readExposition((await registry.metrics()).trimEnd().concat("\n"))];
  const ours = new Map([...samples].map(([key, value]) => [normal(key), value]));
  for (const [key, value] of theirs) assert.equal(ours.get(normal(key)), value, key);
  assert.equal(theirs.length, 7 + 3);
});

test("metrics: a method and a path that a client makes up add no series", async () => {
  const app = metrics(dispatcher(notFound, { "/a/:id": hello }), QUIET);
  for (let index = 0; index < 30; index++) await ask(app, `/a/${index}/x`, { method: `METHOD${index}` });
  assert.deepEqual(await countsOf(app), {
    '{http_request_method="_OTHER",url_scheme="http",http_route="/a/:id",http_response_status_code="200"}': 30,
  });
});

test("metrics: the class of a status, if that is asked for", async () => {
  const failing: App = (_environ, startResponse) => {
    startResponse("503 Service Unavailable", []);
    return "";
  };
  const app = metrics(dispatcher(hello, { "/503": failing, "/404": notFound }), { ...QUIET, status: "class" });
  for (const path of ["/", "/503", "/404"]) await ask(app, path);
  assert.deepEqual(await countsOf(app), {
    '{http_request_method="GET",url_scheme="http",http_response_status_code="2xx"}': 1,
    '{http_request_method="GET",url_scheme="http",http_route="/503",http_response_status_code="5xx",error_type="5xx"}': 1,
    '{http_request_method="GET",url_scheme="http",http_route="/404",http_response_status_code="4xx"}': 1,
  });
});

test("metrics: an app that throws is a 500, and a client that leaves is counted as such", async (t) => {
  const app: App = async function* ({ PATH_INFO, "tsgi.exchange": exchange }, startResponse) {
    if (PATH_INFO === "/throws") throw new Error("boom");
    startResponse("200 OK", []);
    yield "begin";
    await new Promise<void>((resolve) => exchange.onAbort?.(resolve));
  };
  const measured = metrics(app, QUIET);
  const { connect } = await start(t, measured);
  await (await connect()).get("/throws", "Connection: close").all();
  const client = (await connect()).get("/left");
  await client.until("begin");
  const during = readExposition(await ask(measured, "/metrics"));
  assert.equal(during.get('http_server_active_requests{http_request_method="GET",url_scheme="http"}'), 1);
  client.socket.destroy();
  const counts = () => exposition(measured.snapshot());
  await eventually(() => counts().includes("aborted"));
  const samples = readExposition(counts());
  assert.equal(samples.get('http_server_active_requests{http_request_method="GET",url_scheme="http"}'), 0);
  assert.deepEqual(await countsOf(measured), {
    '{http_request_method="GET",url_scheme="http",http_response_status_code="500",error_type="500"}': 1,
    '{http_request_method="GET",url_scheme="http",http_response_status_code="200",error_type="aborted"}': 1,
  });
});

test("metrics: a request is counted once, however often its app was called", async () => {
  const part: App = (environ, startResponse) => {
    startResponse(environ.HTTP_RANGE === undefined ? "200 OK" : "206 Partial Content", [
      ["Content-Type", "text/plain"],
      ...(environ.HTTP_RANGE === undefined ? [] : [["Content-Range", "bytes 0-0/1"] as const]),
    ]);
    return "x";
  };
  const app = metrics(part, QUIET);
  const outer = transform(
    app,
    mapText("text/plain", (piece) => piece.toUpperCase()),
  );
  await ask(outer, "/", { headers: { Range: "bytes=0-0" } });
  await ask(cascade([metrics(notFound, QUIET), app]), "/");
  const samples = readExposition(exposition(app.snapshot()));
  assert.equal(samples.get('http_server_active_requests{http_request_method="GET",url_scheme="http"}'), 0);
  assert.deepEqual(Object.values(await countsOf(app)), [2]);
});

test("metrics: increments add up to the totals, and are each taken once", async () => {
  const app = metrics(dispatcher(hello, { "/a": notFound }), QUIET);
  const totals = new MetricTotals();
  for (let round = 0; round < 4; round++) {
    for (let count = 0; count <= round; count++) await ask(app, round % 2 === 0 ? "/" : "/a");
    totals.add(JSON.parse(JSON.stringify(app.takeIncrements())));
  }
  totals.add(app.takeIncrements());
  const sorted = (text: string) => [...readExposition(text)].map(([key, value]) => [key, value.toFixed(9)]);
  assert.deepEqual(sorted(exposition(totals.snapshot())), sorted(exposition(app.snapshot())));
});

for (const [who, environ, headers] of [
  ["another machine", { REMOTE_ADDR: "10.0.0.7" }, {}],
  ["a proxy", {}, { "X-Forwarded-For": "10.0.0.7" }],
  ["a proxy by the standard", {}, { Forwarded: "for=10.0.0.7" }],
  ["a Unix socket", { REMOTE_ADDR: "" }, {}],
] as const) {
  test(`metrics: ${who} may not read them by default`, async () => {
    const response = await request(metrics(notFound, QUIET), "/metrics", { environ, headers });
    assert.equal(response.status, 404);
  });
}

test("metrics: who may read them, where, and as an app of its own", async () => {
  const app = metrics(notFound, { ...QUIET, path: "/-/numbers", allow: (environ) => environ.HTTP_X_KEY === "k" });
  assert.equal((await request(app, "/-/numbers")).status, 404);
  const response = await request(app, "/-/numbers", { headers: { "X-Key": "k" } });
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal((await request(metrics(notFound, { ...QUIET, path: false }), "/metrics")).status, 404);
  const inside = await request(app.read, "/", { environ: { REMOTE_ADDR: "10.0.0.7" } });
  assert.match(await inside.text(), /^# HELP http_server_request_duration_seconds /);
});

test("metrics: the process is measured too, with the connections of its server", async (t) => {
  const app = metrics(hello);
  const { connect } = await start(t, app);
  const clients = [await connect(), await connect(), await connect()];
  for (const client of clients) await client.get("/").until("hello");
  app.snapshot();
  await aWhile();
  const samples = readExposition(exposition(app.snapshot()));
  assert.equal(samples.get("tsgi_server_connections"), 3);
  assert.ok((samples.get("process_memory_usage_bytes") as number) > 1e6);
  for (const name of ["nodejs_eventloop_delay_p99_seconds", "nodejs_eventloop_utilization_ratio"]) {
    assert.ok((samples.get(name) as number) >= 0, name);
  }
});

test("metrics: wrong options throw when the app is built", () => {
  for (const options of [{ path: "metrics" }, { buckets: [] }, { buckets: [2, 1] }, { status: "x" }, { paths: "/" }]) {
    assert.throws(() => metrics(hello, options as never), { code: "TSGI_BAD_OPTION" });
  }
});
