/** The values of fields as HTTP/2 has them (RFC 9113 §8.2.1). */

const SPACE = 32;

/** trimmed gives a value without the whitespace around it, which HTTP/1.1 ignores, and which is malformed here. */
export function trimmed(value: string): string {
  const { length } = value;
  return value.charCodeAt(0) <= SPACE || value.charCodeAt(length - 1) <= SPACE ? value.trim() : value;
}
