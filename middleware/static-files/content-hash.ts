/** Hashes of contents, for entity tags. */

import { createHash } from "node:crypto";
import type { OpenFile } from "./open-file.ts";

/** How much is read and hashed at a time, in bytes. */
export const HASHED: number = 128 * 1024;

export function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64url");
}

/** Hashes an open file piece by piece. Rejects with `TSGI_FILE_CHANGED` where it was written to meanwhile. */
export async function hashOfFile(file: OpenFile, size: number, mayGrow: boolean): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < size; at += HASHED) hash.update(await file.read(at, Math.min(HASHED, size - at)));
  await file.check(mayGrow);
  return hash.digest("base64url");
}
