/**
 * Adds the headers by which browsers protect a site from others, and from what got into its pages.
 *
 * ```ts
 * const page: App = (environ, startResponse) => {
 *   const nonce = environ["tsgi.state"]["csp.nonce"];
 *   return html(`<script nonce="${nonce}">start()</script>`)(environ, startResponse);
 * };
 *
 * export const app = secureHeaders(page, { nonce: true });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { BoundedMap } from "../src/bounded-map.ts";
import { TsgiError } from "../src/errors.ts";
import type { App, HeaderList } from "../src/gateway.ts";
import { deriveHeaders, prepareLines, withGoodLine } from "../src/http/field-rules.ts";
import { hasHeader } from "../src/http/headers.ts";
import { BOOLEAN, checkOptions, type Kind, type Kinds } from "../src/options.ts";
import { randomId } from "../src/random-id.ts";
import { wrapping } from "../src/wrapping.ts";

/** The values of one directive of the policy; none for one that stands alone; `false` takes it out. */
export type CspValues = readonly string[] | false;

/** What differs from the defaults. */
export interface SecureHeadersOptions {
  /**
   * Directives of the `Content-Security-Policy` that replace or join those below, `{ "img-src": ["'self'", "https:"] }`; `false` as a
   * value takes a directive out, `false` instead of the object the whole header.
   */
  policy?: Readonly<Record<string, CspValues>> | false;
  /** Whether the policy is only reported, and not enforced: `Content-Security-Policy-Report-Only`. Default `false`. */
  reportOnly?: boolean;
  /**
   * Whether each request gets a nonce, 32 hexadecimal digits: `environ["tsgi.state"]["csp.nonce"]`, which the policy allows in
   * `script-src` and `style-src`. Pages with it are not to be cached. Default `false`.
   */
  nonce?: boolean;
  /** Other headers by name, `{ "X-Frame-Options": "DENY" }`; `false` takes one out. */
  headers?: Readonly<Record<string, string | false>>;
}

/** Printable ASCII except what ends a value or a policy. */
const CSP_VALUE = /^[!-+\--:<-~]+$/;

const POLICY: Kind = {
  expected: `false, or values by directive: { "img-src": ["'self'", "https:"] }`,
  accepts: (value) =>
    value === false ||
    (isRecord(value) &&
      Object.entries(value).every(
        ([name, values]) =>
          /^[a-z][a-z-]*$/.test(name) &&
          (values === false || (Array.isArray(values) && values.every((each) => CSP_VALUE.test(each)))),
      )),
};

const HEADERS: Kind = {
  expected: 'values by name: { "X-Frame-Options": "DENY" }, or false in place of a value',
  accepts: (value) =>
    isRecord(value) && Object.values(value).every((each) => each === false || typeof each === "string"),
};

const KINDS: Kinds<SecureHeadersOptions> = { policy: POLICY, reportOnly: BOOLEAN, nonce: BOOLEAN, headers: HEADERS };

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Those of helmet 8. */
const DEFAULT_POLICY: Readonly<Record<string, readonly string[]>> = {
  "default-src": ["'self'"],
  "base-uri": ["'self'"],
  "font-src": ["'self'", "https:", "data:"],
  "form-action": ["'self'"],
  "frame-ancestors": ["'self'"],
  "img-src": ["'self'", "data:"],
  "object-src": ["'none'"],
  "script-src": ["'self'"],
  "script-src-attr": ["'none'"],
  "style-src": ["'self'", "https:", "'unsafe-inline'"],
  "upgrade-insecure-requests": [],
};

const DEFAULT_HEADERS: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Origin-Agent-Cluster": "?1",
  "Referrer-Policy": "no-referrer",
  "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
  "X-Content-Type-Options": "nosniff",
  "X-DNS-Prefetch-Control": "off",
  "X-Download-Options": "noopen",
  "X-Frame-Options": "SAMEORIGIN",
  "X-Permitted-Cross-Domain-Policies": "none",
  "X-XSS-Protection": "0",
};

/**
 * secureHeaders adds the headers of helmet, with the same defaults, to each response that does not have them: the app's own stay,
 * and `X-Powered-By` goes. `Strict-Transport-Security` and `upgrade-insecure-requests` are left out over `http:`, where the one does
 * nothing (RFC 6797 §7.2) and the other breaks the page.
 *
 * The default policy allows scripts of the site itself, and none in the page: those need `nonce`. With a nonce, browsers ignore
 * `'unsafe-inline'` in `style-src`, so that styles in the page need it too. `Cross-Origin-Resource-Policy: same-origin` keeps other
 * sites from showing pictures of this one; `cors` does not change that.
 *
 * It refuses nothing: browsers do, and other clients do as they like. A policy is a second line: it does not replace the escaping of what
 * comes from others, and a script that it allows can do what the user can, and lead the page elsewhere with what it has read. What a
 * layer outside of it answers has none of these headers, so it belongs far outside.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function secureHeaders(app: App, options: SecureHeadersOptions = {}): App {
  checkApp(app, "secureHeaders");
  checkOptions("secureHeaders", options, KINDS);
  const { nonce: hasNonce = false } = options;
  const secure = new HeaderSet(options, true);
  const plain = new HeaderSet(options, false);

  const outer: App = function secureHeaders(environ, startResponse) {
    const set = environ["tsgi.url_scheme"] === "https" ? secure : plain;
    if (!hasNonce) return app(environ, (status, headers, error) => startResponse(status, set.addTo(headers), error));
    const state = environ["tsgi.state"];
    const given = state["csp.nonce"];
    const nonce = typeof given === "string" && NONCE_VALUE.test(given) ? given : randomId(16);
    state["csp.nonce"] = nonce;
    return app(environ, (status, headers, error) => startResponse(status, set.addWith(nonce, headers), error));
  };
  return wrapping(outer, app);
}

/** What is added over one scheme. */
class HeaderSet {
  readonly #fixed: HeaderList;
  /** The name of the policy, and what stands around each nonce; undefined where it has none. */
  readonly #policy: { readonly name: string; readonly first: string; readonly others: readonly string[] } | undefined;
  readonly #names: ReadonlySet<string>;
  readonly #verdicts: BoundedMap<string, boolean> = new BoundedMap(200);
  /** A list that was made here last: of most responses it is the same one. */
  #list: HeaderList | undefined;
  #hasPolicy = false;

  constructor(options: SecureHeadersOptions, isSecure: boolean) {
    const lines = fixedHeaders(options.headers ?? {}, isSecure);
    const name = options.reportOnly === true ? "Content-Security-Policy-Report-Only" : "Content-Security-Policy";
    const parts = policyParts(options, isSecure);
    if (parts !== undefined) {
      const [first = "", ...others] = parts;
      if (others.length > 0) this.#policy = { name, first, others };
      else lines.unshift([name, first]);
    }
    this.#fixed = prepareLines(lines);
    this.#names = new Set([...lines.map(([each]) => each.toLowerCase()), "x-powered-by"]);
  }

  addTo(headers: HeaderList): HeaderList {
    return deriveHeaders(headers, this.#addFixed);
  }

  addWith(nonce: string, headers: HeaderList): HeaderList {
    const list = this.addTo(headers);
    if (this.#policy === undefined) return list;
    const { name, first, others } = this.#policy;
    if (list !== this.#list) {
      this.#list = list;
      this.#hasPolicy = hasHeader(list, name);
    }
    if (this.#hasPolicy) return list;
    let value = first;
    for (const other of others) value += `'nonce-${nonce}'${other}`;
    return withGoodLine(list, name, value);
  }

  readonly #addFixed = (headers: HeaderList): HeaderList => this.#join(headers, this.#fixed);

  #join(headers: HeaderList, added: HeaderList): HeaderList {
    if (!this.#isConcernedBy(headers)) return [...headers, ...added];
    const own = headers.filter(([name]) => name.toLowerCase() !== "x-powered-by");
    const has = new Set(own.map(([name]) => name.toLowerCase()));
    return [...own, ...added.filter(([name]) => !has.has(name.toLowerCase()))];
  }

  #isConcernedBy(headers: HeaderList): boolean {
    for (const line of headers) if (this.#isOfThese(line[0])) return true;
    return false;
  }

  /** To bring names into lower case costs more than all else here, and apps have a few of them. */
  #isOfThese(name: string): boolean {
    const known = this.#verdicts.get(name);
    if (known !== undefined) return known;
    const verdict = this.#names.has(name.toLowerCase());
    this.#verdicts.set(name, verdict);
    return verdict;
  }
}

function fixedHeaders(changes: Readonly<Record<string, string | false>>, isSecure: boolean): [string, string][] {
  const names = new Map(Object.keys(changes).map((name) => [name.toLowerCase(), name]));
  const kept = Object.entries(DEFAULT_HEADERS).filter(([name]) => !names.has(name.toLowerCase()));
  const changed = Object.entries(changes).filter((line): line is [string, string] => line[1] !== false);
  const lines = [...kept, ...changed].filter(([name]) => isSecure || name.toLowerCase() !== HSTS);
  try {
    prepareLines(lines);
  } catch (cause) {
    throw new TsgiError("TSGI_BAD_OPTION", "headers of secureHeaders has one that cannot be sent", {
      hint: "Give names and values as in a response.",
      cause,
    });
  }
  return lines;
}

const HSTS = "strict-transport-security";
const NONCE = "\0";
/** A nonce that another layer may give (Content Security Policy §2.3.1). */
const NONCE_VALUE = /^[\w+/-]{16,128}={0,2}$/;

/** The policy, cut at each place where a nonce stands; undefined for none. */
function policyParts({ policy = {}, nonce = false }: SecureHeadersOptions, isSecure: boolean): string[] | undefined {
  if (policy === false) return undefined;
  const directives: Record<string, CspValues> = { ...DEFAULT_POLICY, ...policy };
  const written = Object.entries(directives).flatMap(([name, values]) => {
    if (values === false || (name === "upgrade-insecure-requests" && !isSecure)) return [];
    const takesNonce = nonce && (name === "script-src" || name === "style-src");
    return [[name, ...values, ...(takesNonce ? [NONCE] : [])].join(" ")];
  });
  return written.length === 0 ? undefined : written.join(";").split(NONCE);
}
