/** What a client gets on a stream whose request no app may see. */

import type { ServerHttp2Stream } from "node:http2";
import type { StatusLine } from "../../../gateway.ts";
import { PLAIN_TEXT, refusalBody } from "../../../server/engine/refusal.ts";
import { streamFields } from "./fields.ts";

/** refuseStream answers a stream with a status. A body that still comes is not read. */
export function refuseStream(stream: ServerHttp2Stream, status: StatusLine): void {
  if (stream.closed || stream.destroyed) return;
  const body = refusalBody(status);
  stream.respond(streamFields(Number(status.slice(0, 3)), PLAIN_TEXT, body.length));
  if (!stream.writableEnded) stream.end(body);
}
