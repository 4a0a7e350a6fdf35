/** Several ranges in one response: `multipart/byteranges` (RFC 9110 §14.6). */

import { randomBytes } from "node:crypto";
import type { HeaderList } from "../../src/gateway.ts";
import { getHeader, setHeader } from "../../src/http/headers.ts";
import { type ByteRange, contentRange } from "../../src/http/range.ts";
import type { Part } from "./file-body.ts";

/** The headers and parts of a response with several ranges of a file that as a whole has `headers`. */
export function toMultipart(
  headers: HeaderList,
  ranges: readonly ByteRange[],
  size: number,
): { readonly headers: HeaderList; readonly parts: readonly Part[] } {
  // The author of the file cannot have guessed it.
  const boundary = randomBytes(18).toString("base64url");
  const type = getHeader(headers, "Content-Type");
  const parts: Part[] = [];
  let length = 0;
  const addText = (text: string) => {
    const bytes = Buffer.from(text, "latin1");
    length += bytes.length;
    parts.push(bytes);
  };
  for (const [index, range] of ranges.entries()) {
    addText(
      `${index === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`,
    );
    length += range.last + 1 - range.first;
    parts.push(range);
  }
  addText(`\r\n--${boundary}--\r\n`);
  const own = setHeader(headers, "Content-Type", `multipart/byteranges; boundary=${boundary}`);
  return { headers: setHeader(own, "Content-Length", String(length)), parts };
}
