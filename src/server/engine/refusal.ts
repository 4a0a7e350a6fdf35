/** What a client gets that did not send a request which an app may see. */

import { TsgiError } from "../../errors.ts";
import type { HeaderList, StatusLine } from "../../gateway.ts";
import { parseStatus } from "../../http/status.ts";
import type { HeadText } from "./head-text.ts";

/** The headers of what a server answers by itself. */
export const PLAIN_TEXT: HeaderList = [["Content-Type", "text/plain; charset=utf-8"]];

/** refusalBody gives the text that goes with a status. */
export function refusalBody(status: StatusLine): string {
  return `${status}\n`;
}

/** The last answer on a connection; that to HEAD has no body. */
export function refusalText(headText: HeadText, status: StatusLine, isHead: boolean): string {
  const body = refusalBody(status);
  const head = headText(parseStatus(status), PLAIN_TEXT, body.length, true);
  return isHead ? head : head + body;
}

/** A head that was read, as it came. */
export function headOf(head: {
  readonly method: string;
  readonly target: string;
  readonly protocol: string;
  readonly lines: readonly string[];
}): Buffer {
  const { method, target, protocol, lines } = head;
  return headOfLines(lines, `${method} ${target} ${protocol}\r\n`);
}

/** Header lines, names and values in turn, after what comes before them. */
export function headOfLines(lines: readonly string[], begin = ""): Buffer {
  let text = begin;
  for (let index = 0; index < lines.length; index += 2) text += `${lines[index]}: ${lines[index + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, "latin1");
}

/** The error of a body that does not go on as it should; the app may answer it with the status. */
export function badBody(status: StatusLine): TsgiError {
  return new TsgiError("TSGI_BAD_REQUEST", "the rest of the request body cannot be read", { status });
}
