/** What to answer for a file that is there: decided by the request and the file's validators alone. */

import type { AppResponse, Environ, HeaderList, StatusLine } from "../../src/gateway.ts";
import { setHeader } from "../../src/http/headers.ts";
import { checkPreconditions, isRangeOfThis } from "../../src/http/precondition.ts";
import { type ByteRange, coalesce, contentRange, parseRanges } from "../../src/http/range.ts";
import type { Part } from "./file-body.ts";
import { toMultipart } from "./multipart.ts";
import { refusal } from "./refusal.ts";
import type { Representation } from "./representation.ts";

/** The parts of a file to send, or a response that needs nothing of it. */
export type Evaluation =
  | (AppResponse & { readonly parts?: undefined })
  | { readonly status: StatusLine; readonly headers: HeaderList; readonly parts: readonly Part[] };

/** A representation whose headers are prepared. */
export type Prepared = Representation & { readonly headers: HeaderList };

/** Evaluates the conditions and ranges of a GET or HEAD (RFC 9110 §13, §14); other methods get the whole file. */
export function evaluate(environ: Environ, file: Prepared): Evaluation {
  const { REQUEST_METHOD: method } = environ;
  if (method === "GET" || method === "HEAD") {
    const verdict = checkPreconditions(environ, file);
    if (verdict === "failed") return refusal("412 Precondition Failed");
    if (verdict === "not modified") {
      return { status: "304 Not Modified", headers: file.unmodifiedHeaders, body: undefined };
    }
  }
  const ranges = wantedRanges(environ, file);
  if (ranges === undefined) return { status: "200 OK", headers: file.headers, parts: file.whole };
  const [range] = ranges;
  if (range === undefined) {
    return refusal("416 Range Not Satisfiable", [["Content-Range", contentRange(undefined, file.size)]]);
  }
  const status = "206 Partial Content";
  if (ranges.length > 1) return { status, ...toMultipart(file.headers, ranges, file.size) };
  const headers: HeaderList = [
    ...setHeader(file.headers, "Content-Length", String(range.last + 1 - range.first)),
    ["Content-Range", contentRange(range, file.size)],
  ];
  return { status, headers, parts: ranges };
}

/** How many ranges are sent in one response; a request for more gets the whole. */
const MAX_RANGES = 50;

/** A gap that is smaller than the head of a part. */
const GAP = 80;

/** Only GET has ranges (RFC 9110 §14.2). */
function wantedRanges(environ: Environ, file: Representation): ByteRange[] | undefined {
  if (environ.HTTP_RANGE === undefined || environ.REQUEST_METHOD !== "GET") return undefined;
  const ranges = parseRanges(environ.HTTP_RANGE, file.size);
  if (ranges === undefined || !isRangeOfThis(environ, file.forRanges)) return undefined;
  const joined = ranges.length > 1 ? coalesce(ranges, GAP) : ranges;
  return joined.length <= MAX_RANGES ? joined : undefined;
}
