import assert from "node:assert/strict";
import { test } from "node:test";
import { authenticated } from "../../src/exchange/authenticated.ts";
import { innermostOf, traceInnermost } from "../../src/exchange/innermost.ts";
import type { Environ } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";

test("authenticated: a copy names the user, in place of one that was named before, and is the innermost environ", async () => {
  let outer: Environ | undefined;
  await request((environ, startResponse) => {
    outer = environ;
    startResponse("204 No Content", []);
  }, "/");
  traceInnermost(outer as Environ);
  const first = authenticated(outer as Environ, "ann", "Basic");
  const second = authenticated(first, "bob", "Bearer");
  assert.deepEqual([first.REMOTE_USER, first.AUTH_TYPE, first.PATH_INFO], ["ann", "Basic", "/"]);
  assert.deepEqual([second.REMOTE_USER, second.AUTH_TYPE], ["bob", "Bearer"]);
  assert.equal("REMOTE_USER" in (outer as Environ), false);
  assert.equal(innermostOf(outer as Environ), second);
});
