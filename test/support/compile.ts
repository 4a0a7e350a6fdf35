/** Compiles the tests and what they test, once for all: no process of a test has to start a compiler of its own. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { COMPILED } from "./compiled.ts";
import { root } from "./session.ts";

/** Compiles `src`, `middleware` and `test` as the package is compiled, into a folder of their own. Types are not checked. */
export function compile(): void {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const options = ["--noEmit", "false", "--noCheck", "--sourceMap", "true", "--outDir", COMPILED];
  execFileSync(process.execPath, [tsc, "-p", join(root, "test"), ...options], { stdio: "inherit" });
  for (const name of readdirSync(COMPILED, { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".js")) keepMeta(name);
  }
}

/** `import.meta` of a compiled file is that of its source: by it a test finds what lies beside it, and the server its own frames. */
function keepMeta(name: string): void {
  const compiled = join(COMPILED, name);
  const source = join(root, name.replace(/\.js$/, ".ts"));
  const code = readFileSync(compiled, "utf8");
  const changed = code
    .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(source).href))
    .replaceAll("import.meta.dirname", JSON.stringify(dirname(source)));
  if (changed !== code) writeFileSync(compiled, changed);
}
