/** The folder of a run, gone when it ends: the files that are served, scripts of wrk, what nginx needs. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const FOLDER: string = mkdtempSync(join(tmpdir(), "tsgi-bench-"));
process.on("exit", () => rmSync(FOLDER, { recursive: true, force: true }));
