/**
 * Changes elements of pages.
 *
 * ```ts
 * export const app = rewriteHtml(site, {
 *   "a[target=_blank]": (link) => link.setAttribute("rel", "noopener"),
 *   "img:not([loading])": (image) => image.setAttribute("loading", "lazy"),
 *   ".advert, script[src*='tracker']": (element) => element.remove(),
 *   "main > h1": (heading, { PATH_INFO }) => {
 *     heading.after(`You are at ${PATH_INFO}`);
 *     heading.prepend('<a href="#top">#</a> ', { html: true });
 *   },
 * });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { mapBody } from "../src/body/stream.ts";
import { reportError } from "../src/exchange/report.ts";
import type { App, AppResponse, Environ } from "../src/gateway.ts";
import { checkHandlers } from "./rewrite-html/handlers.ts";
import { loadParse5 } from "./rewrite-html/package.ts";
import { type HtmlHandler, Rewriting } from "./rewrite-html/rewriting.ts";
import { isAsciiBased, namedCharset } from "./transform/charset.ts";
import { inPieces } from "./transform/pieces.ts";
import { type Change, hasType, isTransformable, transform } from "./transform.ts";

export type { ContentOptions, HtmlElement } from "./rewrite-html/element.ts";
export type { HtmlHandler } from "./rewrite-html/rewriting.ts";

/**
 * rewriteHtml calls handlers with the elements of an app's pages that their selectors match, as the pages stream by; they set and
 * remove attributes, and put content before, after, into and in place of elements. Several handlers of an element are called in the
 * order in which they are given. What is not changed is sent byte for byte, whatever its charset, and at once.
 *
 * Selectors are those of CSS by name, class, id and attribute, with `:not()`, `:is()`, descendants (`main a`) and children (`ul > li`),
 * lists of them too. Nothing matches in scripts, styles, text areas, titles, comments and CDATA, nor in `<noscript>`, which is text
 * to a browser with scripts. Elements end as in a browser where their end tags are left out; the content of tables stays where it is
 * written. Beyond a depth of 512 nothing matches.
 *
 * Changed are bodies of type `text/html`, except those in UTF-16, in ISO-2022-JP and in an unknown charset. See
 * `isTransformable` for what else is left alone; `transform` says what becomes of headers. A handler that throws is an error of the
 * app. From a tag or a comment of more than 1 MiB on, a page is passed on as it is, and that is reported; within an element that is
 * removed it is an error of the app.
 *
 * It needs `npm install parse5@8 css-what@8`. Throws `TSGI_NO_PACKAGE`, `TSGI_BAD_SELECTOR`, and `TSGI_BAD_OPTION` for handlers
 * that are not functions; a handler that returns a promise, or puts in what is not text, fails with `TSGI_BAD_CHANGE`.
 */
export function rewriteHtml(app: App, handlers: Readonly<Record<string, HtmlHandler>>): App {
  checkApp(app, "rewriteHtml");
  const rules = checkHandlers(handlers, "rewriteHtml");
  const parse5 = loadParse5("rewriteHtml");

  const takes = (response: AppResponse): boolean => {
    const charset = namedCharset(response.headers);
    return hasType(response, "text/html") && (charset === undefined || isAsciiBased(charset));
  };
  const change: Change = Object.assign(
    function rewriteHtml(response: AppResponse, environ: Environ): AppResponse {
      if (!takes(response) || !isTransformable(response, environ)) return response;
      const onError = (error: unknown) => reportError(environ, error);
      const charset = namedCharset(response.headers);
      const rewriting = new Rewriting(parse5, rules, { environ, charset, onError });
      return { ...response, body: mapBody(inPieces(response.body), rewriting) };
    },
    { takes },
  );
  return transform(app, change);
}
