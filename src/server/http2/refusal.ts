/** What a client gets whose request no app may see. */

import type { HeaderList, StatusLine } from "../../gateway.ts";

export const refusalHeaders: HeaderList = [["content-type", "text/plain; charset=utf-8"]];

/** refusalBody gives the text that goes with a status. */
export function refusalBody(status: StatusLine): string {
  return `${status}\n`;
}
