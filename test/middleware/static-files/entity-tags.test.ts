// Entity tags: no two releases of a file share one, whatever times their build gives them.
import assert from "node:assert/strict";
import { stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { StaticFilesOptions } from "../../../middleware/static-files.ts";
import { file, fileTree, statTagOf, tagOf, writeFileThen } from "../../support/file-tree.ts";
import { serveFiles } from "../../support/static-fixture.ts";

const TEXT = "text/plain; charset=utf-8";
const LARGE = "l".repeat(100_000);
const OTHER = "o".repeat(100_000);

for (const memory of [{ interval: 0 }, false] as const) {
  for (const [name, one, two] of [
    ["small.txt", "release 1", "release 2"],
    ["large.txt", LARGE, OTHER],
  ] as const) {
    test(`etag: releases of one size and time are told apart, ${name} with memory ${JSON.stringify(memory)}`, async (t) => {
      const folder = await fileTree({ [name]: one });
      const site = await serveFiles(t, folder, { memory });
      const { etag } = (await site.get(`/${name}`)).headers;
      assert.equal((await site.get(`/${name}`, `If-None-Match: ${etag}`)).status, 304);
      await writeFileThen(join(folder, name), two);
      const next = await site.get(`/${name}`, `If-None-Match: ${etag}`);
      assert.deepEqual([next.status, next.body === two], [200, true]);
      const part = await site.get(`/${name}`, `If-Range: ${etag}`, "Range: bytes=1-2");
      assert.deepEqual([part.status, part.body === two], [200, true]);
      const byDate = await site.get(`/${name}`, `If-Range: ${next.headers["last-modified"]}`, "Range: bytes=1-2");
      assert.deepEqual([byDate.status, byDate.body === two], [200, true]);
    });
  }
}

test("etag: HEAD, GET and 304 have the same, of the content, on every host", async (t) => {
  const tree = { "a.txt": "one" };
  for (const memory of [undefined, false] as const) {
    const site = await serveFiles(t, await fileTree(tree), memory === undefined ? {} : { memory });
    assert.deepEqual(await site.head("/a.txt"), { ...file(TEXT, "one"), body: "" });
    assert.deepEqual(await site.get("/a.txt"), file(TEXT, "one"));
    assert.equal((await site.get("/a.txt", `If-None-Match: ${tagOf("one")}`)).status, 304);
  }
});

for (const [what, etag, small, large] of [
  ['"content"', "content", tagOf("one"), tagOf(LARGE)],
  ['"stat"', "stat", statTagOf(3), statTagOf(100_000)],
  ["false", false, undefined, undefined],
  ["a function", ({ path, size }) => `${path}-${size}`, '"/a.txt-3"', '"/large.txt-100000"'],
  ["a function that gives quotes", () => '"v1"', '"v1"', '"v1"'],
  ["a function that gives a weak tag", () => 'W/"v1"', 'W/"v1"', 'W/"v1"'],
] as [string, NonNullable<StaticFilesOptions["etag"]>, string | undefined, string | undefined][]) {
  test(`etag: ${what}`, async (t) => {
    const site = await serveFiles(t, await fileTree({ "a.txt": "one", "large.txt": LARGE }), { etag });
    for (const [target, tag] of [
      ["/a.txt", small],
      ["/large.txt", large],
    ] as const) {
      for (let round = 0; round < 2; round++) assert.equal((await site.get(target)).headers.etag, tag);
      if (tag !== undefined) assert.equal((await site.get(target, `If-None-Match: ${tag}`)).status, 304);
    }
  });
}

test("etag: without a tag, dates are left, and * stands for the file", async (t) => {
  const site = await serveFiles(t, await fileTree({ "a.txt": "one" }), { etag: false });
  const { headers } = await site.get("/a.txt");
  assert.equal((await site.get("/a.txt", `If-Modified-Since: ${headers["last-modified"]}`)).status, 304);
  assert.equal((await site.get("/a.txt", "If-None-Match: *")).status, 304);
  for (const tag of ["", '""', "W/", '"\0"']) {
    const line = `If-None-Match: ${tag.replace("\0", "")}`;
    assert.equal((await site.get("/a.txt", line)).status, 200, line);
  }
  assert.equal((await site.get("/a.txt", 'If-Range: ""', "Range: bytes=0-0")).status, 200);
});

for (const given of [undefined, "", 'a"b', "a b", "a\nb", 3]) {
  test(`etag: a function that gives ${JSON.stringify(given)} is an error`, async (t) => {
    const site = await serveFiles(t, await fileTree({ "a.txt": "one" }), { etag: (() => given) as () => string });
    assert.equal((await site.get("/a.txt")).status, 500);
    assert.match(site.log.join(""), /etag gives/);
  });
}

test("etag: a large file is hashed once for a version, memory or not", async (t) => {
  const folder = await fileTree({ "large.txt": LARGE });
  const site = await serveFiles(t, folder, { etag: "content", memory: false });
  assert.equal((await site.head("/large.txt")).headers.etag, tagOf(LARGE));
  assert.equal((await site.head("/large.txt")).headers.etag, tagOf(LARGE));
  await writeFile(join(folder, "large.txt"), OTHER);
  assert.equal((await site.head("/large.txt")).headers.etag, tagOf(OTHER));
});

test("etag: a file that is touched keeps the tag of its content", async (t) => {
  const folder = await fileTree({ "a.txt": "one" });
  const site = await serveFiles(t, folder, { memory: false });
  await utimes(join(folder, "a.txt"), 2e9, 2e9);
  assert.ok((await stat(join(folder, "a.txt"))).mtimeMs > Date.now());
  assert.equal((await site.get("/a.txt", `If-None-Match: ${tagOf("one")}`)).status, 304);
});
