import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../src/gateway.ts";
import { innerApps, inPlaceOf, wrapping } from "../src/wrapping.ts";

function shop(): void {}
function blog(): void {}

test("wrapping: an app or a list, found again, and not among the keys of the app", () => {
  const outer: App = () => "";
  assert.equal(wrapping(outer, shop), outer);
  assert.deepEqual(innerApps(outer), [{ app: shop }]);
  wrapping(outer, [{ app: blog, label: "x" }]);
  assert.deepEqual(innerApps(outer), [{ app: blog, label: "x" }]);
  assert.deepEqual(Object.keys(outer), []);
});

test("innerApps: an app that says nothing, or nonsense, has none", () => {
  assert.deepEqual(innerApps(shop), []);
  assert.deepEqual(innerApps(Object.assign(() => "", { [Symbol.for("tsgi.wraps")]: 5 })), []);
});

test("inPlaceOf: an app that passes for another one", () => {
  const outer = inPlaceOf(
    () => "",
    wrapping(
      Object.assign(function site() {}, {}),
      blog,
    ),
  );
  assert.equal(outer.name, "site");
  assert.deepEqual(innerApps(outer), [{ app: blog }]);
});
