/** Opening a file to serve it: one descriptor from the first look at it to its last byte. */

import { type BigIntStats, close, constants, fstat, open, read, readlinkSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
import { TsgiError } from "../../src/errors.ts";
import type { Validators } from "../../src/precondition.ts";
import type { Exported } from "./exported.ts";

/** A FIFO must not block, and a terminal must not become ours. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Errors that say that there is nothing of that name, or nothing that can be opened to be read. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "ENXIO", "ENODEV", "EOPNOTSUPP", "EINVAL"]);

/** `folder` where the name is a folder's, undefined where there is nothing to serve. */
export type Opened = OpenFile | "folder" | undefined;

/**
 * Opens a regular file that is exported or lies, its links resolved, inside the exported folder. Rejects with what goes
 * wrong otherwise, as `EACCES`.
 */
export async function openFile(name: string, exported: Exported): Promise<Opened> {
  let descriptor: number;
  try {
    descriptor = await openDescriptor(name);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  let file: OpenFile | undefined;
  try {
    const stats = await statDescriptor(descriptor);
    if (!(stats.isFile() || stats.isDirectory())) return undefined;
    if (exported.isFolder && !(await isInside(exported, name, descriptor, stats))) return undefined;
    if (stats.isDirectory()) return "folder";
    file = new OpenFile(descriptor, stats);
    return file;
  } finally {
    if (file === undefined) void closeDescriptor(descriptor);
  }
}

/** A regular file, open. Whoever has it closes it. One operation at a time. */
export class OpenFile implements Validators {
  readonly size: number;
  readonly modified: number;
  /** A strong entity tag of size and modification time in nanoseconds. */
  readonly etag: string;
  readonly #descriptor: number;
  readonly #version: string;
  #underWay: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  constructor(descriptor: number, stats: BigIntStats) {
    this.#descriptor = descriptor;
    this.#version = versionOf(stats);
    this.size = Number(stats.size);
    this.etag = `"${this.#version}"`;
    // RFC 9110 §8.8.2.1: never later than now, whatever the clock said that stamped the file.
    this.modified = Math.floor(Math.min(Number(stats.mtimeMs), Date.now()) / 1000);
  }

  /**
   * Reads that many bytes. With `isLast` it makes sure that nobody has written to the file since it was opened. Rejects with
   * `TSGI_FILE_CHANGED` where somebody has, or the file has become too short.
   */
  async read(position: number, length: number, isLast: boolean): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const count = await this.#use((descriptor) => readDescriptor(descriptor, bytes, filled, position + filled));
      if (count === 0) throw changed();
      filled += count;
    }
    if (isLast && versionOf(await this.#use(statDescriptor)) !== this.#version) throw changed();
    return bytes;
  }

  async #use<T>(operation: (descriptor: number) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined)
      throw new TsgiError("TSGI_FILE_CLOSED", "the file was closed while it was being read");
    const underWay = operation(this.#descriptor);
    this.#underWay = underWay;
    return underWay;
  }

  /** Closes the file, once. The number of its descriptor may be another file's at once, so what is under way ends first. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled([this.#underWay]).then(() => closeDescriptor(this.#descriptor));
    return this.#closing;
  }
}

/** Whether an error says that a file was written to while it was being read. */
export function isChanged(error: unknown): boolean {
  return error instanceof TsgiError && error.code === "TSGI_FILE_CHANGED";
}

function changed(): TsgiError {
  return new TsgiError("TSGI_FILE_CHANGED", "the file was changed while it was being sent", {
    hint: "Write to another file and rename it: a response never mixes two versions.",
  });
}

/** What changes whenever somebody writes to a file. */
function versionOf({ size, mtimeNs }: BigIntStats): string {
  return `${size.toString(36)}-${mtimeNs.toString(36)}`;
}

function isAbsent(error: unknown): boolean {
  return ABSENT.has((error as NodeJS.ErrnoException).code ?? "");
}

/** Whether what is open, not what its name may stand for by now, lies inside the exported folder. */
async function isInside(folder: Exported, name: string, descriptor: number, stats: BigIntStats): Promise<boolean> {
  try {
    const path = pathOfDescriptor(descriptor) ?? (await resolvedPath(name, stats));
    if (path === undefined) return false;
    if (!isWithin(path, folder.realPath)) {
      folder.realPath = await realpath(folder.path);
      if (!isWithin(path, folder.realPath)) return false;
    }
    return !differOnlyInCase(path.slice(folder.realPath.length), name.slice(folder.path.length));
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
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

/** On a file system that ignores case, a name in another case would pass guards of the right one. */
function differOnlyInCase(real: string, asked: string): boolean {
  return process.platform !== "linux" && real !== asked && real.toLowerCase() === asked.toLowerCase();
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
