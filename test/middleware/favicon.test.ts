import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { favicon } from "../../middleware/favicon.ts";
import { notFound } from "../../src/apps.ts";
import { request } from "../../src/testing.ts";
import { file, fileTree, PASSED_ON, plain, seen } from "../support/file-tree.ts";

const root = await fileTree({ "favicon.ico": "an icon" });
const icon = join(root, "favicon.ico");
const app = favicon(notFound, { file: icon });
const none = favicon(notFound);

test("favicon: the file is sent with its validators, and kept for a day", async () => {
  const expected = file("image/vnd.microsoft.icon", "an icon", { "cache-control": "max-age=86400" });
  assert.deepEqual(await seen(await request(app, "/favicon.ico")), expected);
  assert.deepEqual(await seen(await request(app, "/favicon.ico?v=1", { method: "HEAD" })), { ...expected, body: "" });
  const etag = expected.headers.etag as string;
  assert.equal((await request(app, "/favicon.ico", { headers: { "If-None-Match": etag } })).status, 304);
  const byUrl = favicon(notFound, { file: pathToFileURL(icon), maxAge: 1000 });
  assert.equal((await request(byUrl, "/favicon.ico")).headers.get("Cache-Control"), "max-age=1");
});

test("favicon: without a file there is none, and no error", async () => {
  const expected = { status: 204, headers: { "cache-control": "max-age=86400" }, body: "" };
  assert.deepEqual(await seen(await request(none, "/favicon.ico")), expected);
  assert.deepEqual(await seen(await request(none, "/favicon.ico", { method: "HEAD" })), expected);
});

test("favicon: other methods are refused, and OPTIONS says which there are", async () => {
  for (const each of [app, none]) {
    const refused = plain(405, "Method Not Allowed\n", { allow: "GET, HEAD, OPTIONS" });
    assert.deepEqual(await seen(await request(each, "/favicon.ico", { method: "POST" })), refused);
    const options = await seen(await request(each, "/favicon.ico", { method: "OPTIONS" }));
    assert.deepEqual(options, { status: 204, headers: { allow: "GET, HEAD, OPTIONS" }, body: "" });
  }
});

test("favicon: every other path goes to the app", async () => {
  for (const path of ["/", "/favicon.ico/", "/x/favicon.ico", "/favicon%2Eico/x", "/favicon.icon", "/FAVICON.ICO"]) {
    assert.deepEqual(await seen(await request(app, path)), PASSED_ON, path);
  }
});

test("favicon: below a mount it is not the icon of the site", async () => {
  assert.equal((await request(dispatcher(notFound, { "/shop": app }), "/shop/favicon.ico")).status, 404);
  assert.equal((await request(dispatcher(notFound, { "/favicon.ico": app }), "/favicon.ico")).status, 200);
});

test("favicon: a file that is missing is a 404", async () => {
  assert.equal((await request(favicon(notFound, { file: join(root, "none.ico") }), "/favicon.ico")).status, 404);
});

test("favicon: wrong options throw when the app is built", () => {
  assert.throws(() => favicon(notFound, { file: 5 as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => favicon(notFound, { file: icon, maxAge: -1 }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => favicon(notFound, { file: new URL("http://example.com/favicon.ico") }), {
    code: "TSGI_BAD_EXPORT",
  });
  assert.throws(() => favicon(notFound, { path: icon } as never), { code: "TSGI_BAD_OPTION" });
});
