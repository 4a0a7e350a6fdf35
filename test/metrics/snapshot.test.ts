import assert from "node:assert/strict";
import { test } from "node:test";
import { exposition } from "../../src/metrics/exposition.ts";
import { type Metric, type MetricsSnapshot, MetricTotals } from "../../src/metrics/snapshot.ts";

const counter = (name: string, labels: string[], value: number): Metric => ({
  name,
  type: "counter",
  unit: "",
  help: "Help.",
  labels: ["a.b"],
  bounds: [],
  series: [{ labels, values: [value] }],
});

const gauge = (value: number): Metric => ({
  name: "memory",
  type: "gauge",
  unit: "By",
  help: "",
  labels: [],
  bounds: [],
  series: [{ labels: [], values: [value] }],
});

const histogram = (values: number[]): Metric => ({
  name: "http.duration",
  type: "histogram",
  unit: "s",
  help: "How long.",
  labels: ["method"],
  bounds: [0.1, 1],
  series: [{ labels: ["GET"], values }],
});

/** As it comes from another process. */
const sent = (snapshot: MetricsSnapshot): MetricsSnapshot => JSON.parse(JSON.stringify(snapshot));

test("MetricTotals: increments add up by their labels, over processes and after these have ended", () => {
  const totals = new MetricTotals();
  totals.add(sent([counter("hits", ["x"], 2), gauge(10), histogram([1, 0, 0, 0.05])]), "1");
  totals.add(sent([counter("hits", ["y"], 1), gauge(20), histogram([0, 2, 1, 5])]), "2");
  totals.forget("1");
  totals.add(sent([counter("hits", ["x"], 3), gauge(30)]), "2");
  assert.equal(
    exposition(totals.snapshot()),
    `# HELP hits_total Help.
# TYPE hits_total counter
hits_total{a_b="x"} 5
hits_total{a_b="y"} 1
# HELP http_duration_seconds How long.
# TYPE http_duration_seconds histogram
http_duration_seconds_bucket{method="GET",le="0.1"} 1
http_duration_seconds_bucket{method="GET",le="1"} 3
http_duration_seconds_bucket{method="GET",le="+Inf"} 4
http_duration_seconds_sum{method="GET"} 5.05
http_duration_seconds_count{method="GET"} 4
# HELP memory_bytes 
# TYPE memory_bytes gauge
memory_bytes{worker="2"} 30
`,
  );
});

test("MetricTotals: a gauge of each process stands beside those of the others, and that of one alone has no label", () => {
  const totals = new MetricTotals();
  totals.add([gauge(1)]);
  assert.match(exposition(totals.snapshot()), /^memory_bytes 1$/m);
  const several = new MetricTotals();
  several.add([gauge(1)], "1");
  several.add([gauge(2)], "2");
  assert.match(exposition(several.snapshot()), /\nmemory_bytes\{worker="1"\} 1\nmemory_bytes\{worker="2"\} 2\n$/);
});

test("MetricTotals: what was given is not changed", () => {
  const totals = new MetricTotals();
  const first = [counter("hits", ["x"], 2)];
  totals.add(first);
  totals.add([counter("hits", ["x"], 2)]);
  assert.deepEqual(first, [counter("hits", ["x"], 2)]);
});
