/** What a client gets on a stream whose request no app may see. */

import type { ServerHttp2Stream } from "node:http2";
import type { StatusLine } from "../../../gateway.ts";

/** refuseStream answers a stream with a status. A body that still comes is not read. */
export function refuseStream(stream: ServerHttp2Stream, status: StatusLine): void {
  if (stream.closed || stream.destroyed) return;
  const body = `${status}\n`;
  stream.respond({
    ":status": Number(status.slice(0, 3)),
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(body.length),
  });
  if (!stream.writableEnded) stream.end(body);
}
