/**
 * Mounts apps by path prefix.
 *
 * ```ts
 * export const app = dispatcher(notFound, {
 *   "/shop": shop,
 *   "/users/:user/blog": blog,
 * });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import type { App, Params } from "../src/gateway.ts";
import { PathTree } from "../src/routing/path-tree.ts";
import { compilePattern } from "../src/routing/pattern.ts";

/** Apps by the path they are mounted at. */
export type Mounts = Readonly<Record<string, App>>;

/** A dispatcher is an app that can be asked what it mounts; `mountTree` prints it. */
export interface Dispatcher extends App {
  /** The mounted apps by their canonical keys, in the order in which they were given. */
  readonly mounts: ReadonlyMap<string, App>;
  /** The app for everything else. */
  readonly fallback: App;
}

const badRequest = text("Bad Request\n", { status: "400 Bad Request" });

/**
 * dispatcher hands each request to the app that is mounted at the longest prefix of its path, on a segment boundary:
 * `/api` takes `/api`, `/api/` and all below it, never `/apix`. The app is called with that prefix moved from `PATH_INFO` to
 * the end of `SCRIPT_NAME`; what no mount takes goes to `app` as it came.
 *
 * A key with `:name`, `*name` or `{…}` is a `path-to-regexp` pattern, matched as a prefix; its parameters are merged into
 * `tsgi.params`. The longest match wins whatever the order; a literal key beats a pattern of the same length, and of two
 * patterns the first. A parameter that is no UTF-8 is a 400. Keys are canonicalised as requests are.
 *
 * A wildcard takes all it can, so it is the longest match wherever it matches: beside `/*all`, a mount at `/admin` gets
 * `/admin` alone and nothing below it. What is to be tried last is `app`.
 *
 * Throws `TSGI_BAD_MOUNT` for a key that is no absolute path or stands twice, `TSGI_NO_APP` for a value that is no app.
 */
export function dispatcher(app: App, mounts: Mounts): Dispatcher {
  checkApp(app, "the dispatcher's fallback");
  const tree = new PathTree<App>();
  const table = new Map<string, App>();
  const identities = new Set<string>();
  for (const [key, mounted] of Object.entries(mounts)) {
    const pattern = compilePattern(key, "prefix", "TSGI_BAD_MOUNT");
    checkApp(mounted, `the mount ${key}`);
    if (identities.has(pattern.identity)) throw duplicate(key);
    identities.add(pattern.identity);
    tree.add(pattern, mounted);
    table.set(pattern.match === undefined ? pattern.head || "/" : key, mounted);
  }

  const dispatch: App = function dispatcher(environ, startResponse) {
    const path = environ.PATH_INFO;
    if (path === "*") return app(environ, startResponse);
    const found = tree.find(path);
    let { literal: mounted, length } = found;
    let params: Params | undefined = NO_PARAMS;
    for (const { pattern, value } of found.patterns) {
      const match = pattern.match?.(path);
      if (match === undefined || (mounted !== undefined && match.length <= length)) continue;
      ({ length, params } = match);
      mounted = value;
    }
    if (mounted === undefined) return app(environ, startResponse);
    if (params === undefined) return badRequest(environ, startResponse);
    const inner = {
      ...environ,
      SCRIPT_NAME: environ.SCRIPT_NAME + path.slice(0, length),
      PATH_INFO: path.slice(length),
    };
    if (params !== NO_PARAMS) inner["tsgi.params"] = { ...environ["tsgi.params"], ...params };
    return mounted(inner, startResponse);
  };
  return Object.assign(dispatch, { mounts: table, fallback: app });
}

const NO_PARAMS: Params = Object.freeze({});

function duplicate(key: string): TsgiError {
  return new TsgiError("TSGI_BAD_MOUNT", `${JSON.stringify(key)} is mounted twice`, {
    hint: "Keys are the same when their canonical paths are: /api/ is /api, /%61 is /a.",
  });
}
