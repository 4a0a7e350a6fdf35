/** What becomes of the headers of a response that gets another body. */

import type { Body, Environ, HeaderList } from "../../src/gateway.ts";
import { getHeader, removeHeaders, setHeader } from "../../src/http/headers.ts";

/** Fields that describe the bytes of a body (RFC 9110 §8.6, §14.3; RFC 9530). */
const OF_BODY = ["Content-Length", "Accept-Ranges", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"];

/** What tells versions of a body apart (RFC 9110 §8.8). */
const VALIDATORS = ["ETag", "Last-Modified"];

/** The headers of an encoded body: without what describes the bytes before, whose strong tag becomes weak (RFC 9110 §8.8.1). */
export function headersOfEncodedBody(headers: HeaderList): HeaderList {
  const kept = removeHeaders(headers, ...OF_BODY);
  const tag = getHeader(kept, "ETag");
  return tag === undefined || tag.startsWith("W/") ? kept : setHeader(kept, "ETag", `W/${tag}`);
}

/**
 * The headers of a body with another content: without what describes the bytes before, and without the validators of these, as the
 * app knows nothing of what was made of them (RFC 9110 §8.8.1, §8.8.2.1). Those that the change has set stay.
 */
export function headersOfNewBody(before: HeaderList, changed: HeaderList): HeaderList {
  const stale = VALIDATORS.filter((name) => getHeader(changed, name) === getHeader(before, name));
  return removeHeaders(changed, ...OF_BODY, ...stale);
}

/** The headers of a response that has no body, as its status says; its validators are those of another response. */
export function headersOfNoBody(headers: HeaderList): HeaderList {
  return removeHeaders(headers, ...OF_BODY);
}

const unchanged = new WeakSet<object>();

/** unchangedBody marks a body that has the bytes of the one before after all: all that describes them stays. */
export function unchangedBody<Changed extends object>(body: Changed): Changed {
  unchanged.add(body);
  return body;
}

/** isUnchanged tells whether a body was marked as having the bytes of the one before. */
export function isUnchanged(body: Body): boolean {
  return typeof body === "object" && body !== null && unchanged.has(body);
}

/** A 304 of an app knows the strong tag of its own body; a client that has the changed one knows it as a weak tag. */
export function withKnownTag(headers: HeaderList, environ: Environ): HeaderList {
  const tag = getHeader(headers, "ETag");
  const isKnownAsWeak = tag?.startsWith('"') && environ.HTTP_IF_NONE_MATCH?.includes(`W/${tag}`);
  return isKnownAsWeak ? setHeader(headers, "ETag", `W/${tag}`) : headers;
}

/** An empty body of unknown length. */
export const NO_BODY: Iterable<never> = { [Symbol.iterator]: () => [][Symbol.iterator]() };
