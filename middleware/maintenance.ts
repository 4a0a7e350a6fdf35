/**
 * Closes a site for a while.
 *
 * ```ts
 * export const app = maintenance(site, {
 *   isOn: ({ REMOTE_ADDR }) => process.env.CLOSED === "1" && REMOTE_ADDR !== "127.0.0.1",
 *   page: html("<h1>We are back at six</h1>"),
 * });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import type { App, Body, Environ, StartResponse } from "../src/gateway.ts";
import { hasHeader, removeHeaders } from "../src/http/headers.ts";
import { BOOLEAN, checkOptions, count, either, FUNCTION, type Kinds } from "../src/options.ts";
import { checkAnswer, type Predicate } from "../src/predicate.ts";
import { andThen } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";

/** When a site is closed, and what it says then. */
export interface MaintenanceOptions {
  /** Whether it is closed: for all, or for the requests for which a function gives true. It is asked for each request. Required. */
  isOn: boolean | Predicate;
  /** After how many seconds clients may try again: the `Retry-After` of the 503. Default 300. */
  retryAfter?: number;
  /** The app that answers instead, whatever its status. Default: a line of text. */
  page?: App;
}

const KINDS: Kinds<MaintenanceOptions> = { isOn: either(BOOLEAN, FUNCTION), retryAfter: count(), page: FUNCTION };

const UNAVAILABLE = "503 Service Unavailable";

/**
 * maintenance answers with 503 and `Retry-After` (RFC 9110 §15.6.4) while `isOn`, without asking `app`: search engines then keep what
 * they know, and caches keep nothing. The page is sent whole and anew each time. Requests that have begun before are not touched. A
 * function that gives neither true nor false is a 500.
 *
 * It does not lock anybody out: event streams and WebSockets that are open go on, and a predicate by `REMOTE_ADDR` is as good as that
 * (`proxyFix`). Put probes of load balancers outside of it, if the process is to count as healthy meanwhile.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function maintenance(app: App, options: MaintenanceOptions): App {
  checkApp(app, "maintenance");
  checkOptions("maintenance", options, KINDS);
  const { isOn, retryAfter = 300, page = text("Service Unavailable: closed for maintenance\n") } = options;
  if ((isOn as unknown) === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "maintenance is not told when it is on", {
      hint: 'Give true, false or a function: { isOn: () => existsSync("./closed") }.',
    });
  }
  const asks: Predicate = typeof isOn === "function" ? isOn : () => isOn;
  const fixed = [
    ["Retry-After", String(retryAfter)],
    ["Cache-Control", "no-store"],
  ] as const;

  function refuse(environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    return page(unconditional(environ), (_status, headers, error) => {
      const own = removeHeaders(headers, "Cache-Control", "ETag", "Last-Modified", "Accept-Ranges");
      const added = hasHeader(own, "Retry-After") ? fixed.slice(1) : fixed;
      return startResponse(UNAVAILABLE, [...own, ...added], error);
    });
  }

  const outer: App = function maintenance(environ, startResponse) {
    return andThen(asks(environ), (answer) =>
      checkAnswer("maintenance", answer) ? refuse(environ, startResponse) : app(environ, startResponse),
    );
  };
  return wrapping(outer, app);
}

/** A page that is not modified, or a part of one, would be a 503 without its text. */
function unconditional(environ: Environ): Environ {
  const { HTTP_IF_NONE_MATCH, HTTP_IF_MODIFIED_SINCE, HTTP_RANGE } = environ;
  if (HTTP_IF_NONE_MATCH === undefined && HTTP_IF_MODIFIED_SINCE === undefined && HTTP_RANGE === undefined)
    return environ;
  return { ...environ, HTTP_IF_NONE_MATCH: undefined, HTTP_IF_MODIFIED_SINCE: undefined, HTTP_RANGE: undefined };
}
