/** The answers that a proxy gives itself: short, and without a word of the target. */

import { text } from "../../src/apps.ts";
import type { App, HeaderList, StatusLine } from "../../src/gateway.ts";
import type { Failure } from "./outcome.ts";

function refusal(status: StatusLine, headers: HeaderList = []): App {
  return text(`${status}\n`, { status, headers: [["Cache-Control", "no-store"], ...headers] });
}

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

export const BAD_REQUEST: App = refusal("400 Bad Request");
/** Of TRACE, which would show a client what layers have added for the target alone. */
export const NOT_ALLOWED: App = refusal("405 Method Not Allowed", [["Allow", METHODS]]);
export const TOO_LARGE: App = refusal("431 Request Header Fields Too Large");
/** Of CONNECT. */
export const NOT_IMPLEMENTED: App = refusal("501 Not Implemented");
export const LOOP: App = refusal("508 Loop Detected");
const UNSIZED = refusal("411 Length Required");
const BAD_GATEWAY = refusal("502 Bad Gateway");
const UNAVAILABLE = refusal("503 Service Unavailable", [["Retry-After", "1"]]);
const TIMEOUT = refusal("504 Gateway Timeout");

/** To OPTIONS that is to go no further (RFC 9110 §7.6.2). */
export const OPTIONS_HERE: App = (_environ, startResponse) => {
  startResponse("204 No Content", [["Allow", METHODS]]);
  return undefined;
};

/** The answer to a request that the target has not answered. */
export function refusalOf({ phase, reason }: Failure): App {
  if (reason === "invalid" || reason === "upload") return BAD_REQUEST;
  if (reason === "unsized") return UNSIZED;
  if (phase === "queue") return UNAVAILABLE;
  return reason === "timeout" ? TIMEOUT : BAD_GATEWAY;
}
