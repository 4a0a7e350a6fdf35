import assert from "node:assert/strict";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { LISTING_POLICY } from "../../../middleware/static-files/listing-page.ts";
import type { StaticFilesOptions } from "../../../middleware/static-files.ts";
import { staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { fileTree, openBelow, PASSED_ON, seen, withHeader } from "../../support/file-tree.ts";

const root = await fileTree({
  "docs/a.txt": "a",
  "docs/b.txt": "bb",
  "docs/.env": "secret",
  "docs/sub/": "",
  "site/index.html": "index",
  ".well-known/security.txt": "contact",
  ".git/config": "secret",
  "other/docs/b.txt": "other b",
  "other/docs/c.txt": "c",
});
const app = listing({});

function listing(options: StaticFilesOptions, source: string | string[] = root): App {
  return staticFiles(notFound, { "/": source }, { listing: true, ...options });
}

const AS_JSON = withHeader("Accept", "application/json");

async function namesAt(path: string, from: App = app): Promise<string[]> {
  const response = await request(from, path, AS_JSON);
  const { entries } = JSON.parse(await response.text()) as { entries: { name: string; type: string }[] };
  return entries.map(({ name, type }) => (type === "folder" ? `${name}/` : name));
}

test("listing: a folder without an index is a page", async () => {
  const response = await request(app, "/docs/");
  const page = await response.text();
  assert.equal(response.status, 200);
  assert.deepEqual(Object.fromEntries(response.headers), {
    "cache-control": "no-cache",
    "content-length": String(Buffer.byteLength(page)),
    "content-security-policy": LISTING_POLICY,
    "content-type": "text/html; charset=utf-8",
    vary: "Accept",
    "x-content-type-options": "nosniff",
  });
  assert.deepEqual(
    [...page.matchAll(/href="(\.[^"]*)"/g)].map(([, url]) => url),
    ["../", "../", "./sub/", "./a.txt", "./b.txt"],
  );
});

test("listing: HEAD has the headers of GET", async () => {
  const [get, head] = [await request(app, "/docs/"), await request(app, "/docs/", { method: "HEAD" })];
  assert.deepEqual([...head.headers], [...get.headers]);
  assert.equal(await head.text(), "");
});

test("listing: JSON for who prefers it", async () => {
  for (const [accept, type] of [
    ["application/json", "application/json; charset=utf-8"],
    ["application/json, text/html;q=0.9", "application/json; charset=utf-8"],
    ["text/html, application/json;q=0.9", "text/html; charset=utf-8"],
    ["*/*", "text/html; charset=utf-8"],
    ["image/png", "text/html; charset=utf-8"],
  ] as const) {
    const response = await request(app, "/docs/", withHeader("Accept", accept));
    assert.equal(response.headers.get("content-type"), type, accept);
  }
  assert.deepEqual(await namesAt("/docs/"), ["sub/", "a.txt", "b.txt"]);
});

test("listing: an index comes first, and a folder without a slash is redirected", async () => {
  assert.equal(await (await request(app, "/site/")).text(), "index");
  const response = await request(app, "/docs?a=b");
  assert.deepEqual([response.status, response.headers.get("location")], [301, "/docs/?a=b"]);
});

test("listing: without the option it is the app's", async () => {
  assert.deepEqual(await seen(await request(staticFiles(notFound, { "/": root }), "/docs/")), PASSED_ON);
});

test("listing: what is not served is not listed", async () => {
  assert.deepEqual(await namesAt("/"), [".well-known/", "docs/", "other/", "site/"]);
  assert.deepEqual(await namesAt("/docs/", listing({ dotfiles: true })), ["sub/", ".env", "a.txt", "b.txt"]);
  const asked: string[] = [];
  const filter = (path: string) => asked.push(path) > 0 && path !== "/docs/a.txt";
  assert.deepEqual(await namesAt("/docs/", listing({ filter })), ["sub/", "b.txt"]);
  assert.deepEqual(asked.sort(), ["/docs/", "/docs/a.txt", "/docs/b.txt", "/docs/index.html", "/docs/sub/"]);
});

test("listing: a folder that the filter refuses is not listed itself", async () => {
  const refusing = listing({ filter: (path) => path !== "/docs/" });
  for (const path of ["/docs", "/docs/"]) assert.deepEqual(await seen(await request(refusing, path)), PASSED_ON);
});

test("listing: dot folders are not listed", async () => {
  assert.deepEqual(await seen(await request(app, "/.git/")), PASSED_ON);
});

test("listing: of several roots, each name once", async () => {
  assert.deepEqual(await namesAt("/docs/", listing({}, [root, join(root, "other")])), [
    "sub/",
    "a.txt",
    "b.txt",
    "c.txt",
  ]);
});

test("listing: links that lead out are neither listed nor followed", {
  skip: process.platform === "win32",
}, async () => {
  const folder = await fileTree({ "public/a.txt": "a", "outside/secret.txt": "secret" });
  await symlink(join(folder, "outside"), join(folder, "public/out"));
  const [inside, follow] = (["inside", "follow"] as const).map((symlinks) =>
    listing({ symlinks }, join(folder, "public")),
  ) as [App, App];
  assert.deepEqual(await namesAt("/", inside), ["a.txt"]);
  assert.deepEqual(await seen(await request(inside, "/out/")), PASSED_ON);
  assert.deepEqual(await namesAt("/", follow), ["out/", "a.txt"]);
  assert.deepEqual(await namesAt("/out/", follow), ["secret.txt"]);
});

test("listing: what comes and goes is seen at once, a folder that goes is the app's", async () => {
  const folder = await fileTree({ "docs/a.txt": "a" });
  const changing = listing({}, folder);
  assert.deepEqual(await namesAt("/docs/", changing), ["a.txt"]);
  await writeFile(join(folder, "docs/b.txt"), "b");
  await mkdir(join(folder, "docs/c"));
  assert.deepEqual(await namesAt("/docs/", changing), ["c/", "a.txt", "b.txt"]);
  await rm(join(folder, "docs"), { recursive: true });
  assert.deepEqual(await seen(await request(changing, "/docs/")), PASSED_ON);
});

test("listing: below a mount the page knows its path", async () => {
  const response = await request(dispatcher(notFound, { "/files": app }), "/files/docs/", AS_JSON);
  assert.equal(JSON.parse(await response.text()).path, "/files/docs/");
});

test("listing: a file that is asked for as a folder is the app's, and closed", {
  skip: process.platform !== "linux",
}, async () => {
  const folder = await fileTree({ "a.txt": "a" });
  assert.deepEqual(await seen(await request(listing({}, folder), "/a.txt/")), PASSED_ON);
  assert.equal(openBelow(folder), 0);
});
