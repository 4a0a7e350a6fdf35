/** Status lines: `"200 OK"` taken apart, once each. */

import { TsgiError } from "../errors.ts";
import type { StatusLine } from "../gateway.ts";

/** A status line taken apart. */
export interface Status {
  readonly code: number;
  readonly reason: string;
  /** Whether a response with this status never has a body (RFC 9110 §6.4.1). */
  readonly bodiless: boolean;
}

const known = new Map<string, Status>();

/**
 * Takes a status line apart. Throws `TSGI_BAD_STATUS` for anything but three digits from 200 to 999, a space and a reason
 * phrase (RFC 9112 §4). An informational response is `exchange.inform`'s.
 */
export function parseStatus(line: StatusLine): Status {
  return known.get(line) ?? parse(line);
}

function parse(line: unknown): Status {
  const parts = typeof line === "string" ? /^([2-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/.exec(line) : null;
  if (parts === null) {
    throw new TsgiError("TSGI_BAD_STATUS", `${JSON.stringify(line)} is no status line`, {
      hint: 'Write three digits, a space and a reason: "200 OK".',
    });
  }
  const code = Number(parts[1]);
  const status = { code, reason: parts[2] as string, bodiless: code === 204 || code === 304 };
  if (known.size < 1000) known.set(line as string, status);
  return status;
}

const NULL_BODY = new Set([204, 205, 304]);

/** Whether a Fetch `Response` of this status has no body (Fetch standard, "null body status"). */
export function isNullBody(code: number): boolean {
  return NULL_BODY.has(code);
}

/** RFC 9110 §15, RFC 4918, RFC 6585 and others: what the registry calls them. */
const REASONS = new Map<number, string>(
  Object.entries({
    200: "OK, Created, Accepted, Non-Authoritative Information, No Content, Reset Content, Partial Content, Multi-Status",
    300: "Multiple Choices, Moved Permanently, Found, See Other, Not Modified, Use Proxy, , Temporary Redirect, Permanent Redirect",
    400:
      "Bad Request, Unauthorized, Payment Required, Forbidden, Not Found, Method Not Allowed, Not Acceptable, " +
      "Proxy Authentication Required, Request Timeout, Conflict, Gone, Length Required, Precondition Failed, " +
      "Content Too Large, URI Too Long, Unsupported Media Type, Range Not Satisfiable, Expectation Failed, , , , " +
      "Misdirected Request, Unprocessable Content, Locked, Failed Dependency, Too Early, Upgrade Required, , " +
      "Precondition Required, Too Many Requests, , Request Header Fields Too Large, , , , , , , , , , , , , , , , , , , , " +
      "Unavailable For Legal Reasons",
    500:
      "Internal Server Error, Not Implemented, Bad Gateway, Service Unavailable, Gateway Timeout, HTTP Version Not Supported, " +
      "Variant Also Negotiates, Insufficient Storage, Loop Detected, , Not Extended, Network Authentication Required",
  }).flatMap(([first, reasons]) =>
    reasons.split(", ").map((reason, index): [number, string] => [Number(first) + index, reason]),
  ),
);

/** The usual reason phrase of a status; empty for one that the registry does not know. */
export function reasonOf(code: number): string {
  return REASONS.get(code) ?? "";
}
