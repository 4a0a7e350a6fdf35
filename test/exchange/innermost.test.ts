import assert from "node:assert/strict";
import { test } from "node:test";
import { choose, chosenFor, enter, innermostOf, traceChosen, traceInnermost } from "../../src/exchange/innermost.ts";
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

test("innermost: the apps that were chosen are known from every copy, where that was asked for", async () => {
  function shop(): void {}
  function cart(): void {}
  const outer = await outerEnviron();
  assert.equal(choose(outer, shop), outer);
  assert.deepEqual(chosenFor(outer), []);
  traceChosen(outer);
  const inner = choose({ ...outer, SCRIPT_NAME: "/shop", PATH_INFO: "/cart" }, shop);
  choose({ ...inner }, cart);
  assert.deepEqual(
    chosenFor(outer).map(({ app }) => app),
    [shop, cart],
  );
});
