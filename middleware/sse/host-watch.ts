/** The end of event streams whose server closes without a word: one of Node's, which waits for them for ever. */

import type { Exchange } from "../../src/gateway.ts";
import type { EventReader } from "./event-reader.ts";

/** How often the servers are looked at, in milliseconds. */
const INTERVAL = 1000;

/** A Node server no longer listens when it closes. */
interface Listening {
  readonly listening?: boolean;
}

/** The open streams of servers that do not tell, and what is called when these close. */
const watched = new Map<EventReader, { readonly server: Listening; readonly onClosing: () => void }>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Whether the server of an exchange closes without a word. One that tells ends event streams by itself, and aborts their signal. */
export function isSilentHost({ server, onServerClose }: Exchange): boolean {
  return onServerClose === undefined && (server as Listening | undefined)?.listening === true;
}

/** Ends a stream when the server of its exchange, which is silent, no longer listens, and calls back then. */
export function watchHost({ server }: Exchange, reader: EventReader, onClosing: () => void): void {
  watched.set(reader, { server: server as Listening, onClosing });
  reader.onClose = () => forget(reader);
  if (timer !== undefined) return;
  timer = setInterval(endAll, INTERVAL);
  (timer as { unref?(): void }).unref?.();
}

function endAll(): void {
  for (const [reader, { server, onClosing }] of watched) {
    if (server.listening !== false) continue;
    reader.end();
    onClosing();
  }
}

function forget(reader: EventReader): void {
  watched.delete(reader);
  if (watched.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
