// What is kept in memory, and how long it holds.
import assert from "node:assert/strict";
import { mkdir, rename, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { StaticFilesOptions } from "../../../middleware/static-files.ts";
import {
  allClosed,
  file,
  fileTree,
  openBelow,
  PASSED_ON,
  statTagOf,
  tagOf,
  WRITTEN,
  writeFileThen,
} from "../../support/file-tree.ts";
import { eventually } from "../../support/raw-client.ts";
import { type Site, serveFiles } from "../../support/static-fixture.ts";

const TEXT = "text/plain; charset=utf-8";
/** Longer than any test: what is answered differently than before was looked at again. */
const FOREVER = 3_600_000;
const linuxOnly = { skip: process.platform !== "linux" };
const later = new Date(WRITTEN.getTime() + 1000);

/** Waits until a target is answered so; the test's own time limit ends it. */
async function becomes(site: Site, target: string, status: number, body?: string): Promise<void> {
  for (;;) {
    const reply = await site.get(target);
    if (reply.status === status && (body === undefined || reply.body === body)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

// While the interval lasts, nothing is looked at.

test("memory: within the interval a file is answered as it was, changed or deleted", async (t) => {
  const folder = await fileTree({ "a.txt": "one", "b.txt": "one" });
  const site = await serveFiles(t, folder, { memory: { interval: FOREVER } });
  for (const target of ["/a.txt", "/b.txt"]) assert.equal(await site.text(target), "one");
  await writeFile(join(folder, "a.txt"), "two");
  await unlink(join(folder, "b.txt"));
  for (const target of ["/a.txt", "/b.txt"]) {
    assert.deepEqual(await site.get(target), file(TEXT, "one"));
    assert.equal(await site.text(target, "Range: bytes=1-1"), "n");
    assert.equal((await site.get(target, `If-None-Match: ${tagOf("one")}`)).status, 304);
    assert.deepEqual(await site.head(target), { ...file(TEXT, "one"), body: "" });
  }
});

test("memory: a HEAD whose tag is not of the content reads no bytes that a GET would be answered with", async (t) => {
  const folder = await fileTree({ "a.txt": "one" });
  const site = await serveFiles(t, folder, { memory: { interval: FOREVER }, etag: "stat" });
  assert.deepEqual(await site.head("/a.txt"), { ...file(TEXT, "one", { etag: statTagOf(3) }), body: "" });
  await writeFile(join(folder, "a.txt"), "two");
  assert.equal(await site.text("/a.txt"), "two");
});

test("memory: within the interval nothing is where nothing was", async (t) => {
  const folder = await fileTree({ "a.txt": "one", "docs/a.txt": "a" });
  const site = await serveFiles(t, folder, { memory: { interval: FOREVER } });
  for (const target of ["/b.txt", "/docs", "/docs/"]) assert.deepEqual(await site.get(target), PASSED_ON);
  await writeFile(join(folder, "b.txt"), "b");
  await writeFile(join(folder, "docs/index.html"), "docs");
  for (const target of ["/b.txt", "/docs", "/docs/"]) assert.deepEqual(await site.get(target), PASSED_ON);
});

test("memory: what clients make up does not push out what is there, only what is not", async (t) => {
  const folder = await fileTree({ "a.txt": "one" });
  const site = await serveFiles(t, folder, { memory: { interval: FOREVER } });
  assert.equal(await site.text("/a.txt"), "one");
  assert.deepEqual(await site.get("/b.txt"), PASSED_ON);
  await writeFile(join(folder, "a.txt"), "two");
  await writeFile(join(folder, "b.txt"), "b");
  const client = await site.connect();
  for (let index = 0; index < 1000; index++) client.get(`/none-${index}`);
  client.get("/a.txt", "Connection: close");
  assert.match(await client.all(), /one$/);
  assert.equal(await site.text("/b.txt"), "b");
});

// After the interval, everything is.

for (const memory of [undefined, { interval: 0 }, false] as const) {
  const options: StaticFilesOptions = memory === undefined ? {} : { memory };

  test(`memory: a change is seen, with ${JSON.stringify(memory) ?? "the default"}`, async (t) => {
    const folder = await fileTree({ "a.txt": "one", "docs/a.txt": "a" });
    const site = await serveFiles(t, folder, options);
    const path = join(folder, "a.txt");
    const turns: readonly (readonly [target: string, status: number, body: string, change: () => Promise<unknown>])[] =
      [
        ["/a.txt", 200, "one", async () => {}],
        ["/a.txt", 200, "two", () => writeFile(path, "two")],
        ["/a.txt", 200, "3", () => writeFile(path, "3")],
        ["/a.txt", 404, "Not Found\n", () => unlink(path)],
        ["/a.txt", 200, "four", () => writeFile(path, "four")],
        ["/a.txt", 404, "Not Found\n", () => rm(path).then(() => mkdir(path))],
        ["/a.txt/", 200, "five", () => writeFile(join(path, "index.html"), "five")],
        ["/a.txt", 301, "Moved Permanently\n", async () => {}],
        ["/a.txt/index.html", 200, "five", async () => {}],
        ["/a.txt", 200, "six", () => rm(path, { recursive: true }).then(() => writeFile(path, "six"))],
        ["/docs", 404, "Not Found\n", async () => {}],
        ["/docs", 301, "Moved Permanently\n", () => writeFile(join(folder, "docs/index.html"), "docs")],
        ["/docs/", 200, "docs", async () => {}],
        ["/docs/", 404, "Not Found\n", () => unlink(join(folder, "docs/index.html"))],
        ["/docs", 404, "Not Found\n", () => rm(join(folder, "docs"), { recursive: true })],
      ];
    for (const [target, status, body, change] of turns) {
      await change();
      if (memory === undefined) await becomes(site, target, status, body);
      else {
        const reply = await site.get(target);
        assert.deepEqual([target, reply.status, reply.body], [target, status, body]);
      }
    }
  });
}

for (const memory of [{ interval: 0 }, false] as const) {
  const options: StaticFilesOptions = { memory };
  const what = JSON.stringify(memory);

  test(`memory: a file of the same size and time is seen to be another, with ${what}`, async (t) => {
    const folder = await fileTree({ "a.txt": "one", "b.txt": "two" });
    const site = await serveFiles(t, folder, options);
    assert.equal(await site.text("/a.txt"), "one");
    await rename(join(folder, "b.txt"), join(folder, "a.txt"));
    assert.equal(await site.text("/a.txt"), "two");
    await writeFileThen(join(folder, "a.txt"), "six");
    assert.equal(await site.text("/a.txt"), "six");
  });

  test(`memory: a file that is touched has another time and the same tag, with ${what}`, async (t) => {
    const folder = await fileTree({ "a.txt": "one" });
    const site = await serveFiles(t, folder, options);
    assert.deepEqual(await site.get("/a.txt"), file(TEXT, "one"));
    await utimes(join(folder, "a.txt"), later, later);
    const headers = { "last-modified": later.toUTCString() };
    assert.deepEqual(await site.get("/a.txt"), file(TEXT, "one", headers));
    assert.equal((await site.get("/a.txt", `If-None-Match: ${tagOf("one")}`)).status, 304);
  });

  test(`memory: a link that is switched leads elsewhere, not out, with ${what}`, linuxOnly, async (t) => {
    const folder = await fileTree({ "v1/a.txt": "one", "v2/a.txt": "two" });
    const outside = await fileTree({ "a.txt": "secret" });
    const current = join(folder, "current");
    const site = await serveFiles(t, folder, options);
    for (const [target, body] of [
      ["v1", "one"],
      ["v2", "two"],
      [outside, "Not Found\n"],
      ["v1", "one"],
    ] as const) {
      await symlink(target, `${current}.new`);
      await rename(`${current}.new`, current);
      assert.equal(await site.text("/current/a.txt"), body);
    }
  });

  test(
    `memory: a folder that moves out, with a link left in its place, is not served, with ${what}`,
    linuxOnly,
    async (t) => {
      const folder = await fileTree({ "docs/a.txt": "one" });
      const outside = await fileTree({ "other/": "" });
      const site = await serveFiles(t, folder, options);
      assert.equal(await site.text("/docs/a.txt"), "one");
      await rename(join(folder, "docs"), join(outside, "docs"));
      await symlink(join(outside, "docs"), join(folder, "docs"));
      assert.deepEqual(await site.get("/docs/a.txt"), PASSED_ON);
    },
  );

  test(`memory: in a list of folders a file appears before another, with ${what}`, async (t) => {
    const folder = await fileTree({ "first/x.txt": "x", "second/a.txt": "second" });
    const site = await serveFiles(t, { "/": [join(folder, "first"), join(folder, "second")] }, options);
    assert.equal(await site.text("/a.txt"), "second");
    await writeFile(join(folder, "first/a.txt"), "first");
    assert.equal(await site.text("/a.txt"), "first");
    await unlink(join(folder, "first/a.txt"));
    assert.equal(await site.text("/a.txt"), "second");
  });

  test(`memory: a fallback that changes is seen, with ${what}`, async (t) => {
    const folder = await fileTree({ "app.html": "one" });
    const site = await serveFiles(t, folder, { ...options, navigationFallback: "app.html" });
    assert.equal(await site.text("/users"), "one");
    await writeFile(join(folder, "app.html"), "two");
    assert.equal(await site.text("/users"), "two");
    await unlink(join(folder, "app.html"));
    assert.deepEqual(await site.get("/users"), PASSED_ON);
  });
}

test("memory: a folder whose time does not hold it is looked for again after the default interval", async (t) => {
  const folder = await fileTree({ "a.txt": "one" });
  const site = await serveFiles(t, { "/": join(folder) });
  assert.deepEqual(await site.get("/b.txt"), PASSED_ON);
  await writeFile(join(folder, "b.txt"), "b");
  await becomes(site, "/b.txt", 200, "b");
});

// How much is kept.

test("memory: what was not asked for longest goes first, when all is more than totalSize", async (t) => {
  const names = ["a", "b", "c", "d"];
  const folder = await fileTree(Object.fromEntries(names.map((name) => [name, name.repeat(40_000)])));
  const site = await serveFiles(t, folder, { memory: { totalSize: 130_000, interval: FOREVER } });
  for (const name of ["a", "b", "c", "a", "d"]) assert.equal((await site.text(`/${name}`))[0], name);
  for (const name of names) await writeFile(join(folder, name), "new");
  // a, c and d are kept; asking for b pushes c out.
  for (const [name, body] of [
    ["a", "a"],
    ["d", "d"],
    ["b", "n"],
  ] as const) {
    assert.equal((await site.text(`/${name}`))[0], body, name);
  }
});

test("memory: of many files no more than totalSize is kept", async (t) => {
  const names = Array.from({ length: 100 }, (_, index) => `${index}.txt`);
  const folder = await fileTree(Object.fromEntries(names.map((name) => [name, name.repeat(2000)])));
  const site = await serveFiles(t, folder, { memory: { totalSize: 100_000, interval: FOREVER } });
  for (const name of names) assert.equal(await site.text(`/${name}`), name.repeat(2000));
  for (const name of names) await writeFile(join(folder, name), "new");
  let kept = 0;
  for (const name of [...names].reverse()) if ((await site.text(`/${name}`)) !== "new") kept += name.length * 2000;
  assert.ok(kept > 0 && kept <= 100_000, `${kept} bytes are kept`);
});

test("memory: variants and headers count, not only content", async (t) => {
  const names = Array.from({ length: 100 }, (_, index) => `${index}.js`);
  const files = names.flatMap((name) => [
    [name, "let a;"],
    ...[".br", ".gz", ".zst"].map((extension) => [name + extension, "v"]),
  ]);
  const folder = await fileTree(Object.fromEntries(files));
  const site = await serveFiles(t, folder, { memory: { totalSize: 300_000, interval: FOREVER } });
  for (const name of names) assert.equal(await site.text(`/${name}`), "let a;");
  for (const name of names) await writeFile(join(folder, name), "new");
  let kept = 0;
  for (const name of [...names].reverse()) if ((await site.text(`/${name}`)) !== "new") kept++;
  // Measured: 7 kB for a file with three variants, of which one was sent.
  assert.ok(kept > 0 && kept * 6_000 <= 300_000, `${kept} files are kept`);
});

for (const memory of [{ fileSize: 0 }, { totalSize: 0 }, { fileSize: 99_999 }, { fileSize: 1e9, totalSize: 1000 }]) {
  test(`memory: a file that is too large for ${JSON.stringify(memory)} is read each time`, async (t) => {
    const folder = await fileTree({ "a.txt": "1".repeat(100_000) });
    const site = await serveFiles(t, folder, { memory: { ...memory, interval: FOREVER } });
    assert.equal(await site.text("/a.txt"), "1".repeat(100_000));
    await writeFile(join(folder, "a.txt"), "2".repeat(100_000));
    assert.equal(await site.text("/a.txt"), "2".repeat(100_000));
  });
}

test("memory: a file as large as fileSize is kept, an empty one as well", async (t) => {
  const folder = await fileTree({ "a.txt": "1".repeat(1000), "empty.txt": "" });
  const site = await serveFiles(t, folder, { memory: { fileSize: 1000, interval: FOREVER } });
  for (const target of ["/a.txt", "/empty.txt"]) await site.get(target);
  for (const name of ["a.txt", "empty.txt"]) await writeFile(join(folder, name), "2");
  assert.equal(await site.text("/a.txt"), "1".repeat(1000));
  assert.equal(await site.text("/empty.txt"), "");
});

test("memory: requests for one file at the same time are one look", async (t) => {
  const folder = await fileTree({ "a.txt": "one" });
  let looks = 0;
  const headers = (): [string, string][] => [["X-Look", String(++looks)]];
  const site = await serveFiles(t, folder, { headers });
  const replies = await Promise.all(Array.from({ length: 100 }, () => site.get("/a.txt")));
  for (const reply of replies) assert.deepEqual(reply, file(TEXT, "one", { "x-look": "1" }));
});

test("memory: files that stay open are few, and closed in time", linuxOnly, async (t) => {
  const names = Array.from({ length: 300 }, (_, index) => `${index}.txt`);
  const folder = await fileTree(Object.fromEntries(names.map((name) => [name, name])));
  const site = await serveFiles(t, folder, { memory: { fileSize: 0 } });
  for (const name of names) {
    assert.equal(await site.text(`/${name}`), name);
    assert.ok(openBelow(folder) <= 140, `${openBelow(folder)} files are open`);
  }
  await allClosed(folder);
  assert.equal(await site.text("/0.txt"), "0.txt");
});

test("memory: a client cannot fill it with Accept-Encoding", async (t) => {
  const names = Array.from({ length: 50 }, (_, index) => `${index}.js`);
  const files = names.flatMap((name) => [[name, name.repeat(10)] as const, [`${name}.br`, name] as const]);
  const site = await serveFiles(t, await fileTree(Object.fromEntries(files)), { memory: { totalSize: 1_000_000 } });
  for (const name of names) await site.get(`/${name}`);
  const before = await usedHeap();
  for (const name of names) {
    const client = await site.connect();
    for (let index = 0; index < 16; index++)
      client.get(`/${name}`, `Accept-Encoding: br, ${String(index).repeat(14_000 / (index > 9 ? 2 : 1))}`);
    client.get(`/${name}`, "Connection: close");
    assert.match(await client.all(), /200 OK/);
  }
  const grown = (await usedHeap()) - before;
  assert.ok(grown < 5_000_000, `${grown} bytes more than before`);
});

/** Bytes that are in use once all is collected that is not. */
async function usedHeap(): Promise<number> {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 5; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

// What never changes.

/** Lets the files of a test seem to have been written that many milliseconds ago. */
function laterBy(t: TestContext, milliseconds: number): void {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + milliseconds });
}

for (const immutable of [true, /^\/app\.3f2a1b9c\.js$/g]) {
  test(`memory: an immutable file is not looked at again once it is complete, others are, with ${immutable}`, async (t) => {
    laterBy(t, 60_000);
    const folder = await fileTree({ "app.3f2a1b9c.js": "1", "app.js": "1" });
    const site = await serveFiles(t, folder, { immutable, memory: { interval: 0 } });
    for (const target of ["/app.3f2a1b9c.js", "/app.js"]) assert.equal(await site.text(target), "1");
    for (const name of ["app.3f2a1b9c.js", "app.js"]) await writeFile(join(folder, name), "2");
    assert.equal(await site.text("/app.3f2a1b9c.js"), "1");
    assert.equal(await site.text("/app.js"), "2");
  });
}

for (const [memory, isSeen] of [
  [{ interval: 0 }, false],
  [false, false],
  [undefined, false],
] as const) {
  test(`manifest: what is added later is not there, with memory ${JSON.stringify(memory)}`, async (t) => {
    const folder = await fileTree({ "a.js": "a".repeat(100), "docs/index.html": "docs", ".hidden": "h", "sub/": "" });
    await symlink("a.js", join(folder, "link.js"));
    const options: StaticFilesOptions = memory === undefined ? {} : { memory };
    const site = await serveFiles(t, folder, { ...options, manifest: true });
    for (const name of ["b.js", "sub/b.js", "sub/index.html", "a.js.br"]) await writeFile(join(folder, name), "b");
    for (const target of ["/b.js", "/sub/b.js", "/sub", "/sub/", "/a.js.br", "/.hidden"]) {
      assert.equal((await site.get(target)).status === 200, isSeen, target);
      assert.deepEqual(await site.get(target), PASSED_ON, target);
    }
    assert.equal((await site.get("/a.js", "Accept-Encoding: br")).headers["content-encoding"], undefined);
    assert.equal(await site.text("/link.js"), "a".repeat(100));
    assert.equal((await site.get("/docs")).status, 301);
    assert.equal(await site.text("/docs/"), "docs");
  });
}

test("manifest: what is deleted or changed is answered as it was or as it is, never in between", async (t) => {
  const folder = await fileTree({ "a.txt": "1".repeat(100_000), "b.txt": "1", "c.txt": "1" });
  const site = await serveFiles(t, folder, { manifest: true });
  for (const name of ["a.txt", "b.txt"]) await site.get(`/${name}`);
  for (const name of ["a.txt", "b.txt"]) await writeFile(join(folder, name), "2".repeat(100_000));
  await unlink(join(folder, "c.txt"));
  for (const target of ["/a.txt", "/b.txt"]) {
    const { status, body } = await site.get(target);
    assert.equal(status, 200);
    assert.match(body, /^(?:1|1{100000}|2{100000})$/);
  }
  assert.deepEqual(await site.get("/c.txt"), PASSED_ON);
  await eventually(() => site.log.length === 0);
});
