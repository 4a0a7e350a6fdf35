import assert from "node:assert/strict";
import { test } from "node:test";
import { describeError, statusOfError, TsgiError } from "../src/errors.ts";

test("TsgiError: carries code, hint, status and cause, and shows the hint", () => {
  const cause = new Error("cause");
  const error = new TsgiError("TSGI_X", "it broke", { hint: "Mend it.", status: "413 Content Too Large", cause });
  assert.deepEqual(
    {
      name: error.name,
      code: error.code,
      message: error.message,
      hint: error.hint,
      status: error.status,
      cause: error.cause,
    },
    {
      name: "TsgiError",
      code: "TSGI_X",
      message: "it broke. Mend it.",
      hint: "Mend it.",
      status: "413 Content Too Large",
      cause,
    },
  );
});

test("statusOfError: only a TsgiError asks for a status, and only for a 4xx", () => {
  assert.equal(statusOfError(new TsgiError("X", "x", { status: "413 Content Too Large" })), "413 Content Too Large");
  assert.equal(statusOfError(new TsgiError("X", "x", { status: "200 OK" })), undefined);
  assert.equal(statusOfError(Object.assign(new Error("x"), { status: "404 Not Found" })), undefined);
});

test("describeError: shows the stack and the causes, each once", () => {
  const inner = new Error("inner");
  const outer = new Error("outer", { cause: inner });
  assert.equal(describeError(outer), `${outer.stack}\nCaused by: ${inner.stack}`);
  inner.cause = outer;
  assert.equal(describeError(outer), `${outer.stack}\nCaused by: ${inner.stack}`);
  outer.cause = outer;
  assert.equal(describeError(outer), outer.stack);
});

test("describeError: whatever is thrown has a text", () => {
  assert.equal(describeError(undefined), "undefined");
  assert.equal(describeError("text"), "text");
  assert.equal(describeError(Object.create(null)), "[object Object]");
});
