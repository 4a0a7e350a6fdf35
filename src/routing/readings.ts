/**
 * What else a canonical path may be read as. `%2F` separates nothing here, yet what serves files or decodes a path before it
 * routes takes it for a slash. A layer that chooses an app by the path has to know about it: a guard that one reading of a
 * path reaches is a guard that the other one passes.
 */

import { removeDotSegments } from "../http/path.ts";

/** Whether a path contains anything that is read in different ways; few do. Searches are much faster than an expression. */
export function mayBeAmbiguous(path: string): boolean {
  return path.includes("//") || path.includes(";") || (path.includes("%") && /%2F|%5C/.test(path));
}

/** `..` beside an encoded separator, or before parameters. Plain ones are not in a canonical path. */
const HIDDEN_PARENT = /(?:\/|%2F|%5C)\.\.(?=\/|%2F|%5C|;|$)/;

/**
 * Whether a path that `owner` was found for, and of which `mayBeAmbiguous` holds, may be meant for another: some reading of
 * it has another owner, or it climbs out of what it has one for. That a reading has no owner is not enough: `/projects/a%2Fb`
 * names one project.
 */
export function isAmbiguous<Owner>(
  path: string,
  owner: Owner | undefined,
  ownerOf: (reading: string) => Owner | undefined,
): boolean {
  const climbs = HIDDEN_PARENT.test(path);
  for (const reading of otherReadings(path)) {
    const other = ownerOf(reading);
    if (other !== owner && (climbs || other !== undefined)) return true;
  }
  return false;
}

/**
 * A path as it is read by code that decodes `%2F`, or `%5C` as well (Windows); that drops path parameters (`;x=1`, Java)
 * or takes them for the query (Fastify's `useSemicolonDelimiter`); that makes runs of `/` one; and that removes dot segments
 * before this, after it, or not at all.
 */
export function otherReadings(path: string): ReadonlySet<string> {
  const readings = new Set<string>();
  const onPosix = path.replaceAll("%2F", "/");
  for (const separated of new Set([onPosix, onPosix.replaceAll("%5C", "/")])) {
    for (const plain of new Set([separated, withoutParameters(separated), beforeParameters(separated)])) {
      const merged = mergeSlashes(plain);
      readings.add(merged);
      readings.add(removeDotSegments(merged));
      readings.add(mergeSlashes(removeDotSegments(plain)));
    }
  }
  readings.delete(path);
  return readings;
}

function withoutParameters(path: string): string {
  return path.includes(";") ? path.replace(/;[^/]*/g, "") : path;
}

function beforeParameters(path: string): string {
  const semicolon = path.indexOf(";");
  return semicolon < 0 ? path : path.slice(0, semicolon);
}

function mergeSlashes(path: string): string {
  return path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
}
