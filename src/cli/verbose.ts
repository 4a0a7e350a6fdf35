/** Prints each exchange the way `curl -v` does, seen from the server: `<` what came, `>` what went. */

import { subscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { escapeControls } from "../escape.ts";
import type { Refusal } from "../server/client-error.ts";

/** Where Node announces each request, and tsgi what was not one. */
const STARTED = "http.server.request.start";
const REFUSED = "tsgi.server.refused";

/** How many lines of a malformed request are printed. */
const MOST_LINES = 20;

interface Printed extends ServerResponse {
  /** The head as sent; not in Node's documentation. */
  _header?: string | null;
}

/** Prints the exchanges of this process, each in one piece: when its response has ended, or its client has left. */
export function printExchanges(out: { write(text: string): void }): void {
  let count = 0;
  subscribe(STARTED, (message) => {
    const { response } = message as { response: Printed };
    const { socket } = response.req;
    // Node clears it when the client leaves.
    const peer = describePeer(socket);
    response.once("close", () => print(peer, requestLines(response), responseLines(response)));
  });
  subscribe(REFUSED, (message) => {
    const { socket, status, received } = message as Refusal;
    const lines = received === undefined ? [] : Buffer.from(received).toString("latin1").split(/\r?\n/, MOST_LINES);
    print(
      describePeer(socket),
      lines.map((line) => `< ${line}`),
      [`> HTTP/1.1 ${status}`, ">"],
    );
  });

  function print(peer: string, received: readonly string[], sent: readonly string[]): void {
    const lines = [`* exchange ${++count} with ${peer}`, ...received, ...sent];
    out.write(`${lines.map(escapeControls).join("\n")}\n`);
  }
}

function describePeer(socket: Socket): string {
  return socket.remoteAddress ?? "a local client";
}

function requestLines({ req: request }: Printed): string[] {
  const lines = [`< ${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    lines.push(`< ${request.rawHeaders[index]}: ${request.rawHeaders[index + 1]}`);
  }
  return [...lines, "<"];
}

function responseLines(response: Printed): string[] {
  if (!response.headersSent) return ["* the connection ended before a response was sent"];
  const head = response._header ?? `HTTP/1.1 ${response.statusCode} ${response.statusMessage}\r\n\r\n`;
  const lines = head
    .split("\r\n")
    .slice(0, -1)
    .map((line) => (line === "" ? ">" : `> ${line}`));
  return response.writableFinished ? lines : [...lines, "* the connection ended before the response was complete"];
}
