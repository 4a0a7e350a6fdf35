// Another file system than Node's: memory, an archive, a layer over a folder.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type FileSystem, staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import { request } from "../../../src/testing.ts";
import { allClosed, file, fileTree, PASSED_ON, seen, withHeader } from "../../support/file-tree.ts";

const TEXT = "text/plain; charset=utf-8";
const HTML = "text/html; charset=utf-8";

/** A file system in which a folder is called `/virtual`, as in a single executable; what it was asked for is recorded. */
function virtual(folder: string, asked: string[] = []): FileSystem {
  const real = (path: string) => {
    asked.push(path);
    return path.replace(/^\/virtual/, folder);
  };
  return {
    open: (path, flags, callback) => fs.open(real(path), flags, callback),
    fstat: fs.fstat,
    read: fs.read,
    close: fs.close,
    stat: (path, options, callback) => fs.stat(real(path), options, callback),
    lstat: (path, options, callback) => fs.lstat(real(path), options, callback),
    realpath: (path, callback) =>
      fs.realpath.native(real(path), (error, resolved) => callback(error, resolved?.replace(folder, "/virtual"))),
    opendir: (path, options, callback) => fs.opendir(real(path), options, callback),
    statSync: (path) => fs.statSync(real(path)),
    readdirSync: (path, options) => fs.readdirSync(real(path), options),
  };
}

const skip = process.platform === "win32";
const folder = await fileTree({
  "a.txt": "a",
  "docs/index.html": "docs",
  "list/b.txt": "b",
  "large.txt": "l".repeat(400_000),
});
const outside = await fileTree({ "secret.txt": "secret" });
if (!skip) await symlink(join(outside, "secret.txt"), join(folder, "link.txt"));

for (const options of [{}, { memory: false }, { manifest: true }] as const) {
  test(`fs: files, folders and listings come from it, with ${JSON.stringify(options)}`, { skip }, async () => {
    const asked: string[] = [];
    const app = staticFiles(notFound, { "/": "/virtual" }, { ...options, fs: virtual(folder, asked), listing: true });
    assert.deepEqual(await seen(await request(app, "/a.txt")), file(TEXT, "a"));
    assert.deepEqual(await seen(await request(app, "/docs/")), file(HTML, "docs"));
    assert.equal((await request(app, "/docs")).status, 301);
    const listed = await request(app, "/list/", withHeader("Accept", "application/json"));
    assert.match(await listed.text(), /"name":"b.txt","url":".\/b.txt","type":"file","size":1/);
    const range = await request(app, "/large.txt", withHeader("Range", "bytes=300000-300001"));
    assert.deepEqual([range.status, await range.text()], [206, "ll"]);
    assert.equal((await (await request(app, "/large.txt")).text()).length, 400_000);
    assert.ok(asked.length > 5 && asked.every((path) => path.startsWith("/virtual")));
    for (const path of ["/none", "/link.txt"]) assert.deepEqual(await seen(await request(app, path)), PASSED_ON, path);
    await allClosed(folder);
  });
}

test("fs: a change is seen", { skip }, async () => {
  const app = staticFiles(notFound, { "/": "/virtual" }, { fs: virtual(folder), memory: { interval: 0 } });
  for (const text of ["one", "two"]) {
    await writeFile(join(folder, "changing.txt"), text);
    assert.equal(await (await request(app, "/changing.txt")).text(), text);
  }
});

test("fs: an export that is missing in it throws", () => {
  const build = () => staticFiles(notFound, { "/": "/virtual/none" }, { fs: virtual(folder) });
  assert.throws(build, { code: "TSGI_BAD_EXPORT" });
});
