/** What may stand in a header list (RFC 9110 §5.5, §5.6.2), and lists that were checked once for many responses. */

import { TsgiError } from "../errors.ts";
import type { HeaderList } from "../gateway.ts";

/** RFC 9110 §5.6.2: what a field name and a method are made of. */
export const TOKEN: RegExp = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** Connection-specific fields (RFC 9110 §7.6.1): the server's own business, never an app's. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The lengths of these names, a bit each: most others are told by theirs alone. */
const HOP_BY_HOP_LENGTHS = [...HOP_BY_HOP].reduce((bits, { length }) => bits | (1 << length), 0);

export function isHopByHop(name: string): boolean {
  const { length } = name;
  return length < 32 && ((HOP_BY_HOP_LENGTHS >> length) & 1) === 1 && HOP_BY_HOP.has(name.toLowerCase());
}

/** What is known of a list that was made ready. */
export interface PreparedHeaders {
  /** The declared `Content-Length`, or -1. */
  readonly contentLength: number;
  /** Names and values in turn. */
  readonly lines: readonly string[];
  /** Whether a value holds a character beyond ASCII. */
  readonly isLatin1: boolean;
}

const ready = new WeakMap<HeaderList, PreparedHeaders>();

/** Checks and freezes a list, once for all the responses it will be the head of. Throws as `checkHeaders`. */
export function prepareHeaders(headers: HeaderList): HeaderList {
  const contentLength = checkHeaders(headers);
  for (const line of headers) Object.freeze(line);
  const lines = headers.flat();
  ready.set(Object.freeze(headers) as HeaderList, { contentLength, lines, isLatin1: lines.some(isBeyondAscii) });
  return headers;
}

/** What is known of a list; undefined where it was not made ready. */
export function preparedHeaders(headers: HeaderList): PreparedHeaders | undefined {
  return ready.get(headers);
}

const BEYOND_ASCII = /[\x80-\xff]/;

/** Whether the value of a header holds a character beyond ASCII. */
export function isBeyondAscii(value: string): boolean {
  return BEYOND_ASCII.test(value);
}

const PLAIN = 0;
const LENGTH = 1;
const names = new Map<string, typeof PLAIN | typeof LENGTH>();

/**
 * Checks the header list of a response and gives its `Content-Length`, or -1 where it has none. Throws
 * `TSGI_BAD_HEADER` for a line that is no pair of strings, a name that is no token, a value with a control character or
 * one beyond Latin-1, a malformed or repeated `Content-Length`; `TSGI_HOP_BY_HOP` for a connection-specific header.
 */
export function checkHeaders(headers: HeaderList): number {
  if (!Array.isArray(headers))
    throw badHeader("headers are not a list", 'Pass pairs: [["Content-Type", "text/html"]].');
  const known = ready.get(headers);
  if (known !== undefined) return known.contentLength;
  let length = -1;
  for (let index = 0; index < headers.length; index++) {
    const line = headers[index] as [string, string];
    const kind = names.get(line?.[0]) ?? checkName(line);
    const value = line[1];
    if (typeof value !== "string" || BAD_VALUE.test(value)) {
      const shown = typeof value === "string" ? JSON.stringify(value) : `a value of type ${typeof value}`;
      throw badHeader(
        `header ${line[0]} cannot hold ${shown}`,
        "A value is a string without CR, LF, NUL or other controls.",
      );
    }
    if (kind === LENGTH) {
      if (length >= 0 || !/^\d{1,15}$/.test(value)) {
        throw badHeader(`Content-Length ${JSON.stringify(value)} is malformed or repeated`, "Give one decimal number.");
      }
      length = Number(value);
    }
  }
  return length;
}

function checkName(line: unknown): typeof PLAIN | typeof LENGTH {
  const name: unknown = Array.isArray(line) && line.length === 2 ? line[0] : undefined;
  if (typeof name !== "string" || !TOKEN.test(name)) {
    throw badHeader(`${JSON.stringify(name ?? line)} is no header name`, 'Pass pairs of strings: ["X-Name", "value"].');
  }
  if (isHopByHop(name)) {
    throw new TsgiError("TSGI_HOP_BY_HOP", `${name} is the server's own header`, {
      hint: "Leave it out: a hop-by-hop header belongs to one connection (RFC 9110 §7.6.1).",
    });
  }
  const kind = name.toLowerCase() === "content-length" ? LENGTH : PLAIN;
  if (names.size < 1000) names.set(name, kind);
  return kind;
}

function badHeader(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_HEADER", message, { hint });
}
