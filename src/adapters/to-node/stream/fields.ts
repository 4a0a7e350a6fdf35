/** The head of a response as Node's streams take it (RFC 9113 §8.2, §8.3.2). */

import type { OutgoingHttpHeaders } from "node:http2";
import type { HeaderList } from "../../../gateway.ts";
import { trimmed } from "../../../server/http2/field-value.ts";
import { repeatedValue } from "./repeated-field.ts";

/** Belongs to a connection of HTTP/1.1 that changes to HTTP/2 (RFC 7540 §3.2.1); Node refuses it. */
const SETTINGS = "http2-settings";

/**
 * streamFields gives the fields of a response as Node takes them, names in lower case. Whitespace around a value, which HTTP/1.1 ignores, is
 * malformed in HTTP/2. Node adds `date`.
 */
export function streamFields(code: number, headers: HeaderList, length: number): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = { ":status": code };
  addLines(fields, headers);
  if (length >= 0) fields["content-length"] = String(length);
  return fields;
}

/** trailerFields gives trailer lines as Node takes them. */
export function trailerFields(trailers: HeaderList): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = {};
  addLines(fields, trailers);
  return fields;
}

function addLines(fields: OutgoingHttpHeaders, headers: HeaderList): void {
  for (let index = 0; index < headers.length; index++) {
    const line = headers[index] as readonly [string, string];
    const name = line[0].toLowerCase();
    const value = trimmed(line[1]);
    if (Object.hasOwn(fields, name)) fields[name] = repeatedValue(name, fields[name] as string | string[], value);
    else if (name === SETTINGS) continue;
    else if (name !== "__proto__") fields[name] = value;
    else Object.defineProperty(fields, name, { value, enumerable: true, writable: true });
  }
}
