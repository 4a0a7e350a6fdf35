/** The head of a program's output (RFC 3875 §6). */

import type { HeaderList, StatusLine } from "../../gateway.ts";
import { checkHeaders, isHopByHop } from "../../http/field-rules.ts";
import { hasHeader } from "../../http/headers.ts";
import { parseStatus, reasonOf } from "../../http/status.ts";

/** Status and headers of a program's response. */
export interface ProgramHead {
  readonly status: StatusLine;
  readonly headers: HeaderList;
}

/**
 * Parses the header lines of a program, one character for each byte. `Status` gives the status; without it, the status is
 * 302 if there is a `Location`, else 200. Connection-specific headers are dropped. Throws if the text is not a valid head.
 *
 * A `Location` that is a path is sent to the client like any other. RFC 3875 §6.2.2 wants the server to answer for that path
 * itself, but a mounted app cannot know which app the path belongs to.
 */
export function parseProgramHead(text: string): ProgramHead {
  const lines: [name: string, value: string][] = [];
  let given: StatusLine | undefined;
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`${JSON.stringify(line.slice(0, 80))} is not a header line`);
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    const key = name.toLowerCase();
    if (key === "status") given = parseProgramStatus(value);
    else lines.push([name, value]);
  }
  const status = given ?? (hasHeader(lines, "Location") ? "302 Found" : "200 OK");
  const { code } = parseStatus(status);
  const headers = lines.filter(([name]) => !isHopByHop(name, code));
  checkHeaders(headers, code);
  return { status, headers };
}

function parseProgramStatus(value: string): StatusLine {
  const status = (/^\d{3}$/.test(value) ? `${value} ${reasonOf(Number(value))}` : value) as StatusLine;
  parseStatus(status);
  return status;
}
