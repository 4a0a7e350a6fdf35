/** Middleware composed from the outside in. */

import { checkApp } from "./apps.ts";
import { TsgiError } from "./errors.ts";
import type { App, Middleware } from "./gateway.ts";
import { wrappingUnlessTold } from "./wrapping.ts";

/** A stack of middleware. `use` gives a new one, so a stack can be shared and built upon. */
export interface Stack {
  /** Adds a middleware inside those added before, with its options if it takes any. Throws `TSGI_NO_MIDDLEWARE`. */
  use<Options extends unknown[]>(middleware: Middleware<Options>, ...options: Options): Stack;
  /** The app wrapped in the whole stack. Throws `TSGI_NO_APP`. */
  run(app: App): App;
}

/**
 * stack composes middleware as it is read, from the outside in, as Rack's builder does:
 * `stack().use(staticFiles, { "/static": "./public" }).use(lint).run(app)` equals
 * `staticFiles(lint(app), { "/static": "./public" })`.
 */
export function stack(): Stack {
  return extend((app) => app);
}

function extend(wrap: (app: App) => App): Stack {
  return {
    use(middleware, ...options) {
      if (typeof middleware !== "function") {
        throw new TsgiError("TSGI_NO_MIDDLEWARE", `a middleware is a function, not ${typeof middleware}`, {
          hint: "Pass (app, options) => app.",
        });
      }
      return extend((app) => wrap(wrappingUnlessTold(middleware(app, ...options), app)));
    },
    run(app) {
      return wrap(checkApp(app));
    },
  };
}
