/** What becomes of the headers of a response that gets another body. */

import type { Environ, HeaderList } from "../../src/gateway.ts";
import { getHeader, removeHeaders, setHeader } from "../../src/http/headers.ts";

/** Fields that describe the bytes of a body (RFC 9110 §8.6, §14.3; RFC 9530). */
const OF_BODY = ["Content-Length", "Accept-Ranges", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"];

/** The headers of a new body: without what describes the one before, whose strong tag becomes weak (RFC 9110 §8.8.1). */
export function headersOfNewBody(before: HeaderList, changed: HeaderList): HeaderList {
  const headers = removeHeaders(changed, ...OF_BODY);
  const tag = getHeader(headers, "ETag");
  const isStale = tag !== undefined && tag === getHeader(before, "ETag") && !tag.startsWith("W/");
  return isStale ? setHeader(headers, "ETag", `W/${tag}`) : headers;
}

/** A 304 of an app knows the strong tag of its own body; a client that has the changed one knows it as a weak tag. */
export function withKnownTag(headers: HeaderList, environ: Environ): HeaderList {
  const tag = getHeader(headers, "ETag");
  const isKnownAsWeak = tag?.startsWith('"') && environ.HTTP_IF_NONE_MATCH?.includes(`W/${tag}`);
  return isKnownAsWeak ? setHeader(headers, "ETag", `W/${tag}`) : headers;
}

/** An empty body of unknown length. */
export const NO_BODY: Iterable<never> = { [Symbol.iterator]: () => [][Symbol.iterator]() };
