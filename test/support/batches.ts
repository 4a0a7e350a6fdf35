/** Which test files run side by side. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "./session.ts";

/** Files that wait much of their time, for what must not happen and for children. */
const WAITING = [
  "adapters/cgi",
  "adapters/from-node/departures",
  "exchange/on-upgrade",
  "middleware/static-files/file-system",
  "server/close",
  "server/departures",
  "server/http2/frames",
  "server/http2/limits",
  "server/http2/requests",
  "server/http2/tunnels",
  "server/limits",
  "server/pipelining",
  "server/requests",
  "server/serve",
  "server/upgrade",
  "system/control",
  "system/deploy",
  "system/hanging-workers",
  "system/one-stack",
  "system/reload",
  "system/settings",
  "system/supervisor",
  "system/tls-files",
].map((name) => `test/${name}.test.ts`);

/** It runs test files itself, and takes longest of all that wait. */
const OTHER_VERSIONS = "test/system/node-versions.test.ts";

/** Files that run side by side, so many at once. */
export interface Batch {
  readonly files: readonly string[];
  readonly atOnce: number;
}

/** The batches of test files, one after the other. What uses a processor shares them with one other file: it may be sensitive to load. */
export function batchesOf(files: readonly string[]): Batch[] {
  for (const file of [...files, ...WAITING, OTHER_VERSIONS]) {
    if (!existsSync(join(root, file))) throw new Error(`${file} is not there`);
  }
  const waiting = [OTHER_VERSIONS, ...WAITING];
  return [
    { files: files.filter((file) => !waiting.includes(file)), atOnce: 2 },
    { files: waiting.filter((file) => files.includes(file)), atOnce: 6 },
  ].filter((batch) => batch.files.length > 0);
}
