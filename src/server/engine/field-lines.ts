/** The field lines of a head or a trailer section: names and values in turn (RFC 9112 §5). */

import { scannedBreaks, scannedBytes } from "./scan.ts";

const COLON = 58;
const SPACE = 32;
const HTAB = 9;

/** For each byte 1 where it is part of a token (RFC 9110 §5.6.2). */
export const TOKEN_BYTES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

/** Values of a longer section are copied, so that an app that keeps one does not keep the whole section. */
const LONG = 4096;

/**
 * Reads the field lines of a section that was scanned to its end, from the line after CRLF number `first`; -1 is the section's
 * start. Undefined where a name is empty or not a token: that includes whitespace before the colon and lines that are folded.
 * `known` are names that may come again in the same order: a name that does is not made anew.
 */
export function readFieldLines(
  bytes: Buffer,
  start: number,
  length: number,
  first: number,
  count: number,
  known: readonly string[],
): string[] | undefined {
  const scanned = scannedBytes();
  const breaks = scannedBreaks();
  const text = bytes.toString("latin1", start, start + length);
  const lines: string[] = [];
  let from = first < 0 ? 0 : (breaks[first] as number) + 2;
  for (let index = first + 1; index < count - 1; index++) {
    const to = breaks[index] as number;
    let colon = from;
    while (TOKEN_BYTES[scanned[colon] as number] === 1) colon++;
    if (scanned[colon] !== COLON || colon === from) return undefined;
    const expected = known[lines.length];
    lines.push(
      expected !== undefined && expected.length === colon - from && text.startsWith(expected, from)
        ? expected
        : text.slice(from, colon),
    );
    let valueStart = colon + 1;
    let valueEnd = to;
    while (valueStart < valueEnd && isBlank(scanned[valueStart] as number)) valueStart++;
    while (valueEnd > valueStart && isBlank(scanned[valueEnd - 1] as number)) valueEnd--;
    lines.push(
      length > LONG ? bytes.toString("latin1", start + valueStart, start + valueEnd) : text.slice(valueStart, valueEnd),
    );
    from = to + 2;
  }
  return lines;
}

/** Whether a byte is whitespace in a field line: a space or a tab, and nothing else (RFC 9110 §5.6.3). */
export function isBlank(byte: number): boolean {
  return byte === SPACE || byte === HTAB;
}
