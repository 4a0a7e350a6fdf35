/** The head of a response for those who watch. */

import type { HeaderList } from "../../gateway.ts";
import type { Status } from "../../http/status.ts";

/** headAsText gives a head as text, as HTTP/1.1 would have it. */
export function headAsText(status: Status, headers: HeaderList, length: number): string {
  const lines = headers.map(([name, value]) => `${name.toLowerCase()}: ${value}\r\n`);
  if (length >= 0) lines.push(`content-length: ${length}\r\n`);
  return `HTTP/2.0 ${status.code} ${status.reason}\r\n${lines.join("")}\r\n`;
}
