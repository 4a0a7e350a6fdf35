/** What tells one version of a file from another. */

import type { BigIntStats } from "node:fs";

/** Changes whenever the bytes may have changed. Needs both inode and times: a copy keeps the times, a write keeps the inode. */
export function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}-${ino}-${size}-${mtimeNs}-${ctimeNs}`;
}

/** Changes whenever an open file may have been written to; not when it was only renamed or deleted. */
export function contentOf({ size, mtimeNs }: BigIntStats): string {
  return `${size.toString(36)}-${mtimeNs.toString(36)}`;
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

/** How long a file has to be left alone before its upload counts as complete, in milliseconds: connections stall. */
const UPLOAD = 30_000;

/** Whether a file that was last changed at that time, in milliseconds since 1970, may still be on its way here. */
export function mayBeIncomplete(changedAt: number): boolean {
  return Math.abs(Date.now() - changedAt) < UPLOAD;
}

/**
 * Whether the modification time tells versions apart to the second (RFC 9110 §8.8.2.2): the file system stamped it when the
 * bytes were written. A build or a copy may give the same time to any bytes.
 */
export function hasOwnTime({ mtimeMs, ctimeMs }: BigIntStats): boolean {
  return Math.abs(Number(ctimeMs - mtimeMs)) < 1000;
}
