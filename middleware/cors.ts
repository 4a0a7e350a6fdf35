/**
 * Lets pages of other origins read the responses of an app.
 *
 * ```ts
 * export const files = cors(site);
 *
 * export const api = cors(app, {
 *   origins: ["https://app.example.com"],
 *   credentials: true,
 *   methods: ["GET", "POST", "DELETE"],
 * });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import type { App, Environ, HeaderList } from "../src/gateway.ts";
import { type Derivation, deriveHeaders, TOKEN } from "../src/http/field-rules.ts";
import { addVary } from "../src/http/headers.ts";
import { originOption } from "../src/http/origin.ts";
import { immediate } from "../src/immediate.ts";
import {
  BOOLEAN,
  checkOptions,
  count,
  either,
  FUNCTION,
  type Kind,
  type Kinds,
  listOf,
  STRING,
} from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";

/** Which pages may read responses, and what they may send. */
export interface CorsOptions {
  /**
   * The origins whose pages may: `["https://app.example.com"]`, or a function that decides by the `Origin` of the request. `"null"`
   * in the list stands for pages without an origin: a sandboxed frame of any site is one, so with `credentials` it is never allowed.
   * Default every origin.
   */
  origins?: readonly string[] | ((origin: string, environ: Environ) => boolean);
  /** Whether pages may send cookies and passwords, and read what they get for them. Needs `origins`. Default `false`. */
  credentials?: boolean;
  /** The methods that pages may use; GET, HEAD and POST of forms need no leave. Default `["GET", "HEAD"]`. */
  methods?: readonly string[];
  /** The request headers that pages may set. Default every header. */
  allowHeaders?: readonly string[];
  /** The response headers that pages may read. Default every header; with `credentials` only those that need no leave. */
  exposeHeaders?: readonly string[];
  /** For how long browsers remember the answer to a preflight, in seconds. Default 7200, the most that Chromium takes. */
  maxAge?: number;
  /**
   * Whether public sites may reach this one in a private network or on this machine, where the browser asks for that in a preflight
   * (Private Network Access, Chromium up to 141). Later ones ask their user instead (Local Network Access), and no header changes the
   * answer. Default `false`.
   */
  privateNetwork?: boolean;
}

const NAMES: Kind = listOf({
  expected: "a token",
  accepts: (value) => typeof value === "string" && TOKEN.test(value),
});

const KINDS: Kinds<CorsOptions> = {
  origins: either(listOf(STRING), FUNCTION),
  credentials: BOOLEAN,
  methods: NAMES,
  allowHeaders: NAMES,
  exposeHeaders: NAMES,
  maxAge: count(),
  privateNetwork: BOOLEAN,
};

/**
 * cors lets pages of other origins read each response of `app`, errors included (Fetch standard, "CORS protocol"). A preflight is
 * answered with 204 without asking `app`: where the origin is not allowed, without the headers that would let the page go on. What
 * the app says in `Access-Control-` headers of its own is replaced. Where the answer depends on the origin, each response has
 * `Vary: Origin`, so that no cache gives one site's to another.
 *
 * It lets pages read, and refuses nothing: requests that need no preflight reach the app whatever their origin. That is what `csrf`
 * is for.
 *
 * Throws `TSGI_BAD_OPTION`, also for `credentials` without `origins`, or with `"null"` among them: any site could act as the user.
 */
export function cors(app: App, options: CorsOptions = {}): App {
  checkApp(app, "cors");
  checkOptions("cors", options, KINDS);
  const rules = new Rules(options);

  const outer: App = function cors(environ, startResponse) {
    const origin = rules.allowedOrigin(environ);
    if (isPreflight(environ)) {
      startResponse("204 No Content", rules.preflight(origin, environ));
      return undefined;
    }
    return app(environ, (status, headers, error) => startResponse(status, rules.readable(headers, origin), error));
  };
  return wrapping(outer, app);
}

function isPreflight(environ: Environ): boolean {
  const { REQUEST_METHOD, HTTP_ORIGIN, HTTP_ACCESS_CONTROL_REQUEST_METHOD } = environ;
  return REQUEST_METHOD === "OPTIONS" && HTTP_ORIGIN !== undefined && HTTP_ACCESS_CONTROL_REQUEST_METHOD !== undefined;
}

const ALLOW_ORIGIN = "Access-Control-Allow-Origin";

class Rules {
  readonly #allows: ((origin: string, environ: Environ) => boolean) | undefined;
  readonly #hasCredentials: boolean;
  /** What a readable response has beside its origin. */
  readonly #shared: HeaderList;
  /** What is made of a list for an origin that is known beforehand. */
  readonly #readableBy: ReadonlyMap<string, Derivation>;
  readonly #preflight: HeaderList;
  /** Whether the headers that a preflight asks for are allowed as they are: an asterisk is not one with credentials. */
  readonly #repeatsHeaders: boolean;
  readonly #privateNetwork: boolean;

  constructor(options: CorsOptions) {
    const { origins, credentials = false, methods = ["GET", "HEAD"], allowHeaders, exposeHeaders } = options;
    const { maxAge = 7200, privateNetwork = false } = options;
    if (credentials && origins === undefined) {
      throw new TsgiError("TSGI_BAD_OPTION", "cors has credentials for every origin", {
        hint: 'Say whose pages may send them: { credentials: true, origins: ["https://app.example.com"] }.',
      });
    }
    if (credentials && Array.isArray(origins) && origins.includes("null")) {
      throw new TsgiError("TSGI_BAD_OPTION", "cors has credentials for pages without an origin", {
        hint: "Leave null out: a sandboxed frame of any site is such a page.",
      });
    }
    this.#allows = typeof origins === "function" ? immediate("origins of cors", origins) : origins && inList(origins);
    this.#hasCredentials = credentials;
    const known = origins === undefined ? ["*"] : typeof origins === "function" ? [] : origins.map(originOf);
    this.#readableBy = new Map(known.map((origin) => [origin, (headers) => this.#readable(headers, origin)]));
    const exposed = exposeHeaders ?? (credentials ? [] : ["*"]);
    const withCredentials: HeaderList = credentials ? [["Access-Control-Allow-Credentials", "true"]] : [];
    this.#shared = [
      ...withCredentials,
      ...(exposed.length === 0 ? [] : [["Access-Control-Expose-Headers", exposed.join(", ")] as const]),
    ];
    this.#repeatsHeaders = allowHeaders === undefined && credentials;
    // The asterisk stands for every header except that one.
    const allowed = allowHeaders ?? (credentials ? [] : ["*", "Authorization"]);
    this.#preflight = [
      ...withCredentials,
      ...(methods.length === 0 ? [] : [["Access-Control-Allow-Methods", methods.join(", ")] as const]),
      ...(allowed.length === 0 ? [] : [["Access-Control-Allow-Headers", allowed.join(", ")] as const]),
      ["Access-Control-Max-Age", String(maxAge)],
    ];
    this.#privateNetwork = privateNetwork;
  }

  /** The origin that may read the response; undefined where it may not. */
  allowedOrigin(environ: Environ): string | undefined {
    if (this.#allows === undefined) return "*";
    const { HTTP_ORIGIN: origin } = environ;
    if (origin === undefined || origin === "" || (origin === "null" && this.#hasCredentials)) return undefined;
    return this.#allows(origin, environ) === true ? origin : undefined;
  }

  preflight(origin: string | undefined, environ: Environ): HeaderList {
    const vary: HeaderList = this.#allows === undefined ? [] : [["Vary", "Origin"]];
    if (origin === undefined) return vary;
    const { HTTP_ACCESS_CONTROL_REQUEST_HEADERS: asked } = environ;
    const headers: (readonly [string, string])[] = [[ALLOW_ORIGIN, origin], ...this.#preflight];
    if (this.#repeatsHeaders && asked !== undefined && isListOfTokens(asked)) {
      headers.push(["Access-Control-Allow-Headers", asked]);
    }
    if (this.#privateNetwork && environ.HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK === "true") {
      headers.push(["Access-Control-Allow-Private-Network", "true"]);
    }
    return [...headers, ...vary];
  }

  readable(headers: HeaderList, origin: string | undefined): HeaderList {
    if (origin === undefined) return deriveHeaders(headers, this.#unreadable);
    const derive = this.#readableBy.get(origin);
    return derive === undefined ? this.#readable(headers, origin) : deriveHeaders(headers, derive);
  }

  readonly #unreadable = (headers: HeaderList): HeaderList => this.#varied(headers);

  #readable(headers: HeaderList, origin: string): HeaderList {
    return [...this.#varied(headers), [ALLOW_ORIGIN, origin], ...this.#shared];
  }

  /** The list without what the app says of it, and what it depends on. */
  #varied(headers: HeaderList): HeaderList {
    const own = headers.some(isOfCors) ? headers.filter((line) => !isOfCors(line)) : headers;
    return this.#allows === undefined ? own : addVary(own, "Origin");
  }
}

function inList(origins: readonly string[]): (origin: string) => boolean {
  const allowed = new Set(origins.map(originOf));
  return (origin) => allowed.has(origin);
}

function originOf(origin: string): string {
  return origin === "null" ? origin : originOption("origins of cors", origin);
}

function isOfCors(line: readonly [name: string, value: string]): boolean {
  return line[0].length > 15 && /^access-control-/i.test(line[0]);
}

/** A list as browsers send it, and nothing else. */
function isListOfTokens(value: string): boolean {
  return value.length <= 4096 && value.split(",").every((name) => TOKEN.test(name.trim()));
}
