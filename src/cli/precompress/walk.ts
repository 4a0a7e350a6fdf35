/** The files of a folder. */

import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { mayName } from "../../../middleware/static-files/variants.ts";

/** What `staticFiles` serves by default. */
const NAMES = { dotfiles: false, windows: process.platform === "win32" };

/**
 * The paths of the regular files in a folder and in those below it, folder by folder. Neither symbolic links nor dotfiles
 * (except `.well-known`), FIFOs, sockets and devices. `report` hears of folders that cannot be read.
 */
export async function* walk(root: string, report: (text: string) => void): AsyncGenerator<string> {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readEntries(folder, report)) {
      if (!mayName(entry.name, folder === root, NAMES)) continue;
      if (entry.isDirectory()) folders.push(join(folder, entry.name));
      else if (entry.isFile()) yield join(folder, entry.name);
    }
  }
}

async function readEntries(folder: string, report: (text: string) => void): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    report((error as Error).message);
    return [];
  }
}
