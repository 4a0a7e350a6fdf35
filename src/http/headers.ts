/** Header lists: reading them, and deriving others from them. Lists are never changed in place. */

import type { HeaderList } from "../gateway.ts";

/** getHeader returns the value of a header, repeats joined with `", "` (RFC 9110 §5.3); undefined where it is absent. */
export function getHeader(headers: HeaderList, name: string): string | undefined {
  let value: string | undefined;
  for (const line of headers) {
    if (isNamed(line[0], name)) value = value === undefined ? line[1] : `${value}, ${line[1]}`;
  }
  return value;
}

/** hasHeader tells whether a list has a header, even with an empty value. Case is ignored. */
export function hasHeader(headers: HeaderList, name: string): boolean {
  for (const line of headers) if (isNamed(line[0], name)) return true;
  return false;
}

/** setHeader returns the list with one line of that name, at the end, in place of all it had. */
export function setHeader(headers: HeaderList, name: string, value: string): HeaderList {
  return [...removeHeaders(headers, name), [name, value]];
}

/** removeHeaders returns the list without the lines of these names. */
export function removeHeaders(headers: HeaderList, ...names: string[]): HeaderList {
  return headers.filter((line) => !names.some((name) => isNamed(line[0], name)));
}

/** addVary returns the list with a field name in its `Vary` (RFC 9110 §12.5.5), once; `Vary: *` stays as it is. */
export function addVary(headers: HeaderList, field: string): HeaderList {
  const vary = getHeader(headers, "Vary");
  if (vary === undefined || vary === "") return setHeader(headers, "Vary", field);
  const listed = vary.split(",").map((name) => name.trim().toLowerCase());
  return listed.includes("*") || listed.includes(field.toLowerCase())
    ? headers
    : setHeader(headers, "Vary", `${vary}, ${field}`);
}

/** headerPairs makes a header list of alternating names and values, the form of Node's `rawHeaders`. */
export function headerPairs(lines: readonly string[]): HeaderList {
  const list: [string, string][] = [];
  for (let index = 0; index < lines.length; index += 2) list.push([lines[index] as string, lines[index + 1] as string]);
  return list;
}

/** Most names differ in length; to bring each into lower case first would cost more than all else here. */
function isNamed(one: string, other: string): boolean {
  return one.length === other.length && (one === other || one.toLowerCase() === other.toLowerCase());
}
