// Pages for paths where there is no file: folders without their slash, navigations, and the not-found page.
import assert from "node:assert/strict";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { text } from "../../../src/apps.ts";
import { file, fileTree, PASSED_ON, plain } from "../../support/file-tree.ts";
import { serveFiles } from "../../support/static-fixture.ts";

const HTML = "text/html; charset=utf-8";
const MISSING = `<p>missing</p>${" ".repeat(100)}`;
const root = await fileTree({
  "index.html": "<p>app</p>",
  "admin.html": "<p>admin</p>",
  "about.html": "<p>about</p>",
  "docs/index.html": "<p>docs</p>",
  "404.html": MISSING,
  "404.html.gz": gzipSync(MISSING),
  "list/a.txt": "a",
  "a.txt": "a",
});
const NAVIGATES = "Accept: text/html,*/*;q=0.8";

// Clean URLs.

test("redirect: with false a folder's index is sent at its path without the slash", async (t) => {
  const site = await serveFiles(t, root, { redirect: false, extensions: ["html"] });
  for (const target of ["/docs", "/docs/"]) assert.deepEqual(await site.get(target), file(HTML, "<p>docs</p>"));
  assert.deepEqual(await site.get("/about"), file(HTML, "<p>about</p>"));
  assert.deepEqual(await site.get("/list"), PASSED_ON);
});

test("redirect: a listing redirects in any case, as its links are relative to the folder", async (t) => {
  const site = await serveFiles(t, root, { redirect: false, listing: true });
  assert.equal((await site.get("/list")).headers.location, "/list/");
  assert.deepEqual(await site.get("/docs"), file(HTML, "<p>docs</p>"));
});

// Navigations.

for (const [target, isPage] of [
  ["/users/john.doe", true],
  ["/users/john.doe@example.net", true],
  ["/v1.2", true],
  ["/users/anna", true],
  ["/app.js", false],
  ["/photo.png", false],
  ["/.env", false],
  ["/users/anna.", false],
] as const) {
  test(`navigationFallback: ${target} ${isPage ? "is" : "is not"} a page of the app`, async (t) => {
    const site = await serveFiles(t, root, { navigationFallback: "index.html" });
    const page = file(HTML, "<p>app</p>", { vary: "Accept, Sec-Fetch-Mode" });
    assert.deepEqual(await site.get(target, NAVIGATES), isPage ? page : PASSED_ON);
  });
}

test("navigationFallback: a function chooses the page, or none", async (t) => {
  const site = await serveFiles(t, root, {
    navigationFallback: ({ PATH_INFO: path }) =>
      path.startsWith("/api/") ? undefined : path.startsWith("/admin/") ? "admin.html" : "/index.html",
    memory: { interval: 3_600_000 },
  });
  for (let round = 0; round < 2; round++) {
    assert.equal(await site.text("/admin/a.png"), "<p>admin</p>");
    assert.equal(await site.text("/users/a.js", "Accept: */*"), "<p>app</p>");
    assert.deepEqual(await site.get("/api/x", NAVIGATES), PASSED_ON);
    assert.equal(await site.text("/a.txt"), "a");
  }
});

for (const path of ["../secret", "", "a//b", 3]) {
  test(`navigationFallback: a function that returns ${JSON.stringify(path)} is an error`, async (t) => {
    const site = await serveFiles(t, root, { navigationFallback: () => path as string });
    assert.equal((await site.get("/users")).status, 500);
    assert.match(site.log.join(""), /navigationFallback is/);
  });
}

// The not-found page.

for (const memory of [undefined, false] as const) {
  test(`notFoundPage: is sent whole with 404, with memory ${JSON.stringify(memory)}`, async (t) => {
    const options = memory === undefined ? {} : { memory };
    const site = await serveFiles(t, root, { ...options, notFoundPage: "404.html" }, text("the app"));
    const headers = {
      "cache-control": "no-cache",
      "content-length": String(MISSING.length),
      "content-type": HTML,
      vary: "Accept-Encoding",
      "x-content-type-options": "nosniff",
    };
    const page = { status: 404, headers, body: MISSING };
    for (const target of ["/none", "/none/x.js", "/list/", "/.env", "/a.txt/"]) {
      assert.deepEqual(await site.get(target), page, target);
      for (const line of [
        "Range: bytes=0-3",
        "If-None-Match: *",
        'If-Match: "x"',
        "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
      ]) {
        assert.deepEqual(await site.get(target, line), page, line);
      }
      assert.deepEqual(await site.head(target), { ...page, body: "" }, target);
    }
    const packed = await site.get("/none", "Accept-Encoding: gzip");
    assert.deepEqual([packed.status, packed.headers["content-encoding"]], [404, "gzip"]);
    assert.equal((await site.get("/404.html")).status, 200);
    assert.equal((await site.ask("POST", "/none")).body, "the app");
  });
}

test("notFoundPage: where it is missing, the app answers, or 404 without fallthrough", async (t) => {
  const options = { notFoundPage: "none.html" };
  assert.equal(await (await serveFiles(t, root, options, text("the app"))).text("/none"), "the app");
  const alone = await serveFiles(t, root, { ...options, fallthrough: false }, text("the app"));
  assert.deepEqual(await alone.get("/none"), plain(404, "Not Found\n"));
});

test("notFoundPage: navigations have the fallback, other requests the page", async (t) => {
  const site = await serveFiles(t, root, { notFoundPage: "404.html", navigationFallback: "index.html" });
  assert.equal(await site.text("/users", NAVIGATES), "<p>app</p>");
  assert.deepEqual([(await site.get("/x.js", NAVIGATES)).status, await site.text("/x.js", NAVIGATES)], [404, MISSING]);
  const none = await serveFiles(t, root, { notFoundPage: "404.html", navigationFallback: "none.html" });
  assert.equal((await none.get("/users", NAVIGATES)).status, 404);
});

test("notFoundPage: another export has its own", async (t) => {
  const other = await fileTree({ "404.html": "<p>other</p>" });
  const site = await serveFiles(
    t,
    { "/": root, "/other": other, "/file": join(root, "a.txt") },
    { notFoundPage: "404.html" },
  );
  assert.equal(await site.text("/other/none"), "<p>other</p>");
  assert.equal(await site.text("/none"), MISSING);
  assert.deepEqual(await site.get("/file/none"), PASSED_ON);
});

// A root that appears later.

test("allowMissing: a folder that is missing is served once it is there", async (t) => {
  const parent = await fileTree({ "x/": "" });
  const exports = { "/": join(parent, "dist") };
  const site = await serveFiles(t, exports, { allowMissing: true, memory: { interval: 0 } });
  assert.deepEqual(await site.get("/a.txt"), PASSED_ON);
  assert.deepEqual(await site.get("/"), PASSED_ON);
  await mkdir(join(parent, "new"));
  await writeFile(join(parent, "new/a.txt"), "a");
  await rename(join(parent, "new"), join(parent, "dist"));
  assert.equal(await site.text("/a.txt"), "a");
  await rm(join(parent, "dist"), { recursive: true });
  assert.deepEqual(await site.get("/a.txt"), PASSED_ON);
  assert.deepEqual(site.log, []);
});
