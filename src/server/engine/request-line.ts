/** The request line: method, target and version (RFC 9112 §3). */

import type { StatusLine } from "../../gateway.ts";
import { TOKEN_BYTES } from "./field-lines.ts";

/** The longest method, 501 beyond it (RFC 9112 §3): the registry's longest has 17 characters. */
const LONGEST_METHOD = 32;

const SPACE = 32;
const BAD_REQUEST: StatusLine = "400 Bad Request";
const TOO_LONG: StatusLine = "414 URI Too Long";
const NOT_IMPLEMENTED: StatusLine = "501 Not Implemented";

/** The request line, taken apart. */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
  /** A minor version that is unknown counts as 1.1 (RFC 9110 §2.5). */
  readonly protocol: "HTTP/1.0" | "HTTP/1.1";
}

/**
 * Takes the bytes of a request line apart, without its CRLF; gives the status where it is refused: 414 for a target of more than
 * `targetLength` bytes, 501 for a method of more than 32, 505 for HTTP/2 and later, else 400.
 */
export function readRequestLine(
  bytes: Buffer,
  start: number,
  end: number,
  targetLength: number,
): RequestLine | StatusLine {
  const refusal = refuseBegun(bytes, start, end, targetLength);
  if (refusal !== undefined) return refusal;
  const text = bytes.toString("latin1", start, end);
  const space = text.indexOf(" ");
  const last = text.length - 9;
  const target = text.slice(space + 1, last);
  if (!VISIBLE.test(target)) {
    return /^[^ ]+ [!-~]+ HTTP\/(?:[2-9]|[1-9]\d+)\.\d+$/.test(text) ? UNSUPPORTED : BAD_REQUEST;
  }
  if (!text.startsWith(" HTTP/1.", last))
    return /^ HTTP\/[2-9]\.\d$/.test(text.slice(last)) ? UNSUPPORTED : BAD_REQUEST;
  const minor = text.charCodeAt(text.length - 1) - 48;
  if (minor < 0 || minor > 9) return BAD_REQUEST;
  return {
    method: methodOf(text.slice(0, space)),
    target,
    protocol: minor === 0 ? "HTTP/1.0" : "HTTP/1.1",
  };
}

/** A target has no spaces, and no bytes beyond ASCII (RFC 9112 §3.2, RFC 3986 §2). */
const VISIBLE = /^[!-~]+$/;

const UNSUPPORTED: StatusLine = "505 HTTP Version Not Supported";

/** Why a request line is refused of which only the beginning has come; undefined where nothing is wrong with it yet. */
export function refuseBegun(bytes: Buffer, start: number, end: number, targetLength: number): StatusLine | undefined {
  let space = start;
  while (space < end && TOKEN_BYTES[bytes[space] as number] === 1) space++;
  if (space - start > LONGEST_METHOD) return NOT_IMPLEMENTED;
  if (space === end) return undefined;
  if (space === start || bytes[space] !== SPACE) return BAD_REQUEST;
  if (end - space - 1 <= targetLength) return undefined;
  const next = bytes.indexOf(SPACE, space + 1);
  return (next < 0 || next > end ? end : next) - space - 1 > targetLength ? TOO_LONG : undefined;
}

const METHODS = new Map(
  ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"].map((name) => [name, name]),
);

/** The one string of a usual method, which compares faster than a new one. */
function methodOf(text: string): string {
  return METHODS.get(text) ?? text;
}
