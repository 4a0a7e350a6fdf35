/** A root: an exported folder or file, and whether a name leads to something inside it. */

import type { BigIntStats } from "node:fs";
import { sep } from "node:path";
import { type FileSystem, pathOfDescriptor, resolveLinks, statPath } from "./file-system.ts";

export interface Root {
  readonly fs: FileSystem;
  /** Absolute, with its symbolic links as given: a deployment may switch them. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Whether links are followed wherever they lead. */
  readonly followsLinks: boolean;
  /** Whether the root may be missing. */
  readonly isOptional: boolean;
  /** Where `path` leads to, its links resolved; updated when they turn out to have changed. */
  realPath: string;
  /** When the root was last checked for existence, by `performance.now()`. */
  seenAt: number;
}

/** How often the existence of a root is checked while nothing is found in it, in milliseconds. */
const ROOT_INTERVAL = 1000;

/** Reports a root that has vanished. */
export async function reportIfGone(root: Root, report: (text: string) => void): Promise<void> {
  const now = performance.now();
  if (root.isOptional || now - root.seenAt < ROOT_INTERVAL) return;
  root.seenAt = now;
  await statPath(root.fs, root.path).catch((error: Error) =>
    report(`the exported ${root.path} is gone: ${error.message}`),
  );
}

/** The name of a file or folder below a root. */
export function nameIn({ path }: Root, names: readonly string[]): string {
  if (names.length === 0) return path;
  return `${path}${path.endsWith(sep) ? "" : sep}${names.join(sep)}`;
}

/**
 * Whether the open file (not what its name points to by now) lies inside the root under exactly that name: on a file system
 * that ignores case, a name in another case would pass guards of the right one.
 */
export async function isInside(root: Root, name: string, descriptor: number, stats: BigIntStats): Promise<boolean> {
  if (!root.isFolder) return true;
  try {
    const path = pathOfDescriptor(root.fs, descriptor) ?? (await resolvedPath(root.fs, name, stats));
    if (path === undefined) return false;
    if (!isWithin(path, root.realPath)) root.realPath = await resolveLinks(root.fs, root.path);
    if (!isWithin(path, root.realPath)) return root.followsLinks;
    return !differOnlyInCase(path.slice(root.realPath.length), name.slice(root.path.length));
  } catch {
    return false;
  }
}

/** The resolved path of a name that leads to something inside the root; undefined for all others. */
export async function pathInside(root: Root, name: string): Promise<string | undefined> {
  try {
    const path = await resolveLinks(root.fs, name);
    if (root.followsLinks || isWithin(path, await resolveLinks(root.fs, root.path))) return path;
  } catch {}
  return undefined;
}

/** Whether a name leads to something inside the root. */
export async function leadsInside(root: Root, name: string): Promise<boolean> {
  return root.followsLinks || (await pathInside(root, name)) !== undefined;
}

/** The resolved name, if it is still the name of the open file. */
async function resolvedPath(fs: FileSystem, name: string, { ino, dev }: BigIntStats): Promise<string | undefined> {
  const path = await resolveLinks(fs, name);
  const named = await statPath(fs, path);
  return named.ino === ino && named.dev === dev ? path : undefined;
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function differOnlyInCase(real: string, asked: string): boolean {
  return process.platform !== "linux" && real !== asked && real.toLowerCase() === asked.toLowerCase();
}
