import assert from "node:assert/strict";
import { test } from "node:test";
import { enter, innermostOf, traceInnermost } from "../../src/exchange/innermost.ts";
import type { Environ } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";

/** The environ that a server gives. */
async function outerEnviron(): Promise<Environ> {
  let found: Environ | undefined;
  await request((environ, startResponse) => {
    found = environ;
    startResponse("204 No Content", []);
  }, "/shop/cart");
  return found as Environ;
}

test("innermost: the environ that was entered last is known from every copy", async () => {
  const outer = await outerEnviron();
  traceInnermost(outer);
  assert.equal(innermostOf(outer), outer);
  const shop = enter({ ...outer, SCRIPT_NAME: "/shop", PATH_INFO: "/cart" });
  const cart = enter({ ...shop, SCRIPT_NAME: "/shop/cart", PATH_INFO: "" });
  assert.equal(innermostOf(outer), cart);
  assert.equal(innermostOf(shop), cart);
});

test("innermost: nothing is noted where nothing is traced", async () => {
  const outer = await outerEnviron();
  const inner = { ...outer, SCRIPT_NAME: "/shop", PATH_INFO: "/cart" };
  assert.equal(enter(inner), inner);
  assert.equal(innermostOf(outer), outer);
});

test("innermost: what is noted is not part of the state that apps see", async () => {
  const outer = await outerEnviron();
  traceInnermost(outer);
  assert.deepEqual({ ...outer["tsgi.state"] }, {});
  assert.deepEqual(Object.keys(outer["tsgi.state"]), []);
});
