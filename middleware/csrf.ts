/**
 * Refuses requests that another site has a browser send with the cookies of its user.
 *
 * ```ts
 * export const app = csrf(site);
 *
 * export const shared = csrf(site, { trustedOrigins: ["https://login.example.com"] });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import type { App, Environ } from "../src/gateway.ts";
import { hostOfOrigin, isSameHost, originOption } from "../src/http/origin.ts";
import { immediate } from "../src/immediate.ts";
import { checkOptions, FUNCTION, type Kinds, listOf, STRING } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";

/** Which requests of other sites are let through. */
export interface CsrfOptions {
  /** Origins whose pages may send requests of every method: `["https://login.example.com"]`. Default none. */
  trustedOrigins?: readonly string[];
  /** Says of a request that it is not checked: of a webhook, which does not go by cookies. Default none. */
  bypass?: (environ: Environ) => boolean;
}

const KINDS: Kinds<CsrfOptions> = { trustedOrigins: listOf(STRING), bypass: FUNCTION };

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "QUERY"]);

const refuse = text("Forbidden: the request comes from another site\n", { status: "403 Forbidden" });

/**
 * csrf answers with 403, without asking `app`, where a browser says that a request comes from a page of another origin. It goes by
 * what browsers send of themselves, so there are no tokens, and forms stay as they are:
 *
 * - GET, HEAD, OPTIONS and QUERY pass: an app that changes something by these is not protected;
 * - an `Origin` among `trustedOrigins` passes;
 * - `Sec-Fetch-Site: same-origin` and `none` (typed, or a bookmark) pass, any other value is refused, `same-site` too: a subdomain is
 *   another origin;
 * - without that header, an `Origin` whose host is the request's passes, whatever its scheme, and any other is refused;
 * - a request with neither header does not come from a browser of the last years, and passes.
 *
 * WebSockets begin with a GET, and so pass: `websocket` checks their origin itself. It does not protect from a script in a page of the
 * site's own. Behind a proxy that changes `Host`, `proxyFix` belongs outside of it.
 *
 * Throws `TSGI_BAD_OPTION`. Source: `CrossOriginProtection` of Go 1.25; Fetch Metadata Request Headers §2.
 */
export function csrf(app: App, options: CsrfOptions = {}): App {
  checkApp(app, "csrf");
  checkOptions("csrf", options, KINDS);
  const { trustedOrigins = [] } = options;
  const bypass = options.bypass && immediate("bypass of csrf", options.bypass);
  const trusted = new Set(trustedOrigins.map((origin) => originOption("trustedOrigins of csrf", origin)));

  const outer: App = function csrf(environ, startResponse) {
    const passes =
      SAFE.has(environ.REQUEST_METHOD) ||
      isOfThisSite(environ) ||
      (environ.HTTP_ORIGIN !== undefined && trusted.has(environ.HTTP_ORIGIN)) ||
      bypass?.(environ) === true;
    return passes ? app(environ, startResponse) : refuse(environ, startResponse);
  };
  return wrapping(outer, app);
}

function isOfThisSite(environ: Environ): boolean {
  const { HTTP_SEC_FETCH_SITE: site, HTTP_ORIGIN: origin, HTTP_HOST: host } = environ;
  if (site !== undefined && site !== "") return site === "same-origin" || site === "none";
  if (origin === undefined || origin === "") return true;
  const from = hostOfOrigin(origin);
  if (from === undefined || host === undefined) return false;
  return isSameHost(from, host, origin.toLowerCase().startsWith("https:") ? "https" : "http");
}
