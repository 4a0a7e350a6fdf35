/** Opening a file to serve it: one descriptor from the first look at it to its last byte. */

import type { BigIntStats } from "node:fs";
import { TsgiError } from "../../src/errors.ts";
import { closeDescriptor, type FileSystem, openDescriptor, readDescriptor, statDescriptor } from "./file-system.ts";
import { isInside, type Root } from "./root.ts";
import { contentOf, isJustWritten, TICK, versionOf } from "./version.ts";

/** Errors that say that there is nothing of that name, or nothing that can be opened to be read. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "ENXIO", "ENODEV", "EOPNOTSUPP", "EINVAL"]);

/** Errors of a process, or a computer, that has run out of descriptors. */
const EXHAUSTED = new Set(["EMFILE", "ENFILE"]);

/** `folder` where the name is a folder's, undefined where there is nothing to serve. */
export type Opened = OpenFile | "folder" | undefined;

/** How files are opened. */
export interface Opening {
  /** Whether the file is only ever appended to, so that the bytes it has never change. */
  readonly isAppendOnly: boolean;
  /** Closes files that are open without need. */
  readonly closeIdle: () => Promise<unknown>;
}

/**
 * Opens a regular file that lies, its links resolved, inside a root. Waits for a file that is being written, so that its
 * version says which bytes it has; one that has only grown meanwhile is given as it is by then, and says so.
 *
 * Rejects with `TSGI_FILE_CHANGED` where the writing does not end, and with errors of the file system such as `EACCES`.
 */
export async function openFile(name: string, root: Root, { isAppendOnly, closeIdle }: Opening): Promise<Opened> {
  const { fs } = root;
  let descriptor: number;
  try {
    descriptor = await openPatiently(fs, name, closeIdle);
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  let file: OpenFile | undefined;
  try {
    const stats = await statDescriptor(fs, descriptor);
    if (!(stats.isFile() || stats.isDirectory())) return undefined;
    if (!(await isInside(root, name, descriptor, stats))) return undefined;
    if (stats.isDirectory()) return "folder";
    file = await openStill(fs, descriptor, stats, isAppendOnly);
    return file;
  } finally {
    if (file === undefined) void closeDescriptor(fs, descriptor);
  }
}

/** How long to wait for a free descriptor, in milliseconds, each time that there is none. */
const WAITS = [0, 10, 40];

async function openPatiently(fs: FileSystem, name: string, closeIdle: () => Promise<unknown>): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await openDescriptor(fs, name);
    } catch (error) {
      const wait = WAITS[attempt];
      if (wait === undefined || !EXHAUSTED.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
      await closeIdle();
      if (wait > 0) await sleep(wait);
    }
  }
}

/** How often a file may turn out to have been written to in the meantime. */
const PATIENCE = 5;

async function openStill(fs: FileSystem, descriptor: number, first: BigIntStats, isAppendOnly: boolean) {
  if (isAppendOnly || !isJustWritten(first)) return new OpenFile(fs, descriptor, first, false);
  let last = first;
  let hasOnlyGrown = true;
  for (let turn = 0; turn < PATIENCE; turn++) {
    await sleep(TICK);
    const stats = await statDescriptor(fs, descriptor);
    if (contentOf(stats) === contentOf(last)) return new OpenFile(fs, descriptor, stats, false);
    hasOnlyGrown &&= stats.size > last.size;
    last = stats;
  }
  if (hasOnlyGrown) return new OpenFile(fs, descriptor, last, true);
  throw changed();
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A regular file, open. It is closed when the last of its users has released it. */
export class OpenFile {
  readonly stats: BigIntStats;
  readonly version: string;
  /** Whether the file grew all the time while it was being opened: its next bytes are on their way. */
  readonly isGrowing: boolean;
  readonly #fs: FileSystem;
  readonly #descriptor: number;
  #users = 1;

  constructor(fs: FileSystem, descriptor: number, stats: BigIntStats, isGrowing: boolean) {
    this.#fs = fs;
    this.#descriptor = descriptor;
    this.stats = stats;
    this.version = versionOf(stats);
    this.isGrowing = isGrowing;
  }

  /** Adds a user, who has to release the file once. */
  acquire(): this {
    this.#users++;
    return this;
  }

  /** To be called with no read under way: the number of the descriptor may be another file's at once. */
  release(): undefined | Promise<void> {
    this.#users--;
    return this.#users === 0 ? closeDescriptor(this.#fs, this.#descriptor) : undefined;
  }

  /** Fills `bytes`, which has that length. Rejects with `TSGI_FILE_CHANGED` where the file has become too short. */
  async read(position: number, length: number, bytes: Buffer = Buffer.allocUnsafeSlow(length)): Promise<Uint8Array> {
    let filled = 0;
    while (filled < length) {
      const count = await readDescriptor(this.#fs, this.#descriptor, bytes, filled, position + filled);
      if (count === 0) throw changed();
      filled += count;
    }
    return bytes;
  }

  /** Rejects with `TSGI_FILE_CHANGED` where the file was written to since it was opened; with `mayGrow`, not where it grew. */
  async check(mayGrow: boolean): Promise<void> {
    const stats = await statDescriptor(this.#fs, this.#descriptor);
    if (mayGrow && stats.size > this.stats.size) return;
    if (contentOf(stats) !== contentOf(this.stats)) throw changed();
  }
}

/** Whether an error says that a file was written to while it was being read. */
export function isChanged(error: unknown): boolean {
  return error instanceof TsgiError && error.code === "TSGI_FILE_CHANGED";
}

export function changed(): TsgiError {
  return new TsgiError("TSGI_FILE_CHANGED", "the file was changed while it was being sent", {
    hint: "Write to another file and rename it: a response never mixes two versions.",
  });
}
