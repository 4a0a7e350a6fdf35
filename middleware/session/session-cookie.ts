/** The cookie of a session, as it is over one scheme. */

import type { Environ, HeaderList } from "../../src/gateway.ts";
import { cookies, type SetCookieOptions, setCookie } from "../../src/http/cookies.ts";
import { addVary, getHeader, hasHeader, setHeader } from "../../src/http/headers.ts";

/** What options say about it. */
export interface CookieSettings {
  readonly name: string | undefined;
  readonly domain: string | undefined;
  readonly path: string;
  readonly sameSite: "strict" | "lax" | "none";
  readonly isPersistent: boolean;
}

export class SessionCookie {
  readonly name: string;
  readonly #attributes: SetCookieOptions;
  readonly #isPersistent: boolean;

  /** Throws `TSGI_BAD_OPTION`. */
  constructor({ name, domain, path, sameSite, isPersistent }: CookieSettings, isSecure: boolean) {
    const prefix = isSecure ? (domain === undefined && path === "/" ? "__Host-" : "__Secure-") : "";
    this.name = name ?? `${prefix}session`;
    const secure = isSecure || sameSite === "none" || /^__(?:Host|Secure)-/i.test(this.name);
    this.#attributes = { path, sameSite, secure, ...(domain === undefined ? {} : { domain }) };
    this.#isPersistent = isPersistent;
    this.remove([]);
  }

  read(environ: Environ): string | undefined {
    return cookies(environ)[this.name];
  }

  /** Sets it for a number of milliseconds, or until the browser is closed. Throws `TSGI_BAD_OPTION` where the value is too long. */
  set(headers: HeaderList, value: string, lifetime: number): HeaderList {
    const attributes = this.#isPersistent
      ? { ...this.#attributes, maxAge: Math.ceil(Math.max(0, lifetime) / 1000) }
      : this.#attributes;
    return unshared(setCookie(headers, this.name, value, attributes));
  }

  /** Has the browser keep it for longer, where it has not to be told only once. */
  refresh(headers: HeaderList, value: string, lifetime: number): HeaderList {
    return this.#isPersistent ? this.set(headers, value, lifetime) : headers;
  }

  remove(headers: HeaderList): HeaderList {
    return unshared(setCookie(headers, this.name, "", { ...this.#attributes, maxAge: 0 }));
  }
}

/** The headers of a response that depends on a session. */
export function personal(headers: HeaderList): HeaderList {
  const varied = addVary(headers, "Cookie");
  return hasHeader(varied, "Cache-Control") ? varied : [...varied, ["Cache-Control", "private"]];
}

/** No cache may give the cookie of one visitor to another, whatever the app says. */
function unshared(headers: HeaderList): HeaderList {
  return /\b(?:private|no-store)\b/i.test(getHeader(headers, "Cache-Control") ?? "private")
    ? headers
    : setHeader(headers, "Cache-Control", "private");
}
