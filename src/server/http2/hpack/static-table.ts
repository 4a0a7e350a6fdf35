/** The lines that both sides know from the beginning (RFC 7541 Appendix A). */

/** A header line: its name in lower case, and its value. */
export interface Line {
  readonly name: string;
  readonly value: string;
  /** Whether the value is one that no field may have (RFC 9113 §8.2.1). */
  readonly isMalformed: boolean;
}

const TEXT = `:authority
:method: GET
:method: POST
:path: /
:path: /index.html
:scheme: http
:scheme: https
:status: 200
:status: 204
:status: 206
:status: 304
:status: 400
:status: 404
:status: 500
accept-charset
accept-encoding: gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

/** STATIC_LINES are the lines with the indexes from 1 on. */
export const STATIC_LINES: readonly Line[] = TEXT.split("\n").map((line) => {
  const [name = "", value = ""] = line.split(/(?<=.): /);
  return { name, value, isMalformed: false };
});

/** STATIC_NAMES gives the first index of each name. */
export const STATIC_NAMES: ReadonlyMap<string, number> = new Map(
  STATIC_LINES.map(({ name }, index) => [name, index + 1] as const).reverse(),
);

/** The first index of the lines that a connection has learned. */
export const FIRST_LEARNED: number = STATIC_LINES.length + 1;

/** How large a table of what was learned is at first (RFC 9113 §6.5.2), in bytes. */
export const TABLE_SIZE = 4096;

/** What a line costs besides its name and its value (RFC 7541 §4.1). */
export const LINE_COST = 32;
