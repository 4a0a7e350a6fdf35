/** Prints each exchange the way `curl -v` does, seen from the server: `<` what came, `>` what went. */

import { subscribe } from "node:diagnostics_channel";
import { escapeControls } from "../escape.ts";
import type { Environ } from "../gateway.ts";
import type { HeadSent, RequestEnded, RequestRefused } from "../server/engine/events.ts";

/** How many lines of a malformed request are printed. */
const MOST_LINES = 20;

/** Prints the exchanges of this process, each in one piece: when its response has ended, or its client has left. */
export function printExchanges(out: { write(text: string): void }): void {
  let count = 0;
  const heads = new WeakMap<Environ, string>();
  subscribe("tsgi.request.head", (message) => {
    const { environ, head } = message as HeadSent;
    heads.set(environ, head);
  });
  subscribe("tsgi.request.end", (message) => {
    const { environ, isComplete } = message as RequestEnded;
    print(environ.REMOTE_ADDR, requestLines(environ), responseLines(heads.get(environ), isComplete));
  });
  subscribe("tsgi.request.refused", (message) => {
    const { address, status, received } = message as RequestRefused;
    const lines = received.length === 0 ? [] : Buffer.from(received).toString("latin1").split(/\r?\n/, MOST_LINES);
    print(
      address,
      lines.map((line) => `< ${line}`),
      [`> HTTP/1.1 ${status}`, ">"],
    );
  });

  function print(address: string, received: readonly string[], sent: readonly string[]): void {
    const lines = [`* exchange ${++count} with ${address || "a local client"}`, ...received, ...sent];
    out.write(`${lines.map(escapeControls).join("\n")}\n`);
  }
}

function requestLines(environ: Environ): string[] {
  const lines = [`< ${environ.REQUEST_METHOD} ${environ.REQUEST_URI} ${environ.SERVER_PROTOCOL}`];
  for (const [name, value] of environ["tsgi.exchange"].headers ?? []) lines.push(`< ${name}: ${value}`);
  return [...lines, "<"];
}

function responseLines(head: string | undefined, isComplete: boolean): string[] {
  if (head === undefined) {
    return [isComplete ? "* the connection was taken over" : "* the connection ended before a response was sent"];
  }
  const lines = head
    .split("\r\n")
    .slice(0, -1)
    .map((line) => (line === "" ? ">" : `> ${line}`));
  return isComplete ? lines : [...lines, "* the connection ended before the response was complete"];
}
