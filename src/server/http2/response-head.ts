/** The head of a response of HTTP/2 (RFC 9113 §8.2, §8.3.2). */

import type { OutgoingHttpHeaders } from "node:http2";
import type { HeaderList } from "../../gateway.ts";

/**
 * The fields of a response as Node takes them, names in lower case. Whitespace around a value, which HTTP/1.1 ignores, is
 * malformed in HTTP/2. Node adds `date`.
 */
export function responseFields(code: number, headers: HeaderList, length: number): OutgoingHttpHeaders {
  const fields = { __proto__: null, ":status": code } as unknown as OutgoingHttpHeaders;
  for (let index = 0; index < headers.length; index++) {
    const line = headers[index] as readonly [string, string];
    const name = line[0].toLowerCase();
    const value = line[1].trim();
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else fields[name] = [before as string, value];
  }
  if (length >= 0) fields["content-length"] = String(length);
  return fields;
}

/** The fields as text, as HTTP/1.1 would have them, for those who watch. */
export function headAsText(fields: OutgoingHttpHeaders, reason: string): string {
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    name === ":status" ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  return `HTTP/2.0 ${fields[":status"]} ${reason}\r\n${lines.join("")}\r\n`;
}
