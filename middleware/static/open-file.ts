/** Opening a file to serve it: one descriptor from the first look at it to its last byte. */

import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readlink, realpath, stat } from "node:fs/promises";
import { sep } from "node:path";

/** A regular file inside its root, open. Whoever has it closes it. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
  /** Seconds since 1970, as `Last-Modified` has it. */
  readonly modified: number;
  /** A strong entity tag of size and modification time in nanoseconds. */
  readonly etag: string;
  /** Equal as long as nobody has written to the file. */
  readonly version: string;
}

/** `folder` where the name is a folder's, undefined where there is nothing to serve. */
export type Opened = OpenFile | "folder" | undefined;

/** A FIFO must not block, and a terminal must not become ours. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Errors that say that there is nothing of that name. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "ENXIO", "EINVAL", "ERR_INVALID_ARG_VALUE"]);

/** Opens a regular file that lies, its links resolved, inside `root`. Rejects with what else goes wrong, as `EACCES`. */
export async function openFile(name: string, root: string): Promise<Opened> {
  let handle: FileHandle;
  try {
    handle = await open(name, FLAGS);
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  let opened: Opened;
  try {
    opened = await inspect(handle, name, root);
  } catch (error) {
    await handle.close();
    throw error;
  }
  if (opened === undefined || opened === "folder") await handle.close();
  return opened;
}

async function inspect(handle: FileHandle, name: string, root: string): Promise<Opened> {
  const stats = await handle.stat({ bigint: true });
  const isServable = stats.isFile() || stats.isDirectory();
  if (!isServable || !(await isInside(handle, name, root))) return undefined;
  if (stats.isDirectory()) return "folder";
  const size = Number(stats.size);
  const version = versionOf(stats);
  return { handle, size, modified: Math.floor(Number(stats.mtimeMs) / 1000), etag: `"${version}"`, version };
}

/** What changes whenever somebody writes to a file. */
export function versionOf({ size, mtimeNs }: { size: bigint; mtimeNs: bigint }): string {
  return `${size.toString(36)}-${mtimeNs.toString(36)}`;
}

/** Whether the open file itself, not what its name may stand for by now, lies inside the root. */
async function isInside(handle: FileHandle, name: string, root: string): Promise<boolean> {
  const path = await pathOf(handle, name);
  return path !== undefined && (path === root || path.startsWith(root.endsWith(sep) ? root : root + sep));
}

async function pathOf(handle: FileHandle, name: string): Promise<string | undefined> {
  if (process.platform === "linux")
    return readlink(`/proc/self/fd/${handle.fd}`).catch(() => resolvedPath(handle, name));
  return resolvedPath(handle, name);
}

/** The resolved name, if it is still the name of the file that is open. */
async function resolvedPath(handle: FileHandle, name: string): Promise<string | undefined> {
  const path = await realpath(name);
  const [open, named] = await Promise.all([handle.stat(), stat(path)]);
  return isSame(open, named) ? path : undefined;
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}
