/** The end of event streams whose server closes without a word: one of Node's, which waits for them for ever. */

import type { Exchange } from "../../src/gateway.ts";
import type { EventReader } from "./event-reader.ts";

/** How often the servers are looked at, in milliseconds. */
const INTERVAL = 1000;

/** A Node server no longer listens when it closes. */
interface Listening {
  readonly listening?: boolean;
}

/** The open streams of servers that do not tell. */
const watched = new Map<EventReader, Listening>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Ends a stream when the server of its exchange no longer listens. A server that tells ends event streams by itself. */
export function watchHost({ server, onServerClose }: Exchange, reader: EventReader): void {
  if (onServerClose !== undefined || (server as Listening | undefined)?.listening !== true) return;
  watched.set(reader, server as Listening);
  reader.onClose = () => forget(reader);
  if (timer !== undefined) return;
  timer = setInterval(endAll, INTERVAL);
  (timer as { unref?(): void }).unref?.();
}

function endAll(): void {
  for (const [reader, server] of watched) if (server.listening === false) reader.end();
}

function forget(reader: EventReader): void {
  watched.delete(reader);
  if (watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
