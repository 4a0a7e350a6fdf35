import assert from "node:assert/strict";
import { test } from "node:test";
import { cascade } from "../../../middleware/cascade.ts";
import { cors } from "../../../middleware/cors.ts";
import { mountTree } from "../../../middleware/dispatcher/mount-tree.ts";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { hosts } from "../../../middleware/hosts.ts";
import { lint } from "../../../middleware/lint.ts";
import { router } from "../../../middleware/router.ts";
import { staticFiles } from "../../../middleware/static-files.ts";
import { mapText, transform } from "../../../middleware/transform.ts";
import { notFound } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { stack } from "../../../src/stack.ts";
import { wrapping } from "../../../src/wrapping.ts";

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

test("mountTree: an app with a property of that name is not a dispatcher", () => {
  const app: App = Object.assign(() => {}, { mounts: ["/a"], fallback: shop });
  assert.equal(mountTree(app), "(anonymous)");
});

const identity = mapText("text/plain", (text) => text);

test("mountTree: sees through middleware", () => {
  const mounts = dispatcher(shop, { "/a": lint(cors(blog)), "/b": transform(dispatcher(shop, {}), identity) });
  assert.equal(
    mountTree(transform(staticFiles(mounts, { "/static": "." }), identity)),
    `transform → staticFiles → dispatcher
├── /a → lint → cors → blog
├── /b → transform → dispatcher
│   └── (else) → shop
└── (else) → shop`,
  );
});

test("mountTree: hosts, routes and cascades", () => {
  const routes = router(blog, { "GET /users/:id": shop, "/any": lint(shop) });
  assert.equal(
    mountTree(hosts(cascade([shop, lint(blog)]), { "API.example": routes })),
    `hosts
├── API.example → router
│   ├── GET /users/:id → shop
│   ├── /any → lint → shop
│   └── (else) → blog
└── (else) → cascade
    ├── (1) → shop
    └── (2) → lint → blog`,
  );
});

test("mountTree: middleware that says nothing is seen through in a stack, and by its own word anywhere", () => {
  const silent = (app: App): App => {
    return function silent(environ, startResponse) {
      return app(environ, startResponse);
    };
  };
  const telling = (app: App): App => wrapping(silent(app), app);
  assert.equal(mountTree(stack().use(silent).use(cors).run(shop)), "silent → cors → shop");
  assert.equal(mountTree(silent(shop)), "silent");
  assert.equal(mountTree(telling(shop)), "silent → shop");
});

test("mountTree: a stack says nothing of an app that cannot be added to", () => {
  const app = stack()
    .use(() => Object.freeze(notFound))
    .use((inner) => inner)
    .run(shop);
  assert.equal(mountTree(app), mountTree(notFound));
});

test("mountTree: an app that wraps itself ends", () => {
  const app: App = () => "";
  const outer: App = () => "";
  wrapping(outer, [{ app, label: "x" }]);
  wrapping(app, [{ app: outer, label: "y" }]);
  assert.equal(mountTree(outer), "outer\n└── x → app\n    └── y → outer");
});
