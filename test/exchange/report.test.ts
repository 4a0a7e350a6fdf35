import assert from "node:assert/strict";
import { test } from "node:test";
import { reportError, writeError } from "../../src/exchange/report.ts";
import type { Environ, Exchange } from "../../src/gateway.ts";

/** An environ with a log of its own. */
function logged(exchange: Exchange): [environ: Environ, log: string[]] {
  const log: string[] = [];
  const errors = { write: (text: string) => void log.push(text) };
  return [
    { REQUEST_METHOD: "GET", REQUEST_URI: "/a", "tsgi.errors": errors, "tsgi.exchange": exchange } as Environ,
    log,
  ];
}

/** An error whose stack is one line. */
const broken = Object.assign(new Error("broken"), { stack: "Error: broken" });

test("reportError: the server hears of it", () => {
  const heard: unknown[] = [];
  const [environ, log] = logged({ report: (error) => void heard.push(error) });
  reportError(environ, broken);
  assert.deepEqual([heard, log], [[broken], []]);
});

test("reportError: without a report it goes to the log, under its request", () => {
  const [environ, log] = logged({});
  reportError(environ, broken);
  assert.deepEqual(log, ["GET /a: Error: broken\n"]);
});

for (const [what, report] of [
  [
    "throws",
    () => {
      throw broken;
    },
  ],
  ["rejects", async () => Promise.reject(broken)],
] as const) {
  test(`reportError: a report that ${what} goes to the log`, async () => {
    const [environ, log] = logged({ report });
    reportError(environ, new Error("first"));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(log, ["GET /a: Error: broken\n"]);
  });
}

test("writeError: a log that fails is not an error of the request", async () => {
  const [environ] = logged({});
  for (const write of [
    () => {
      throw broken;
    },
    () => Promise.reject(broken) as never,
  ]) {
    writeError({ ...environ, "tsgi.errors": { write } }, broken);
  }
  await new Promise((resolve) => setImmediate(resolve));
});

test("writeError: another title may stand before it", () => {
  const [environ, log] = logged({});
  writeError(environ, broken, "onError");
  assert.deepEqual(log, ["onError: Error: broken\n"]);
});
