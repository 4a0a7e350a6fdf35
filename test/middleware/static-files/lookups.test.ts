// What a lookup finds again: uploads that go on, variants that could not be opened, filters that change their mind.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, cp, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { type StaticFilesOptions, staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import { request } from "../../../src/testing.ts";
import { fileTree, PASSED_ON } from "../../support/file-tree.ts";
import { eventually } from "../../support/raw-client.ts";
import { serveFiles } from "../../support/static-fixture.ts";

const FOREVER = 3_600_000;
const linuxOnly = { skip: process.platform !== "linux" };
const SCRIPT = "let a = 1;\n".repeat(100);

// Uploads.

for (const [what, options] of [
  ["immutable", { immutable: true }],
  ["manifest", { manifest: true }],
] as const) {
  test(`${what}: a file that is asked for while it is uploaded is whole in the end`, async (t) => {
    const folder = await fileTree({ "app.3f2a1b9c.js": SCRIPT.slice(0, 50) });
    const site = await serveFiles(t, folder, { ...options, memory: { interval: 0 } });
    assert.equal(await site.text("/app.3f2a1b9c.js"), SCRIPT.slice(0, 50));
    await writeFile(join(folder, "app.3f2a1b9c.js"), SCRIPT);
    assert.equal(await site.text("/app.3f2a1b9c.js"), SCRIPT);
  });

  test(`${what}: a file that has not changed for a while is not looked at again`, async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 60_000 });
    const folder = await fileTree({ "app.3f2a1b9c.js": "1" });
    const site = await serveFiles(t, folder, { ...options, memory: { interval: 0 } });
    assert.equal(await site.text("/app.3f2a1b9c.js"), "1");
    await writeFile(join(folder, "app.3f2a1b9c.js"), "2");
    assert.equal(await site.text("/app.3f2a1b9c.js"), "1");
  });
}

for (const [immutable, isImmutable] of [
  ["/assets/", true],
  ["/asset", true],
  ["/other/", false],
  [/^\/assets\//, true],
  [(path: string) => path.endsWith(".js"), true],
  [() => false, false],
] as [StaticFilesOptions["immutable"] & {}, boolean][]) {
  test(`immutable: ${immutable} ${isImmutable ? "chooses" : "does not choose"} /assets/app.js`, async (t) => {
    const site = await serveFiles(t, await fileTree({ "assets/app.js": "a" }), { immutable });
    const { headers } = await site.get("/assets/app.js");
    assert.equal(headers["cache-control"], isImmutable ? "max-age=31536000, immutable" : "no-cache");
  });
}

// Variants.

test("variants: all of them are sent after a copy and after unpacking, in whatever order the files were made", async (t) => {
  const names = Array.from({ length: 40 }, (_, index) => `${index}.js`);
  const files = Object.fromEntries(
    names.flatMap((name) => [
      [name, SCRIPT],
      [`${name}.br`, brotliCompressSync(SCRIPT)],
      [`${name}.gz`, gzipSync(SCRIPT)],
    ]),
  );
  const folder = await fileTree(files);
  const parent = await fileTree({ "unpacked/": "" });
  await cp(folder, join(parent, "copied"), { recursive: true });
  const packed = execFileSync("tar", ["c", "--sort=name", "."], { cwd: folder, maxBuffer: 1e8 });
  execFileSync("tar", ["xm"], { cwd: join(parent, "unpacked"), input: packed });
  for (const copy of ["copied", "unpacked"]) {
    const site = await serveFiles(t, join(parent, copy));
    for (const name of names) {
      for (const coding of ["br", "gzip"]) {
        const { headers } = await site.get(`/${name}`, `Accept-Encoding: ${coding}`);
        assert.equal(headers["content-encoding"], coding, `${copy} ${name}`);
      }
    }
  }
});

test("variants: one that could not be opened is sent once it can be", linuxOnly, async (t) => {
  const folder = await fileTree({ "app.js": SCRIPT, "app.js.br": brotliCompressSync(SCRIPT) });
  await chmod(folder, 0o755);
  await chmod(join(folder, "app.js.br"), 0);
  const site = await serveFiles(t, folder, { memory: { interval: 0 } });
  const coding = async () => (await site.get("/app.js", "Accept-Encoding: br")).headers["content-encoding"];
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    assert.equal(await coding(), undefined);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
  await chmod(join(folder, "app.js.br"), 0o644);
  assert.equal(await coding(), "br");
});

// Filters.

for (const memory of [undefined, { interval: FOREVER }, false] as const) {
  test(`filter: is heard for each request, with memory ${JSON.stringify(memory)}`, async (t) => {
    const folder = await fileTree({ "a.html": "a", "docs/index.html": "docs", "list/x.txt": "x" });
    let isServed = true;
    const options: StaticFilesOptions = memory === undefined ? {} : { memory };
    const filter = () => isServed;
    const site = await serveFiles(t, folder, { ...options, filter, extensions: ["html"], listing: true });
    for (const served of [true, false, true, true, false]) {
      isServed = served;
      for (const target of ["/a.html", "/a", "/docs/", "/docs", "/list/"]) {
        assert.equal((await site.get(target)).status === 404, !served, target);
      }
    }
  });
}

// The manifest.

test("manifest: links are not walked, neither those that lead out nor those in circles", linuxOnly, async (t) => {
  const folder = await fileTree({ "a.txt": "a", "inside/b.txt": "b" });
  await symlink("/usr", join(folder, "out"));
  await symlink("inside", join(folder, "linked"));
  const names = Array.from({ length: 8 }, (_, index) => `f${index}`);
  for (const name of names) await mkdir(join(folder, name));
  for (const name of names) for (const other of names) await symlink(`../${other}`, join(folder, name, other));
  const before = process.memoryUsage().heapUsed;
  const site = await serveFiles(t, folder, { manifest: true });
  assert.ok(process.memoryUsage().heapUsed - before < 20_000_000);
  assert.equal(await site.text("/a.txt"), "a");
  assert.equal(await site.text("/linked/b.txt"), "b");
  for (const target of ["/out/share/doc", "/out/", "/linked/none", "/none"]) {
    assert.deepEqual(await site.get(target), PASSED_ON, target);
  }
});

// Listings.

/** A check that is missing shows in the first ten; one that comes too early takes thousands. */
const ROUNDS = Number(process.env.TSGI_ROUNDS ?? 100);

test("listing: a folder that is swapped for a link never shows the names of another", linuxOnly, async (t) => {
  const folder = await fileTree({ "docs/own.txt": "" });
  const outside = await fileTree({ "foreign.txt": "" });
  const site = await serveFiles(t, folder, { listing: true, memory: { interval: 0 } });
  let isOver = false;
  const swapping = (async () => {
    await symlink(outside, join(folder, "link"));
    while (!isOver) {
      await rename(join(folder, "docs"), join(folder, "away"));
      await rename(join(folder, "link"), join(folder, "docs"));
      await rename(join(folder, "docs"), join(folder, "link"));
      await rename(join(folder, "away"), join(folder, "docs"));
    }
  })();
  try {
    let listed = 0;
    for (let round = 0; round < ROUNDS || listed === 0; round++) {
      const { body } = await site.get("/docs/", "Accept: application/json");
      assert.doesNotMatch(body, /foreign/);
      if (body.includes("own.txt")) listed++;
    }
  } finally {
    isOver = true;
    await swapping;
  }
});

// What is reported.

test("report: names too long for a file are not, clients choose them", async (t) => {
  const site = await serveFiles(t, await fileTree({ "a.txt": "a" }));
  for (let round = 0; round < 3; round++) assert.deepEqual(await site.get(`/${"long".repeat(100)}`), PASSED_ON);
  assert.equal(await site.text("/a.txt"), "a");
  await eventually(() => site.log.length === 0);
});

test("report: a log that throws changes nothing", async () => {
  const parent = await fileTree({ "site/a.txt": "a" });
  const app = staticFiles(notFound, { "/": join(parent, "site") }, { memory: false });
  await rm(join(parent, "site"), { recursive: true });
  const environ = {
    "tsgi.errors": {
      write: () => {
        throw new Error("closed");
      },
    },
  };
  assert.equal((await request(app, "/a.txt", { environ })).status, 404);
});
