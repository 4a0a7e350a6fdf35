/** What is published: `npm pack` says which files. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path/posix";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { root } from "../support/session.ts";

const run = promisify(execFile);
let packed: ReadonlySet<string> = new Set();

before(async () => {
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  packed = new Set(files.map(({ path }) => path));
});

for (const name of ["README.md", "CHANGELOG.md", "SECURITY.md"]) {
  test(`package: ${name} links only to files that are published`, async () => {
    assert.ok(packed.has(name));
    const text = await readFile(join(root, name), "utf8");
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) assert.ok(packed.has(target as string), target);
  });
}

test("package: every declaration and every script leads to its source", async () => {
  const built = [...packed].filter((path) => /^dist\/.*\.(?:js|d\.ts)$/.test(path));
  assert.ok(built.length > 200);
  for (const path of built) {
    const map = `${path}.map`;
    assert.ok(packed.has(map), map);
    const { sources } = JSON.parse(await readFile(join(root, map), "utf8")) as { sources: string[] };
    for (const source of sources) assert.ok(packed.has(join(dirname(path), source)), `${map}: ${source}`);
  }
});

test("package: neither tests nor tools are published", () => {
  const places = new Set([...packed].map((path) => (path.includes("/") ? path.slice(0, path.indexOf("/")) : path)));
  assert.deepEqual([...places].sort(), [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "dist",
    "middleware",
    "package.json",
    "src",
    "starter",
  ]);
});
