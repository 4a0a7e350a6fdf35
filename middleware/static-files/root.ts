/** A root: a folder or a file that is exported, and whether what a name leads to lies inside it. */

import { type BigIntStats, readlinkSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { sep } from "node:path";

export interface Root {
  /** Absolute, its symbolic links as they were given: a deployment may switch them. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Whether links are followed wherever they lead. */
  readonly followsLinks: boolean;
  /** Where `path` leads to, its links resolved; brought up to date by whoever finds that they have changed. */
  realPath: string;
  /** When it was last made sure that it is there, by `performance.now()`. */
  seenAt: number;
}

/** How often a root is looked at where nothing was found in it, in milliseconds. */
const ROOT_INTERVAL = 1000;

/** Reports a root that has vanished. */
export async function reportIfGone(root: Root, report: (text: string) => void): Promise<void> {
  const now = performance.now();
  if (now - root.seenAt < ROOT_INTERVAL) return;
  root.seenAt = now;
  await stat(root.path).catch((error: Error) => report(`the exported ${root.path} is gone: ${error.message}`));
}

/** The name of a file or folder below a root. */
export function nameIn({ path }: Root, names: readonly string[]): string {
  if (names.length === 0) return path;
  return `${path}${path.endsWith(sep) ? "" : sep}${names.join(sep)}`;
}

/**
 * Whether what is open under a name, not what the name may stand for by now, lies inside the root, and is called so: on a
 * file system that ignores case, a name in another case would pass guards of the right one.
 */
export async function isInside(root: Root, name: string, descriptor: number, stats: BigIntStats): Promise<boolean> {
  if (!root.isFolder) return true;
  try {
    const path = pathOfDescriptor(descriptor) ?? (await resolvedPath(name, stats));
    if (path === undefined) return false;
    if (!isWithin(path, root.realPath)) root.realPath = await realpath(root.path);
    if (!isWithin(path, root.realPath)) return root.followsLinks;
    return !differOnlyInCase(path.slice(root.realPath.length), name.slice(root.path.length));
  } catch {
    return false;
  }
}

/** Whether the folder or file of that name, links resolved, lies inside the root. */
export async function leadsInside(root: Root, name: string): Promise<boolean> {
  if (root.followsLinks) return true;
  try {
    return isWithin(await realpath(name), await realpath(root.path));
  } catch {
    return false;
  }
}

/** Linux knows what is open, so nobody can swap a link in between. The look into `/proc` never waits for a disk. */
function pathOfDescriptor(descriptor: number): string | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

/** The resolved name, if it is still the name of what is open. */
async function resolvedPath(name: string, { ino, dev }: BigIntStats): Promise<string | undefined> {
  const path = await realpath(name);
  const named = await stat(path, { bigint: true });
  return named.ino === ino && named.dev === dev ? path : undefined;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function differOnlyInCase(real: string, asked: string): boolean {
  return process.platform !== "linux" && real !== asked && real.toLowerCase() === asked.toLowerCase();
}
