/** Event streams, of which nothing is held back. */

import type { HeaderList } from "../../src/gateway.ts";
import { getHeader } from "../../src/http/headers.ts";

/** Whether the response is an event stream (HTML Standard, "Server-sent events"). */
export function isEventStream(headers: HeaderList): boolean {
  return /^\s*text\/event-stream\s*(?:;|$)/i.test(getHeader(headers, "Content-Type") ?? "");
}
