/** Fields of a response that occur more than once, as Node takes them over HTTP/2. */

/** Lists that Node takes one line of all the same (RFC 9110 §8.4, §8.5). */
const ONE_LINE_LISTS: ReadonlySet<string> = new Set(["content-encoding", "content-language"]);

/** What Node takes one line of, and throws for a second. */
const SINGLE: ReadonlySet<string> = new Set([
  "access-control-allow-credentials",
  "access-control-max-age",
  "access-control-request-method",
  "age",
  "authorization",
  "content-location",
  "content-md5",
  "content-range",
  "content-type",
  "date",
  "dnt",
  "etag",
  "expires",
  "from",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "range",
  "referer",
  "retry-after",
  "tk",
  "upgrade-insecure-requests",
  "user-agent",
  "x-content-type-options",
]);

/**
 * repeatedValue adds a line to the value of a field. Of a field that has one value the first line stays, as clients of HTTP/1.1
 * have it that get several: Node throws for a second one, and a mistake that HTTP/1.1 lives with should not be a 500.
 */
export function repeatedValue(name: string, before: string | string[], value: string): string | string[] {
  if (SINGLE.has(name)) return before;
  if (ONE_LINE_LISTS.has(name)) return `${before}, ${value}`;
  return [before, value].flat();
}
