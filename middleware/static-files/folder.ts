/** Reads the entries of a folder for a listing: in small steps, and no more of them than a page can show. */

import type { BigIntStats } from "node:fs";
import { sep } from "node:path";
import { type FileSystem, NODE_FILE_SYSTEM, openFolder, statLink, statPath } from "./file-system.ts";

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
 * The served entries of a folder: regular files and folders, and symbolic links as what they lead to where that `isInside`;
 * no sockets, pipes and devices. `isServed` decides about each of them, `isInside` about the absolute paths of links. Sorted
 * as by `mergeEntries`. Undefined where the folder has vanished; rejects where it may not be read.
 *
 * A folder of more than `MAX_DETAILED` entries comes without sizes and times. Of one with more than `MAX_ENTRIES`, that
 * number and one more are read, in the order of the file system: the one more says that the listing is cut.
 */
export async function readFolder(
  folder: string,
  isServed: (name: string, isFolder: boolean) => boolean,
  isInside: (path: string) => Promise<boolean>,
  fs: FileSystem = NODE_FILE_SYSTEM,
): Promise<FolderEntry[] | undefined> {
  // Not `readdir`, which reads all names of a huge folder at once while the event loop waits.
  const opened = await openFolder(fs, folder, AT_ONCE).catch(unlessGone);
  if (opened === undefined) return undefined;
  const prefix = folder.endsWith(sep) ? folder : folder + sep;
  const own: FolderEntry[] = [];
  const linked: FolderEntry[] = [];
  const hasEnough = () => own.length + linked.length > MAX_ENTRIES;
  const follow = async (names: readonly string[]): Promise<void> => {
    const found = await findAll(names, async (name) =>
      (await isInside(prefix + name)) ? toEntry(name, await statPath(fs, prefix + name)) : undefined,
    );
    for (const entry of found) if (!hasEnough() && isServed(entry.name, entry.isFolder)) linked.push(entry);
  };
  let links: string[] = [];
  for await (const entry of opened) {
    const { name } = entry;
    // It stands for bytes that are not UTF-8, which no served path has.
    if (name.includes("\ufffd")) continue;
    const isFolder = entry.isDirectory();
    if (entry.isSymbolicLink()) links.push(name);
    else if ((isFolder || entry.isFile()) && isServed(name, isFolder)) own.push(withoutDetails({ name, isFolder }));
    if (links.length === AT_ONCE) {
      await follow(links);
      links = [];
    }
    if (hasEnough()) break;
  }
  await follow(links);
  const isDetailed = own.length + linked.length <= MAX_DETAILED;
  return mergeEntries(isDetailed ? [linked, await withDetails(fs, prefix, own)] : [linked.map(withoutDetails), own]);
}

/** The entries of several folders that are served under one path: each name once, as the first of them has it. Sorted. */
export function mergeEntries(folders: readonly (readonly FolderEntry[])[]): FolderEntry[] {
  const merged = new Map<string, FolderEntry>();
  for (const entry of folders.flat()) {
    // A file and a folder of one name are two: they differ in the slash.
    const key = entry.isFolder ? `${entry.name}/` : entry.name;
    if (!merged.has(key)) merged.set(key, entry);
  }
  return [...merged.values()].sort(compareEntries);
}

/** The same order on every host, whatever its language. */
const { compare } = new Intl.Collator("en", { numeric: true, sensitivity: "accent" });

/** Folders first, then by name without regard to case, numbers by their value; equal names by code units. */
function compareEntries(one: FolderEntry, other: FolderEntry): number {
  if (one.isFolder !== other.isFolder) return one.isFolder ? -1 : 1;
  return compare(one.name, other.name) || (one.name < other.name ? -1 : 1);
}

/** The entries with their sizes and times, without those that have vanished or become something else. */
async function withDetails(fs: FileSystem, prefix: string, entries: readonly FolderEntry[]): Promise<FolderEntry[]> {
  // Not `stat`: a link that has taken the place of a file may lead outside.
  const found = await findAll(entries, async ({ name }) => toEntry(name, await statLink(fs, prefix + name)));
  const known = new Map(entries.map(({ name, isFolder }) => [name, isFolder]));
  return found.filter(({ name, isFolder }) => known.get(name) === isFolder);
}

/** Looks at each, a few at a time; entries that vanish meanwhile, or cannot be looked at, are left out. */
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

function toEntry(name: string, stats: BigIntStats): FolderEntry | undefined {
  const isFolder = stats.isDirectory();
  if (!isFolder && !stats.isFile()) return undefined;
  // Some file systems keep times that a `Date` cannot.
  const time = Number(stats.mtimeNs) / 1e6;
  const modified = Math.abs(time) <= 8.64e15 ? time : undefined;
  return { name, isFolder, size: isFolder ? undefined : Number(stats.size), modified };
}

function withoutDetails({ name, isFolder }: Pick<FolderEntry, "name" | "isFolder">): FolderEntry {
  return { name, isFolder, size: undefined, modified: undefined };
}

function unlessGone(error: unknown): undefined {
  if (!isGone(error)) throw error;
}

/** Whether an error says that there is no such folder. */
export function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}
