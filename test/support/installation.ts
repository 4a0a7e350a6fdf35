/** The package as its users have it: without what it is developed with, and outside of this repository. */

import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./session.ts";

/** Installs the package into a folder; gives the path of its command. */
export function install(folder: string): string {
  const home = join(folder, "node_modules/tsgi");
  cpSync(join(root, "dist/src"), join(home, "dist/src"), { recursive: true });
  cpSync(join(root, "dist/middleware"), join(home, "dist/middleware"), { recursive: true });
  cpSync(join(root, "starter"), join(home, "starter"), { recursive: true });
  cpSync(join(root, "package.json"), join(home, "package.json"));
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { dev?: boolean }>;
  };
  for (const [path, { dev }] of Object.entries(lock.packages)) {
    if (path !== "" && !dev) cpSync(join(root, path), join(folder, path), { recursive: true });
  }
  return join(home, "dist/src/cli.js");
}
