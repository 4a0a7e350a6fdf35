/** The answers to what does not become a WebSocket. */

import { text } from "../../src/apps.ts";
import type { App, HeaderList, StatusLine } from "../../src/gateway.ts";

/** Why a handshake is refused. */
export type Refusal = "not asked" | "method" | "origin" | "version" | "malformed";

const UPGRADE: HeaderList[number] = ["Upgrade", "websocket"];

/** The answer to each. */
export const refusals: Readonly<Record<Refusal, App>> = {
  "not asked": refusal("426 Upgrade Required", "This is a WebSocket", [UPGRADE]),
  method: refusal("405 Method Not Allowed", "A WebSocket begins with GET", [["Allow", "GET"]]),
  origin: refusal("403 Forbidden", "Pages of this origin may not connect"),
  version: refusal("426 Upgrade Required", "Only version 13 is spoken here", [
    UPGRADE,
    ["Sec-WebSocket-Version", "13"],
  ]),
  malformed: refusal("400 Bad Request", "The WebSocket handshake is malformed"),
};

/** The answer where the server cannot give its connections away. */
export const NO_SWITCHING: App = refusal("501 Not Implemented", "This server does not switch protocols");

/** The answer while the server closes. */
export const CLOSING: App = refusal("503 Service Unavailable", "The server is closing");

function refusal(status: StatusLine, what: string, headers: HeaderList = []): App {
  return text(`${what}\n`, { status, headers });
}
