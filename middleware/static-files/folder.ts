/** Reads what a folder holds, for a listing: in small steps, and no more of it than a page can show. */

import type { Stats } from "node:fs";
import { lstat, opendir, stat } from "node:fs/promises";
import { sep } from "node:path";

/** A file or folder in a folder. */
export interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
  /** In bytes; undefined for folders and where unknown. */
  readonly size: number | undefined;
  /** In milliseconds since 1970; undefined where unknown. */
  readonly modified: number | undefined;
}

/** Up to how many entries a folder is read and listed. */
export const MAX_ENTRIES = 10_000;

/** Up to how many entries have sizes and times, which cost a look at each. */
export const MAX_DETAILED = 1_000;

/** How many entries are looked at at once: the threads of Node have others waiting for them. */
const AT_ONCE = 32;

/**
 * What a folder holds that is served: regular files and folders, symbolic links as what they lead to where that
 * `isInside`; no sockets, pipes and devices. `isServed` is asked for each of them, `isInside` for the absolute paths of
 * links. Sorted as by `mergeEntries`. Undefined where the folder has vanished; rejects where it may not be read.
 *
 * A folder of more than `MAX_DETAILED` entries comes without sizes and times. Of one with more than `MAX_ENTRIES`, that
 * many and one are read, in the order of the file system: one too many tells that there are more.
 */
export async function readFolder(
  folder: string,
  isServed: (name: string, isFolder: boolean) => boolean,
  isInside: (path: string) => Promise<boolean>,
): Promise<FolderEntry[] | undefined> {
  // Not `readdir`, which has all the names of a huge folder at once, and the event loop wait for them.
  const opened = await opendir(folder, { bufferSize: AT_ONCE }).catch(unlessGone);
  if (opened === undefined) return undefined;
  const prefix = folder.endsWith(sep) ? folder : folder + sep;
  const own: FolderEntry[] = [];
  const linked: FolderEntry[] = [];
  const isEnough = () => own.length + linked.length > MAX_ENTRIES;
  const follow = async (names: readonly string[]): Promise<void> => {
    const found = await findAll(names, async (name) =>
      (await isInside(prefix + name)) ? toEntry(name, await stat(prefix + name)) : undefined,
    );
    for (const entry of found) if (!isEnough() && isServed(entry.name, entry.isFolder)) linked.push(entry);
  };
  let links: string[] = [];
  for await (const entry of opened) {
    const { name } = entry;
    // It stands for bytes that are no UTF-8, which no path that is served has.
    if (name.includes("\ufffd")) continue;
    const isFolder = entry.isDirectory();
    if (entry.isSymbolicLink()) links.push(name);
    else if ((isFolder || entry.isFile()) && isServed(name, isFolder)) own.push(withoutDetails({ name, isFolder }));
    if (links.length === AT_ONCE) {
      await follow(links);
      links = [];
    }
    if (isEnough()) break;
  }
  await follow(links);
  const isDetailed = own.length + linked.length <= MAX_DETAILED;
  return mergeEntries(isDetailed ? [linked, await detailed(prefix, own)] : [linked.map(withoutDetails), own]);
}

/** What several folders hold that are served under one path: each name once, as the first of them has it. Sorted. */
export function mergeEntries(folders: readonly (readonly FolderEntry[])[]): FolderEntry[] {
  const merged = new Map<string, FolderEntry>();
  for (const entry of folders.flat()) {
    // A file and a folder of one name are two: they differ in the slash.
    const key = entry.isFolder ? `${entry.name}/` : entry.name;
    if (!merged.has(key)) merged.set(key, entry);
  }
  return [...merged.values()].sort(inOrder);
}

/** The same order on every host, whatever its language. */
const { compare } = new Intl.Collator("en", { numeric: true, sensitivity: "accent" });

/** Folders first, then by name without regard to case, numbers by their value; what is alike then, by code units. */
function inOrder(one: FolderEntry, other: FolderEntry): number {
  if (one.isFolder !== other.isFolder) return one.isFolder ? -1 : 1;
  return compare(one.name, other.name) || (one.name < other.name ? -1 : 1);
}

/** The entries with their sizes and times, less those that have vanished or become something else. */
async function detailed(prefix: string, entries: readonly FolderEntry[]): Promise<FolderEntry[]> {
  // Not `stat`: a link that has taken the place of a file may lead outside.
  const found = await findAll(entries, async ({ name }) => toEntry(name, await lstat(prefix + name)));
  const known = new Map(entries.map(({ name, isFolder }) => [name, isFolder]));
  return found.filter(({ name, isFolder }) => known.get(name) === isFolder);
}

/** Looks at each, a few at a time; what vanishes meanwhile, or may not be looked at, is left out. */
async function findAll<T>(
  each: readonly T[],
  find: (one: T) => Promise<FolderEntry | undefined>,
): Promise<FolderEntry[]> {
  const found: FolderEntry[] = [];
  for (let start = 0; start < each.length; start += AT_ONCE) {
    const looks = each.slice(start, start + AT_ONCE).map((one) => find(one).catch(() => undefined));
    for (const entry of await Promise.all(looks)) if (entry !== undefined) found.push(entry);
  }
  return found;
}

function toEntry(name: string, stats: Stats): FolderEntry | undefined {
  const isFolder = stats.isDirectory();
  if (!isFolder && !stats.isFile()) return undefined;
  // Some file systems keep times that a `Date` cannot.
  const modified = Math.abs(stats.mtimeMs) <= 8.64e15 ? stats.mtimeMs : undefined;
  return { name, isFolder, size: isFolder ? undefined : stats.size, modified };
}

function withoutDetails({ name, isFolder }: Pick<FolderEntry, "name" | "isFolder">): FolderEntry {
  return { name, isFolder, size: undefined, modified: undefined };
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}
