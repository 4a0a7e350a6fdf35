/**
 * Has a middleware everywhere except where it is not wanted.
 *
 * ```ts
 * const isProbe = ({ PATH_INFO }: Environ) => PATH_INFO === "/health";
 *
 * export const app = except(site, isProbe, (inner) => accessLog(inner, { format: "json" }));
 * ```
 */

import { checkApp } from "../src/apps.ts";
import type { App, Body, Environ, Middleware, StartResponse } from "../src/gateway.ts";
import { checkAnswer, checkPredicate, type Predicate } from "../src/predicate.ts";
import { andThen } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";

/**
 * except sends the requests for which `predicate` gives true to `app` as they are, and all others through `middleware`: `when` the other
 * way round, and all that is said there holds here. What a guard leaves out has to be compared as a whole, as `/health` above: with
 * `startsWith("/public")` it would stand open for `/public-accounts`.
 *
 * Throws `TSGI_BAD_OPTION`, `TSGI_NO_APP` where the middleware does not give an app.
 */
export function except(app: App, predicate: Predicate, middleware: Middleware): App {
  checkApp(app, "except");
  checkPredicate("except", predicate);
  const wrapped = checkApp(middleware(app), "except");

  function answer(isExcepted: unknown, environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    return (checkAnswer("except", isExcepted) ? app : wrapped)(environ, startResponse);
  }
  const outer: App = function except(environ, startResponse) {
    return andThen(predicate(environ), (isExcepted) => answer(isExcepted, environ, startResponse));
  };
  return wrapping(outer, wrapped);
}
