import assert from "node:assert/strict";
import { test } from "node:test";
import { cors } from "../middleware/cors.ts";
import { dispatcher } from "../middleware/dispatcher.ts";
import { lint } from "../middleware/lint.ts";
import type { App } from "../src/gateway.ts";
import { appsIn, innerApps, wrapping } from "../src/wrapping.ts";

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

test("appsIn: walks everything once at each mount", () => {
  const inner = dispatcher(blog, { "/x/:y": shop, "/": shop });
  const app = lint(dispatcher(inner, { "/a": inner, "/b": cors(shop) }));
  assert.deepEqual(
    appsIn(app).map((placed) => `${placed.mount || "/"} ${placed.app.name}`),
    [
      "/ lint",
      "/ dispatcher",
      "/a dispatcher",
      "/a/x/:y shop",
      "/a shop",
      "/a blog",
      "/b cors",
      "/b shop",
      "/ dispatcher",
      "/x/:y shop",
      "/ shop",
      "/ blog",
    ],
  );
});
