/** Opening a file to serve it: one descriptor from the first look at it to its last byte. */

import { type BigIntStats, close, constants, fstat, open, read } from "node:fs";
import { TsgiError } from "../../src/errors.ts";
import { isInside, type Root } from "./root.ts";
import { contentOf, isJustWritten, TICK, versionOf } from "./version.ts";

/** A FIFO must not block, and a terminal must not become ours. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Errors that say that there is nothing of that name, or nothing that can be opened to be read. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "ENXIO", "ENODEV", "EOPNOTSUPP", "EINVAL"]);

/** `folder` where the name is a folder's, undefined where there is nothing to serve. */
export type Opened = OpenFile | "folder" | undefined;

/**
 * Opens a regular file that lies, its links resolved, inside a root. Waits for a file that is being written, so that its
 * version says which bytes it has. Rejects with `TSGI_FILE_CHANGED` where the writing does not end, else with what goes
 * wrong, as `EACCES`; `report` hears of names that no file can have.
 */
export async function openFile(name: string, root: Root, report: (text: string) => void): Promise<Opened> {
  let descriptor: number;
  try {
    descriptor = await openDescriptor(name);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENAMETOOLONG") report("ENAMETOOLONG: no file can have such a name");
    return undefined;
  }
  let file: OpenFile | undefined;
  try {
    let stats = await statDescriptor(descriptor);
    if (!(stats.isFile() || stats.isDirectory())) return undefined;
    if (!(await isInside(root, name, descriptor, stats))) return undefined;
    if (stats.isDirectory()) return "folder";
    if (isJustWritten(stats)) stats = await untilStill(descriptor, stats);
    file = new OpenFile(descriptor, stats);
    return file;
  } finally {
    if (file === undefined) void closeDescriptor(descriptor);
  }
}

/** How often a file may turn out to have been written to in the meantime. */
const PATIENCE = 5;

async function untilStill(descriptor: number, before: BigIntStats): Promise<BigIntStats> {
  let last = before;
  for (let turn = 0; turn < PATIENCE; turn++) {
    await new Promise((resolve) => setTimeout(resolve, TICK));
    const stats = await statDescriptor(descriptor);
    if (contentOf(stats) === contentOf(last)) return stats;
    last = stats;
  }
  throw changed();
}

/** A regular file, open. It is closed when the last of those who use it has released it. */
export class OpenFile {
  readonly stats: BigIntStats;
  readonly version: string;
  readonly #descriptor: number;
  #users = 1;

  constructor(descriptor: number, stats: BigIntStats) {
    this.#descriptor = descriptor;
    this.stats = stats;
    this.version = versionOf(stats);
  }

  /** One more user: whoever calls it releases the file once. */
  use(): this {
    this.#users++;
    return this;
  }

  /** To be called with no read under way: the number of the descriptor may be another file's at once. */
  release(): undefined | Promise<void> {
    this.#users--;
    return this.#users === 0 ? closeDescriptor(this.#descriptor) : undefined;
  }

  /**
   * Reads that many bytes. With `isLast` it makes sure that nobody has written to the file since it was opened. Rejects with
   * `TSGI_FILE_CHANGED` where somebody has, or the file has become too short.
   */
  async read(position: number, length: number, isLast: boolean): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const count = await readDescriptor(this.#descriptor, bytes, filled, position + filled);
      if (count === 0) throw changed();
      filled += count;
    }
    if (isLast && contentOf(await statDescriptor(this.#descriptor)) !== contentOf(this.stats)) throw changed();
    return bytes;
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

export function isAbsent(error: unknown): boolean {
  return ABSENT.has((error as NodeJS.ErrnoException).code ?? "");
}

// Node's own promises cost a quarter more for a small file, so these are made of callbacks.

function openDescriptor(name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(name, FLAGS, (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
  });
}

function statDescriptor(descriptor: number): Promise<BigIntStats> {
  return new Promise((resolve, reject) => {
    fstat(descriptor, { bigint: true }, (error, stats) => (error ? reject(error) : resolve(stats)));
  });
}

function readDescriptor(descriptor: number, bytes: Buffer, filled: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, bytes, filled, bytes.length - filled, position, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

/** Nothing depends on how the closing of a file went that was only read. */
function closeDescriptor(descriptor: number): Promise<void> {
  return new Promise((resolve) => {
    close(descriptor, () => resolve());
  });
}
