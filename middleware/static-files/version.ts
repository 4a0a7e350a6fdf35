/** What tells one version of a file from another. */

import type { BigIntStats } from "node:fs";

/** Differs wherever a name may stand for other bytes than before: a copy keeps times, writing keeps the inode. */
export function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}-${ino}-${size}-${mtimeNs}-${ctimeNs}`;
}

/** Differs wherever what is open may have been written to; not where it only was renamed or deleted. */
export function contentOf({ size, mtimeNs }: BigIntStats): string {
  return `${size.toString(36)}-${mtimeNs.toString(36)}`;
}

/** A strong entity tag of size, modification time in nanoseconds and coding: the same on every host of a deployment. */
export function tagOf(stats: BigIntStats, encoding: string | undefined): string {
  return encoding === undefined ? `"${contentOf(stats)}"` : `"${contentOf(stats)}-${encoding}"`;
}

/**
 * How long a file has to be left alone before its times tell its versions apart, in milliseconds: Linux stamps files by a
 * clock that stands still for up to 10 ms.
 */
export const TICK = 20;

/** Whether another write may leave the times of the file as they are. */
export function isJustWritten({ ctimeMs }: BigIntStats): boolean {
  return Math.abs(Date.now() - Number(ctimeMs)) < TICK;
}
