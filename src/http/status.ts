/** Status lines: `"200 OK"` taken apart, once each. */

import { BoundedMap } from "../bounded-map.ts";
import { TsgiError } from "../errors.ts";
import type { StatusLine } from "../gateway.ts";

/** A status line taken apart. */
export interface Status {
  readonly code: number;
  readonly reason: string;
  /** Whether a response with this status never has a body (RFC 9110 §6.4.1, §15.3.6): 204, 205 and 304. */
  readonly bodiless: boolean;
  /** Whether the reason phrase holds a character beyond ASCII, which goes on the wire as Latin-1 (RFC 9112 §4). */
  readonly isLatin1: boolean;
}

const known = new BoundedMap<string, Status>(1000);

/**
 * parseStatus takes the status line of a response apart. Throws `TSGI_BAD_STATUS` for anything except three digits from 200
 * to 599, a space and a reason phrase of Latin-1 (RFC 9110 §15, RFC 9112 §4). An informational response is `exchange.inform`'s.
 */
export function parseStatus(line: StatusLine): Status {
  return known.get(line) ?? parseLine(line);
}

function parseLine(line: unknown): Status {
  const parts = typeof line === "string" ? /^([2-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/.exec(line) : null;
  if (parts === null) {
    throw new TsgiError("TSGI_BAD_STATUS", `${showLine(line)} is not a status line`, {
      hint: 'Write three digits from 200 to 599, a space and a reason: "200 OK".',
    });
  }
  const code = Number(parts[1]);
  const reason = parts[2] as string;
  const status = { code, reason, bodiless: isNullBody(code), isLatin1: /[\x80-\xff]/.test(reason) };
  known.set(line as string, status);
  return status;
}

function showLine(line: unknown): string {
  return typeof line === "string" ? JSON.stringify(line) : `a value of type ${typeof line}`;
}

/** isInformational tells whether a line is that of an informational response: 100 to 199 except 101 (RFC 9110 §15.2). */
export function isInformational(line: unknown): line is StatusLine {
  return typeof line === "string" && /^1(?!01)\d\d [\t\x20-\x7e]*$/.test(line);
}

const NULL_BODY = new Set([204, 205, 304]);

/** isNullBody tells whether a response of this status has no body (Fetch standard, "null body status"). */
export function isNullBody(code: number): boolean {
  return NULL_BODY.has(code);
}

/** The HTTP status code registry: RFC 9110 §15, RFC 2518, RFC 4918, RFC 5842, RFC 6585, RFC 7725, RFC 8297, RFC 8470. */
const REASONS: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  208: "Already Reported",
  226: "IM Used",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  424: "Failed Dependency",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  510: "Not Extended",
  511: "Network Authentication Required",
};

/** reasonOf gives the reason phrase that the registry has for a status; empty for a status that it does not have. */
export function reasonOf(code: number): string {
  return REASONS[code] ?? "";
}
