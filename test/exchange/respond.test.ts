import assert from "node:assert/strict";
import { test } from "node:test";
import { respond } from "../../src/exchange/respond.ts";
import type { App } from "../../src/gateway.ts";
import { transcript } from "../support/transcript.ts";

test("respond: a response that is a value is sent", async () => {
  const app: App = (_environ, startResponse) =>
    respond({ status: "201 Created", headers: [["X", "1"]], body: ["a", "b"] }, startResponse);
  assert.equal(await transcript(app, "/"), "201 Created\ncontent-length: 2\nx: 1\n\nab");
});

test("respond: a response that is refused closes its body", async () => {
  let closes = 0;
  const body = Object.assign(new Set(["a"]), {
    close() {
      closes++;
      throw new Error("second");
    },
  });
  const refuse = () => {
    throw new Error("refused");
  };
  await assert.rejects(async () => respond({ status: "200 OK", headers: [], body }, refuse), { message: "refused" });
  assert.equal(closes, 1);
});
