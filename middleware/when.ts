/**
 * Has a middleware only where it is wanted.
 *
 * ```ts
 * const isFromElsewhere = ({ REMOTE_ADDR }: Environ) => REMOTE_ADDR !== "127.0.0.1";
 *
 * export const app = when(site, isFromElsewhere, (inner) => basicAuth(inner, { users: { ann: annsPassword } }));
 * ```
 */

import { checkApp } from "../src/apps.ts";
import type { App, Body, Environ, Middleware, StartResponse } from "../src/gateway.ts";
import { checkAnswer, checkPredicate, type Predicate } from "../src/predicate.ts";
import { andThen } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";

export type { Predicate } from "../src/predicate.ts";

/**
 * when sends the requests for which `predicate` gives true through `middleware`, and all others to `app` as they are. A middleware with
 * options is given as `(inner) => basicAuth(inner, options)`; it is built once. A predicate that gives neither true nor false is a 500,
 * so that a guard does not stand open for a typing error.
 *
 * For parts of a site that have paths of their own, `dispatcher` is the better choice: it knows which paths could be read as others. A
 * predicate sees `SCRIPT_NAME + PATH_INFO`, which is canonical; `REQUEST_URI` is what the client has sent.
 *
 * Throws `TSGI_BAD_OPTION`, `TSGI_NO_APP` where the middleware does not give an app.
 */
export function when(app: App, predicate: Predicate, middleware: Middleware): App {
  checkApp(app, "when");
  checkPredicate("when", predicate);
  const wrapped = checkApp(middleware(app), "when");

  function answer(isWanted: unknown, environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    return (checkAnswer("when", isWanted) ? wrapped : app)(environ, startResponse);
  }
  const outer: App = function when(environ, startResponse) {
    return andThen(predicate(environ), (isWanted) => answer(isWanted, environ, startResponse));
  };
  return wrapping(outer, wrapped);
}
