// Options that do not exist or are of another kind are refused when the app is built.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type StaticFilesOptions, staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import type { TsgiError } from "../../../src/errors.ts";
import { fileTree, PASSED_ON } from "../../support/file-tree.ts";
import { serveFiles } from "../../support/static-fixture.ts";

const folder = await fileTree({ "a.txt": "a", ".hidden": "hidden" });

function build(options: unknown): () => unknown {
  return () => staticFiles(notFound, { "/": folder }, options as StaticFilesOptions);
}

for (const [options, hint] of [
  [{ maxage: 1 }, "Did you mean maxAge?"],
  [{ setHeaders: () => {} }, "Did you mean headers?"],
  [{ fallback: "index.html" }, /^It has: maxAge, immutable, /],
  [{ extension: ["html"] }, "Did you mean extensions?"],
  [{ memory: { maxSize: 1 } }, /^It has: fileSize, totalSize, interval/],
  [{ dotfiles: "deny" }, 'Give true to serve them, or false to hide them, as Express\'s "ignore" does.'],
  [{ dotfiles: "ignore" }, 'Give true to serve them, or false to hide them, as Express\'s "ignore" does.'],
  [{ dotfiles: "allow" }, 'Give true to serve them, or false to hide them, as Express\'s "ignore" does.'],
  [42, "Give an object."],
  [null, "Give an object."],
  [["html"], "Give an object."],
] as const) {
  test(`options: ${JSON.stringify(options)} throws with a hint`, () => {
    assert.throws(build(options), (error: TsgiError) => {
      assert.equal(error.code, "TSGI_BAD_OPTION");
      if (typeof hint === "string") assert.equal(error.hint, hint);
      else assert.match(error.hint ?? "", hint);
      return true;
    });
  });
}

for (const options of [
  { maxAge: "1d" },
  { maxAge: -1 },
  { maxAge: Number.NaN },
  { immutable: "assets" },
  { immutable: 1 },
  { etag: true },
  { etag: "weak" },
  { index: true },
  { index: ["a/b"] },
  { extensions: "html" },
  { extensions: [1] },
  { redirect: "false" },
  { navigationFallback: "../a" },
  { navigationFallback: true },
  { notFoundPage: "" },
  { notFoundPage: true },
  { listing: "yes" },
  { filter: /a/ },
  { symlinks: true },
  { precompressed: ["deflate"] },
  { precompressed: "br" },
  { types: [] },
  { types: { "a.b": "text/plain" } },
  { contentEncodings: { ".svgz": "g zip" } },
  { contentEncodings: "gzip" },
  { headers: { "X-A": "b" } },
  { headersFor: [] },
  { fallthrough: 0 },
  { appendOnly: "logs" },
  { allowMissing: "yes" },
  { memory: true },
  { memory: { fileSize: "64k" } },
  { memory: { interval: -1 } },
  { manifest: "true" },
  { fs: "memfs" },
]) {
  test(`options: ${JSON.stringify(options)} throws`, () => {
    assert.throws(build(options), { code: "TSGI_BAD_OPTION" });
  });
}

test("options: an option that is undefined is not given", async (t) => {
  const options = { maxAge: undefined, filter: undefined, memory: undefined } as unknown as StaticFilesOptions;
  const site = await serveFiles(t, folder, options);
  assert.equal(await site.text("/a.txt"), "a");
  assert.deepEqual(await site.get("/.hidden"), PASSED_ON);
});

test("options: a filter that returns a promise serves nothing", async (t) => {
  const filter = (async () => false) as unknown as (path: string) => boolean;
  const site = await serveFiles(t, folder, { filter });
  assert.equal((await site.get("/a.txt")).status, 500);
  assert.match(site.log.join(""), /filter of staticFiles has returned a promise/);
});
