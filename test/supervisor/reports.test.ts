import assert from "node:assert/strict";
import { test } from "node:test";
import { readMetrics, readReport } from "../../src/supervisor/reports.ts";

const beat = { type: "beat", lag: 1, memory: 2, connections: 3, inFlight: 4, requests: 5 };

for (const report of [
  { type: "ready", title: "app", tree: ["/"], urls: ["http://a"] },
  { type: "failed", reason: "no" },
  beat,
  { ...beat, increments: [] },
  { type: "took", id: 1 },
  { type: "claim", id: 1 },
  { type: "retire" },
  { type: "note", note: null },
  { type: "listed", id: 1, requests: [{ method: "GET", target: "/", duration: 1 }] },
]) {
  test(`readReport: takes ${JSON.stringify(report)}`, () => assert.equal(readReport(report), report));
}

for (const message of [
  null,
  undefined,
  7,
  "ready",
  [],
  {},
  { type: null },
  { type: "toString" },
  { type: "ready" },
  { type: "ready", title: "app", tree: "/", urls: [] },
  { type: "failed" },
  { type: "beat", memory: 1 },
  { type: "took", id: "1" },
  { type: "listed", id: 1, requests: "GET /" },
  { type: "listed", id: 1, requests: [null] },
]) {
  test(`readReport: leaves ${JSON.stringify(message)} to the app`, () => assert.equal(readReport(message), undefined));
}

test("readMetrics: gives what can be added up", () => {
  const counter = {
    name: "a",
    type: "counter",
    unit: "s",
    help: "A.",
    labels: ["b"],
    bounds: [],
    series: [{ labels: ["c"], values: [1] }],
  };
  const wrong = [
    null,
    1,
    { ...counter, type: "other" },
    { ...counter, labels: undefined },
    { ...counter, bounds: ["1"] },
    { ...counter, series: [{ labels: ["c"], values: ["1"] }] },
    { ...counter, series: [null] },
  ];
  assert.deepEqual(readMetrics([...wrong, counter]), [counter]);
  assert.deepEqual([readMetrics(undefined), readMetrics({ length: 1 })], [[], []]);
});
