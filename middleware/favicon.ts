/**
 * Answers what browsers ask of each site.
 *
 * ```ts
 * export const app = favicon(site, { file: "./public/favicon.ico" });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import type { App } from "../src/gateway.ts";
import { checkOptions, count, either, type Kinds, STRING } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";
import { sendFile } from "./send-file.ts";

/** Which icon a site has. */
export interface FaviconOptions {
  /** The file, which is kept in memory. Default none: browsers are told that there is no icon. */
  file?: string | URL;
  /** How long browsers keep it without asking again, in milliseconds. Default a day. */
  maxAge?: number;
}

const KINDS: Kinds<FaviconOptions> = {
  file: either(STRING, { expected: "a file: URL", accepts: (value) => value instanceof URL }),
  maxAge: count(),
};

const DAY = 86_400_000;

const notAllowed = text("Method Not Allowed\n", {
  status: "405 Method Not Allowed",
  headers: [["Allow", "GET, HEAD, OPTIONS"]],
});

/**
 * favicon answers `/favicon.ico` with a file, with its validators; without one it answers 204, so that requests for it are neither
 * answered by `app` with a page of its own nor counted as errors. A missing file is a 404, another method than GET, HEAD and OPTIONS
 * a 405. It looks at the path of the site, not at that below a mount: browsers ask for no other. Put it outside of logs and sessions.
 *
 * Throws `TSGI_BAD_OPTION`, `TSGI_BAD_EXPORT` for a URL that is not that of a file.
 */
export function favicon(app: App, options: FaviconOptions = {}): App {
  checkApp(app, "favicon");
  checkOptions("favicon", options, KINDS);
  const { file, maxAge = DAY } = options;
  const icon = file === undefined ? noIcon(maxAge) : sendFile(file, { maxAge, memory: {} });

  const outer: App = function favicon(environ, startResponse) {
    if (environ.SCRIPT_NAME + environ.PATH_INFO !== "/favicon.ico") return app(environ, startResponse);
    switch (environ.REQUEST_METHOD) {
      case "GET":
      case "HEAD":
        return icon(environ, startResponse);
      case "OPTIONS":
        startResponse("204 No Content", [["Allow", "GET, HEAD, OPTIONS"]]);
        return undefined;
      default:
        return notAllowed(environ, startResponse);
    }
  };
  return wrapping(outer, app);
}

function noIcon(maxAge: number): App {
  return (_environ, startResponse) => {
    startResponse("204 No Content", [["Cache-Control", `max-age=${Math.floor(maxAge / 1000)}`]]);
  };
}
