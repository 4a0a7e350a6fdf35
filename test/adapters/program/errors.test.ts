import assert from "node:assert/strict";
import { test } from "node:test";
import { badGateway, gatewayTimeout, serviceUnavailable } from "../../../src/adapters/program/errors.ts";

test("program errors: each carries the status of its response", () => {
  const cause = new Error("cause");
  for (const [error, code, status] of [
    [badGateway("no", cause), "TSGI_BAD_GATEWAY", "502 Bad Gateway"],
    [serviceUnavailable("no", "Wait."), "TSGI_OVERLOADED", "503 Service Unavailable"],
    [gatewayTimeout("no"), "TSGI_GATEWAY_TIMEOUT", "504 Gateway Timeout"],
  ] as const) {
    assert.deepEqual([error.code, error.status], [code, status]);
  }
  assert.equal(badGateway("no", cause).cause, cause);
  assert.equal(serviceUnavailable("no", "Wait.").message, "no. Wait.");
});
