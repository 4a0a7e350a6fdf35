/** Copies of source trees, built, so that a tree can be worked on while it is measured. */

import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { FOLDER } from "./temporary-folder.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Builds a tree, a folder or else a revision of this repository, in the folder of the run, beside the servers of this benchmark:
 * `tsgi` is that tree for them. Returns the folder of the servers. The tree itself is left as it is. Throws where it has no
 * `src/`, or nothing comes of it.
 */
export function serversFor(tree: string, name: string): string {
  const copy = join(FOLDER, "trees", name);
  mkdirSync(copy, { recursive: true });
  const source = existsSync(tree) ? resolve(tree) : extract(tree, join(copy, "source"));
  if (!existsSync(join(source, "src")))
    throw new Error(`${tree} has no src/; give the folder of a tree, or a revision`);
  copyFileSync(join(source, "package.json"), join(copy, "package.json"));
  const modules = join(source, "node_modules");
  symlinkSync(existsSync(modules) ? modules : join(ROOT, "node_modules"), join(copy, "node_modules"));
  cpSync(join(ROOT, "bench", "servers"), join(copy, "servers"), { recursive: true });
  build(source, copy);
  return join(copy, "servers");
}

function extract(revision: string, folder: string): string {
  mkdirSync(folder);
  const options = { cwd: ROOT, maxBuffer: 2 ** 30 };
  const archive = execFileSync("git", ["archive", revision], options);
  execFileSync("tar", ["-x", "-C", folder], { input: archive });
  // Its types are those of its dependencies.
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

function build(source: string, copy: string): void {
  const out = join(copy, "dist");
  const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, "-p", source, "--outDir", out], { encoding: "utf8" });
  // What does not pass the types may run none the less.
  if (stdout !== "") console.error(stdout);
  if (!existsSync(join(out, "src", "index.js"))) throw new Error(`${source} could not be built`);
}
