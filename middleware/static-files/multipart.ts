/** Several ranges in one response: `multipart/byteranges` (RFC 9110 §14.6). */

import { randomBytes } from "node:crypto";
import type { HeaderList } from "../../src/gateway.ts";
import { getHeader, setHeader } from "../../src/http/headers.ts";
import { type ByteRange, contentRange } from "../../src/http/range.ts";
import type { Part } from "./file-body.ts";

/** The headers and the body of a response that carries ranges of a file whose whole has `headers`. */
export function inParts(
  headers: HeaderList,
  ranges: readonly ByteRange[],
  size: number,
): { readonly headers: HeaderList; readonly parts: readonly Part[] } {
  // Nobody who chose the bytes of the file can have guessed it.
  const boundary = randomBytes(18).toString("base64url");
  const type = getHeader(headers, "Content-Type");
  const parts: Part[] = [];
  let length = 0;
  const add = (text: string) => {
    const bytes = Buffer.from(text, "latin1");
    length += bytes.length;
    parts.push(bytes);
  };
  for (const [index, range] of ranges.entries()) {
    add(
      `${index === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`,
    );
    length += range.last + 1 - range.first;
    parts.push(range);
  }
  add(`\r\n--${boundary}--\r\n`);
  const own = setHeader(headers, "Content-Type", `multipart/byteranges; boundary=${boundary}`);
  return { headers: setHeader(own, "Content-Length", String(length)), parts };
}
