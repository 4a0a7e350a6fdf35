/** The headers of an app on a response for which a host has set some already. */

import type { ServerResponse } from "node:http";
import type { HeaderList } from "../../gateway.ts";
import { isBeyondAscii } from "../../http/field-rules.ts";
import { repeatedValue } from "./stream/repeated-field.ts";

/**
 * Sets the headers of an app: those with the names that it uses replace the host's, but cookies are added to the host's, and
 * `Vary` names what both vary by. The host's other headers stay. Tells whether a value holds a character beyond ASCII.
 */
export function mergeHeaders(response: ServerResponse, headers: HeaderList, isHttp2: boolean): boolean {
  const groups = grouped(headers);
  dropFraming(response, groups.has("content-length"));
  for (const [key, { name, values }] of groups) {
    const before = valuesOf(response, name);
    let merged = values;
    if (key === "set-cookie") merged = [...before, ...values];
    else if (key === "vary") merged = [mergeVary([...before, ...values])];
    response.setHeader(name, isHttp2 ? http2Value(key, merged) : merged.length === 1 ? (merged[0] as string) : merged);
  }
  return response.getHeaderNames().some((name) => valuesOf(response, name).some(isBeyondAscii));
}

function http2Value(key: string, [first = "", ...others]: readonly string[]): string | string[] {
  let value: string | string[] = first;
  for (const other of others) value = repeatedValue(key, value, other);
  return value;
}

/**
 * Drops what describes a body of the host's. Only where it is there: Node takes the removal of a coding for a ban on chunks.
 */
function dropFraming(response: ServerResponse, hasLength: boolean): void {
  if (response.hasHeader("Content-Length")) response.removeHeader("Content-Length");
  if (hasLength && response.hasHeader("Transfer-Encoding")) response.removeHeader("Transfer-Encoding");
}

function valuesOf(response: ServerResponse, name: string): string[] {
  const value = response.getHeader(name);
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [String(value)];
}

/** All that responses vary by, each once; `*` stands for everything (RFC 9110 §12.5.5). */
function mergeVary(values: readonly string[]): string {
  const fields = new Map<string, string>();
  for (const field of values.join(",").split(",")) {
    const name = field.trim();
    const key = name.toLowerCase();
    if (name !== "" && !fields.has(key)) fields.set(key, name);
  }
  return fields.has("*") ? "*" : [...fields.values()].join(", ");
}

/** The values of each name, by its lower case, in the spelling that came first. */
function grouped(headers: HeaderList): Map<string, { readonly name: string; readonly values: string[] }> {
  const groups = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { name, values: [value] });
    else group.values.push(value);
  }
  return groups;
}
