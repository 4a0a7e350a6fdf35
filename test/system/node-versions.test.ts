/** What reaches into Node, on each newer version of it: `.ci/run` installs them. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/session.ts";

const { NODE_TEST_CONTEXT: _context, ...env } = process.env;

/** What is the same on every version: the parser, which reaches into nothing, and what other programs make of a server. */
const SAME_EVERYWHERE = /engine\/(?:corpus|mutated)\.test\.ts$|(?:smuggling|slow-clients)\.test\.ts$/;

for (const version of [22, 24, 26]) {
  const node = join(root, `node_modules/node-${version}/bin/node`);

  test(`node ${version}: adapters and the server`, { skip: !existsSync(node) && "not installed" }, () => {
    const files = ["adapters", "server"].flatMap((folder) =>
      readdirSync(join(root, "test", folder), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".test.ts") && !SAME_EVERYWHERE.test(name))
        .map((name) => join("test", folder, name)),
    );
    const { status, stdout } = spawnSync(
      node,
      ["--import", "tsx", "--test", "--test-reporter", "tap", "--test-concurrency", "2", ...files],
      { cwd: root, env, encoding: "utf8", maxBuffer: 1 << 28 },
    );
    assert.equal(status, 0, stdout.match(/^ *not ok .*\n(?: +.*\n){0,40}/gm)?.join("\n"));
    assert.match(stdout, /^# pass [1-9]\d\d/m);
  });
}
