/**
 * Gives small streams a length.
 *
 * ```ts
 * const report: App = async function* (_environ, startResponse) {
 *   startResponse("200 OK", [["Content-Type", "text/csv"]]);
 *   yield "id,name\n";
 *   for (let id = 0; id < 100; id++) yield `${id},user ${id}\n`;
 * };
 *
 * // The length is known once all of it is there: so a client can go on after a part of it.
 * export const app = range(contentLength(report, { limit: 256 * 1024 }));
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { BodyReader, knownChunks } from "../src/body/reader.ts";
import { resume } from "../src/body/stream.ts";
import { capture } from "../src/exchange/capture.ts";
import { isSwitching } from "../src/exchange/failures.ts";
import { reportError } from "../src/exchange/report.ts";
import { respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Environ } from "../src/gateway.ts";
import { hasHeader } from "../src/http/headers.ts";
import { parseStatus } from "../src/http/status.ts";
import { checkOptions, count, type Kinds } from "../src/options.ts";
import { andThen, callOut } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { readAhead } from "./transform/ahead.ts";
import { isEventStream } from "./transform/event-stream.ts";

/** How much is read before it is sent. */
export interface ContentLengthOptions {
  /** The longest body that gets a length, in bytes. Default 64 KiB. A longer one is a stream, whose beginning was held back. */
  limit?: number;
}

const KINDS: Kinds<ContentLengthOptions> = { limit: count() };

/**
 * contentLength reads the streams of an app up to a limit before they are sent, so that they have a `Content-Length`: for clients of
 * HTTP/1.0 that keep connections, for those that want to know how much is to come, and for `range` outside of it. Bodies that are not
 * streams have one in any case. A stream that asks to be passed on, by an empty chunk, and event streams are not held back; HEAD,
 * 204, 205 and 304 are left alone. A stream that fails within the limit is an error of the app, and not a response that is cut.
 * Throws `TSGI_BAD_OPTION`.
 */
export function contentLength(app: App, options: ContentLengthOptions = {}): App {
  checkApp(app, "contentLength");
  checkOptions("contentLength", options, KINDS);
  const { limit = 64 * 1024 } = options;

  const outer: App = function contentLength(environ, startResponse) {
    return andThen(capture(app, environ), (response) =>
      andThen(lacksLength(response, environ) ? measured(response, environ, limit) : response, (settled) =>
        respond(settled, startResponse),
      ),
    );
  };
  return wrapping(outer, app);
}

function lacksLength({ status, headers, body }: AppResponse, environ: Environ): boolean {
  if (knownChunks(body) !== undefined || hasHeader(headers, "Content-Length") || isSwitching(status)) return false;
  return environ.REQUEST_METHOD !== "HEAD" && !parseStatus(status).bodiless && !isEventStream(headers);
}

async function measured(response: AppResponse, environ: Environ, limit: number): Promise<AppResponse> {
  const reader = new BodyReader(response.body);
  const { bytes, isWhole } = await readAhead(reader, environ, (length) => length > limit, true);
  if (!isWhole) return { ...response, body: resume(bytes, reader) };
  callOut(
    () => reader.close(),
    (error) => reportError(environ, error),
  );
  return { ...response, body: bytes };
}
