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
import { choose, enter } from "../src/exchange/innermost.ts";
import type { App, Params } from "../src/gateway.ts";
import { BOOLEAN, checkOptions } from "../src/options.ts";
import type { AppWith, RouteParams } from "../src/routing/params.ts";
import { PathTree } from "../src/routing/path-tree.ts";
import { compilePattern, type Match } from "../src/routing/pattern.ts";
import { isAmbiguous, mayBeAmbiguous } from "../src/routing/readings.ts";
import { type Inner, wrapping } from "../src/wrapping.ts";

/** Apps by the path they are mounted at. */
export type Mounts = Readonly<Record<string, App>>;

/** Options of `dispatcher`. */
export interface DispatcherOptions {
  /**
   * Whether paths differ by the case of their letters, as RFC 3986 §6.2.2.1 has it. Default `true`: beside a mount at
   * `/admin`, `/ADMIN` goes to the app behind. Set `false` for a guard in front of something that ignores case: Express and
   * Connect, `@koa/router`, a file system of macOS or Windows. Letters beyond ASCII count too; parameters keep their case.
   */
  caseSensitive?: boolean;
}

/** A dispatcher is an app that tells what it mounts; `mountTree` prints it. */
export interface Dispatcher extends App {
  /** The mounted apps by their canonical keys, in the order in which they were given. */
  readonly mounts: ReadonlyMap<string, App>;
  /** The app for everything else. */
  readonly fallback: App;
}

/** An app with the key that it is mounted at, as it stands in `tsgi.route`. */
interface Mount {
  readonly app: App;
  readonly route: string;
}

/** Where a path goes. */
interface MountedAt {
  readonly mount: Mount;
  /** How much of the path the mount takes. */
  readonly length: number;
  /** What its pattern matched; undefined for a literal key. */
  readonly match: Match | undefined;
}

const badRequest = text("Bad Request\n", { status: "400 Bad Request" });

/**
 * dispatcher hands each request to the app that is mounted at the longest prefix of its path, on a segment boundary:
 * `/api` takes `/api`, `/api/` and everything below it, never `/apix`. The app is called with that prefix moved from
 * `PATH_INFO` to the end of `SCRIPT_NAME`; a request that no mount takes goes to `app` unchanged.
 *
 * A key with `:name`, `*name` or `{…}` is a `path-to-regexp` pattern, matched as a prefix; its parameters are merged into
 * `tsgi.params`, and the key joins `tsgi.route`. The longest match wins whatever the order; a literal key beats a pattern of the same length, and of two
 * patterns the first. Keys are canonicalised as requests are.
 *
 * 400 for a parameter that is not UTF-8, and for an ambiguous path: one that would reach another mount if its `%2F` or `%5C`
 * were separators, its path parameters (`;x=1`) dropped or its runs of `/` one, and one that climbs out of its mount so
 * (`/files/..%2Fadmin`). Apps that decode a path before they route it read it that way, past a guard mounted there.
 *
 * A wildcard takes all it can, so it is the longest match wherever it matches: beside `/*all`, a mount at `/admin` gets
 * `/admin` alone and nothing below it. For an app that is to be tried last, use `app`.
 *
 * Throws `TSGI_BAD_MOUNT` for a key that is not an absolute path or is mounted twice, `TSGI_NO_APP` for a value that is not
 * an app, `TSGI_BAD_OPTION`.
 */
export function dispatcher<Key extends string>(
  app: App,
  mounts: { readonly [Mount in Key]: AppWith<RouteParams<Mount>> },
  options: DispatcherOptions = {},
): Dispatcher {
  checkApp(app, "the dispatcher's fallback");
  checkOptions("dispatcher", options, { caseSensitive: BOOLEAN });
  const { caseSensitive = true } = options;
  const tree = new PathTree<Mount>({ caseSensitive });
  const table = new Map<string, App>();
  const identities = new Set<string>();
  for (const [key, mounted] of Object.entries(mounts as unknown as Mounts)) {
    const pattern = compilePattern(key, { extent: "prefix", caseSensitive, code: "TSGI_BAD_MOUNT" });
    checkApp(mounted, `the mount ${key}`);
    if (identities.has(pattern.identity)) throw mountedTwice(key);
    identities.add(pattern.identity);
    const name = pattern.match === undefined ? pattern.head : key;
    tree.add(pattern, { app: mounted, route: name });
    table.set(name || "/", mounted);
  }
  const appAt = (path: string): App | undefined => placeOf(tree, path)?.mount.app;

  const dispatch: App = function dispatcher(environ, startResponse) {
    const path = environ.PATH_INFO;
    if (path === "*") return app(environ, startResponse);
    const place = placeOf(tree, path);
    if (mayBeAmbiguous(path) && isAmbiguous(path, place?.mount.app, appAt)) return badRequest(environ, startResponse);
    if (place === undefined) return app(choose(environ, app), startResponse);
    const { mount, length, match } = place;
    const params = match === undefined ? NO_PARAMS : match.params;
    if (params === undefined) return badRequest(environ, startResponse);
    const outer = environ["tsgi.route"];
    const inner = {
      ...environ,
      SCRIPT_NAME: environ.SCRIPT_NAME + path.slice(0, length),
      PATH_INFO: path.slice(length),
      "tsgi.route": outer ? outer + mount.route : mount.route,
    };
    if (params !== NO_PARAMS) inner["tsgi.params"] = { ...environ["tsgi.params"], ...params };
    return mount.app(choose(enter(inner), mount.app), startResponse);
  };
  const inner: Inner[] = [...table].map(([key, mounted]) => ({ app: mounted, label: key, mount: key }));
  return wrapping(Object.assign(dispatch, { mounts: table, fallback: app }), [...inner, { app, label: "(else)" }]);
}

const NO_PARAMS: Params = Object.freeze({});

function placeOf(tree: PathTree<Mount>, path: string): MountedAt | undefined {
  const { literal, length, patterns } = tree.find(path);
  let place: MountedAt | undefined = literal === undefined ? undefined : { mount: literal, length, match: undefined };
  for (const { pattern, value } of patterns) {
    const match = pattern.match(path);
    if (match !== undefined && (place === undefined || match.length > place.length)) {
      place = { mount: value, length: match.length, match };
    }
  }
  return place;
}

function mountedTwice(key: string): TsgiError {
  return new TsgiError("TSGI_BAD_MOUNT", `${JSON.stringify(key)} is mounted twice`, {
    hint: "Keys are the same if their canonical paths are: /api/ is /api, /%61 is /a.",
  });
}
