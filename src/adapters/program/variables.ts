/** The meta-variables of CGI (RFC 3875 §4.1) for an environ. FastCGI has the same. */

import { TsgiError } from "../../errors.ts";
import type { Environ } from "../../gateway.ts";
import { isBeyondAscii, isHopByHop } from "../../http/field-rules.ts";

/** Variables by name. */
export type Variables = Record<string, string>;

/** Variables in addition to those of a request, or a function that makes them for it. */
export type ExtraVariables = Readonly<Variables> | ((environ: Environ) => Readonly<Variables>);

/**
 * The variables of a request; `length` is that of its body, if it has one. Undefined for a path that variables cannot hold:
 * they hold it decoded, so that a `%2F` would separate segments, and as text, so that its bytes have to be UTF-8. Throws
 * `TSGI_BAD_OPTION` if `extra` returns something that is not an object of strings.
 */
export function variablesOf(
  environ: Environ,
  length: string | undefined,
  extra: ExtraVariables,
): Variables | undefined {
  const script = decodePath(environ.SCRIPT_NAME);
  const path = decodePath(environ.PATH_INFO);
  if (script === undefined || path === undefined) return undefined;
  const variables: Variables = {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "tsgi",
    SERVER_NAME: environ.SERVER_NAME,
    SERVER_PORT: environ.SERVER_PORT,
    SERVER_PROTOCOL: environ.SERVER_PROTOCOL,
    REQUEST_METHOD: environ.REQUEST_METHOD,
    REQUEST_SCHEME: environ["tsgi.url_scheme"],
    REQUEST_URI: decodeUtf8(environ.REQUEST_URI),
    SCRIPT_NAME: script,
    PATH_INFO: path,
    QUERY_STRING: decodeUtf8(environ.QUERY_STRING),
    REMOTE_ADDR: environ.REMOTE_ADDR,
    REMOTE_HOST: environ.REMOTE_ADDR,
    REMOTE_PORT: environ.REMOTE_PORT,
    ...(environ["tsgi.url_scheme"] === "https" && { HTTPS: "on" }),
    ...(environ.CONTENT_TYPE !== undefined && { CONTENT_TYPE: decodeUtf8(environ.CONTENT_TYPE) }),
    ...(length !== undefined && { CONTENT_LENGTH: length }),
  };
  for (const key in environ) {
    const value = environ[key as keyof Environ];
    if (typeof value !== "string") continue;
    if (isHeader(key) || FROM_MIDDLEWARE.has(key)) variables[key] = decodeUtf8(value);
    else if (key.startsWith("SSL_")) variables[key] = value;
  }
  return Object.assign(variables, typeof extra === "function" ? checkVariables(extra(environ)) : extra);
}

/** Gives variables back as they are. Throws `TSGI_BAD_OPTION` unless each is a string without NUL, which would end it early. */
export function checkVariables(variables: Readonly<Variables>): Readonly<Variables> {
  const isObject = typeof variables === "object" && variables !== null && !("then" in variables);
  const bad = isObject && Object.entries(variables).find(([name, value]) => !isVariable(name, value));
  if (isObject && bad === undefined) return variables;
  throw new TsgiError("TSGI_BAD_OPTION", bad ? `the variable ${bad[0]} of env is not a string` : "env gave no object", {
    hint: 'Give names and strings without NUL: { SCRIPT_FILENAME: "/srv/index.php" }.',
  });
}

function isVariable(name: string, value: unknown): boolean {
  return !/[=\0]/.test(name) && typeof value === "string" && !value.includes("\0");
}

/** Variables that an authenticating middleware sets (RFC 3875 §4.1.1, §4.1.10, §4.1.11). */
const FROM_MIDDLEWARE = new Set(["AUTH_TYPE", "REMOTE_IDENT", "REMOTE_USER"]);

/**
 * Whether a key is that of a header for the program. `Proxy` is not: as `HTTP_PROXY` it would name the proxy that the program's
 * HTTP client uses (CVE-2016-5385). Nor are connection-specific headers, and names that a variable cannot have.
 */
function isHeader(key: string): boolean {
  return /^HTTP_[A-Z0-9_]+$/.test(key) && key !== "HTTP_PROXY" && !isHopByHop(key.slice(5).replaceAll("_", "-"));
}

function decodePath(path: string): string | undefined {
  if (!path.includes("%")) return path;
  if (path.includes("%2F")) return undefined;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text whose characters stand for one byte each, as text of UTF-8, which is how variables are written. */
function decodeUtf8(value: string): string {
  if (!isBeyondAscii(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, "latin1"));
  } catch {
    return value;
  }
}
