/** What to answer for a file that is there: decided by the request and the file's validators alone. */

import type { AppResponse, Environ, HeaderList, StatusLine } from "../../src/gateway.ts";
import { type Part, partialContent, wantedRanges } from "../../src/http/partial.ts";
import { checkPreconditions } from "../../src/http/precondition.ts";
import { contentRange } from "../../src/http/range.ts";
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
  const ranges = wantedRanges(environ, file.size, file.forRanges);
  if (ranges === undefined) return { status: "200 OK", headers: file.headers, parts: file.whole };
  if (ranges.length === 0) {
    return refusal("416 Range Not Satisfiable", [["Content-Range", contentRange(undefined, file.size)]]);
  }
  return { status: "206 Partial Content", ...partialContent(file.headers, ranges, file.size) };
}
