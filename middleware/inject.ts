/**
 * Puts markup into pages.
 *
 * ```ts
 * const stylesheet = '<link rel="stylesheet" href="/site.css">';
 * const measuring = ({ PATH_INFO }: Environ): string =>
 *   PATH_INFO.startsWith("/admin") ? "" : `<script>measure(${JSON.stringify(PATH_INFO).replaceAll("<", "\\u003c")})</script>`;
 *
 * // The script has the nonce of the policy, without which no browser would run it.
 * export const app = secureHeaders(inject(site, { head: stylesheet, body: measuring, atEnd: true }));
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { mapBody } from "../src/body/stream.ts";
import { TsgiError } from "../src/errors.ts";
import { writeError } from "../src/exchange/report.ts";
import type { App, AppResponse, Environ } from "../src/gateway.ts";
import { immediate } from "../src/immediate.ts";
import { BOOLEAN, checkOptions, either, FUNCTION, type Kinds, STRING } from "../src/options.ts";
import { randomId } from "../src/random-id.ts";
import { Injection } from "./inject/injection.ts";
import { isBlocked, type NoncedMarkup, nonceIn, putTogether, takeApart, withNonce } from "./inject/policy.ts";
import { namedCharset } from "./transform/charset.ts";
import { inPieces } from "./transform/pieces.ts";
import { type Change, hasType, isTransformable, transform } from "./transform.ts";

/** Markup, or what makes it for a request: `(environ) => markup`. It is put in as it is: escape what comes from others. */
export type Markup = string | ((environ: Environ) => string);

/** What is put where. */
export interface InjectOptions {
  /** Put before `</head>`. Default nothing. */
  head?: Markup;
  /** Put before `</body>`. Default nothing. */
  body?: Markup;
  /** Whether markup whose tag does not come is put at the end of the page. Default `false`: then it is left out. */
  atEnd?: boolean;
  /**
   * Whether a `Content-Security-Policy` of the page that forbids scripts or styles of the markup is extended by a nonce for them. Default
   * `false`: then nothing is put into such a page. Pages with a nonce are not to be cached.
   */
  extendPolicy?: boolean;
}

const MARKUP = either(STRING, FUNCTION);
const KINDS: Kinds<InjectOptions> = { head: MARKUP, body: MARKUP, atEnd: BOOLEAN, extendPolicy: BOOLEAN };

/**
 * inject puts markup before the first `</head>` and the first `</body>` of the pages of an app, as they stream by. These are found
 * as a browser finds them: not in scripts, styles, titles, comments, attributes and templates. A page that leaves the tag out gets
 * nothing, unless `atEnd`.
 *
 * Scripts, styles and links of the markup get the nonce of `secureHeaders`, or the one that the page's `Content-Security-Policy`
 * names. Where that still forbids a script or a style that is written into the markup, the page is left alone, and the log says so
 * once; `extendPolicy` has it allowed. A policy in a `<meta>` is not seen.
 *
 * Changed are bodies of type `text/html` in any charset but UTF-16; markup beyond ASCII goes into UTF-8 alone. See
 * `isTransformable` for what is left alone; `transform` says what becomes of headers. Throws `TSGI_BAD_OPTION`.
 */
export function inject(app: App, options: InjectOptions): App {
  checkApp(app, "inject");
  checkOptions("inject", options, KINDS);
  const { head, body, atEnd = false, extendPolicy = false } = options;
  if (head === undefined && body === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "inject has nothing to put in", {
      hint: "Give head or body: inject(app, { head: '<link …>' }).",
    });
  }
  const makers = [
    ["head", maker(head)],
    ["body", maker(body)],
  ] as const;
  let hasWarned = false;

  function warn(environ: Environ): void {
    if (!hasWarned)
      writeError(environ, "inject: the page's Content-Security-Policy forbids what is put in. Give it a nonce.");
    hasWarned = true;
  }

  const takes = (response: AppResponse): boolean => hasType(response, "text/html");
  const change: Change = Object.assign(
    function inject(response: AppResponse, environ: Environ): AppResponse {
      if (!takes(response) || !isTransformable(response, environ)) return response;
      const made = makers.flatMap(([name, make]) => (make === undefined ? [] : [{ name, markup: make(environ) }]));
      const all = made.map(({ markup }) => markup);
      let { headers } = response;
      let nonce = nonceOf(environ) ?? nonceIn(headers);
      if (isBlocked(headers, all, nonce)) {
        if (!extendPolicy) {
          warn(environ);
          return response;
        }
        nonce ??= randomId(16);
        headers = withNonce(headers, all, nonce);
      }
      const markup = new Map(made.map((each) => [each.name, putTogether(each.markup, nonce)]));
      if (!fits(response, [...markup.values()])) return response;
      return { ...response, headers, body: mapBody(inPieces(response.body), new Injection(markup, atEnd)) };
    },
    { takes },
  );
  return transform(app, change);
}

/** Makes the markup for a request; what is the same for all is taken apart once. */
function maker(given: Markup | undefined): ((environ: Environ) => NoncedMarkup) | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "function") {
    const make = immediate("the markup of inject", given);
    return (environ) => takeApart(checked(make(environ)));
  }
  const markup = takeApart(given);
  return () => markup;
}

/** The nonce that `secureHeaders` has given the request. */
function nonceOf(environ: Environ): string | undefined {
  const nonce = environ["tsgi.state"]["csp.nonce"];
  return typeof nonce === "string" ? nonce : undefined;
}

function checked(markup: string): string {
  if (typeof markup === "string") return markup;
  throw new TsgiError("TSGI_BAD_OPTION", "inject was given something else than markup", {
    hint: "Return a string; an empty one puts nothing in.",
  });
}

const ASCII = /^[\0-\x7f]*$/;

/** Whether markup may stand in a page of this charset. */
function fits({ headers }: AppResponse, markup: readonly string[]): boolean {
  const charset = namedCharset(headers) ?? "utf-8";
  if (/^utf-?8$/i.test(charset)) return true;
  // An unknown charset, as nearly all of them, begins with ASCII (WHATWG Encoding §4.2).
  if (/^(?:utf-?16|ucs-?2|iso-10646-ucs-2|unicode|csunicode|iso-2022)/i.test(charset)) return false;
  return markup.every((text) => ASCII.test(text));
}
