/**
 * Shows the site's own pages for errors.
 *
 * ```ts
 * const failed: App = (environ, startResponse) => html(`<h1>Error ${environ["error.status"]}</h1>`)(environ, startResponse);
 * const shop: App = (environ, startResponse) => {
 *   if (environ.PATH_INFO === "/fails") throw new Error("the database is away");
 *   return (environ.PATH_INFO === "/" ? text("hello") : notFound)(environ, startResponse);
 * };
 *
 * export const app = errorPages(shop, { 404: html("<h1>There is no such page.</h1>"), "5xx": failed });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import type { App, AppResponse, Environ } from "../src/gateway.ts";
import { immediate } from "../src/immediate.ts";
import { checkOptions, FUNCTION, type Kinds, OBJECT, showOption } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";
import { ErrorPages, isPlain } from "./error-pages/pages.ts";

/** Pages by the status that they are for: `404`, or `"4xx"` and `"5xx"` for all of a kind that have none of their own. */
export type Pages = Readonly<Record<string | number, App>>;

/** Which responses are replaced. */
export interface ErrorPagesOptions {
  /**
   * Whether a response that the app has made itself is replaced: by default one of type `text/plain` or without a type. Those of type
   * `application/json` and `text/html` are the app's own. It is asked of statuses that have a page. What the app throws always is.
   */
  replace?: (head: Pick<AppResponse, "status" | "headers">, environ: Environ) => boolean;
}

const KINDS: Kinds<ErrorPagesOptions> = { replace: FUNCTION };

/**
 * errorPages answers errors with pages, which are apps: where the app throws, where its body fails before its first chunk, and where it
 * answers a status from 400 on that has a page. The page is asked with GET, without conditions and ranges, and has
 * `environ["error.status"]`, and `environ["error.cause"]` where something was thrown. The response has the status of the error, the
 * headers of the original except those that describe its body, and the body and other headers of the page, but not its caching.
 *
 * It goes through the layers outside like any response: they add their headers, compress and log it. What was thrown is reported; a
 * `TsgiError` with a status of 4xx is answered with that. Without a page for a status, and where the page fails, it is as if errorPages
 * were not there. In development the server shows what was thrown.
 *
 * Throws `TSGI_BAD_OPTION`, and `TSGI_NO_APP` for a page that is not an app.
 */
export function errorPages(app: App, pages: Pages, options: ErrorPagesOptions = {}): App {
  checkApp(app, "errorPages");
  const byStatus = checkPages(pages);
  checkOptions("errorPages", options, KINDS);
  const { replace = isPlain } = options;
  const answers = new ErrorPages(app, byStatus, immediate("replace of errorPages", replace));

  const outer: App = function errorPages(environ, startResponse) {
    return answers.answer(environ, startResponse);
  };
  return wrapping(outer, [
    { app },
    ...Object.entries(pages).map(([status, page]) => ({ app: page, label: `(${status})` })),
  ]);
}

function checkPages(pages: Pages): ReadonlyMap<string, App> {
  if (!OBJECT.accepts(pages)) throw badPages(`the pages of errorPages are ${showOption(pages)}`);
  return new Map(
    Object.entries(pages).map(([status, page]) => {
      if (!/^(?:[45]\d\d|[45]xx)$/.test(status)) throw badPages(`errorPages has a page for ${JSON.stringify(status)}`);
      checkApp(page, "errorPages");
      return [status, page];
    }),
  );
}

function badPages(message: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", message, { hint: 'Give apps by status: { 404: page, "5xx": page }.' });
}
