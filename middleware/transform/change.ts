/** Changes of a response for `transform`: of its text, of its chunks. Each leaves alone what must not be changed. */

import { checkChunks, joinBytes, toBytes } from "../../src/body/chunk.ts";
import { BodyReader, type ChunkReader, failAfter, knownChunks } from "../../src/body/reader.ts";
import { type BodyMap, mapBody, resume } from "../../src/body/stream.ts";
import { clientGone } from "../../src/errors.ts";
import { reportError } from "../../src/exchange/report.ts";
import type { AppResponse, Body, Chunk, Environ } from "../../src/gateway.ts";
import { getHeader } from "../../src/http/headers.ts";
import { parseStatus } from "../../src/http/status.ts";
import { checkOptions, count } from "../../src/options.ts";
import { callOut } from "../../src/promise.ts";
import { isEncoded } from "./selection.ts";
import { asUtf8, decodeDocument, decoderOf, inPieces } from "./text.ts";

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

/** A change of whole responses of these types. */
function changeOf(types: string | readonly string[], change: Change): Change {
  const takes = (response: AppResponse, environ: Environ) =>
    hasType(response, types) && mayTransform(response, environ);
  return Object.assign(change, { takes });
}

/**
 * mapChunks makes a change that maps the chunks of bodies of these types as they stream by:
 * `transform(app, mapChunks("image/*", () => ({ chunk: invert })))`. `makeMap` is called once for each response, so that a
 * map may keep what it has seen; its `end` may add to the body. See `isTransformable` for what is left alone.
 */
export function mapChunks(types: string | readonly string[], makeMap: (environ: Environ) => BodyMap): Change {
  return changeOf(types, function mapChunks(response, environ) {
    if (!hasType(response, types) || !isTransformable(response, environ)) return response;
    return { ...response, body: mapBody(response.body, makeMap(environ)) };
  });
}

/**
 * mapText makes a change of text as it streams by, in the pieces in which the app sends it:
 * `transform(app, mapText("text/html", (text) => text.replaceAll("colour", "color")))`. A character is never split between
 * two pieces, a word may be: `mapDocument` sees the whole. The text is decoded by the charset of the `Content-Type` (UTF-8
 * where it names none) and sent as UTF-8; an unknown charset is left alone, and so is a UTF-8 text from the first piece on
 * that is not UTF-8. A chunk of more than 1 MiB is changed in pieces.
 */
export function mapText(types: string | readonly string[], change: (text: string, environ: Environ) => string): Change {
  return changeOf(types, function mapText(response, environ) {
    const decoder = isText(response, types, environ) ? decoderOf(response.headers) : undefined;
    if (decoder === undefined) return response;
    const changed = (decoded: string | Uint8Array): Chunk | undefined => {
      if (typeof decoded !== "string") return decoded;
      return decoded === "" ? undefined : change(decoded, environ);
    };
    const body = mapBody(inPieces(response.body), {
      chunk: (chunk) => changed(decoder.decode(toBytes(chunk))),
      end: () => changed(decoder.end()),
    });
    return { ...response, headers: asUtf8(response.headers), body };
  });
}

function isText(response: AppResponse, types: string | readonly string[], environ: Environ): boolean {
  return hasType(response, types) && isTransformable(response, environ);
}

/** How much of a document is read. */
export interface DocumentOptions {
  /** The largest document that is changed, in bytes. Default 1 MiB. A larger one is passed on as it is. */
  limit?: number | undefined;
}

/**
 * mapDocument makes a change of a text as a whole; nothing is sent before all of it is there:
 * `transform(app, mapDocument("text/html", (page) => page.replace("</body>", `${banner}</body>`)))`. Text is decoded and
 * encoded as by `mapText`; one that is not what its charset says is passed on as it is. Throws `TSGI_BAD_OPTION`.
 */
export function mapDocument(
  types: string | readonly string[],
  change: (text: string, environ: Environ) => string | Promise<string>,
  options: DocumentOptions = {},
): Change {
  checkOptions("mapDocument", options, { limit: count() });
  const { limit = 1024 * 1024 } = options;

  return changeOf(types, async function mapDocument(response, environ) {
    const isTaken = isText(response, types, environ) && !isKnownToExceed(limit, response);
    if (!isTaken || decoderOf(response.headers) === undefined) return response;
    const headers = asUtf8(response.headers);
    const isBodiless = environ.REQUEST_METHOD === "HEAD" || parseStatus(response.status).bodiless;
    if (isBodiless) return { ...response, headers, body: mapBody(response.body, NOTHING) };
    const reader = new BodyReader(response.body);
    const body = await readDocument(reader, limit, environ).catch((error) => failAfter(() => reader.close(), error));
    if (!(body instanceof Uint8Array)) return { ...response, body };
    callOut(
      () => reader.close(),
      (error) => reportError(environ, error),
    );
    const text = decodeDocument(response.headers, body);
    return text === undefined ? { ...response, body } : { ...response, headers, body: await change(text, environ) };
  });
}

/** All of a document, or a body of what was read and what is left where that is too long. */
async function readDocument(reader: ChunkReader, limit: number, environ: Environ): Promise<Uint8Array | Body> {
  let isGone = false;
  environ["tsgi.exchange"].onAbort?.(() => {
    isGone = true;
    // The document is no longer wanted: an error of closing it is the reader's own next failure.
    callOut(
      () => reader.close(),
      () => {},
    );
  });
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
    const bytes = toBytes(chunk);
    parts.push(bytes);
    length += bytes.byteLength;
    if (length > limit) return resume(joinBytes(parts), reader);
  }
  if (isGone) throw clientGone();
  return joinBytes(parts);
}

/** Whether a document is too large, as far as can be told without reading it. */
function isKnownToExceed(limit: number, { headers, body }: AppResponse): boolean {
  const chunks = knownChunks(body);
  const length = chunks === undefined ? 0 : checkChunks(chunks);
  return Math.max(length, Number(getHeader(headers, "Content-Length") ?? 0)) > limit;
}

const NOTHING: BodyMap = { chunk: () => undefined };
