/**
 * Sends clients that came by `http:` to `https:`, and tells browsers to come that way from now on.
 *
 * ```ts
 * export const app = proxyFix(httpsRedirect(site, { hosts: ["example.com"] }), { trust: ["10.0.0.0/8"] });
 * ```
 */

import { checkApp, redirect, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import type { App, Environ, HeaderList } from "../src/gateway.ts";
import { deriveHeaders } from "../src/http/field-rules.ts";
import { hasHeader } from "../src/http/headers.ts";
import { isHostField, urlPath } from "../src/http/url.ts";
import { BOOLEAN, checkOptions, count, type Kinds, listOf, STRING } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";
import { trustedHosts } from "./trusted-hosts.ts";

/** Where clients are sent, and for how long browsers remember it. */
export interface HttpsRedirectOptions {
  /**
   * The hosts that clients are sent to, as in `trustedHosts`: the client chooses the `Host` header, and a cache could keep a
   * redirect to another one. A request for any other host is a 421. Default: every host.
   */
  hosts?: readonly string[];
  /** The port of `https:`. Default 443. */
  port?: number;
  /** How long browsers use `https:` of their own accord, in seconds. Default a year; 0 takes it back. */
  maxAge?: number;
  /** Whether that goes for all names below the host too. Default `false`. */
  includeSubDomains?: boolean;
  /** Whether the host may be built into browsers, for which it has to be submitted. Needs `includeSubDomains`. Default `false`. */
  preload?: boolean;
}

const KINDS: Kinds<HttpsRedirectOptions> = {
  hosts: listOf(STRING),
  port: count(1, 65_535),
  maxAge: count(),
  includeSubDomains: BOOLEAN,
  preload: BOOLEAN,
};

const YEAR = 31_536_000;
const badRequest = text("Bad Request\n", { status: "400 Bad Request" });

/**
 * httpsRedirect answers a request over `http:` with 308 to the same URL over `https:` (RFC 9110 §15.4.9), by which the method
 * and the body stay the same, and adds `Strict-Transport-Security` (RFC 6797) to responses over `https:` that have none. A request
 * without a usable `Host` is a 400.
 *
 * The scheme is `tsgi.url_scheme`: behind a proxy that speaks TLS, `proxyFix` belongs outside of it, else the redirects never
 * end. The first request of a client still goes over `http:`, and can be read on the way.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function httpsRedirect(app: App, options: HttpsRedirectOptions = {}): App {
  checkApp(app, "httpsRedirect");
  checkOptions("httpsRedirect", options, KINDS);
  const { hosts, port = 443, maxAge = YEAR, includeSubDomains = false, preload = false } = options;
  if (preload && (!includeSubDomains || maxAge < YEAR)) {
    throw new TsgiError("TSGI_BAD_OPTION", "preload of httpsRedirect needs includeSubDomains and a maxAge of a year", {
      hint: `Give includeSubDomains: true and maxAge: ${YEAR}, or leave preload out.`,
    });
  }
  const transport = [
    "Strict-Transport-Security",
    `max-age=${maxAge}${includeSubDomains ? "; includeSubDomains" : ""}${preload ? "; preload" : ""}`,
  ] as const;

  const toHttps: App = (environ, startResponse) => {
    const host = secureHost(environ, port);
    if (host === undefined) return badRequest(environ, startResponse);
    const query = environ.QUERY_STRING === "" ? "" : `?${environ.QUERY_STRING}`;
    const location = `https://${host}${urlPath(environ.SCRIPT_NAME + environ.PATH_INFO)}${query}`;
    return redirect(location, { status: "308 Permanent Redirect" })(environ, startResponse);
  };
  const sendOn = hosts === undefined ? toHttps : trustedHosts(toHttps, { hosts });

  const remembered = (headers: HeaderList): HeaderList =>
    hasHeader(headers, transport[0]) ? headers : [...headers, transport];

  const outer: App = function httpsRedirect(environ, startResponse) {
    if (environ["tsgi.url_scheme"] !== "https") return sendOn(environ, startResponse);
    return app(environ, (status, headers, error) => startResponse(status, deriveHeaders(headers, remembered), error));
  };
  return wrapping(outer, app);
}

/** The host of the request with the port of `https:`; undefined where there is none that a URL can have. */
function secureHost({ HTTP_HOST: host }: Environ, port: number): string | undefined {
  if (host === undefined || host === "" || !isHostField(host)) return undefined;
  const name = host.replace(/:\d*$/, "");
  if (!/^[\w-]+(?:\.[\w-]+)*\.?$|^\[[\da-f:.]+\]$/i.test(name)) return undefined;
  return port === 443 ? name : `${name}:${port}`;
}
