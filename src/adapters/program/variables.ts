/** The meta-variables of CGI (RFC 3875 §4.1) that an environ stands for: those of FastCGI as well. */

import type { Environ } from "../../gateway.ts";
import { isBeyondAscii, isHopByHop } from "../../http/field-rules.ts";

export type Variables = Record<string, string>;

/** Variables beside those of the request, or what makes them for it. */
export type ExtraVariables = Readonly<Variables> | ((environ: Environ) => Readonly<Variables>);

/**
 * The variables of a request; `length` is that of its body, where it has one. Undefined for a path that they cannot tell:
 * they have it decoded, where a `%2F` would separate segments, and as text, which takes UTF-8.
 */
export function variablesOf(
  environ: Environ,
  length: string | undefined,
  extra: ExtraVariables,
): Variables | undefined {
  const script = decoded(environ.SCRIPT_NAME);
  const path = decoded(environ.PATH_INFO);
  if (script === undefined || path === undefined) return undefined;
  const variables: Variables = {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "tsgi",
    SERVER_NAME: environ.SERVER_NAME,
    SERVER_PORT: environ.SERVER_PORT,
    SERVER_PROTOCOL: environ.SERVER_PROTOCOL,
    REQUEST_METHOD: environ.REQUEST_METHOD,
    REQUEST_SCHEME: environ["tsgi.url_scheme"],
    REQUEST_URI: textOf(environ.REQUEST_URI),
    SCRIPT_NAME: script,
    PATH_INFO: path,
    QUERY_STRING: textOf(environ.QUERY_STRING),
    REMOTE_ADDR: environ.REMOTE_ADDR,
    REMOTE_HOST: environ.REMOTE_ADDR,
    REMOTE_PORT: environ.REMOTE_PORT,
    ...(environ["tsgi.url_scheme"] === "https" && { HTTPS: "on" }),
    ...(environ.CONTENT_TYPE !== undefined && { CONTENT_TYPE: textOf(environ.CONTENT_TYPE) }),
    ...(length !== undefined && { CONTENT_LENGTH: length }),
  };
  for (const key in environ) {
    const value = environ[key];
    if (typeof value === "string" && (isHeader(key) || FROM_MIDDLEWARE.has(key))) variables[key] = textOf(value);
  }
  return Object.assign(variables, typeof extra === "function" ? extra(environ) : extra);
}

/** What an authenticating middleware tells (RFC 3875 §4.1.1, §4.1.10, §4.1.11). */
const FROM_MIDDLEWARE = new Set(["AUTH_TYPE", "REMOTE_IDENT", "REMOTE_USER"]);

/**
 * Whether a key is that of a header for the program. One named `Proxy` would be the proxy that its HTTP client takes
 * (CVE-2016-5385); those of the connection are the server's; a name with other characters would be no variable's.
 */
function isHeader(key: string): boolean {
  return /^HTTP_[A-Z0-9_]+$/.test(key) && key !== "HTTP_PROXY" && !isHopByHop(key.slice(5).replaceAll("_", "-"));
}

function decoded(path: string): string | undefined {
  if (!path.includes("%")) return path;
  if (path.includes("%2F")) return undefined;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Each character of a header stands for one byte, and variables are written as UTF-8. */
function textOf(value: string): string {
  if (!isBeyondAscii(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, "latin1"));
  } catch {
    return value;
  }
}
