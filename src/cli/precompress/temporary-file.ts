/** Files that are not there yet: written under another name, and renamed when they are whole. */

import { randomBytes } from "node:crypto";
import { type BigIntStats, closeSync, fchmodSync, fstatSync, futimesSync, openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/** The files that have to go if the process ends now. */
const unfinished = new Set<string>();

/**
 * A new file in a folder, under a name that starts with a dot and so is never served. Whatever makes, renames or deletes it
 * is synchronous: a signal comes before or after it, and finds the list of unfinished files complete.
 */
export class TemporaryFile {
  readonly descriptor: number;
  readonly #path: string;

  constructor(folder: string) {
    this.#path = join(folder, `.tsgi-${randomBytes(8).toString("hex")}`);
    this.descriptor = openSync(this.#path, "wx", 0o600);
    unfinished.add(this.#path);
  }

  get size(): number {
    return fstatSync(this.descriptor).size;
  }

  /** Gives the file its name, with the permissions of the file that it is a variant of, and never older than that. */
  install(path: string, original: BigIntStats): void {
    const mode = Number(original.mode) & 0o777;
    // Where all files have one mode, as on FAT, none may be set.
    if ((fstatSync(this.descriptor).mode & 0o777) !== mode) fchmodSync(this.descriptor, mode);
    const time = timeNotBefore(original.mtimeNs);
    futimesSync(this.descriptor, time, time);
    renameSync(this.#path, path);
    unfinished.delete(this.#path);
  }

  /** To be called in any case, after the last write. */
  close(): void {
    closeSync(this.descriptor);
    if (unfinished.delete(this.#path)) rmSync(this.#path, { force: true });
  }
}

/** To be called when the process ends. */
export function deleteUnfinished(): void {
  for (const path of unfinished) rmSync(path, { force: true });
  unfinished.clear();
}

/**
 * The next millisecond, in seconds. Node keeps microseconds and cuts off what it cannot keep, so a whole millisecond may
 * become the microsecond before it: two more make up for that.
 */
function timeNotBefore(nanoseconds: bigint): number {
  return (Number(nanoseconds / 1_000_000n) + 1.002) / 1000;
}
