/** The head of a response as text (RFC 9112 §4, §5). */

import type { HeaderList } from "../../gateway.ts";
import { preparedHeaders, upgradeOf } from "../../http/field-rules.ts";
import type { Status } from "../../http/status.ts";

/** How the end of a body is told (RFC 9112 §6.3): nothing is said, it has a length, it comes in chunks. */
export type BodyLength = number | "unsaid" | "chunked";

/** headText writes the heads of the responses of one server. */
export type HeadText = (status: Status, headers: HeaderList, length: BodyLength, isLast: boolean) => string;

/** `keepAlive` is how long a connection may be idle, in milliseconds; 0 for "no limit". */
export function headText(keepAlive: number): HeadText {
  const kept = `Connection: keep-alive\r\n${keepAlive === 0 ? "" : `Keep-Alive: timeout=${Math.floor(keepAlive / 1000)}\r\n`}`;

  return function headText(status, headers, length, isLast) {
    const prepared = preparedHeaders(headers);
    const lines = prepared === undefined ? linesOf(headers) : prepared.text;
    const date = (prepared?.hasDate ?? hasDate(headers)) ? "" : dateLine();
    const begin = `HTTP/1.1 ${status.code} ${status.reason}\r\n${lines}`;
    let connection = isLast ? "Connection: close\r\n" : kept;
    if (upgradeOf(status.code, headers) !== undefined) connection = connection.replace(" ", " upgrade, ");
    if (length === "unsaid") return `${begin}${date}${connection}\r\n`;
    if (length === "chunked") return `${begin}${date}${connection}Transfer-Encoding: chunked\r\n\r\n`;
    return `${begin}Content-Length: ${length}\r\n${date}${connection}\r\n`;
  };
}

/** The lines of a header list. */
export function linesOf(headers: HeaderList): string {
  let text = "";
  for (let index = 0; index < headers.length; index++) {
    const line = headers[index] as readonly [string, string];
    text += `${line[0]}: ${line[1]}\r\n`;
  }
  return text;
}

function hasDate(headers: HeaderList): boolean {
  for (let index = 0; index < headers.length; index++) {
    const name = (headers[index] as readonly [string, string])[0];
    if (name.length === 4 && name.toLowerCase() === "date") return true;
  }
  return false;
}

let date = "";
let line = "";

/** httpDate gives the time as `Date` has it (RFC 9110 §5.6.7); it is made once a second. */
export function httpDate(): string {
  if (date === "") {
    const now = Date.now();
    date = new Date(now).toUTCString();
    line = `Date: ${date}\r\n`;
    setTimeout(forgetDate, 1000 - (now % 1000)).unref();
  }
  return date;
}

function dateLine(): string {
  httpDate();
  return line;
}

function forgetDate(): void {
  date = "";
}
