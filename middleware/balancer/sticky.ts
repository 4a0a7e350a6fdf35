/** A cookie by which the requests of one client go to one target. */

import { createHmac } from "node:crypto";
import { TsgiError } from "../../src/errors.ts";
import type { Environ, HeaderList } from "../../src/gateway.ts";
import { cookies, type SetCookieOptions, setCookie } from "../../src/http/cookies.ts";
import {
  BOOLEAN,
  checkOptions,
  count,
  either,
  type Kind,
  type Kinds,
  listOf,
  oneOf,
  STRING,
} from "../../src/options.ts";

/** The cookie that holds a client to its target. */
export interface StickyOptions {
  /**
   * What the cookie is signed with, of 32 characters or more, the same in all processes. Of several the first one signs, and all
   * are accepted: put a new one before the old. Required.
   */
  secret: string | readonly string[];
  /** The name of the cookie. Default `"target"`. */
  name?: string | undefined;
  /** How long the browser keeps it, in seconds. Default: until it is closed. */
  maxAge?: number | undefined;
  /** The path that it is sent to. Default: where the balancer is mounted. */
  path?: string | undefined;
  /** The host that it is sent to, and all names below. Default: the host of the response alone. */
  domain?: string | undefined;
  /** Whether it is sent over TLS alone. Default: if the request has come over TLS. */
  secure?: boolean | undefined;
  /** Whether requests that come from other sites have it. Default `"lax"`. */
  sameSite?: "strict" | "lax" | "none" | undefined;
}

const SECRET: Kind = {
  expected: "a string of 32 characters or more",
  accepts: (value) => typeof value === "string" && value.length >= 32,
};

const KINDS: Kinds<StickyOptions> = {
  secret: either(SECRET, {
    expected: "a list of those",
    accepts: (value) => listOf(SECRET).accepts(value) && (value as unknown[]).length > 0,
  }),
  name: STRING,
  maxAge: count(),
  path: STRING,
  domain: STRING,
  secure: BOOLEAN,
  sameSite: oneOf("strict", "lax", "none"),
};

/** Sticky makes the cookies of targets, and reads them. Scripts cannot read them, and they do not tell the address. */
export class Sticky {
  readonly #secrets: readonly string[];
  readonly #name: string;
  readonly #path: string | undefined;
  readonly #secure: boolean | undefined;
  readonly #options: SetCookieOptions;

  /** Throws `TSGI_BAD_OPTION`. */
  constructor(options: StickyOptions) {
    checkOptions("sticky of balancer", options, KINDS);
    if ((options.secret as unknown) === undefined) {
      throw new TsgiError("TSGI_BAD_OPTION", "sticky of balancer has no secret", {
        hint: "Give the same one to all processes, kept where the other secrets are.",
      });
    }
    const { secret, name = "target", path, secure, maxAge, domain, sameSite = "lax" } = options;
    this.#secrets = typeof secret === "string" ? [secret] : secret;
    this.#name = name;
    // What the prefixes promise (RFC 6265bis §4.1.3).
    const isPrefixed = /^__(?:Host|Secure)-/i.test(name);
    this.#path = path ?? (/^__Host-/i.test(name) ? "/" : undefined);
    this.#secure = secure ?? (isPrefixed || sameSite === "none" ? true : undefined);
    this.#options = {
      httpOnly: true,
      sameSite,
      ...(maxAge === undefined ? {} : { maxAge }),
      ...(domain === undefined ? {} : { domain }),
    };
    // What browsers would not take is found out now.
    setCookie([], name, "", { ...this.#options, path: this.#path ?? "/", secure: this.#secure ?? false });
  }

  /** What the cookie of a target may be: the first one is what it is set to. */
  tokens(key: string): readonly string[] {
    return this.#secrets.map((secret) => createHmac("sha256", secret).update(`balancer ${key}`).digest("base64url"));
  }

  /** What a request says of its target; undefined where it has no cookie. */
  tokenOf(environ: Environ): string | undefined {
    return cookies(environ)[this.#name];
  }

  /** The headers of a response that holds the client to a target. */
  headersWith(headers: HeaderList, token: string, environ: Environ): HeaderList {
    const { SCRIPT_NAME, "tsgi.url_scheme": scheme } = environ;
    // A client may choose what a pattern matches; a semicolon would end the attribute.
    const path = this.#path ?? (SCRIPT_NAME === "" || SCRIPT_NAME.includes(";") ? "/" : SCRIPT_NAME);
    const secure = this.#secure ?? scheme === "https";
    return setCookie(headers, this.#name, token, { ...this.#options, path, secure });
  }
}
