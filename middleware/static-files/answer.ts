/** What is answered for a file that is there: judged by the request and the file's validators alone. */

import type { AppResponse, Environ, HeaderList, StatusLine } from "../../src/gateway.ts";
import { setHeader } from "../../src/http/headers.ts";
import { preferredType } from "../../src/http/negotiation.ts";
import { checkPreconditions, isRangeOfThis } from "../../src/http/precondition.ts";
import { type ByteRange, coalesce, contentRange, parseRanges } from "../../src/http/range.ts";
import type { Part } from "./file-body.ts";
import { inParts } from "./multipart.ts";
import type { Representation } from "./representation.ts";
import type { FileResource } from "./resource.ts";

/** What of a file is to be sent, or an answer that needs nothing of it. */
export type Judgement =
  | (AppResponse & { readonly parts?: undefined })
  | {
      readonly status: StatusLine;
      readonly headers: HeaderList;
      readonly file: Representation;
      readonly parts: readonly Part[];
    };

export function judge(environ: Environ, resource: FileResource): Judgement {
  const file = resource.choose(environ.HTTP_ACCEPT_ENCODING);
  if (file === undefined) return refusal("406 Not Acceptable", [["Vary", "Accept-Encoding"]]);
  const verdict = checkPreconditions(environ, file);
  if (verdict === "failed") return refusal("412 Precondition Failed");
  if (verdict === "not modified") {
    return { status: "304 Not Modified", headers: file.unmodifiedHeaders, body: undefined };
  }
  const ranges = wantedRanges(environ, file);
  if (ranges === undefined) return { status: "200 OK", headers: file.headers, file, parts: file.whole };
  const [range] = ranges;
  if (range === undefined) {
    return refusal("416 Range Not Satisfiable", [["Content-Range", contentRange(undefined, file.size)]]);
  }
  const status = "206 Partial Content";
  if (ranges.length > 1) return { status, ...inParts(file.headers, ranges, file.size), file };
  const headers: HeaderList = [
    ...setHeader(file.headers, "Content-Length", String(range.last + 1 - range.first)),
    ["Content-Range", contentRange(range, file.size)],
  ];
  return { status, headers, file, parts: ranges };
}

/** How many ranges are sent in one response; the whole is for who asks for more. */
const MAX_RANGES = 50;

/** A gap that is smaller than what stands between two parts. */
const GAP = 80;

/** Only GET has ranges (RFC 9110 §14.2). */
function wantedRanges(environ: Environ, file: Representation): ByteRange[] | undefined {
  if (environ.HTTP_RANGE === undefined || environ.REQUEST_METHOD !== "GET") return undefined;
  const ranges = parseRanges(environ.HTTP_RANGE, file.size);
  if (ranges === undefined || !isRangeOfThis(environ, file)) return undefined;
  const joined = ranges.length > 1 ? coalesce(ranges, GAP) : ranges;
  return joined.length <= MAX_RANGES ? joined : undefined;
}

/** Whether a request asks for a page, which an app that routes by itself may answer for any path. */
export function isNavigation(environ: Environ): boolean {
  const { PATH_INFO: path, HTTP_SEC_FETCH_MODE: mode } = environ;
  if (path.slice(path.lastIndexOf("/")).includes(".") || (mode !== undefined && mode !== "navigate")) return false;
  return preferredType(environ.HTTP_ACCEPT, ["text/html", "application/json"]) === "text/html";
}

/** Sends the client to the same path as a folder, query kept. */
export function moved({ SCRIPT_NAME, PATH_INFO, QUERY_STRING }: Environ, cacheControl: string): AppResponse {
  // One leading slash: two would name another host.
  const path = `${SCRIPT_NAME}${PATH_INFO}/`.replace(/^[/\\]+/, "/");
  const location = QUERY_STRING === "" ? path : `${path}?${QUERY_STRING}`;
  return refusal("301 Moved Permanently", [
    ["Location", location],
    // Browsers keep a 301 for good otherwise, even where the folder has become something else.
    ["Cache-Control", cacheControl],
  ]);
}

/** An answer that says no more than its status. */
export function refusal(status: StatusLine, headers: HeaderList = []): AppResponse {
  const body = `${status.slice("403 ".length)}\n`;
  return { status, headers: [["Content-Type", "text/plain; charset=utf-8"], ...headers], body };
}
