/** The files that are served, in `files/` of the folder of the run. */

import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FOLDER } from "./temporary-folder.ts";

/** Some 20 KB whose length divides no size of a chunk, so that no two chunks are alike. */
const TEXT = Array.from({ length: 997 }, (_, n) => `${n} by ${n} is ${n * n}\n`).join("");

export const FILES = {
  "1k.txt": Buffer.alloc(1024, TEXT),
  "100k.txt": Buffer.alloc(100 * 1024, TEXT),
  "1m.bin": Buffer.alloc(1024 * 1024, TEXT),
  "10m.bin": Buffer.alloc(10 * 1024 * 1024, TEXT),
} as const;

/** Not of this moment: deployed files are older, and a server may distrust one that was just written. */
const MODIFIED = new Date("2025-01-01T00:00:00Z");

mkdirSync(join(FOLDER, "files"));
for (const [name, content] of Object.entries(FILES)) {
  const path = join(FOLDER, "files", name);
  writeFileSync(path, content);
  utimesSync(path, MODIFIED, MODIFIED);
}
