/** What reaches into Node, on each newer version of it: `.ci/run` installs them. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { batchesOf } from "../support/batches.ts";
import { NODE_FLAGS, pathToRun } from "../support/compiled.ts";
import { root } from "../support/session.ts";

const { NODE_TEST_CONTEXT: _context, ...environment } = process.env;

/** Runs under load are shorter than those on the oldest version: what differs from one to another shows at once. */
const env = { TSGI_RELOADS: "2", TSGI_STREAM_MIB: "128", ...environment };

/**
 * What is the same on every version: the parsers and the writers, which reach into nothing, programs by the bytes that they send,
 * and what other programs make of a server.
 */
const SAME_EVERYWHERE =
  /adapters\/(?:program\/|fastcgi\/records|from-fetch\/lazy-url)|engine\/(?!differential|hostile|clock)|http2\/(?:frame|hpack|limits|memory|requests|responses|windows)|(?:smuggling|slow-clients|proxied|programs)\.test\.ts$/;

/** What is the same on a version as on those before and after it. */
const SAME_BETWEEN = /server\/(?:http2|tls)\//;

for (const version of [22, 24, 26]) {
  const node = join(root, `node_modules/node-${version}/bin/node`);

  const isTried = (name: string) => !SAME_EVERYWHERE.test(name) && (version !== 22 || !SAME_BETWEEN.test(name));

  test(`node ${version}: adapters and the server`, { skip: !existsSync(node) && "not installed" }, () => {
    const all = ["adapters", "server"].flatMap((folder) =>
      readdirSync(join(root, "test", folder), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".test.ts"))
        .map((name) => join("test", folder, name)),
    );
    for (const { files, atOnce } of batchesOf(all.filter(isTried))) {
      const { status, stdout } = spawnSync(
        node,
        [
          ...[...NODE_FLAGS, "--test", "--test-reporter=tap", `--test-concurrency=${atOnce}`],
          ...files.map((file) => pathToRun(join(root, file))),
        ],
        { cwd: root, env, encoding: "utf8", maxBuffer: 1 << 28 },
      );
      assert.equal(status, 0, stdout.match(/^ *not ok .*\n(?: +.*\n){0,40}/gm)?.join("\n"));
      assert.match(stdout, /^# pass [1-9]\d\d/m);
    }
  });
}
