/**
 * Gives each page one address: with a slash at its end, or without.
 *
 * ```ts
 * export const app = trailingSlash(site, { slash: "never" }); // /about/ is sent to /about
 * ```
 */

import { checkApp, redirect } from "../src/apps.ts";
import type { App, Environ } from "../src/gateway.ts";
import { checkOptions, type Kinds, oneOf } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";

/** Where paths have a slash at their end. */
export interface TrailingSlashOptions {
  /** `"never"` sends `/about/` to `/about`, `"always"` the other way round, except where the last name has a dot. Default `"never"`. */
  slash?: "never" | "always";
}

const KINDS: Kinds<TrailingSlashOptions> = { slash: oneOf("never", "always") };

/**
 * trailingSlash answers with 308 (RFC 9110 §15.4.9), by which the method and the body stay the same, to a path that has a slash at its
 * end and should not, or the other way round; the query stays. All else goes to `app`: also OPTIONS, as a preflight may not be
 * redirected, and the path of the mount itself, `/`.
 *
 * The redirect is to a path of the same site, whatever was asked for. Browsers remember it for good. Inside of `"never"`, `staticFiles`
 * sends the index of a folder without its slash, from which relative links start in the parent folder; the links of a listing need
 * the slash. Frameworks that send clients to a slash of their own accord go in circles with `"never"`.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function trailingSlash(app: App, options: TrailingSlashOptions = {}): App {
  checkApp(app, "trailingSlash");
  checkOptions("trailingSlash", options, KINDS);
  const { slash = "never" } = options;
  const isNever = slash === "never";
  const target = isNever ? withoutSlash : withSlash;

  const outer: App = function trailingSlash(environ, startResponse) {
    const path = environ.REQUEST_METHOD === "OPTIONS" ? undefined : target(environ);
    if (path === undefined) {
      if (isNever) environ["tsgi.state"]["slash.never"] = true;
      return app(environ, startResponse);
    }
    const query = environ.QUERY_STRING === "" ? "" : `?${environ.QUERY_STRING}`;
    return redirect(localPath(path) + query, { status: "308 Permanent Redirect" })(environ, startResponse);
  };
  return wrapping(outer, app);
}

/** The path to send a request to; undefined where it is right as it is. */
function withoutSlash({ SCRIPT_NAME, PATH_INFO }: Environ): string | undefined {
  if (PATH_INFO.length < 2 || !PATH_INFO.endsWith("/")) return undefined;
  let end = PATH_INFO.length;
  while (end > 0 && PATH_INFO[end - 1] === "/") end--;
  return end === 0 ? undefined : SCRIPT_NAME + PATH_INFO.slice(0, end);
}

function withSlash({ SCRIPT_NAME, PATH_INFO }: Environ): string | undefined {
  const path = SCRIPT_NAME + PATH_INFO;
  if (path === "" || path.endsWith("/") || PATH_INFO === "*") return undefined;
  return path.slice(path.lastIndexOf("/")).includes(".") ? undefined : `${path}/`;
}

/** A path that begins with two slashes would be another host (RFC 3986 §4.2); a layer may have made one. */
function localPath(path: string): string {
  return `/${path.replace(/^[/\\]+/, "")}`;
}
