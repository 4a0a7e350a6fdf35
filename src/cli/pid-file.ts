/** The file that tells others the id of the process. */

import { chownSync, linkSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { codeOf } from "../errors.ts";
import type { Account } from "./accounts.ts";
import { CommandError } from "./command-error.ts";
import { isAlive } from "./process-id.ts";

/** Signals that end a process without its `exit` event. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;

/**
 * holdPidFile writes the id of this process to a file, at once as a whole, and removes it when the process ends in any way but
 * SIGKILL. A file that a dead process has left is replaced. Throws a `CommandError` where another process that lives holds it,
 * and for a file with something else in it. `account` is whom the process becomes later.
 */
export function holdPidFile(file: string, account?: Account): void {
  // The app may change to another folder.
  const path = resolve(file);
  removeDead(file);
  try {
    write(path, account);
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw new CommandError(`--pid-file ${file} was just written by another process`, 1);
    throw new CommandError(`--pid-file ${file} cannot be written: ${codeOf(error)}`, 1);
  }
  process.once("exit", () => remove(path));
  for (const signal of SIGNALS) {
    const end = () => {
      // Whoever else listens decides what becomes of the process.
      if (process.listenerCount(signal) > 1) return;
      remove(path);
      process.off(signal, end);
      process.kill(process.pid, signal);
    };
    process.on(signal, end);
  }
}

function removeDead(file: string): void {
  const id = readPid(file);
  if (id === undefined) return;
  if (Number.isNaN(id)) throw new CommandError(`--pid-file ${file} holds something else; choose another path`);
  // A container that starts again may have the same id.
  if (id !== process.pid && isAlive(id)) {
    throw new CommandError(`--pid-file ${file}: process ${id} is running; stop it, or remove the file`, 1);
  }
  unlinkSync(file);
}

/** The id in a file, 0 for an empty file, NaN for anything else; undefined where there is none. */
function readPid(file: string): number | undefined {
  try {
    const text = readFileSync(file, "latin1");
    return /^\d{0,10}\s*$/.test(text) ? Number(text) : Number.NaN;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new CommandError(`--pid-file ${file} cannot be read: ${codeOf(error)}`, 1);
  }
}

/** A link appears with all that is in the file, and never in the place of another. */
function write(file: string, account: Account | undefined): void {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, `${process.pid}\n`, { flag: "wx", mode: 0o644 });
  try {
    if (account !== undefined) chownSync(unfinished, account.uid ?? -1, account.gid);
    linkSync(unfinished, file);
  } finally {
    unlinkSync(unfinished);
  }
}

/** A user that may not change the folder can at least empty the file. */
function remove(file: string): void {
  try {
    if (readPid(file) !== process.pid) return;
    unlinkSync(file);
  } catch {
    try {
      truncateSync(file);
    } catch {
      // It is replaced by whoever finds this process dead.
    }
  }
}
