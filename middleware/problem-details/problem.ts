/** Errors as problem details (RFC 9457). */

import { byteLength, joinBytes, toBytes } from "../../src/body/chunk.ts";
import { knownChunks } from "../../src/body/reader.ts";
import { dropBody } from "../../src/exchange/respond.ts";
import type { AppResponse, Body, Environ } from "../../src/gateway.ts";
import { getHeader, hasHeader, removeHeaders } from "../../src/http/headers.ts";
import { parseStatus } from "../../src/http/status.ts";

/** What is sent of an error (RFC 9457 §3.1). Members beyond these are the site's own. */
export interface Problem {
  /** A URL that stands for this kind of error; `"about:blank"` where it is no more than its status. */
  readonly type: string;
  /** The kind of error, in a few words. */
  readonly title: string;
  readonly status: number;
  /** What is wrong with this request. */
  readonly detail?: string;
  readonly [member: string]: unknown;
}

type Head = Pick<AppResponse, "status" | "headers">;

/** A longer text was not written for a program. */
const LONGEST_DETAIL = 1024;

/** What is said of a body that is not sent. */
const OF_THE_BODY = [
  "Content-Type",
  "Content-Length",
  "Content-Language",
  "Content-Disposition",
  "Content-Digest",
  "Repr-Digest",
  "Digest",
  "ETag",
  "Last-Modified",
  "Accept-Ranges",
];

/** isPlainError tells whether a response is an error as text, as a page or without a type. */
export function isPlainError({ status, headers }: Head): boolean {
  if (!/^[45]/.test(status) || hasHeader(headers, "Content-Encoding")) return false;
  const type = getHeader(headers, "Content-Type");
  return type === undefined || /^text\/(?:plain|html)\s*(?:;|$)/i.test(type.trim());
}

/** problemResponse makes problem details of an error, and drops its body. What `describe` fails with is an error like any other. */
export function problemResponse(
  { status, headers, body }: AppResponse,
  environ: Environ,
  describe: (problem: Problem, environ: Environ) => Problem,
): AppResponse {
  const { code, reason } = parseStatus(status);
  const isText = /^text\/plain/i.test(getHeader(headers, "Content-Type") ?? "text/plain");
  const detail = isText ? detailOf(body, reason) : undefined;
  dropBody(body, environ);
  const plain = { type: "about:blank", title: reason, status: code, ...(detail === undefined ? {} : { detail }) };
  const text = JSON.stringify(describe(plain, environ));
  return {
    status,
    headers: [...removeHeaders(headers, ...OF_THE_BODY), ["Content-Type", "application/problem+json"]],
    // Of the body of a GET an app may say nothing here, so that its length is not known.
    body: environ.REQUEST_METHOD === "HEAD" ? undefined : text,
  };
}

const decoder = new TextDecoder();

function detailOf(body: Body, reason: string): string | undefined {
  const chunks = knownChunks(body);
  if (chunks === undefined || chunks.reduce((sum, chunk) => sum + byteLength(chunk), 0) > LONGEST_DETAIL)
    return undefined;
  const text = decoder.decode(joinBytes(chunks.map(toBytes))).trim();
  if (text === "" || text === reason) return undefined;
  return text.startsWith(`${reason}: `) ? text.slice(reason.length + 2) : text;
}
