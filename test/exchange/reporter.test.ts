import assert from "node:assert/strict";
import { test } from "node:test";
import { TsgiError } from "../../src/errors.ts";
import { Reporter } from "../../src/exchange/reporter.ts";
import type { Environ } from "../../src/gateway.ts";

function reporter(onError?: (error: unknown) => void): { reporter: Reporter; log: string[] } {
  const log: string[] = [];
  const environ = {
    REQUEST_METHOD: "GET",
    REQUEST_URI: "/",
    "tsgi.errors": { write: (text: string) => log.push(text.split("\n", 1)[0] as string) },
  } as unknown as Environ;
  return { reporter: new Reporter(environ, { onError }), log };
}

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

test("reporter: the same error is reported once, another one too", () => {
  const told: unknown[] = [];
  const { reporter: own, log } = reporter((error) => told.push(error));
  const [first, second] = [new Error("first"), new Error("second")];
  for (const error of [first, first, second]) own.report(error);
  assert.deepEqual(log, ["GET /: Error: first", "GET /: Error: second"]);
  assert.deepEqual(told, [first, second]);
});

test("reporter: values that are not errors are reported each time", () => {
  const { reporter: own, log } = reporter();
  for (const value of ["a", "a", undefined]) own.report(value);
  assert.deepEqual(log, ["GET /: a", "GET /: a", "GET /: undefined"]);
});

test("reporter: an onError that throws or rejects is reported itself", async () => {
  const { reporter: own, log } = reporter(() => Promise.reject(new Error("hook")) as never);
  own.report(new Error("first"));
  await new Promise(setImmediate);
  assert.deepEqual(log, ["GET /: Error: first", "onError: Error: hook"]);
});

for (const [what, error, isReported] of [
  ["that its client is gone", new TsgiError("TSGI_CLIENT_GONE", "gone"), false],
  ["that the rest of its body did not come", new TsgiError("TSGI_BAD_REQUEST", "no rest"), false],
  ["an abort", new DOMException("aborted", "AbortError"), false],
  ["a stream that was closed", Object.assign(new Error("x"), { code: "ERR_STREAM_PREMATURE_CLOSE" }), false],
  ["a mistake of the client", new TsgiError("TSGI_BAD_REQUEST", "x", { status: "408 Request Timeout" }), false],
  ["anything else", new Error("x"), true],
  ["a value that tells nothing", revoked(), true],
] as const) {
  test(`reporter: after the client left, ${what} is ${isReported ? "reported" : "not reported"}`, () => {
    const { reporter: own, log } = reporter();
    own.reportLate(error, true);
    assert.equal(log.length, isReported ? 1 : 0);
  });
}

test("reporter: that the response is over is news only where nothing was reported before", () => {
  const over = new TsgiError("TSGI_RESPONSE_OVER", "over");
  const { reporter: own, log } = reporter();
  own.reportLate(over, false);
  assert.equal(log.length, 1);
  const { reporter: other, log: others } = reporter();
  other.report(new Error("too long"));
  other.reportLate(over, false);
  assert.deepEqual(others, ["GET /: Error: too long"]);
});
