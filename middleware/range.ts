/**
 * Answers requests for parts of what an app answers.
 *
 * ```ts
 * const film: App = async function* (_environ, startResponse) {
 *   startResponse("200 OK", [["Content-Type", "video/mp4"], ["Content-Length", "1000000"], ["ETag", '"v1"']]);
 *   for (let part = 0; part < 10; part++) yield new Uint8Array(100_000).fill(part);
 * };
 *
 * // `Range: bytes=0-99999` is answered with the first part, and the others are not made.
 * export const app = range(conditional(film), { maxRanges: 5 });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { checkChunks, joinBytes, toBytes } from "../src/body/chunk.ts";
import { BodyReader, knownChunks } from "../src/body/reader.ts";
import { toStream } from "../src/body/stream.ts";
import { capture } from "../src/exchange/capture.ts";
import { respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Body, Chunk, Environ } from "../src/gateway.ts";
import { getHeader, removeHeaders } from "../src/http/headers.ts";
import { type Part, partialContent, wantedRanges } from "../src/http/partial.ts";
import { parseDate } from "../src/http/precondition.ts";
import { contentRange } from "../src/http/range.ts";
import { checkOptions, count } from "../src/options.ts";
import { andThen } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { refused } from "./conditional/refused.ts";
import { PartsReader } from "./range/parts-reader.ts";
import { isEncoded } from "./transform/selection.ts";

/** How ranges are answered. */
export interface RangeOptions {
  /** How many ranges are sent in one response; a request for more gets the whole. Default 50. */
  maxRanges?: number;
}

/**
 * range answers `Range` (RFC 9110 §14) for every complete response of an app, a 200 of which the length is known: 206 with
 * the bytes that were asked for, several ranges as `multipart/byteranges`, 416 where none lies within the body. `If-Range`
 * gets the whole where its tag or date is not that of the response. What can be asked for in parts says `Accept-Ranges: bytes`.
 *
 * A stream with a `Content-Length` is read up to the last byte that was asked for, and then closed; ranges that go back in it
 * get the whole. Responses that are parts already, that say `Accept-Ranges: none`, and encoded bodies without a strong tag,
 * which may be other bytes the next time, are left alone.
 *
 * Preconditions come first: `range(conditional(app))`. Put `compress` around it. Throws `TSGI_BAD_OPTION`.
 */
export function range(app: App, options: RangeOptions = {}): App {
  checkApp(app, "range");
  checkOptions("range", options, { maxRanges: count(1) });
  const { maxRanges } = options;

  const outer: App = function range(environ, startResponse) {
    const { REQUEST_METHOD: method } = environ;
    if (method !== "GET" && method !== "HEAD") return app(environ, startResponse);
    return andThen(capture(app, environ), (response) =>
      andThen(partOf(response, environ, maxRanges), (settled) => respond(settled, startResponse)),
    );
  };
  return wrapping(outer, app);
}

/** Digests of the content that is sent, not of all of it (RFC 9530 §2). */
const OF_CONTENT = ["Content-MD5", "Digest", "Content-Digest"];

function partOf(
  response: AppResponse,
  environ: Environ,
  maxRanges: number | undefined,
): AppResponse | Promise<AppResponse> {
  const chunks = knownChunks(response.body);
  const size = sizeOf(response, chunks, environ);
  if (size === undefined || !mayHaveParts(response)) return response;
  const headers = [...removeHeaders(response.headers, "Accept-Ranges"), ["Accept-Ranges", "bytes"] as const];
  const validators = {
    etag: getHeader(headers, "ETag") ?? "",
    modified: parseDate(getHeader(headers, "Last-Modified")) ?? Number.NaN,
  };
  const ranges = wantedRanges(environ, size, validators, maxRanges);
  // A stream is read once, from its beginning.
  const goesBack = ranges?.some(({ first }, index) => index > 0 && first < (ranges[index - 1]?.first ?? 0));
  if (ranges === undefined || (goesBack && chunks === undefined)) return { ...response, headers };
  if (ranges.length === 0) {
    return refused(response, environ, "416 Range Not Satisfiable", [["Content-Range", contentRange(undefined, size)]]);
  }
  const { headers: own, parts } = partialContent(removeHeaders(headers, ...OF_CONTENT), ranges, size);
  const body = chunks === undefined ? partsOfStream(response.body, parts) : partsOfChunks(chunks, parts);
  return { status: "206 Partial Content", headers: own, body };
}

/** The length of a body in bytes; undefined where it is not known, or is not what the headers say. */
function sizeOf({ headers }: AppResponse, chunks: readonly Chunk[] | undefined, environ: Environ): number | undefined {
  const text = getHeader(headers, "Content-Length");
  const declared = text === undefined ? undefined : Number(text);
  if (chunks === undefined) return declared;
  const length = checkChunks(chunks);
  // An app may answer HEAD without the body that GET would have.
  if (environ.REQUEST_METHOD === "HEAD" && length === 0) return declared;
  return declared === undefined || declared === length ? length : undefined;
}

function mayHaveParts({ status, headers }: AppResponse): boolean {
  if (!status.startsWith("200 ")) return false;
  if (getHeader(headers, "Accept-Ranges")?.trim().toLowerCase() === "none") return false;
  return !isEncoded(headers) || getHeader(headers, "ETag")?.startsWith('"') === true;
}

function partsOfStream(body: Body, parts: readonly Part[]): Body {
  return toStream(new PartsReader(new BodyReader(body), parts));
}

function partsOfChunks(chunks: readonly Chunk[], parts: readonly Part[]): Body {
  const bytes = joinBytes(chunks.map(toBytes));
  const slices = parts.map((part) => (part instanceof Uint8Array ? part : bytes.subarray(part.first, part.last + 1)));
  return slices.length === 1 ? slices[0] : slices;
}
