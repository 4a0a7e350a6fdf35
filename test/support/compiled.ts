/** Where the compiled tests lie, and how a process runs a file of the tests: compiled, if the test that starts it is. */

import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The folder of all that `compile()` has compiled. */
export const COMPILED: string = join(root, ".test");

/** The flags of Node for compiled files. */
export const COMPILED_FLAGS: readonly string[] = ["--enable-source-maps"];

/** Where a file lies when it is compiled. */
export function compiledPath(path: string): string {
  return join(COMPILED, relative(root, path)).replace(/\.ts$/, ".js");
}

/** Whether this process runs a compiled file: a process of `npm test` does, a test file that is run by itself does not. */
const isCompiled = process.argv[1]?.endsWith(".js") ?? false;

/** The flags of Node for a file at `pathToRun`. */
export const NODE_FLAGS: readonly string[] = isCompiled ? COMPILED_FLAGS : ["--import", "tsx"];

/** The path of a file as this process runs files: that of its source, or compiled. */
export function pathToRun(path: string): string {
  return isCompiled ? compiledPath(path) : path;
}
