/**
 * Which names `immutable: true` is for: those that builds of a site give, and none that are words, dates or identifiers.
 * `TSGI_FUZZ_SEED` is the seed of the site's content, which gives the hashes.
 */

import assert from "node:assert/strict";
import { mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isFingerprinted } from "../../../middleware/static-files/fingerprint.ts";
import { bundledSite, KEPT_NAMES } from "../../support/bundled-site.ts";
import { BUNDLERS, type Bundler, missing } from "../../support/bundlers.ts";

const SEED = Number(process.env.TSGI_FUZZ_SEED ?? Date.now() % 2 ** 32);

const site = await bundledSite(SEED);

/** A build that leaves out files would have fewer names. */
const LEAST = 300;

async function built({ build }: Bundler, isHashed: boolean): Promise<string[]> {
  const to = await mkdtemp(join(site, "built-"));
  await build(site, to, isHashed);
  const entries = await readdir(to, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(to.length));
}

describe(`fingerprint: names of builds (seed ${SEED})`, { concurrency: true }, () => {
  for (const [name, bundler] of Object.entries(BUNDLERS)) {
    const skip = missing(bundler);

    test(`fingerprint: names of ${name} are recognised, except a few that could be words or numbers`, {
      skip,
    }, async () => {
      const names = (await built(bundler, true)).filter((name) => !KEPT_NAMES.has(name));
      const missed = names.filter((name) => !isFingerprinted(name));
      assert.ok(names.length >= LEAST, `${names.length} names`);
      assert.ok(missed.length <= names.length * 0.15, `${missed.length} of ${names.length}: ${missed.join(", ")}`);
    });

    if (!bundler.canOmitHashes) continue;
    test(`fingerprint: names of ${name} without hashes are not recognised`, { skip }, async () => {
      const names = await built(bundler, false);
      assert.ok(names.length >= LEAST, `${names.length} names`);
      assert.deepEqual(names.filter(isFingerprinted), []);
    });
  }
});

for (const path of [
  "/index-DiwrgTda.js",
  "/main-DJKCKUP2.js",
  "/assets/index-BkYQ4-_x.css",
  "/assets/tags-DbTX--95.css",
  "/assets/logo-CjpaIgX9.svg",
  "/app.3f2a1b9c.js",
  "/app_3f2a1b9c0d.min.js",
  "/base.27e20196a850.css",
  "/app.3f2a1b9c.js.map",
  "/logo.3f7b468c.png",
  "/_next/static/chunks/main-0123456789abcdef.js",
  "/_nuxt/DMh6rtQu.js",
  "/application-8b3d5a1f0c9e7d6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b7a6f5e4d3c2b.css",
  "/0db3cf9405d1c896fb11.png",
]) {
  test(`fingerprint: ${path} has one`, () => assert.equal(isFingerprinted(path), true));
}

for (const path of [
  "/avatar-507f1f77bcf86cd799439011.jpg",
  "/img-550e8400-e29b-41d4-a716-44665544abcd.jpg",
  "/avatars/5d41402abc4b2a76b9719d911017c592.jpg",
  "/avatar-DiwrgTda.jpg",
  "/photo-20240506.jpg",
  "/assets/shot-IMG_2041.png",
  "/assets/team-Portrait.jpg",
  "/assets/my-Document.pdf",
  "/assets/x-iPhone15.png",
  "/assets/logo-FALLBACK.png",
  "/app.20240506.js",
  "/app.deadbeef.js",
  "/app.3f2a1b9.js",
  "/README-TEMPLATE.js",
  "/lib-DevTools.js",
  "/lib-MyWidget.js",
  "/lib-JSXUtils.js",
  "/lib-Polyfill.js",
  "/lib-POLYFILL.js",
  "/lib-OAuth2Go.js",
  "/lib-Angular2.js",
  "/lib-html5shv.js",
  "/lib-version2.js",
  "/jquery-ui-datepicker.js",
  "/some-filename.js",
  "/DMh6rtQu.js",
  "/index-DiwrgTda.html",
  "/3f2a1b9c.js",
  "/3f2a1b9c.js/readme.txt",
]) {
  test(`fingerprint: ${path} has none`, () => assert.equal(isFingerprinted(path), false));
}

test("fingerprint: names of any length take no time that grows with their square", () => {
  for (const name of [`/${"-a".repeat(100_000)}`, `/${".a".repeat(100_000)}`, `/a.${"0a".repeat(100_000)}`]) {
    assert.equal(isFingerprinted(name), false);
  }
});
