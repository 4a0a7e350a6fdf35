/** A manifest: the names of all there is below the exports, read once. */

import { type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import type { PathTree } from "../../src/routing/path-tree.ts";
import type { Export } from "./exports.ts";

/** Reads all exported folders, links followed but not in circles; what cannot be read is not there. */
export function manifestOf(exports: PathTree<Export>): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { roots } of exports.literals()) {
    for (const { path } of roots) add(names, path, []);
  }
  return names;
}

/** `above` are the real paths of the folders that the name was reached through. */
function add(names: Set<string>, name: string, above: readonly string[]): void {
  names.add(name);
  let entries: Dirent[];
  let real: string;
  try {
    if (!statSync(name).isDirectory()) return;
    real = realpathSync.native(name);
    entries = readdirSync(name, { withFileTypes: true });
  } catch {
    return;
  }
  if (above.includes(real)) return;
  for (const entry of entries) {
    const inside = join(name, entry.name);
    if (entry.isDirectory() || entry.isSymbolicLink()) add(names, inside, [...above, real]);
    else names.add(inside);
  }
}
