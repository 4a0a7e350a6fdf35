import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { mountTree } from "../../src/mount-tree.ts";
import { canonicalPath } from "../../src/path.ts";
import { request } from "../../src/testing.ts";
import { bodyOf, probe, probed } from "../transcript.ts";

const site = dispatcher(probe("fallback"), {
  "/api/v1/": probe("v1"),
  "/api": probe("api"),
  "/users/:id": probe("user"),
  "/users/me": probe("me"),
  "/:lang/docs": probe("docs"),
  "/files/*path": probe("files"),
  "/caf\u00e9": probe("cafe"),
  "/at\\:colon": probe("colon"),
});

for (const [url, name, mount, path, params] of [
  ["/", "fallback", "", "/"],
  ["/apix", "fallback", "", "/apix"],
  ["/api", "api", "/api", ""],
  ["/api/", "api", "/api", "/"],
  ["/api/x", "api", "/api", "/x"],
  ["/api/v1", "v1", "/api/v1", ""],
  ["/api/v1/x/y", "v1", "/api/v1", "/x/y"],
  ["/api/v10", "api", "/api", "/v10"],
  ["/users/7/posts", "user", "/users/7", "/posts", { id: "7" }],
  ["/users/me/posts", "me", "/users/me", "/posts"],
  ["/users/a%2Fb%20c", "user", "/users/a%2Fb%20c", "", { id: "a/b c" }],
  ["/users", "fallback", "", "/users"],
  ["/users/", "fallback", "", "/users/"],
  ["/de/docs/x", "docs", "/de/docs", "/x", { lang: "de" }],
  ["/files/a/b/", "files", "/files/a/b", "/", { path: ["a", "b"] }],
  ["/caf%c3%a9/x", "cafe", "/caf%C3%A9", "/x"],
  ["/at:colon", "colon", "/at:colon", ""],
] as [string, string, string, string, object?][]) {
  test(`dispatcher: ${url} goes to ${name}`, async () => {
    assert.equal(await bodyOf(site, url), probed(name, mount, path, params));
  });
}

test("dispatcher: OPTIONS * goes to the fallback", async () => {
  assert.equal(await bodyOf(site, "*", { method: "OPTIONS" }), probed("fallback", "", "*"));
});

test("dispatcher: the fallback gets the environ as it came", async () => {
  const seen: object[] = [];
  const outer: App = (environ, startResponse) => {
    seen.push(environ);
    return dispatcher((inner, start) => {
      seen.push(inner);
      return notFound(inner, start);
    }, {})(environ, startResponse);
  };
  await request(outer, "/x", { lint: false });
  assert.equal(seen[0], seen[1]);
});

test("dispatcher: / takes everything, and dispatchers nest", async () => {
  const app = probe("inner");
  const nested = dispatcher(notFound, {
    "/": dispatcher(notFound, { "/a/:x": dispatcher(notFound, { "/:y": app, "/b": app }) }),
  });
  assert.equal(await bodyOf(nested, "/a/1/2/3"), probed("inner", "/a/1/2", "/3", { x: "1", y: "2" }));
  assert.equal(await bodyOf(nested, "/a/1/b"), probed("inner", "/a/1/b", "", { x: "1" }));
});

test("dispatcher: a parameter that is no UTF-8 is a 400", async () => {
  const response = await request(site, "/users/%ff");
  assert.equal(response.status, 400);
});

test("dispatcher: paths are told apart by case", async () => {
  assert.equal(await bodyOf(site, "/API"), probed("fallback", "", "/API"));
  assert.equal(await bodyOf(site, "/Users/7"), probed("fallback", "", "/Users/7"));
});

for (const [what, mounts] of [
  ["a relative key", { api: notFound }],
  ["an empty key", { "": notFound }],
  ["a query", { "/a?b": notFound }],
  ["a fragment", { "/a#b": notFound }],
  ["a malformed escape", { "/%zz": notFound }],
  ["the same path twice", { "/api": notFound, "/api/": notFound }],
  ["the same path in two spellings", { "/%61": notFound, "/a": notFound }],
  ["the same pattern twice", { "/:a/x": notFound, "/:a/x/": notFound }],
  ["a malformed pattern", { "/:": notFound }],
  ["an open group", { "/{a": notFound }],
  ["a pattern with a dot segment", { "/:a/../b": notFound }],
  ["a pattern with an empty segment", { "/:a//b": notFound }],
] as const) {
  test(`dispatcher: ${what} throws when the app is built`, () => {
    assert.throws(() => dispatcher(notFound, mounts as Record<string, App>), {
      name: "TsgiError",
      code: "TSGI_BAD_MOUNT",
    });
  });
}

test("dispatcher: a value or a fallback that is no app throws when the app is built", () => {
  assert.throws(() => dispatcher(notFound, { "/a": {} as App }), { code: "TSGI_NO_APP" });
  assert.throws(() => dispatcher(undefined as unknown as App, {}), { code: "TSGI_NO_APP" });
});

test("dispatcher: the table of mounts can be read, and printed as a tree", () => {
  function shop() {}
  function blog() {}
  const app = dispatcher(shop, { "/shop/": shop, "/b": dispatcher(blog, { "/:id": blog }), "/": blog });
  assert.deepEqual([...app.mounts.keys()], ["/shop", "/b", "/"]);
  assert.equal(app.fallback, shop);
  assert.equal(
    mountTree(app),
    `dispatcher
├── /shop → shop
├── /b → dispatcher
│   ├── /:id → blog
│   └── (else) → blog
├── / → blog
└── (else) → shop`,
  );
});

const segment = fc.constantFrom("a", "b", "c", "ab", "a%20", "%C3%A9", "x");
const literalKey = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
const anyPath = fc
  .tuple(fc.array(segment, { maxLength: 7 }), fc.boolean())
  .map(([parts, slash]) => `/${parts.join("/")}${slash && parts.length > 0 ? "/" : ""}`);

test("dispatcher: no request reaches an app mounted elsewhere, and mount and path are always the canonical path", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(literalKey, { maxLength: 12 }), anyPath, async (keys, path) => {
      const mounts = Object.fromEntries(keys.map((key) => [key, probe(key)]));
      // The longest key that is the path or goes on with a slash, found the naive way.
      const expected = keys
        .filter((key) => path === key || path.startsWith(`${key}/`))
        .sort((a, b) => b.length - a.length)[0];
      const answer = await bodyOf(dispatcher(probe("none"), mounts), path);
      const mount = expected ?? "";
      assert.equal(mount + path.slice(mount.length), canonicalPath(path));
      assert.equal(answer, probed(expected ?? "none", mount, path.slice(mount.length)));
    }),
    { numRuns: 500 },
  );
});

/** Counts the calls of the methods through which the walk goes. */
function countSteps(run: () => void): number {
  let steps = 0;
  const restore = [
    [Map.prototype, "get"],
    [String.prototype, "slice"],
    [String.prototype, "indexOf"],
    [RegExp.prototype, "exec"],
  ].map(([target, name]) => {
    const holder = target as unknown as Record<string, (...args: unknown[]) => unknown>;
    const original = holder[name as string] as (...args: unknown[]) => unknown;
    holder[name as string] = function (...args: unknown[]) {
      steps++;
      return original.apply(this, args);
    };
    return () => {
      holder[name as string] = original;
    };
  });
  try {
    run();
  } finally {
    for (const undo of restore) undo();
  }
  return steps;
}

test("dispatcher: a hostile path of 16 KB through 1,000 mounts takes no more steps than the deepest mount has segments", async () => {
  const deep = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [`/${"a/".repeat(index % 20)}m${index}`, notFound]),
  );
  const app = dispatcher((_environ, startResponse) => void startResponse("200 OK", []), deep);
  let environ: Parameters<App>[0] | undefined;
  await request(
    (given, startResponse) => {
      environ = given;
      return notFound(given, startResponse);
    },
    "/",
    { lint: false },
  );
  for (const path of [
    "/".padEnd(16_384, "a/"),
    "/".padEnd(16_384, "x/"),
    "/".padEnd(16_384, "x"),
    `${"/a".repeat(8000)}/m7`,
  ]) {
    const steps = countSteps(() => void app({ ...(environ as Parameters<App>[0]), PATH_INFO: path }, () => () => {}));
    assert.ok(steps <= 3 * 21 + 4, `${steps} steps`);
  }
});

test("dispatcher: a thousand patterns cost a path only those that share its head", async () => {
  const patterns = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [`/p${index}/:id`, probe(`p${index}`)]),
  );
  const app = dispatcher(notFound, patterns);
  assert.equal(await bodyOf(app, "/p500/x/y"), probed("p500", "/p500/x", "/y", { id: "x" }));
  let environ: Parameters<App>[0] | undefined;
  await request(
    (given, startResponse) => {
      environ = given;
      return notFound(given, startResponse);
    },
    "/",
    { lint: false },
  );
  const steps = countSteps(
    () => void app({ ...(environ as Parameters<App>[0]), PATH_INFO: "/p500/x/y" }, () => () => {}),
  );
  assert.ok(steps <= 16, `${steps} steps`);
});
