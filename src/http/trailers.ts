/** Trailer lines (RFC 9110 §6.5): which fields may be among them, and who is sent them. */

import { TsgiError } from "../errors.ts";
import type { HeaderList } from "../gateway.ts";
import { isHopByHop, takeHeaders } from "./field-rules.ts";
import { getHeader } from "./headers.ts";

/** What has to be known before the body: routing, conditions, authentication, and what a response is to be used for. */
const BEFORE_THE_BODY: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "cache-control",
  "cookie",
  "date",
  "expect",
  "expires",
  "host",
  "http2-settings",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "location",
  "max-forwards",
  "pragma",
  "proxy-authenticate",
  "proxy-authorization",
  "range",
  "retry-after",
  "set-cookie",
  "status",
  "vary",
  "warning",
  "www-authenticate",
]);

/**
 * mayBeTrailer tells whether a field may stand behind the body: none of framing, routing, authentication and the description of
 * the content may (RFC 9110 §6.5.1), except `Content-Digest`, which is made for it (RFC 9530 §2).
 */
export function mayBeTrailer(name: string): boolean {
  const key = name.toLowerCase();
  if (isHopByHop(name) || BEFORE_THE_BODY.has(key)) return false;
  return !key.startsWith("content-") || key === "content-digest";
}

/**
 * takeTrailers checks trailer lines, and returns a list that no other code can change. Throws as `checkHeaders`, and
 * `TSGI_BAD_TRAILER` for a field that has to come before the body.
 */
export function takeTrailers(trailers: HeaderList): HeaderList {
  const { list } = takeHeaders(trailers);
  const refused = list.find(([name]) => !mayBeTrailer(name));
  if (refused === undefined) return list;
  throw new TsgiError("TSGI_BAD_TRAILER", `${refused[0]} cannot be a trailer`, {
    hint: "Send it with the headers: who gets it has to know it before the body (RFC 9110 §6.5.1).",
  });
}

/** acceptsTrailers tells whether a request says that trailers are kept: `TE: trailers` (RFC 9110 §10.1.4). */
export function acceptsTrailers(headers: HeaderList): boolean {
  const te = getHeader(headers, "TE");
  return te?.split(",").some((coding) => coding.trim().toLowerCase() === "trailers") ?? false;
}

/** announcesTrailers tells whether there is a `Trailer` (RFC 9110 §6.6.2). */
export function announcesTrailers(headers: HeaderList): boolean {
  for (let index = 0; index < headers.length; index++) {
    const name = (headers[index] as HeaderList[number])[0];
    if (name.length === 7 && name.toLowerCase() === "trailer") return true;
  }
  return false;
}
