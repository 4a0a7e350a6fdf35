import assert from "node:assert/strict";
import { test } from "node:test";
import { mountTree } from "../../../middleware/dispatcher/mount-tree.ts";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import type { App } from "../../../src/gateway.ts";

function shop(): void {}
function blog(): void {}

test("mountTree: an app that mounts nothing is its name", () => {
  assert.equal(mountTree(shop), "shop");
  assert.equal(
    mountTree(() => {}),
    "(anonymous)",
  );
});

test("mountTree: an empty dispatcher has a fallback", () => {
  assert.equal(mountTree(dispatcher(shop, {})), "dispatcher\n└── (else) → shop");
});

test("mountTree: dispatchers within dispatchers, at mounts and as fallback, an app as often as it is mounted", () => {
  const inner = dispatcher(blog, { "/caf\u00e9/": shop, "/:year{/:month}": blog });
  assert.equal(
    mountTree(dispatcher(inner, { "/a": inner, "/b/c": shop, "/": shop })),
    `dispatcher
├── /a → dispatcher
│   ├── /caf%C3%A9 → shop
│   ├── /:year{/:month} → blog
│   └── (else) → blog
├── /b/c → shop
├── / → shop
└── (else) → dispatcher
    ├── /caf%C3%A9 → shop
    ├── /:year{/:month} → blog
    └── (else) → blog`,
  );
});

test("mountTree: an app with a property of that name is no dispatcher", () => {
  const app: App = Object.assign(() => {}, { mounts: ["/a"], fallback: shop });
  assert.equal(mountTree(app), "(anonymous)");
});
