/** A manifest: the names of all files and folders below the exports, read once. */

import type { Dirent } from "node:fs";
import { dirname, join } from "node:path";
import type { PathTree } from "../../src/routing/path-tree.ts";
import type { Export } from "./exports.ts";
import type { FileSystem } from "./file-system.ts";

/**
 * Reads the names in all exported folders, each folder once. Returns whether there may be something of a name. What lies
 * behind a symbolic link is not read (it may be large, outside, or a circle), so names below a link always may exist.
 */
export function manifestOf(exports: PathTree<Export>): (name: string) => boolean {
  const names = new Set<string>();
  const links = new Set<string>();
  for (const { roots } of exports.literals()) {
    for (const { fs, path } of roots) {
      names.add(path);
      addNames(fs, path, names, links);
    }
  }
  return (name) => names.has(name) || (links.size > 0 && isBelow(links, name));
}

function addNames(fs: FileSystem, root: string, names: Set<string>, links: Set<string>): void {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(fs, folder)) {
      const name = join(folder, entry.name);
      names.add(name);
      if (entry.isDirectory()) folders.push(name);
      else if (entry.isSymbolicLink()) links.add(name);
    }
  }
}

/** Files, and folders that cannot be read, have none. */
function entriesOf(fs: FileSystem, folder: string): Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function isBelow(links: ReadonlySet<string>, name: string): boolean {
  for (let folder = dirname(name); folder !== dirname(folder); folder = dirname(folder)) {
    if (links.has(folder)) return true;
  }
  return false;
}
