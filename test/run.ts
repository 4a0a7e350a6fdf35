/**
 * Runs all tests, or the files that are named. Flags are those of Node's own runner.
 *
 *     npm test -- --test-reporter=dot test/http/path.test.ts
 */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { batchesOf } from "./support/batches.ts";
import { compile } from "./support/compile.ts";
import { COMPILED_FLAGS, compiledPath } from "./support/compiled.ts";
import { root } from "./support/session.ts";

const flags = process.argv.slice(2).filter((each) => each.startsWith("-"));
const named = process.argv.slice(2).filter((each) => !each.startsWith("-"));
const all = () =>
  readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .sort()
    .map((name) => join("test", name));

compile();
for (const { files, atOnce } of batchesOf(named.length > 0 ? named : all())) {
  const args = [...COMPILED_FLAGS, "--test", `--test-concurrency=${atOnce}`, ...flags];
  const paths = files.map((file) => compiledPath(join(root, file)));
  const { status } = spawnSync(process.execPath, [...args, ...paths], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
