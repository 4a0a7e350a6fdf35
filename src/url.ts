/** The URLs of a request. */

import type { Environ } from "./gateway.ts";

/**
 * The URL of the request as the client sees it: scheme, host, mount, path and query. The host is the `Host` header's, which
 * the client chooses; where it is missing or malformed, the server's own name and port. Source: PEP 3333, "URL
 * Reconstruction".
 */
export function urlOf(environ: Environ): string {
  const path = environ.PATH_INFO === "*" ? "" : environ.SCRIPT_NAME + environ.PATH_INFO;
  const query = environ.QUERY_STRING === "" ? "" : `?${environ.QUERY_STRING}`;
  return `${originOf(environ)}${path === "" ? "/" : path}${query}`;
}

/** The URL as an app sees it that knows nothing of its mount: scheme, host, path below the mount and query. */
export function innerUrlOf(environ: Environ): string {
  return urlOf({ ...environ, SCRIPT_NAME: "" });
}

/** `pathTo(environ, "/users")`: that path below the mount of the app being called, for links and redirects. */
export function pathTo(environ: Environ, path: string): string {
  return environ.SCRIPT_NAME + (path.startsWith("/") ? path : `/${path}`);
}

const HOST = /^(?:[\w\-.]+|\[[\da-fA-F:.]+\])(?::\d{1,5})?$/;

function originOf(environ: Environ): string {
  const scheme = environ["tsgi.url_scheme"];
  const host = environ.HTTP_HOST;
  if (host !== undefined && HOST.test(host)) return `${scheme}://${host}`;
  const name = environ.SERVER_NAME.includes(":") ? `[${environ.SERVER_NAME}]` : environ.SERVER_NAME;
  const isDefault = environ.SERVER_PORT === (scheme === "https" ? "443" : "80");
  return isDefault ? `${scheme}://${name}` : `${scheme}://${name}:${environ.SERVER_PORT}`;
}
