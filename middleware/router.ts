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
import type { App, Params } from "../src/gateway.ts";
import { PathTree } from "../src/routing/path-tree.ts";
import { compilePattern } from "../src/routing/pattern.ts";

/** Apps by route: `"GET /users/:id"`, `"GET,POST /search"`, or `"/path"` for every method. */
export type Routes = Readonly<Record<string, App>>;

/** The apps of one path, by method. */
interface Route {
  readonly methods: Map<string, App>;
}

const EVERY = "*";
const ROUTE = /^(?:([A-Z][A-Z-]*(?:,[A-Z][A-Z-]*)*) )?([^ ]+)$/;
const badRequest = text("Bad Request\n", { status: "400 Bad Request" });

/**
 * router hands each request to the app of the first route that matches its method and its whole path below the mount; a
 * literal path comes before a pattern, and patterns come in the order in which they stand. Paths are `path-to-regexp`
 * patterns, and a trailing slash makes no difference. Parameters are merged into `tsgi.params`; `SCRIPT_NAME` and
 * `PATH_INFO` stay as they are.
 *
 * HEAD goes where GET goes. A path that is there, but not for this method, is a 405 with `Allow`, and `OPTIONS` a 204 with
 * it, unless a route takes them. A path that no route has goes to `app`; a parameter that is no UTF-8 is a 400.
 *
 * Throws `TSGI_BAD_ROUTE` for a key that is no route or stands twice, `TSGI_NO_APP` for a value that is no app.
 */
export function router(app: App, routes: Routes): App {
  checkApp(app, "the router's fallback");
  const tree = compileRoutes(routes);

  return function router(environ, startResponse) {
    const path = environ.PATH_INFO;
    if (path === "*") return app(environ, startResponse);
    const allowed = new Set<string>();
    for (const { route, params } of matching(tree, path)) {
      const routed = appFor(route, environ.REQUEST_METHOD);
      if (routed === undefined) {
        for (const method of route.methods.keys()) allowed.add(method);
        continue;
      }
      if (params === undefined) return badRequest(environ, startResponse);
      return routed({ ...environ, "tsgi.params": { ...environ["tsgi.params"], ...params } }, startResponse);
    }
    if (allowed.size === 0) return app(environ, startResponse);
    return refusal(environ.REQUEST_METHOD, allowed)(environ, startResponse);
  };
}

function compileRoutes(routes: Routes): PathTree<Route> {
  const tree = new PathTree<Route>();
  const byPath = new Map<string, Route>();
  for (const [key, routed] of Object.entries(routes)) {
    const parts = ROUTE.exec(key);
    if (parts === null) throw badRoute(key, "is no route");
    checkApp(routed, `the route ${key}`);
    const pattern = compilePattern(parts[2] as string, "whole", "TSGI_BAD_ROUTE");
    let route = byPath.get(pattern.identity);
    if (route === undefined) {
      route = { methods: new Map() };
      byPath.set(pattern.identity, route);
      tree.add(pattern, route);
    }
    for (const method of parts[1]?.split(",") ?? [EVERY]) {
      if (route.methods.has(method)) throw badRoute(key, "stands twice");
      route.methods.set(method, routed);
    }
  }
  return tree;
}

/** The routes that match a path: the literal one, then the patterns in their order. */
function* matching(tree: PathTree<Route>, path: string): Generator<{ route: Route; params: Params | undefined }> {
  const { literal, length, patterns } = tree.find(path);
  const isWhole = length === path.length || (length === path.length - 1 && path.endsWith("/"));
  if (literal !== undefined && isWhole) yield { route: literal, params: {} };
  for (const { pattern, value } of patterns) {
    const match = pattern.match?.(path);
    if (match !== undefined) yield { route: value, params: match.params };
  }
}

function appFor({ methods }: Route, method: string): App | undefined {
  return methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined) ?? methods.get(EVERY);
}

function refusal(method: string, allowed: Set<string>): App {
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
