/**
 * Leads the links of pages elsewhere: below the mount of an app that does not know it, or where a function says.
 *
 * ```ts
 * const blog: App = html('<link rel="stylesheet" href="/style.css"><a href="/posts">Posts</a>');
 * const below = rewriteLinks(blog);
 * // References in style sheets stay as they are; for one that begins at the root:
 * const withStyles = transform(
 *   below,
 *   replaceText("text/css", /\burl\([\x22\x27]?(?=\/[^/])/i, ([url], { SCRIPT_NAME }) => url + SCRIPT_NAME, { longest: 10 }),
 * );
 *
 * export const app = dispatcher(site, { "/blog": withStyles });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { isSwitching } from "../src/exchange/failures.ts";
import type { App, Environ } from "../src/gateway.ts";
import { immediate } from "../src/immediate.ts";
import { checkOptions, FUNCTION, type Kinds } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";
import { type HtmlHandler, rewriteHtml } from "./rewrite-html.ts";
import {
  belowMount,
  type MapReference,
  mapHeaders,
  mapList,
  mapRefresh,
  mapSources,
} from "./rewrite-links/references.ts";

/** Where links lead. */
export interface RewriteLinksOptions {
  /**
   * Gives the reference to send in place of one, undefined to leave it. Default: those to paths of this server, `/x` and
   * `http://this.host/x`, get the mount in front unless they have it.
   */
  map?: (reference: string, environ: Environ) => string | undefined;
}

const KINDS: Kinds<RewriteLinksOptions> = { map: FUNCTION };

/** Attributes that hold a reference (HTML Standard, index of attributes), on whichever element. */
const REFERENCES = ["href", "src", "action", "formaction", "poster", "cite", "background", "manifest", "xlink:href"];

/**
 * rewriteLinks changes the references in the pages of an app, and in its `Location`, `Content-Location`, `Link` and `Refresh`
 * headers: by default an app that links to `/style.css`, and is mounted at `/blog`, gets `/blog/style.css`. References that are
 * relative, or lead to other hosts, stay as they are.
 *
 * It sees attributes of HTML: `href`, `src`, `srcset`, `imagesrcset`, `action`, `formaction`, `poster`, `cite`, `background`, `data`,
 * `manifest`, `ping`, `xlink:href`, and `<meta http-equiv=refresh>`. Scripts and styles stay as they are: what is written in a
 * style sheet is relative to it, as bundlers leave it, and `replaceText` finds the rest. A path of the app that
 * begins like its mount cannot be told from one that has the mount already. The cookies of an app are left alone: see `proxy` for
 * those of servers elsewhere. Pages are changed as by `rewriteHtml`, which says what it needs. Throws `TSGI_BAD_OPTION` and
 * `TSGI_NO_PACKAGE`.
 */
export function rewriteLinks(app: App, options: RewriteLinksOptions = {}): App {
  checkApp(app, "rewriteLinks");
  checkOptions("rewriteLinks", options, KINDS);
  const map = options.map === undefined ? belowMount : immediate("map of rewriteLinks", options.map);
  const isNeeded = (environ: Environ): boolean => map !== belowMount || environ.SCRIPT_NAME !== "";
  const pages = rewriteHtml(app, handlers(map));

  const outer: App = function rewriteLinks(environ, startResponse) {
    if (!isNeeded(environ)) return app(environ, startResponse);
    const mapped: MapReference = (reference) => map(reference, environ);
    return pages(environ, (status, headers, error) =>
      startResponse(status, isSwitching(status) ? headers : mapHeaders(headers, mapped), error),
    );
  };
  return wrapping(outer, app);
}

function handlers(map: (reference: string, environ: Environ) => string | undefined): Record<string, HtmlHandler> {
  const changing =
    (names: readonly string[], change: (value: string, map: MapReference) => string | undefined): HtmlHandler =>
    (element, environ) => {
      for (const name of names) {
        const value = element.getAttribute(name);
        if (value === undefined) continue;
        const changed = change(value, (reference) => map(reference, environ));
        if (changed !== undefined && changed !== value) element.setAttribute(name, changed);
      }
    };
  const reference = (value: string, map: MapReference) => map(value);
  return {
    [REFERENCES.map((name) => `[${name.replace(":", "\\:")}]`).join()]: changing(REFERENCES, reference),
    "object[data]": changing(["data"], reference),
    "[srcset], [imagesrcset]": changing(["srcset", "imagesrcset"], mapSources),
    "[ping]": changing(["ping"], mapList),
    "meta[http-equiv=refresh][content]": changing(["content"], mapRefresh),
  };
}
