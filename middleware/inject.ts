/**
 * Puts markup into pages.
 *
 * ```ts
 * export const app = inject(site, { head: '<link rel="stylesheet" href="/site.css">' });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { mapBody } from "../src/body/stream.ts";
import { TsgiError } from "../src/errors.ts";
import type { App, AppResponse, Environ } from "../src/gateway.ts";
import { getHeader } from "../src/http/headers.ts";
import { checkOptions, either, FUNCTION, type Kinds, STRING } from "../src/options.ts";
import { Injection } from "./inject/injection.ts";
import { type Change, hasType, isTransformable, transform } from "./transform.ts";

/** Markup, or what makes it for a request: `(environ) => markup`. It is put in as it is: escape what comes from others. */
export type Markup = string | ((environ: Environ) => string);

/** What is put where. */
export interface InjectOptions {
  /** Put before `</head>`. Default nothing. */
  head?: Markup;
  /** Put before `</body>`. Default nothing. */
  body?: Markup;
}

const MARKUP = either(STRING, FUNCTION);
const KINDS: Kinds<InjectOptions> = { head: MARKUP, body: MARKUP };

/**
 * inject puts markup before the first `</head>` and the first `</body>` of the pages of an app, as they stream by. These are found
 * as a browser finds them: not in scripts, styles, titles, comments, attributes and templates. A page that leaves the tag out gets
 * nothing.
 *
 * Changed are bodies of type `text/html` in any charset but UTF-16; markup beyond ASCII goes into UTF-8 alone. See
 * `isTransformable` for what is left alone; `transform` says what becomes of headers. Where a page has a
 * `Content-Security-Policy`, a script that is put in needs its nonce. Throws `TSGI_BAD_OPTION`.
 */
export function inject(app: App, options: InjectOptions): App {
  checkApp(app, "inject");
  checkOptions("inject", options, KINDS);
  const { head, body } = options;
  if (head === undefined && body === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "inject has nothing to put in", {
      hint: "Give head or body: inject(app, { head: '<link …>' }).",
    });
  }

  const takes = (response: AppResponse): boolean => hasType(response, "text/html");
  const change: Change = Object.assign(
    function inject(response: AppResponse, environ: Environ): AppResponse {
      if (!takes(response) || !isTransformable(response, environ)) return response;
      const markup = new Map<string, string>();
      for (const [name, given] of [
        ["head", head],
        ["body", body],
      ] as const) {
        if (given !== undefined) markup.set(name, typeof given === "string" ? given : checked(given(environ)));
      }
      if (!fits(response, [...markup.values()])) return response;
      return { ...response, body: mapBody(response.body, new Injection(markup)) };
    },
    { takes },
  );
  return transform(app, change);
}

function checked(markup: string): string {
  if (typeof markup === "string") return markup;
  throw new TsgiError("TSGI_BAD_OPTION", "inject was given something else than markup", {
    hint: "Return a string; an empty one puts nothing in.",
  });
}

const ASCII = /^[\0-\x7f]*$/;

/** Whether markup may stand in a page of this charset (WHATWG Encoding: all but UTF-16 begin with ASCII). */
function fits({ headers }: AppResponse, markup: readonly string[]): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(getHeader(headers, "Content-Type") ?? "")?.[1] ?? "utf-8";
  if (/^(?:utf-?16|ucs-?2|iso-10646-ucs-2|unicode)/i.test(charset)) return false;
  return /^utf-?8$/i.test(charset) || markup.every((text) => ASCII.test(text));
}
