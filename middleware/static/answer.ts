/** What is answered for a file that is there: judged by the request and the file's validators alone. */

import type { Body, Environ, HeaderList, StatusLine } from "../../src/gateway.ts";
import { checkPreconditions, isRangeOfThis, type Validators } from "../../src/precondition.ts";
import { type ByteRange, contentRange, parseRanges } from "../../src/range.ts";

export interface Answer {
  readonly status: StatusLine;
  readonly headers: HeaderList;
  readonly body: Body;
}

/** How files are served. */
export interface Policy {
  readonly cacheControl: string;
  /** The name of the file that a folder is answered with. */
  readonly index: string | undefined;
}

/** What is known about a file. */
export interface FileFacts extends Validators {
  readonly size: number;
}

/** The answer for a file, and the part of the file that is its body, if any is. */
export function judge(
  environ: Environ,
  file: FileFacts,
  type: string,
  { cacheControl }: Policy,
): Answer & { readonly part?: ByteRange } {
  const verdict = checkPreconditions(environ, file);
  if (verdict === "failed") return refusal("412 Precondition Failed");
  if (verdict === "not modified") {
    const headers: HeaderList = [
      ["ETag", file.etag],
      ["Cache-Control", cacheControl],
    ];
    return { status: "304 Not Modified", headers, body: undefined };
  }
  const range = wantedRange(environ, file);
  if (range === "unsatisfiable") {
    return refusal("416 Range Not Satisfiable", [["Content-Range", contentRange(undefined, file.size)]]);
  }
  const part = range ?? { first: 0, last: file.size - 1 };
  const headers: HeaderList = [
    ["Content-Type", type],
    ["Content-Length", String(part.last + 1 - part.first)],
    ["Last-Modified", new Date(file.modified * 1000).toUTCString()],
    ["ETag", file.etag],
    ["Accept-Ranges", "bytes"],
    ["Cache-Control", cacheControl],
    ["X-Content-Type-Options", "nosniff"],
  ];
  if (range === undefined) return { status: "200 OK", headers, body: undefined, part };
  headers.push(["Content-Range", contentRange(range, file.size)]);
  return { status: "206 Partial Content", headers, body: undefined, part };
}

/** Only GET has ranges, and only one is sent: a server may answer several with the whole (RFC 9110 §14.2). */
function wantedRange(environ: Environ, file: FileFacts): ByteRange | "unsatisfiable" | undefined {
  if (environ.HTTP_RANGE === undefined || environ.REQUEST_METHOD !== "GET") return undefined;
  const ranges = parseRanges(environ.HTTP_RANGE, file.size);
  if (ranges === undefined || ranges.length > 1 || !isRangeOfThis(environ, file)) return undefined;
  return ranges[0] ?? "unsatisfiable";
}

/** Sends the client to the same path as a folder, query kept. */
export function moved({ SCRIPT_NAME, PATH_INFO, QUERY_STRING }: Environ, { cacheControl }: Policy): Answer {
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
export function refusal(status: StatusLine, headers: HeaderList = []): Answer {
  const body = `${status.slice("403 ".length)}\n`;
  return { status, headers: [["Content-Type", "text/plain; charset=utf-8"], ...headers], body };
}
