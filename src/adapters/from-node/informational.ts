/** Informational responses as Node's `writeContinue`, `writeProcessing` and `writeEarlyHints` put them on the wire. */

import type { HeaderList, StatusLine } from "../../gateway.ts";

/** Parses one; undefined for anything else. */
export function parseInformational(
  data: string | Uint8Array,
): { readonly status: StatusLine; readonly headers: HeaderList } | undefined {
  const [first = "", ...lines] = data.toString().split("\r\n");
  const status = /^HTTP\/1\.1 (1\d\d .*)$/.exec(first)?.[1];
  if (status === undefined) return undefined;
  const headers: [name: string, value: string][] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
  return { status: status as StatusLine, headers };
}
