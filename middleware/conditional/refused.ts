/** A refusal in place of a response. */

import { dropBody } from "../../src/exchange/respond.ts";
import type { AppResponse, Environ, HeaderList, StatusLine } from "../../src/gateway.ts";
import { removeHeaders } from "../../src/http/headers.ts";
import { notModifiedHeaders } from "../../src/http/precondition.ts";

/**
 * Refuses a response: its body is closed, and its headers stay (who may read it, cookies, the tag), except those that describe
 * the content, or say how long it may be kept.
 */
export function refused(
  { headers, body }: AppResponse,
  environ: Environ,
  status: StatusLine,
  added: HeaderList = [],
): AppResponse {
  const kept = removeHeaders(notModifiedHeaders(headers), "Cache-Control", "Expires", "Last-Modified");
  dropBody(body, environ);
  return {
    status,
    headers: [["Content-Type", "text/plain; charset=utf-8"], ...kept, ...added],
    body: `${status.slice("412 ".length)}\n`,
  };
}
