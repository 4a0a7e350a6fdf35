/** One variant to be made. */

import type { BigIntStats } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Encoding,
  isJustWritten,
  TICK,
  variantPath,
  versionOf,
} from "../../../middleware/static-files/variants.ts";
import { TemporaryFile } from "./temporary-file.ts";
import type { Thread } from "./thread.ts";

export interface Job {
  /** Of the file that is compressed. */
  readonly path: string;
  /** When it was found. */
  readonly size: number;
  readonly isText: boolean;
  readonly encoding: Encoding;
}

/** Sizes in bytes. */
export interface Made {
  readonly before: number;
  readonly after: number;
}

/**
 * Makes a variant, or deletes the existing one where the file does not shrink. Rejects, with nothing changed, if that fails or
 * the file was changed in the meantime.
 */
export async function makeVariant({ path, isText, encoding }: Job, thread: Thread): Promise<Made | "not smaller"> {
  const before = await statsOfStill(path);
  const size = Number(before.size);
  const temporary = new TemporaryFile(dirname(path));
  try {
    await thread.compress({ path, size, isText, encoding, descriptor: temporary.descriptor });
    if (versionOf(await lstat(path, { bigint: true })) !== versionOf(before)) throw fileChanged();
    const after = temporary.size;
    if (after >= size) {
      await rm(variantPath(path, encoding), { force: true });
      return "not smaller";
    }
    temporary.install(variantPath(path, encoding), before);
    return { before: size, after };
  } finally {
    temporary.close();
  }
}

/** The stats of a file whose next change they will show. */
async function statsOfStill(path: string): Promise<BigIntStats> {
  let stats = await lstat(path, { bigint: true });
  if (isJustWritten(stats)) {
    await sleep(TICK);
    stats = await lstat(path, { bigint: true });
  }
  if (!stats.isFile() || isJustWritten(stats)) throw fileChanged();
  return stats;
}

function fileChanged(): Error {
  return new Error("the file was changed while it was compressed");
}
