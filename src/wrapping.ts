/**
 * What an app is made of. A middleware says which apps it wraps by a property of the app that it returns, and tools that show
 * or walk a site read it: `mountTree`, `tsgi check`. It costs a request nothing.
 *
 * ```ts
 * export function poweredBy(app: App): App {
 *   const outer: App = (environ, startResponse) =>
 *     app(environ, (status, headers, error) => startResponse(status, [...headers, ["X-Powered-By", "tsgi"]], error));
 *   return wrapping(outer, app);
 * }
 * ```
 *
 * The property is `Symbol.for("tsgi.wraps")`, a list of `Inner`, so that a middleware can set it without this module.
 */

import type { App } from "./gateway.ts";

/** An app inside another one. */
export interface Inner {
  readonly app: App;
  /** When it is called, for people: `"GET /users"`, `"api.example.com"`. Absent if there is only one. */
  readonly label?: string;
  /** What is moved from `PATH_INFO` to `SCRIPT_NAME` when it is called: a mount as it was written, maybe a pattern. */
  readonly mount?: string;
}

/** WRAPS is the name of the property. */
export const WRAPS: unique symbol = Symbol.for("tsgi.wraps") as never;

/** wrapping says of an app which apps it wraps, one or a list with labels, and returns it. */
export function wrapping<Outer extends App>(outer: Outer, inner: App | readonly Inner[]): Outer {
  const value = typeof inner === "function" ? [{ app: inner }] : inner;
  return Object.defineProperty(outer, WRAPS, { value, configurable: true });
}

/** wrappingUnlessTold says of what a middleware made of an app that it wraps it, unless it says so itself or is the app. */
export function wrappingUnlessTold(outer: App, inner: App): App {
  return outer === inner || WRAPS in outer || !Object.isExtensible(outer) ? outer : wrapping(outer, inner);
}

/** inPlaceOf has an app pass for another one that it calls: it has its name, and wraps what that wraps. */
export function inPlaceOf(outer: App, app: App): App {
  return wrapping(Object.defineProperty(outer, "name", { value: app.name }), innerApps(app));
}

/** innerApps returns the apps that an app wraps directly; none if it does not say. */
export function innerApps(app: App): readonly Inner[] {
  const inner = (app as { [WRAPS]?: readonly Inner[] })[WRAPS];
  return Array.isArray(inner) ? inner : [];
}
