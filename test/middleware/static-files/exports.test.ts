import assert from "node:assert/strict";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { type Exports, type StaticFilesOptions, staticFiles } from "../../../middleware/static-files.ts";
import { notFound, text } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { file, fileTree, PASSED_ON, seen } from "../../support/file-tree.ts";

const root = await fileTree({
  "public/a.txt": "public a",
  "public/index.html": "public index",
  "public/assets/a.txt": "public assets a",
  "public/assets/b.txt": "public assets b",
  "assets/a.txt": "assets a",
  "private/secret.txt": "secret",
  "caf\u00e9/a.txt": "café a",
  "node_modules/plain/dist/lib.js": "plain",
  "node_modules/plain/package.json": '{"exports":{".":"./dist/lib.js"}}',
  "node_modules/@scope/name/dist/lib.js": "scoped",
  "node_modules/@scope/name/package.json": '{"exports":{}}',
  "node_modules/buffer/index.js": "not Node's buffer",
  "node_modules/plain-other/dist/lib.js": "other",
});
const inRoot = (path: string) => join(root, path);

async function bodyOf(app: App, path: string): Promise<string> {
  return (await request(app, path)).text();
}

test("staticFiles: a folder, a file, a folder and a file of a package", async () => {
  const app = staticFiles(notFound, {
    "/static": inRoot("public"),
    "/favicon.ico": inRoot("public/a.txt"),
    "/types": ["mime-db", "."],
    "/types.json": ["mime-db", "db.json"],
  });
  const database = await readFile(createRequire(import.meta.url).resolve("mime-db/db.json"), "utf8");
  assert.equal(await bodyOf(app, "/static/a.txt"), "public a");
  assert.deepEqual(await seen(await request(app, "/favicon.ico")), file("text/plain; charset=utf-8", "public a"));
  assert.equal(await bodyOf(app, "/types/db.json"), database);
  assert.equal(await bodyOf(app, "/types.json"), database);
});

test("staticFiles: a file answers its own path only", async () => {
  const app = staticFiles(notFound, { "/one.txt": inRoot("public/a.txt") });
  for (const path of ["/one.txt/", "/one.txt/a.txt", "/one.txt2", "/one", "/"]) {
    assert.deepEqual(await seen(await request(app, path)), PASSED_ON, path);
  }
  assert.equal(await bodyOf(app, "/one.txt"), "public a");
});

test("staticFiles: a file at the root, and at the root of a mount", async () => {
  const app = staticFiles(notFound, { "/": inRoot("public/a.txt") });
  assert.equal(await bodyOf(app, "/"), "public a");
  assert.deepEqual(await seen(await request(app, "/a.txt")), PASSED_ON);
  const mounted = dispatcher(notFound, { "/mount": app });
  assert.equal(await bodyOf(mounted, "/mount"), "public a");
  assert.equal(await bodyOf(mounted, "/mount/"), "public a");
});

test("staticFiles: the longest prefix wins, whatever the order, and is not looked behind", async () => {
  const exports: Exports = {
    "/": inRoot("public"),
    "/assets": inRoot("assets"),
    "/assets/c.txt": inRoot("public/a.txt"),
  };
  for (const order of [Object.entries(exports), Object.entries(exports).reverse()]) {
    const app = staticFiles(notFound, Object.fromEntries(order));
    assert.equal(await bodyOf(app, "/a.txt"), "public a");
    assert.equal(await bodyOf(app, "/assets/a.txt"), "assets a");
    assert.equal(await bodyOf(app, "/assets/c.txt"), "public a");
    assert.deepEqual(await seen(await request(app, "/assets/b.txt")), PASSED_ON);
  }
});

test("staticFiles: prefixes end at a segment", async () => {
  const app = staticFiles(text("the app"), { "/pub": inRoot("public") });
  for (const path of ["/public/a.txt", "/pu/a.txt", "/pub.txt", "/puba.txt"]) {
    assert.equal(await bodyOf(app, path), "the app", path);
  }
});

test("staticFiles: keys are canonicalised as requests are", async () => {
  for (const [key, path] of [
    ["/static/", "/static/a.txt"],
    ["/st%61tic", "/static/a.txt"],
    ["//static", "/static/a.txt"],
    ["/x/../static", "/static/a.txt"],
    ["/café", "/caf%C3%A9/a.txt"],
    ["/a b", "/a%20b/a.txt"],
    ["/:id/*all", "/:id/*all/a.txt"],
  ] as const) {
    assert.equal(await bodyOf(staticFiles(notFound, { [key]: inRoot("public") }), path), "public a", key);
  }
});

test("staticFiles: paths are relative to the working directory, and URLs to what they say", async () => {
  const path = relative(process.cwd(), inRoot("caf\u00e9"));
  assert.equal(await bodyOf(staticFiles(notFound, { "/": path }), "/a.txt"), "café a");
  const url = new URL("caf%C3%A9/", pathToFileURL(join(root, "/")));
  assert.equal(await bodyOf(staticFiles(notFound, { "/": url }), "/a.txt"), "café a");
});

test("staticFiles: packages are found from the working directory upwards, whatever their exports hide", async () => {
  const before = process.cwd();
  process.chdir(inRoot("public/assets"));
  try {
    const app = staticFiles(notFound, {
      "/plain": ["plain", "dist"],
      "/scoped": ["@scope/name", "./dist/"],
      "/buffer": ["buffer", ""],
    });
    assert.equal(await bodyOf(app, "/plain/lib.js"), "plain");
    assert.equal(await bodyOf(app, "/scoped/lib.js"), "scoped");
    assert.equal(await bodyOf(app, "/buffer/index.js"), "not Node's buffer");
    for (const path of ["../plain-other/dist", "..", "../../private", "dist/../../../private"]) {
      assertBad({ "/": ["plain", path] });
    }
  } finally {
    process.chdir(before);
  }
});

test("staticFiles: packages are found from the program and from this package, too", async () => {
  const before = process.cwd();
  process.chdir("/");
  try {
    const app = staticFiles(notFound, { "/": ["mime-db", "."] });
    assert.equal((await request(app, "/db.json", { method: "HEAD" })).status, 200);
  } finally {
    process.chdir(before);
  }
});

test("staticFiles: a package that is a link, as in a workspace", async () => {
  await symlink(inRoot("assets"), inRoot("node_modules/linked"));
  const before = process.cwd();
  process.chdir(root);
  try {
    const app = staticFiles(notFound, { "/": ["linked", "."] });
    assert.equal(await bodyOf(app, "/a.txt"), "assets a");
  } finally {
    process.chdir(before);
  }
});

test("staticFiles: an exported folder or file may be a link, and the link may be switched later", async () => {
  const folder = await fileTree({ "one/a.txt": "one", "two/a.txt": "two" });
  const [link, single] = [join(folder, "current"), join(folder, "single.txt")];
  await symlink(join(folder, "one"), link);
  await symlink(join(folder, "one/a.txt"), single);
  const app = staticFiles(notFound, { "/site": link, "/single.txt": single }, { memory: false });
  assert.equal(await bodyOf(app, "/site/a.txt"), "one");
  assert.equal(await bodyOf(app, "/single.txt"), "one");
  for (const [path, target] of [
    [link, join(folder, "two")],
    [single, join(folder, "two/a.txt")],
  ] as const) {
    await symlink(target, `${path}.new`);
    await rename(`${path}.new`, path);
  }
  await rm(join(folder, "one"), { recursive: true });
  assert.equal(await bodyOf(app, "/site/a.txt"), "two");
  assert.equal(await bodyOf(app, "/single.txt"), "two");
});

test("staticFiles: a root that vanishes goes to the app, and is found again", async () => {
  const folder = await fileTree({ "site/a.txt": "a", "single.txt": "single" });
  const exports = { "/site": join(folder, "site"), "/single.txt": join(folder, "single.txt") };
  const app = staticFiles(notFound, exports, { memory: false });
  await rm(join(folder, "site"), { recursive: true });
  await rm(join(folder, "single.txt"));
  for (const path of ["/site/a.txt", "/site", "/site/", "/single.txt"]) {
    assert.deepEqual(await seen(await request(app, path)), PASSED_ON, path);
  }
  await mkdir(join(folder, "site"));
  await writeFile(join(folder, "site/a.txt"), "again");
  assert.equal(await bodyOf(app, "/site/a.txt"), "again");
});

test("staticFiles: an exported file that becomes a folder goes to the app", async () => {
  const folder = await fileTree({ "single.txt": "single" });
  const app = staticFiles(notFound, { "/single.txt": join(folder, "single.txt") });
  await rm(join(folder, "single.txt"));
  await mkdir(join(folder, "single.txt"));
  await writeFile(join(folder, "single.txt/index.html"), "index");
  for (const path of ["/single.txt", "/single.txt/"]) assert.deepEqual(await seen(await request(app, path)), PASSED_ON);
});

function assertBad(exports: unknown, options?: unknown, code = "TSGI_BAD_EXPORT"): void {
  assert.throws(() => staticFiles(notFound, exports as Exports, options as StaticFilesOptions), { code });
}

for (const [what, exports] of Object.entries({
  "a folder that is not there": { "/": inRoot("none") },
  "a file below a file": { "/": inRoot("public/a.txt/b.txt") },
  "a path with NUL": { "/": "public\0" },
  "an empty path": { "/": "" },
  "a device": { "/": "/dev/null" },
  "a package that is not installed": { "/": ["not-installed-anywhere", "dist"] },
  "a folder that a package does not have": { "/": ["mime-db", "none"] },
  "a package by a path": { "/": ["../public", "."] },
  "half a scope": { "/": ["@scope", "dist"] },
  "a path of one part": { "/": ["mime-db"] },
  "a number": { "/": 1 },
  nothing: { "/": undefined },
  "a web address": { "/": new URL("https://example.com/") },
  "a relative key": { static: inRoot("public") },
  "an empty key": { "": inRoot("public") },
  "a key with a query": { "/a?b": inRoot("public") },
  "a key with a malformed escape": { "/%zz": inRoot("public") },
  "a key with NUL": { "/%00": inRoot("public") },
  "a key that stands twice": { "/a": inRoot("public"), "/a/": inRoot("assets") },
})) {
  test(`staticFiles: ${what} is not an export`, () => assertBad(exports));
}

test("staticFiles: the error says what to do", () => {
  assert.throws(() => staticFiles(notFound, "./public" as never), {
    code: "TSGI_BAD_EXPORT",
    hint: 'Give folders by their prefix: { "/static": "./public" }.',
  });
  assert.throws(() => staticFiles(notFound, { "/": ["not-installed-anywhere", "dist"] }), {
    code: "TSGI_BAD_EXPORT",
    hint: "Run: npm install not-installed-anywhere. A folder of a list is written ./not-installed-anywhere.",
  });
});

for (const options of [
  { maxAge: -1 },
  { maxAge: Number.NaN },
  { maxAge: Number.POSITIVE_INFINITY },
  { maxAge: "1h" },
  { index: "" },
  { index: ".." },
  { index: "a/b.html" },
  { index: "a\\b.html" },
  { index: true },
]) {
  test(`staticFiles: ${JSON.stringify(options)} is not an option`, () =>
    assertBad({ "/": inRoot("public") }, options, "TSGI_BAD_OPTION"));
}

test("staticFiles: no app", () => {
  assert.throws(() => staticFiles(undefined as unknown as App, {}), { code: "TSGI_NO_APP" });
});
