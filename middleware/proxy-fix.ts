/**
 * Shows an app behind proxies the client in place of the last proxy.
 *
 * ```ts
 * export const app = proxyFix(site, { trust: ["10.0.0.0/8"] });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { enter } from "../src/exchange/innermost.ts";
import type { App, Environ } from "../src/gateway.ts";
import { checkOptions, count, either, type Kinds, listOf, oneOf, STRING } from "../src/options.ts";
import { callOut } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { readFields, readForwarded, withClaims } from "./proxy-fix/claims.ts";
import { trustInCount, trustInNetworks } from "./proxy-fix/trust.ts";

/** A header by which proxies say from where a request came. */
export type ProxyHeader = (typeof HEADERS)[number];

const HEADERS = [
  "Forwarded",
  "X-Forwarded-For",
  "X-Forwarded-Proto",
  "X-Forwarded-Host",
  "X-Forwarded-Port",
  "X-Forwarded-Prefix",
] as const;

/** Which proxies are believed, and in what. */
export interface ProxyFixOptions {
  /**
   * The addresses and networks that your proxies connect from, `["10.0.0.0/8", "fd00::/8"]`; `"unix"` stands for clients of a
   * Unix socket. A peer that connects from there may claim any address. Or the number of proxies that every request passes, where
   * their addresses are not known: then nobody else may be able to reach the server.
   */
  trust: number | readonly string[];
  /**
   * The headers that the outermost proxy sets on every request: it passes on any others as the client has sent them, and a client
   * could choose the host, the port or the mount. `"Forwarded"` goes alone. Default `["X-Forwarded-For", "X-Forwarded-Proto"]`.
   */
  headers?: readonly ProxyHeader[];
}

const KINDS: Kinds<ProxyFixOptions> = {
  trust: either(count(1), listOf(STRING)),
  headers: listOf(oneOf(...HEADERS)),
};

const badRequest = text("Bad Request\n", { status: "400 Bad Request" });

/**
 * proxyFix gives `app` an environ as the outermost believed proxy would have built it: `REMOTE_ADDR` and `REMOTE_PORT` are those of
 * the client, `tsgi.url_scheme`, `HTTP_HOST`, `SERVER_PORT` and `SCRIPT_NAME` those of the URL that the client asked for. It
 * stands outside of everything that asks for these.
 *
 * Requests of peers that are not in `trust` are passed on as they are; the first of them that has one of `headers` is reported to
 * `tsgi.errors`. From a trusted peer the way is followed back, proxy by proxy, to the first address that is not in `trust`. A value
 * that is malformed, or an address that is `unknown` or hidden, is left out. A `Forwarded` that is malformed is a 400, as
 * what clients have put into it could hide what proxies say. The headers themselves stay as they came.
 *
 * Throws `TSGI_BAD_OPTION` where `trust` is missing or not a list of networks, or `"Forwarded"` is not alone. Source: RFC 7239.
 */
export function proxyFix(app: App, options: ProxyFixOptions): App {
  checkApp(app, "the app of proxyFix");
  checkOptions("proxyFix", options, KINDS);
  const { trust: trusted, headers = ["X-Forwarded-For", "X-Forwarded-Proto"] } = options;
  if ((trusted as unknown) === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "proxyFix has no trust", {
      hint: 'Give the networks that your proxies connect from: { trust: ["10.0.0.0/8"] }.',
    });
  }
  const has = (header: ProxyHeader) => headers.includes(header);
  if (has("Forwarded") && headers.length > 1) {
    throw new TsgiError("TSGI_BAD_OPTION", "headers of proxyFix has Forwarded beside others", {
      hint: "Give the ones that your proxies set; what they do not set, a client may.",
    });
  }
  const trust = typeof trusted === "number" ? trustInCount(trusted) : trustInNetworks("proxyFix", trusted);
  const read = has("Forwarded")
    ? readForwarded
    : readFields({
        client: has("X-Forwarded-For"),
        scheme: has("X-Forwarded-Proto"),
        host: has("X-Forwarded-Host"),
        port: has("X-Forwarded-Port"),
        prefix: has("X-Forwarded-Prefix"),
      });
  const keys = headers.map((header) => [`HTTP_${header.toUpperCase().replaceAll("-", "_")}` as const, header] as const);
  let hasWarned = false;

  const outer: App = function proxyFix(environ, startResponse) {
    if (!trust.believes(environ.REMOTE_ADDR)) {
      if (!hasWarned) hasWarned = warns(environ, keys);
      return app(environ, startResponse);
    }
    const claims = read(environ, trust);
    if (claims === undefined) return badRequest(environ, startResponse);
    return app(enter(withClaims(environ, claims)), startResponse);
  };
  return wrapping(outer, app);
}

/** Reports a header that is not believed: of a client that tries, or of a proxy that `trust` does not have. */
function warns(environ: Environ, keys: readonly (readonly [key: `HTTP_${string}`, header: string])[]): boolean {
  const found = keys.find(([key]) => environ[key] !== undefined);
  if (found === undefined) return false;
  const peer = environ.REMOTE_ADDR === "" ? "a Unix socket" : environ.REMOTE_ADDR;
  const line = `tsgi: proxyFix does not believe the ${found[1]} of ${peer}, which is not in trust\n`;
  callOut(
    () => environ["tsgi.errors"].write(line),
    () => {},
  );
  return true;
}
