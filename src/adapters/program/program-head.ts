/** The head of what a CGI program writes (RFC 3875 §6). */

import type { HeaderList, StatusLine } from "../../gateway.ts";
import { checkHeaders, isHopByHop } from "../../http/field-rules.ts";
import { parseStatus, reasonOf } from "../../http/status.ts";

export interface ProgramHead {
  readonly status: StatusLine;
  readonly headers: HeaderList;
}

/**
 * Parses header lines, each character a byte. `Status` is the status; without it, `Location` means 302 and everything else
 * 200. Headers of a connection are left out. Throws for what is no head.
 *
 * A `Location` that is a path is sent to the client like any other: the gateway cannot tell which app that path is (§6.2.2
 * wants the server to answer for it itself).
 */
export function parseProgramHead(text: string): ProgramHead {
  const headers: [name: string, value: string][] = [];
  let status: StatusLine | undefined;
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`${JSON.stringify(line.slice(0, 80))} is no header line`);
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    const key = name.toLowerCase();
    if (key === "status") status = statusOf(value);
    else if (!isHopByHop(key)) headers.push([name, value]);
  }
  checkHeaders(headers);
  const isElsewhere = headers.some(([name]) => name.toLowerCase() === "location");
  return { status: status ?? (isElsewhere ? "302 Found" : "200 OK"), headers };
}

function statusOf(value: string): StatusLine {
  const status = (/^\d{3}$/.test(value) ? `${value} ${reasonOf(Number(value))}` : value) as StatusLine;
  parseStatus(status);
  return status;
}
