/** The folder that a command is given. */

import { statSync } from "node:fs";
import { CommandError } from "./command-error.ts";

/** Throws a `CommandError` unless there is such a folder. */
export function checkFolder(folder: string): void {
  let isFolder: boolean | undefined;
  try {
    isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory();
  } catch (error) {
    throw new CommandError(`${folder} cannot be looked at: ${(error as NodeJS.ErrnoException).code}`);
  }
  if (!isFolder) throw new CommandError(`there is no folder ${folder}; check the path`);
}
