/**
 * Chooses an app by method and whole path.
 *
 * ```ts
 * export const app = router(notFound, {
 *   "GET /users": listUsers,
 *   "GET /users/:id": showUser,
 *   "POST /users": addUser,
 * });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { choose, enterRoute } from "../src/exchange/innermost.ts";
import type { App, Params } from "../src/gateway.ts";
import { BOOLEAN, checkOptions } from "../src/options.ts";
import type { AppWith, RouteParams } from "../src/routing/params.ts";
import { PathTree } from "../src/routing/path-tree.ts";
import { compilePattern } from "../src/routing/pattern.ts";
import { isAmbiguous, mayBeAmbiguous } from "../src/routing/readings.ts";
import { wrapping } from "../src/wrapping.ts";

/** Apps by route: `"GET /users/:id"`, `"GET,POST /search"`, or `"/path"` for every method. */
export type Routes = Readonly<Record<string, App>>;

/** Options of `router`. */
export interface RouterOptions {
  /** Whether paths differ by the case of their letters. Default `true`. See `DispatcherOptions.caseSensitive`. */
  caseSensitive?: boolean;
}

/** The apps of one path, by method. */
interface Route {
  readonly path: string;
  readonly methods: Map<string, App>;
}

/** Where a request goes: to an app, or, if its path has routes only for other methods, to an answer that names them. */
interface Destination {
  readonly app: App | undefined;
  /** The route as it was written, without its methods; empty where there is no app. */
  readonly path: string;
  /** Undefined if a parameter is not UTF-8. */
  readonly params: Params | undefined;
  /** The routes of the path that do not take the method. */
  readonly others: readonly Route[];
}

const EVERY = "*";
const ROUTE = /^(?:([A-Z][A-Z-]*(?:,[A-Z][A-Z-]*)*) )?([^ ]+)$/;
const badRequest = text("Bad Request\n", { status: "400 Bad Request" });

/**
 * router hands each request to the app of the first route that matches its method and its whole path below the mount; a
 * literal path comes before a pattern, and patterns come in the order in which they are written. Paths are
 * `path-to-regexp` patterns, and a trailing slash makes no difference. Parameters are merged into `tsgi.params`;
 * `SCRIPT_NAME` and `PATH_INFO` stay as they are.
 *
 * An app that is written in place knows the types of its parameters: below `"GET /users/:id"`,
 * `environ["tsgi.params"].id` is a string; one that is written elsewhere has the type `RouteApp<"GET /users/:id">`.
 *
 * HEAD goes where GET goes. For a path with routes for other methods only the answer is 405 with `Allow`, or 204 with it to
 * `OPTIONS`. A path without a route goes to `app`. 400 for a parameter that is not UTF-8, and for a path that is
 * ambiguous in the sense of `dispatcher`.
 *
 * Throws `TSGI_BAD_ROUTE` for a key that is not a route or is there twice, `TSGI_NO_APP` for a value that is not an app,
 * `TSGI_BAD_OPTION`.
 */
export function router<Key extends string>(
  app: App,
  routes: { readonly [Route in Key]: AppWith<RouteParams<Route>> },
  options: RouterOptions = {},
): App {
  checkApp(app, "the router's fallback");
  checkOptions("router", options, { caseSensitive: BOOLEAN });
  const table: Routes = routes as unknown as Routes;
  const tree = compileRoutes(table, options.caseSensitive ?? true);

  const route: App = function router(environ, startResponse) {
    const { PATH_INFO: path, REQUEST_METHOD: method } = environ;
    if (path === "*") return app(environ, startResponse);
    const destination = destinationOf(tree, path, method);
    if (mayBeAmbiguous(path)) {
      const ownerAt = (reading: string) => ownerOf(destinationOf(tree, reading, method));
      if (isAmbiguous(path, ownerOf(destination), ownerAt)) return badRequest(environ, startResponse);
    }
    if (destination === undefined) return app(choose(environ, app), startResponse);
    const { app: routed, path: pattern, params, others } = destination;
    if (routed === undefined) return refusal(method, others)(environ, startResponse);
    if (params === undefined) return badRequest(environ, startResponse);
    let inner = environ;
    if (params !== NO_PARAMS) inner = { ...environ, "tsgi.params": { ...environ["tsgi.params"], ...params } };
    enterRoute(inner, pattern);
    return routed(choose(inner, routed), startResponse);
  };
  const inner = Object.entries(table).map(([label, routed]) => ({ app: routed, label }));
  return wrapping(route, [...inner, { app, label: "(else)" }]);
}

function compileRoutes(routes: Routes, caseSensitive: boolean): PathTree<Route> {
  const tree = new PathTree<Route>({ extent: "whole", caseSensitive });
  const byPath = new Map<string, Route>();
  for (const [key, routed] of Object.entries(routes)) {
    const parts = ROUTE.exec(key);
    if (parts === null) throw badRoute(key, "is not a route");
    checkApp(routed, `the route ${key}`);
    const pattern = compilePattern(parts[2] as string, { extent: "whole", caseSensitive, code: "TSGI_BAD_ROUTE" });
    let route = byPath.get(pattern.identity);
    if (route === undefined) {
      route = { path: parts[2] as string, methods: new Map() };
      byPath.set(pattern.identity, route);
      tree.add(pattern, route);
    }
    for (const method of parts[1]?.split(",") ?? [EVERY]) {
      if (route.methods.has(method)) throw badRoute(key, "is there twice");
      route.methods.set(method, routed);
    }
  }
  return tree;
}

function destinationOf(tree: PathTree<Route>, path: string, method: string): Destination | undefined {
  const { literal, length, patterns } = tree.find(path);
  const others: Route[] = [];
  const isWhole = length === path.length || (length === path.length - 1 && path.endsWith("/"));
  if (literal !== undefined && isWhole) {
    const app = appFor(literal, method);
    if (app !== undefined) return { app, path: literal.path, params: NO_PARAMS, others };
    others.push(literal);
  }
  for (const { pattern, value } of patterns) {
    const match = pattern.match(path);
    if (match === undefined) continue;
    const app = appFor(value, method);
    if (app !== undefined) return { app, path: value.path, params: match.params, others };
    others.push(value);
  }
  return others.length === 0 ? undefined : { app: undefined, path: "", params: NO_PARAMS, others };
}

const NO_PARAMS: Params = Object.freeze({});

/** By which two destinations are compared. */
function ownerOf(destination: Destination | undefined): App | Route | undefined {
  return destination?.app ?? destination?.others[0];
}

function appFor({ methods }: Route, method: string): App | undefined {
  return methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined) ?? methods.get(EVERY);
}

function refusal(method: string, others: readonly Route[]): App {
  const allowed = new Set(others.flatMap(({ methods }) => [...methods.keys()]));
  if (allowed.has("GET")) allowed.add("HEAD");
  allowed.add("OPTIONS");
  const allow: [string, string] = ["Allow", [...allowed].sort().join(", ")];
  return method === "OPTIONS"
    ? (_environ, startResponse) => void startResponse("204 No Content", [allow])
    : text("Method Not Allowed\n", { status: "405 Method Not Allowed", headers: [allow] });
}

function badRoute(key: string, problem: string): TsgiError {
  return new TsgiError("TSGI_BAD_ROUTE", `${JSON.stringify(key)} ${problem}`, {
    hint: 'Write a method in capitals, one space and a path: "GET /users/:id".',
  });
}
