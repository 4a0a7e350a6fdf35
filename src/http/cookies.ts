/** Cookies of requests, and those that responses set. */

import { parseCookie, stringifySetCookie } from "cookie";
import { TsgiError } from "../errors.ts";
import type { Environ, HeaderList } from "../gateway.ts";
import { BOOLEAN, checkOptions, count, type Kind, type Kinds, oneOf, STRING } from "../options.ts";

/** The cookies of a request by name. */
export type Cookies = Readonly<Record<string, string | undefined>>;

/** Where a cookie goes and how long it lives. */
export interface SetCookieOptions {
  /** How long the browser keeps it, in seconds; 0 removes it. Default: until the browser is closed. */
  maxAge?: number;
  /** When the browser forgets it; `maxAge` counts where both are given. */
  expires?: Date;
  /** The path that it is sent to, and those below. Default `"/"`. */
  path?: string;
  /** The host that it is sent to, and all names below. Default: the host of the response alone. */
  domain?: string;
  /** Whether scripts cannot read it. Default `true`. */
  httpOnly?: boolean;
  /** Whether it is sent over TLS alone. Default `false`, and `true` for a name with the prefix `__Host-` or `__Secure-`. */
  secure?: boolean;
  /** Whether requests that come from other sites have it: never, when a link is followed, always. Default `"lax"`. */
  sameSite?: "strict" | "lax" | "none";
  /** Whether a page inside of another site has one of its own for each. Default `false`. */
  partitioned?: boolean;
}

const DATE: Kind = { expected: "a Date", accepts: (value) => value instanceof Date && !Number.isNaN(value.getTime()) };

const KINDS: Kinds<SetCookieOptions> = {
  maxAge: count(),
  expires: DATE,
  path: STRING,
  domain: STRING,
  httpOnly: BOOLEAN,
  secure: BOOLEAN,
  sameSite: oneOf("strict", "lax", "none"),
  partitioned: BOOLEAN,
};

/** What was parsed for a request: layers share the state, and one may have given its app another header. */
const parsed = new WeakMap<object, { readonly header: string; readonly cookies: Cookies }>();

const NONE: Cookies = Object.freeze(Object.create(null) as Cookies);

/**
 * cookies returns the cookies of a request by name, parsed once: `cookies(environ).theme`. Of several with one name the first counts,
 * which is the one with the longest path (RFC 6265 §5.4). Values are percent-decoded where that is possible. The client chooses
 * them all, and a subdomain may have set any that has no `__Host-`.
 */
export function cookies(environ: Environ): Cookies {
  const { HTTP_COOKIE: header } = environ;
  if (header === undefined) return NONE;
  const state = environ["tsgi.state"];
  const known = parsed.get(state);
  if (known?.header === header) return known.cookies;
  const found = Object.freeze(parseCookie(header));
  parsed.set(state, { header, cookies: found });
  return found;
}

/** What browsers take at most, in bytes of name and value (RFC 6265bis §5.6). */
const MOST_BYTES = 4096;

/**
 * setCookie returns a header list with one more cookie, not readable by scripts and only for this site unless the options say
 * otherwise: `startResponse("200 OK", setCookie(headers, "theme", "dark", { maxAge: 86_400 }))`. The value is percent-encoded. To
 * remove a cookie, set it with the same path and domain, an empty value and `maxAge: 0`.
 *
 * Throws `TSGI_BAD_OPTION` for what browsers ignore without a word: a malformed name, path or domain, more than 4096 bytes,
 * `sameSite: "none"` or `partitioned` without `secure`, a prefix without what it promises (RFC 6265bis §4.1.3).
 */
export function setCookie(
  headers: HeaderList,
  name: string,
  value: string,
  options: SetCookieOptions = {},
): HeaderList {
  checkOptions("setCookie", options, KINDS);
  const isHost = /^__Host-/i.test(name);
  const { path = "/", httpOnly = true, sameSite = "lax", secure = isHost || /^__Secure-/i.test(name) } = options;
  if (!secure && (sameSite === "none" || options.partitioned === true || /^__(?:Host|Secure)-/i.test(name))) {
    throw refused(name, "is not secure", "Give secure: true, and serve it over TLS.");
  }
  if (isHost && (path !== "/" || options.domain !== undefined)) {
    throw refused(name, "has a path or a domain", "Leave both out for a name that begins with __Host-.");
  }
  let line: string;
  try {
    line = stringifySetCookie(name, value, { ...options, path, httpOnly, sameSite, secure });
  } catch (cause) {
    throw refused(name, "is malformed", "Give a name and a path as RFC 6265 §4.1.1 has them.", cause);
  }
  const end = line.indexOf(";");
  // All of it is ASCII, and the equals sign does not count.
  if ((end < 0 ? line.length : end) - 1 > MOST_BYTES) {
    throw refused(name, `has more than ${MOST_BYTES} bytes`, "Keep the value on the server, and set its id.");
  }
  return [...headers, ["Set-Cookie", line]];
}

function refused(name: string, problem: string, hint: string, cause?: unknown): TsgiError {
  const details = cause === undefined ? { hint } : { hint, cause };
  return new TsgiError("TSGI_BAD_OPTION", `the cookie ${JSON.stringify(name)} ${problem}`, details);
}
