/** What is to be compressed. */

import type { BigIntStats } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import compressible from "compressible";
import {
  type Encoding,
  isCurrent,
  mediaTypes,
  VARIANTS,
  variantPath,
} from "../../../middleware/static-files/variants.ts";
import { costOf } from "./coding.ts";
import type { Job } from "./job.ts";
import type { Tally } from "./tally.ts";
import { walk } from "./walk.ts";

/**
 * The size in bytes from which files are compressed. A smaller one is sent, with its head, in one packet in any case
 * (1460 bytes on Ethernet), so a variant would save nothing, and takes a block of the disk.
 */
export const MINIMUM = 1024;

const typeOf = mediaTypes({});

/** The variants of a folder's files that are not up to date, the longest work first; the tally counts the others. */
export async function plan(
  folder: string,
  encodings: readonly Encoding[],
  tally: Tally,
  report: (text: string) => void,
): Promise<Job[]> {
  const jobs: Job[] = [];
  for await (const path of walk(folder, report)) {
    if (VARIANTS.some(({ extension }) => path.endsWith(extension))) continue;
    const type = typeOf(path);
    if (!compressible(type)) {
      tally.otherTypes++;
      continue;
    }
    const original = await statsOf(path, lstat, report);
    if (original === undefined) continue;
    if (original.size < MINIMUM) {
      tally.small++;
      continue;
    }
    const isText = type.includes("charset=");
    const found = await Promise.all(encodings.map((each) => statsOf(variantPath(path, each), stat)));
    for (const [index, encoding] of encodings.entries()) {
      if (isUpToDate(found[index], original)) tally.of(encoding).upToDate++;
      else jobs.push({ path, size: Number(original.size), isText, encoding });
    }
  }
  return jobs.sort((one, other) => costOf(other.encoding, other.size) - costOf(one.encoding, one.size));
}

/** Undefined where there is nothing, or where it cannot be looked at, which is reported. */
async function statsOf(
  path: string,
  look: typeof stat,
  report: (text: string) => void = () => {},
): Promise<BigIntStats | undefined> {
  try {
    return await look(path, { bigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") report((error as Error).message);
    return undefined;
  }
}

/** Whether `staticFiles` would send the variant. */
function isUpToDate(variant: BigIntStats | undefined, original: BigIntStats): boolean {
  return variant?.isFile() === true && isCurrent(variant, original);
}
