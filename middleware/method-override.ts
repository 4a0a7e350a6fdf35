/**
 * Lets clients that can only GET and POST, such as forms of a page, use the other methods.
 *
 * ```ts
 * export const app = methodOverride(site, { query: "_method" }); // <form method="post" action="/users/7?_method=DELETE">
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { enter } from "../src/exchange/innermost.ts";
import type { App, Environ } from "../src/gateway.ts";
import { TOKEN } from "../src/http/field-rules.ts";
import { query as queryOf } from "../src/http/query.ts";
import { checkOptions, type Kind, type Kinds, listOf, STRING } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";

/** Where the method is looked for. */
export interface MethodOverrideOptions {
  /** The header that names it; `false` for none. Default `"X-HTTP-Method-Override"`. */
  header?: string | false;
  /** The parameter of the query that names it, where the header is missing: `"_method"`. Default none. */
  query?: string;
  /** The methods that may be named. Default `["PUT", "PATCH", "DELETE"]`. */
  methods?: readonly string[];
}

const HEADER: Kind = {
  expected: "the name of a header, or false",
  accepts: (value) => value === false || (typeof value === "string" && TOKEN.test(value) && !value.includes("_")),
};

const KINDS: Kinds<MethodOverrideOptions> = { header: HEADER, query: STRING, methods: listOf(STRING) };

/** Guards let these through without a look at where they come from, or they are not an app's to answer. */
const REFUSED: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "QUERY", "TRACE", "CONNECT"]);

const badRequest = text("Bad Request: the method cannot be overridden so\n", { status: "400 Bad Request" });

/**
 * methodOverride calls `app` with the method that a POST names, in a header or in the query. A POST that names a method which is not
 * among `methods` is a 400; requests of other methods stay as they are. `environ["tsgi.state"]["method.original"]` is `"POST"` then.
 *
 * It makes a POST of nothing, and no GET of a POST: a guard that lets the safe methods pass, such as `csrf`, judges the same on either
 * side of it. A header cannot be sent by pages of other sites without a preflight; a query can, so `csrf` belongs around or within.
 * The body is not read: a `_method` among the fields of a form does not count.
 *
 * Throws `TSGI_BAD_OPTION`, also for safe methods.
 */
export function methodOverride(app: App, options: MethodOverrideOptions = {}): App {
  checkApp(app, "methodOverride");
  checkOptions("methodOverride", options, KINDS);
  const { header = "X-HTTP-Method-Override", query, methods = ["PUT", "PATCH", "DELETE"] } = options;
  const allowed = new Set(methods.map(checkMethod));
  const key = header === false ? undefined : (`HTTP_${header.toUpperCase().replaceAll("-", "_")}` as const);

  function named(environ: Environ): string | undefined {
    const sent = key === undefined ? undefined : (environ[key] as string | undefined);
    if (sent !== undefined || query === undefined || environ.QUERY_STRING === "") return sent;
    return queryOf(environ).get(query) ?? undefined;
  }

  const outer: App = function methodOverride(environ, startResponse) {
    const name = environ.REQUEST_METHOD === "POST" ? named(environ) : undefined;
    if (name === undefined) return app(environ, startResponse);
    const method = name.toUpperCase();
    if (method === "POST") return app(environ, startResponse);
    if (!allowed.has(method)) return badRequest(environ, startResponse);
    environ["tsgi.state"]["method.original"] = "POST";
    return app(enter({ ...environ, REQUEST_METHOD: method }), startResponse);
  };
  return wrapping(outer, app);
}

function checkMethod(method: string): string {
  if (TOKEN.test(method) && method === method.toUpperCase() && !REFUSED.has(method)) return method;
  throw new TsgiError("TSGI_BAD_OPTION", `${JSON.stringify(method)} among the methods of methodOverride`, {
    hint: 'Give methods that change something, in upper case: ["PUT", "PATCH", "DELETE"].',
  });
}
