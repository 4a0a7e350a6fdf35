/** Which responses are event streams: they end when their server closes. */

import type { HeaderList } from "../../gateway.ts";
import { getHeader } from "../../http/headers.ts";

const EVENT_STREAM = "text/event-stream";

/** isEventStream tells it by the headers that were sent; before there are any, by what the request accepts. */
export function isEventStream(sent: HeaderList | undefined, requested: HeaderList): boolean {
  return sent === undefined
    ? getHeader(requested, "Accept") === EVENT_STREAM
    : (getHeader(sent, "Content-Type") ?? "").toLowerCase().startsWith(EVENT_STREAM);
}
