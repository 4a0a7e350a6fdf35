/** Undici 8 in place of undici 7 for this process: `.ci/run` installs it beside that as `undici-8`. */

import { existsSync } from "node:fs";
import Module from "node:module";
import { join } from "node:path";
import { root } from "./session.ts";

export const isInstalled: boolean = existsSync(join(root, "node_modules/undici-8"));

/** Whether this Node runs it. */
export const runsHere: boolean = isAtLeast(22, 19);

function isAtLeast(major: number, minor: number): boolean {
  const [own = 0, ownMinor = 0] = process.versions.node.split(".").map(Number);
  return own > major || (own === major && ownMinor >= minor);
}

/** Node's own, by which `require` loads a package. */
const loader = Module as unknown as { _load(name: string, ...rest: unknown[]): unknown };

/** Runs something while `require("undici")` gives undici 8, or 7; gives what it gives. */
export function withUndici<T>(version: 7 | 8, run: () => T): T {
  const load = loader._load;
  const name = version === 8 ? "undici-8" : "undici";
  loader._load = (wanted, ...rest) => load(wanted.replace(/^undici(?:-8)?(?=\/|$)/, name), ...rest);
  try {
    return run();
  } finally {
    loader._load = load;
  }
}
