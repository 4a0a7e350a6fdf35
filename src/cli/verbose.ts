/** Prints each exchange the way `curl -v` does, seen from the server: `<` what came, `>` what went. */

import { subscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";
import { escapeControls } from "../escape.ts";

/** Where Node tells of a response that has been handed over. */
const FINISHED = "http.server.response.finish";

interface Printed extends ServerResponse {
  /** The head as it went out; not in Node's documentation, but what its logs are made of since 0.x. */
  _header?: string | null;
}

/** Prints the exchanges of a server in this process, each in one piece once its response has ended. */
export function printExchanges(out: { write(text: string): void }): void {
  let count = 0;
  subscribe(FINISHED, (message) => {
    const { response } = message as { response: Printed };
    const { req: request } = response;
    const lines = [`* exchange ${++count} with ${request.socket.remoteAddress ?? "a local client"}`];
    lines.push(`< ${request.method} ${request.url} HTTP/${request.httpVersion}`);
    for (let index = 0; index < request.rawHeaders.length; index += 2) {
      lines.push(`< ${request.rawHeaders[index]}: ${request.rawHeaders[index + 1]}`);
    }
    lines.push("<");
    const head = response._header ?? `HTTP/1.1 ${response.statusCode} ${response.statusMessage}\r\n\r\n`;
    for (const line of head.split("\r\n").slice(0, -1)) lines.push(line === "" ? ">" : `> ${line}`);
    out.write(`${lines.map(escapeControls).join("\n")}\n`);
  });
}
