/** Changes of a response for `transform`: what one is, and which responses it may take. */

import { type BodyMap, mapBody } from "../../src/body/stream.ts";
import type { AppResponse, Environ } from "../../src/gateway.ts";
import { getHeader } from "../../src/http/headers.ts";
import { immediate } from "../../src/immediate.ts";
import { inPieces } from "./pieces.ts";
import { isEncoded } from "./selection.ts";

/** Takes the response of an app and gives the one to send instead: the same object, a derived one, or a promise of one. */
export interface Change {
  (response: AppResponse, environ: Environ): AppResponse | Promise<AppResponse>;
  /**
   * Whether the change would give a whole, unencoded response of this status and these headers another body; its `body` is
   * not to be read. A change without `takes` is asked with parts and encoded bodies as well.
   */
  readonly takes?: (response: AppResponse, environ: Environ) => boolean;
}

const NO_TRANSFORM = /(?:^|[\s,])no-transform(?:[\s,]|$)/i;

/**
 * isTransformable tells whether the bytes of a response may be changed: not those of a range (RFC 9110 §14), where the
 * response or the request says `Cache-Control: no-transform` (§7.7, RFC 9111 §5.2.1.6), nor those that are encoded (§8.4),
 * unless `encoded` says that the change works on encoded bytes.
 */
export function isTransformable(response: AppResponse, environ: Environ, encoded = false): boolean {
  const { status, headers } = response;
  if (status.startsWith("206 ") || getHeader(headers, "Content-Range") !== undefined) return false;
  return mayTransform(response, environ) && (encoded || !isEncoded(headers));
}

/** Whether neither side forbids it. */
function mayTransform({ headers }: AppResponse, { HTTP_CACHE_CONTROL: asked = "" }: Environ): boolean {
  return !NO_TRANSFORM.test(asked) && !NO_TRANSFORM.test(getHeader(headers, "Cache-Control") ?? "");
}

/** hasType tells whether a response is of one of these media types: `"text/html"`, or `"text/*"` for all of a kind. */
export function hasType({ headers }: AppResponse, types: string | readonly string[]): boolean {
  const type = getHeader(headers, "Content-Type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return [types].flat().some((wanted) => {
    const lower = wanted.toLowerCase();
    return lower.endsWith("/*") ? type.startsWith(lower.slice(0, -1)) : type === lower;
  });
}

/** changeOf makes a change of whole responses that `accepts` accepts by their heads; others it is not asked about. */
export function changeOf(accepts: (response: AppResponse) => boolean, change: Change): Change {
  const takes = (response: AppResponse, environ: Environ) => accepts(response) && mayTransform(response, environ);
  const named = (response: AppResponse, environ: Environ) =>
    accepts(response) && isTransformable(response, environ) ? change(response, environ) : response;
  return Object.assign(named, { takes });
}

/**
 * mapChunks makes a change that maps the chunks of bodies of these types as they stream by:
 * `transform(app, mapChunks("image/*", () => ({ chunk: invert })))`. `makeMap` is called once for each response, so that a
 * map may keep what it has seen; its `end` may add to the body. A chunk of more than 1 MiB comes in pieces. See `isTransformable` for what is left alone.
 */
export function mapChunks(types: string | readonly string[], makeMap: (environ: Environ) => BodyMap): Change {
  const make = immediate("makeMap of mapChunks", makeMap);
  return changeOf(
    (response) => hasType(response, types),
    (response, environ) => ({ ...response, body: mapBody(inPieces(response.body), make(environ)) }),
  );
}
