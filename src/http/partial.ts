/** Parts of a representation as a response: one, or several as `multipart/byteranges` (RFC 9110 §14, §15.3.7). */

import type { Environ, HeaderList } from "../gateway.ts";
import { getHeader, setHeader } from "./headers.ts";
import { isRangeOfThis, type Validators } from "./precondition.ts";
import { type ByteRange, coalesce, contentRange, parseRanges } from "./range.ts";

/** A part of a body: a range of the representation, or bytes that stand between two. */
export type Part = ByteRange | Uint8Array;

/** How many ranges are sent in one response by default. */
const MAX_RANGES = 50;

/** A gap that is smaller than the head of a part. */
const GAP = 80;

/**
 * wantedRanges gives the ranges that a request is to be answered with, as `parseRanges` does: undefined for the whole, which
 * `If-Range` may ask for (RFC 9110 §13.1.5), and an empty list for a 416. Ranges that overlap or nearly touch are joined. A
 * request for more than `most` gets the whole, and so does every method except GET (§14.2).
 */
export function wantedRanges(
  environ: Environ,
  size: number,
  validators: Validators,
  most: number = MAX_RANGES,
): ByteRange[] | undefined {
  if (environ.HTTP_RANGE === undefined || environ.REQUEST_METHOD !== "GET") return undefined;
  const ranges = parseRanges(environ.HTTP_RANGE, size);
  if (ranges === undefined || !isRangeOfThis(environ, validators)) return undefined;
  const joined = ranges.length > 1 ? coalesce(ranges, GAP) : ranges;
  return joined.length <= most ? joined : undefined;
}

/**
 * partialContent gives the headers and the parts of a 206 with these ranges, at least one, of a representation of `size` bytes
 * that as a whole has `headers`.
 */
export function partialContent(
  headers: HeaderList,
  ranges: readonly ByteRange[],
  size: number,
): { readonly headers: HeaderList; readonly parts: readonly Part[] } {
  const [range] = ranges;
  if (range === undefined || ranges.length > 1) return multipart(headers, ranges, size);
  const own = setHeader(headers, "Content-Length", String(range.last + 1 - range.first));
  return { headers: [...own, ["Content-Range", contentRange(range, size)]], parts: ranges };
}

function multipart(
  headers: HeaderList,
  ranges: readonly ByteRange[],
  size: number,
): { readonly headers: HeaderList; readonly parts: readonly Part[] } {
  const boundary = newBoundary();
  const type = getHeader(headers, "Content-Type");
  const typeLine = type === undefined ? "" : `Content-Type: ${type}\r\n`;
  const parts: Part[] = [];
  let length = 0;
  const addText = (text: string) => {
    // As header values are sent: as Latin-1.
    parts.push(Uint8Array.from(text, (char) => char.charCodeAt(0)));
    length += text.length;
  };
  for (const [index, range] of ranges.entries()) {
    addText(
      `${index === 0 ? "" : "\r\n"}--${boundary}\r\n${typeLine}Content-Range: ${contentRange(range, size)}\r\n\r\n`,
    );
    length += range.last + 1 - range.first;
    parts.push(range);
  }
  addText(`\r\n--${boundary}--\r\n`);
  const own = setHeader(headers, "Content-Type", `multipart/byteranges; boundary=${boundary}`);
  return { headers: setHeader(own, "Content-Length", String(length)), parts };
}

/** A boundary that the author of the content cannot have guessed. */
function newBoundary(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(18)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
