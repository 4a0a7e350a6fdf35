import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { notFound } from "../../src/apps.ts";
import type { App, Environ } from "../../src/gateway.ts";
import { canonicalPath } from "../../src/http/path.ts";
import { request } from "../../src/testing.ts";
import { bodyOf, probe, probed, transcript } from "../support/transcript.ts";

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
  for (const url of ["/users/%ff", "/users/%C3/x", "/files/a/%80"]) {
    assert.equal(
      await transcript(site, url),
      "400 Bad Request\ncontent-length: 12\ncontent-type: text/plain; charset=utf-8\n\nBad Request\n",
    );
  }
});

test("dispatcher: of patterns that take the same, the first is called, wherever its text stands", async () => {
  const first = { "/users/:id": probe("first"), "/:kind/7": probe("second") };
  const second = { "/:kind/7": probe("second"), "/users/:id": probe("first") };
  assert.equal(await bodyOf(dispatcher(notFound, first), "/users/7"), probed("first", "/users/7", "", { id: "7" }));
  assert.equal(
    await bodyOf(dispatcher(notFound, second), "/users/7"),
    probed("second", "/users/7", "", { kind: "users" }),
  );
});

test("dispatcher: a group that is missing may be the last segment", async () => {
  const app = dispatcher(probe("fallback"), { "/docs{/:page}": probe("docs"), "/{:lang}": probe("any") });
  assert.equal(await bodyOf(app, "/"), probed("any", "", "/"));
  assert.equal(await bodyOf(app, "/de/x"), probed("any", "/de", "/x", { lang: "de" }));
  assert.equal(await bodyOf(app, "/docs/"), probed("docs", "/docs", "/"));
  assert.equal(await bodyOf(app, "/docs/a/b"), probed("docs", "/docs/a", "/b", { page: "a" }));
});

test("dispatcher: parameters of an inner mount are merged with the outer ones, and win", async () => {
  const app = dispatcher(notFound, { "/:a/:b": dispatcher(notFound, { "/:b/:c": probe("inner") }) });
  assert.equal(await bodyOf(app, "/1/2/3/4"), probed("inner", "/1/2/3/4", "", { a: "1", b: "3", c: "4" }));
});

test("dispatcher: an app may be mounted twice, and each request sees its own mount", async () => {
  const app = probe("twice");
  const mounted = dispatcher(app, { "/a": app, "/b": app });
  assert.deepEqual(await Promise.all(["/a/x", "/b/x", "/c"].map((url) => bodyOf(mounted, url))), [
    probed("twice", "/a", "/x"),
    probed("twice", "/b", "/x"),
    probed("twice", "", "/c"),
  ]);
});

test("dispatcher: a mounted app gets a copy that shares the state and leaves the outer environ alone", async () => {
  const seen: Environ[] = [];
  const inner: App = (environ, startResponse) => {
    seen.push(environ);
    return notFound(environ, startResponse);
  };
  await request((environ, startResponse) => {
    seen.push(environ);
    return dispatcher(notFound, { "/a": inner })(environ, startResponse);
  }, "/a/b?q");
  const [outer, mounted] = seen as [Environ, Environ];
  assert.deepEqual(mounted, { ...outer, SCRIPT_NAME: "/a", PATH_INFO: "/b", "tsgi.route": "/a" });
  assert.equal(Object.getPrototypeOf(mounted), Object.prototype);
  assert.equal(mounted["tsgi.state"], outer["tsgi.state"]);
  assert.equal(outer.PATH_INFO, "/a/b");
});

test("dispatcher: kept runs of slashes belong to the path below the mount, unless another mount could be meant", async () => {
  const app = dispatcher(probe("fallback"), { "/a": probe("a"), "/a/b": probe("b"), "/f/*path": probe("files") });
  for (const [path, name, mount, params] of [
    ["/a//c", "a", "/a"],
    ["/a//", "a", "/a"],
    ["/a/b//", "b", "/a/b"],
    ["/f/x//", "files", "/f/x", { path: ["x"] }],
    ["/f/x//y//", "files", "/f/x//y", { path: ["x", "", "y"] }],
    ["/f//", "fallback", ""],
  ] as [string, string, string, object?][]) {
    const answer = await bodyOf(app, "/", { environ: { PATH_INFO: path } });
    assert.equal(answer, probed(name, mount, path.slice(mount.length), params), path);
  }
  for (const path of ["/a//b", "/a//b//c"]) {
    assert.equal(await bodyOf(app, "/", { environ: { PATH_INFO: path } }), "Bad Request\n", path);
  }
});

test("dispatcher: paths are told apart by case", async () => {
  assert.equal(await bodyOf(site, "/API"), probed("fallback", "", "/API"));
  assert.equal(await bodyOf(site, "/Users/7"), probed("fallback", "", "/Users/7"));
});

const foldingSite = dispatcher(
  probe("fallback"),
  { "/Admin": probe("admin"), "/caf\u00e9/:id": probe("cafe"), "/:lang/Docs": probe("docs") },
  { caseSensitive: false },
);

for (const [url, name, mount, path, params] of [
  ["/ADMIN/Users", "admin", "/ADMIN", "/Users"],
  ["/CAF%C3%89/Ab/Cd", "cafe", "/CAF%C3%89/Ab", "/Cd", { id: "Ab" }],
  ["/De/DOCS", "docs", "/De/DOCS", "", { lang: "De" }],
  ["/administrator", "fallback", "", "/administrator"],
] as const) {
  test(`dispatcher: without regard to case ${url} goes to ${name}`, async () => {
    assert.equal(await bodyOf(foldingSite, url), probed(name, mount, path, params));
  });
}

test("dispatcher: without regard to case, keys of different case are the same mount", () => {
  assert.throws(() => dispatcher(notFound, { "/a": notFound, "/A": notFound }, { caseSensitive: false }), {
    code: "TSGI_BAD_MOUNT",
  });
});

test("dispatcher: an option that it does not have throws when the app is built", () => {
  assert.throws(() => dispatcher(notFound, {}, { casesensitive: false } as object), { code: "TSGI_BAD_OPTION" });
});

test("dispatcher: an encoded separator within one mount stays what it is", async () => {
  const app = dispatcher(probe("fallback"), {
    "/files": probe("files"),
    "/x/:id": probe("x"),
    "/admin": probe("admin"),
  });
  assert.equal(await bodyOf(app, "/files/a%2fb%5cc"), probed("files", "/files", "/a%2Fb%5Cc"));
  assert.equal(await bodyOf(app, "/files/a%2f..%2fb;x=1"), probed("files", "/files", "/a%2F..%2Fb;x=1"));
  assert.equal(await bodyOf(app, "/x/a%2fb"), probed("x", "/x/a%2Fb", "", { id: "a/b" }));
  assert.equal(await bodyOf(app, "/y%2fb"), probed("fallback", "", "/y%2Fb"));
});

test("dispatcher: a path that another mount could be meant by is a 400", async () => {
  const app = dispatcher(probe("fallback"), {
    "/files": probe("files"),
    "/x/:id": probe("x"),
    "/admin": probe("admin"),
  });
  for (const url of [
    "/files/..%2fadmin",
    "/files/..%5cadmin",
    "/files/..%2fx",
    "/x%2fy",
    "/x/%2f..%2f..%2fadmin",
    "/files;x",
  ]) {
    assert.equal(
      await transcript(app, url),
      "400 Bad Request\ncontent-length: 12\ncontent-type: text/plain; charset=utf-8\n\nBad Request\n",
      url,
    );
  }
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
  ["an escaped colon in two spellings", { "/a\\:b": notFound, "/a%3ab/": notFound }],
  ["an escape of NUL", { "/%00": notFound }],
  ["a query in a pattern", { "/:a?b": notFound }],
  ["a fragment in a pattern", { "/:a#b": notFound }],
  ["a malformed escape in a pattern", { "/:a/%zz": notFound }],
  ["half a character", { "/\ud800": notFound }],
  ["no path at all", { "*": notFound }],
  ["the root twice", { "/": notFound, "//": notFound }],
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

test("dispatcher: a value or a fallback that is not an app throws when the app is built", () => {
  assert.throws(() => dispatcher(notFound, { "/a": {} as App }), { code: "TSGI_NO_APP" });
  assert.throws(() => dispatcher(undefined as unknown as App, {}), { code: "TSGI_NO_APP" });
});

test("dispatcher: the table of mounts can be read", () => {
  function shop() {}
  function blog() {}
  const app = dispatcher(shop, { "/shop/": shop, "/b/:id/": blog, "/": blog, "//caf\u00e9": blog });
  assert.deepEqual(
    [...app.mounts],
    [
      ["/shop", shop],
      ["/b/:id/", blog],
      ["/", blog],
      ["/caf%C3%A9", blog],
    ],
  );
  assert.equal(app.fallback, shop);
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

/** How a client may spell a path: escaped here and there, with slashes and dot segments that change nothing. */
function spellingOf(parts: readonly string[]): fc.Arbitrary<string> {
  const slash = fc.constantFrom("/", "/", "//", "/./", "/y/../", "/%2e/");
  const escaped = (part: string) => part.replace(/^[a-z]/, (char) => `%${char.charCodeAt(0).toString(16)}`);
  const spelled = parts.map((part) => fc.tuple(slash, fc.constantFrom(part, escaped(part))));
  return fc.tuple(fc.tuple(...spelled), slash, fc.boolean()).map(([pairs, last, isFolder]) => {
    return pairs.flat().join("") + (isFolder || pairs.length === 0 ? last : "");
  });
}

const anyKey = fc
  .tuple(
    fc.array(fc.constantFrom("a", "b", "ab", "a%20", ":p", ":q"), { maxLength: 3 }),
    fc.constantFrom([], [], ["*r"]),
  )
  .map(([parts, rest]) => `/${[...parts, ...rest].join("/")}`);
const anyMounts = fc.uniqueArray(anyKey, { maxLength: 6 });

/** The segments of a path that a key takes, compared one by one, the naive way. */
function taken(key: string, path: string): string[] | undefined {
  const segments = path.split("/").filter((segment) => segment !== "");
  const parts = key.split("/").filter((part) => part !== "");
  const matches = parts.every((part, index) => {
    return segments[index] !== undefined && (/^[:*]/.test(part) || part === segments[index]);
  });
  if (!matches) return undefined;
  return key.includes("*") ? segments : segments.slice(0, parts.length);
}

/** The key that takes most of a path: of equals the one without parameters, then the first. */
function chosen(keys: readonly string[], path: string): { key: string; mount: string } | undefined {
  const matches = keys.flatMap((key) => {
    const segments = taken(key, path);
    return segments === undefined ? [] : [{ key, mount: segments.map((segment) => `/${segment}`).join("") }];
  });
  const isPattern = (key: string) => Number(/[:*]/.test(key));
  return matches.sort((a, b) => b.mount.length - a.mount.length || isPattern(a.key) - isPattern(b.key))[0];
}

test("dispatcher: literals, parameters, wildcards and nested dispatchers, however spelled, go where a naive model says", async () => {
  const spelled = fc.array(fc.constantFrom("a", "b", "ab", "a%20", "x"), { maxLength: 6 }).chain(spellingOf);
  await fc.assert(
    fc.asyncProperty(anyMounts, anyMounts, spelled, async (outerKeys, innerKeys, url) => {
      const probes = (keys: string[], level: string) => keys.map((key) => [key, probe(level + key)]);
      const inner = dispatcher(probe("inner"), Object.fromEntries(probes(innerKeys, "inner ")));
      const outer = dispatcher(inner, Object.fromEntries(outerKeys.map((key) => [key, inner])));
      const path = canonicalPath(url) as string;
      const first = chosen(outerKeys, path)?.mount ?? "";
      const second = chosen(innerKeys, path.slice(first.length));
      const mount = first + (second?.mount ?? "");
      const answer = await bodyOf(outer, url);
      const expected = probed(second === undefined ? "inner" : `inner ${second.key}`, mount, path.slice(mount.length));
      assert.equal(answer.replace(/ with .*/, ""), expected.replace(/ with .*/, ""));
    }),
    { numRuns: 2000 },
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

/** The environ of a request for a path. */
async function environFor(path: string): Promise<Environ> {
  let environ: Environ | undefined;
  const app: App = (given, startResponse) => {
    environ = given;
    return notFound(given, startResponse);
  };
  await request(app, path);
  return environ as unknown as Environ;
}

const HOSTILE = [
  "/".padEnd(16_384, "a/"),
  "/".padEnd(16_384, "x/"),
  "/".padEnd(16_384, "x"),
  "/".padEnd(16_384, "%2F"),
  "/".padEnd(16_384, "m1/a/"),
  `${"/a".repeat(8000)}/m7`,
];
const start = () => () => {};

/** A path with encoded separators is read in other ways too, each at the cost of its length. */
function readingSteps(path: string): number {
  return path.includes("%2F") ? path.length : 0;
}

test("dispatcher: a hostile path of 16 KB through 1,000 mounts takes no more steps than the deepest mount has segments", async () => {
  for (const depth of [1, 20, 1000]) {
    const mounts = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [`/${"a/".repeat(index % depth)}m${index}`, notFound]),
    );
    const app = dispatcher(notFound, mounts);
    for (const path of HOSTILE) {
      const environ = await environFor(path);
      const steps = countSteps(() => void app(environ, start));
      assert.ok(
        steps <= 3 * (depth + 1) + 4 + readingSteps(path),
        `${steps} steps of ${depth} for ${path.slice(0, 20)}`,
      );
    }
  }
});

test("dispatcher: a path of 16 KB of which each segment is a mount takes as many steps as there are mounts", async () => {
  const mounts = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => ["/a".repeat(index + 1), notFound]));
  const app = dispatcher(notFound, mounts);
  const environ = await environFor("/a".repeat(8000));
  const steps = countSteps(() => void app(environ, start));
  assert.ok(steps <= 3 * 1001 + 4, `${steps} steps`);
});

test("dispatcher: a hostile path of 16 KB tries each pattern once, and none whose head it does not begin with", async () => {
  const patterns = Array.from({ length: 1000 }, (_, index) => {
    return [`${"/a".repeat(index % 500)}/p${index}{/:id}`, `${"/a".repeat(index % 500)}/:name/p${index}`];
  }).flat();
  const app = dispatcher(notFound, Object.fromEntries(patterns.map((key) => [key, notFound])));
  for (const path of HOSTILE) {
    const environ = await environFor(path);
    const steps = countSteps(() => void app(environ, start));
    assert.ok(steps <= 3 * 500 + 4 * 1000 + 4 + readingSteps(path), `${steps} steps for ${path.slice(0, 20)}`);
  }
  const environ = await environFor("/p500/x/y");
  const steps = countSteps(() => void app(environ, start));
  assert.ok(steps <= 24, `${steps} steps`);
});

test("dispatcher: a thousand patterns cost a path only those that share its head", async () => {
  const patterns = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [`/p${index}/:id`, probe(`p${index}`)]),
  );
  const app = dispatcher(notFound, patterns);
  assert.equal(await bodyOf(app, "/p500/x/y"), probed("p500", "/p500/x", "/y", { id: "x" }));
  const environ = await environFor("/p500/x/y");
  const steps = countSteps(() => void app(environ, start));
  assert.ok(steps <= 16, `${steps} steps`);
});

test("dispatcher: of many patterns that match, the parameters of one are decoded", async (t) => {
  const mounts = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`/*all/p${index}`, probe(`p${index}`)]));
  const app = dispatcher(notFound, mounts);
  const path = `${"/x".repeat(20)}${Array.from({ length: 50 }, (_, index) => `/p${index}`).join("")}`;
  const environ = await environFor(path);
  const decode = t.mock.method(globalThis, "decodeURIComponent");
  void app(environ, start);
  assert.equal(decode.mock.callCount(), 69);
});
