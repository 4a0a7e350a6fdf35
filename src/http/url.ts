/** The URLs of a request. */

import type { Environ } from "../gateway.ts";

/**
 * urlOf returns the URL of the request as the client sees it: scheme, host, mount, path and query. The host is the `Host`
 * header's, which the client chooses; where it is missing or malformed, the server's own name and port. Source: PEP 3333,
 * "URL Reconstruction".
 */
export function urlOf(environ: Environ): string {
  return urlTo(environ, environ.SCRIPT_NAME + environ.PATH_INFO);
}

/** innerUrlOf returns the URL without the mount: scheme, host, path below the mount and query. */
export function innerUrlOf(environ: Environ): string {
  return urlTo(environ, environ.PATH_INFO);
}

function urlTo(environ: Environ, path: string): string {
  const query = environ.QUERY_STRING === "" ? "" : `?${environ.QUERY_STRING}`;
  return `${originOf(environ)}${urlPath(path)}${query}`;
}

/** A path of the gateway as a URL has it, which has no empty one and no `*`. */
export function urlPath(path: string): string {
  return path === "" || path === "*" ? "/" : path;
}

/** pathTo returns a path below the mount of the app being called, for links and redirects: `pathTo(environ, "/users")`. */
export function pathTo(environ: Environ, path: string): string {
  return environ.SCRIPT_NAME + (path.startsWith("/") ? path : `/${path}`);
}

/** uri-host and port, of which the host alone may be empty (RFC 3986 §3.2.2, RFC 9110 §7.2). */
const HOST_FIELD =
  /^(?:(?:[\w\-.~!$&'()*+,;=]|%[\da-f]{2})*|\[(?:[\da-f:.]+|v[\da-f]+\.[\w\-.~!$&'()*+,;=:]+)\])(?::\d*)?$/i;

/** isHostField tells whether a value is valid in a `Host` header; a request with any other is a 400 (RFC 9112 §3.2). */
export function isHostField(value: string): boolean {
  return HOST_FIELD.test(value);
}

const HOST = /^(?:[\w\-.]+|\[[\da-fA-F:.]+\])(?::\d{1,5})?$/;

/** The `Host` seen last that makes a URL, and its origin: nearly every request has the same. */
let goodHost = "";
let goodScheme = "";
let goodOrigin = "";

function originOf(environ: Environ): string {
  const scheme = environ["tsgi.url_scheme"];
  const host = environ.HTTP_HOST;
  if (host === goodHost && scheme === goodScheme) return goodOrigin;
  if (host !== undefined && makesUrl(host)) {
    goodHost = host;
    goodScheme = scheme;
    goodOrigin = `${scheme}://${host}`;
    return goodOrigin;
  }
  const name = environ.SERVER_NAME.includes(":") ? `[${environ.SERVER_NAME}]` : environ.SERVER_NAME;
  const isDefault = environ.SERVER_PORT === (scheme === "https" ? "443" : "80");
  return isDefault ? `${scheme}://${name}` : `${scheme}://${name}:${environ.SERVER_PORT}`;
}

/** Not all that look like one do: `1.2.3.4.5`, `a:99999`. */
function makesUrl(host: string): boolean {
  return HOST.test(host) && URL.canParse(`http://${host}`);
}
