/**
 * Gives each host name an app of its own.
 *
 * ```ts
 * export const app = hosts(website, {
 *   "api.example.com": api,
 *   ":tenant.example.com": tenantSite,
 * });
 * ```
 */

import { type MatchFunction, match, parse } from "path-to-regexp";
import { checkApp } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { choose, enter } from "../src/exchange/innermost.ts";
import type { App } from "../src/gateway.ts";
import type { AppWith, RouteParams } from "../src/routing/params.ts";
import { PathTree } from "../src/routing/path-tree.ts";
import { type Sequence, type Shape, sequencesOf, shapeOf } from "../src/routing/pattern.ts";
import { wrapping } from "../src/wrapping.ts";

/** Apps by host name. */
export type Hosts = Readonly<Record<string, App>>;

/**
 * hosts hands each request to the app of its `Host` header, without regard to port, case and a trailing dot
 * (RFC 9110 §4.2.3, RFC 1034 §3.1). In a key, `:name` stands for one label and `*name` for several; they go to
 * `tsgi.params`. A literal key beats a pattern, and of two patterns the first. A host without an app goes to `app`, as do a
 * request without one, a malformed one and one of more than 253 characters (RFC 1035 §2.3.4).
 *
 * The client chooses the header, so make `app` something safe to show for any host name. Paths are left alone.
 *
 * Throws `TSGI_BAD_HOST` for a key that is not a host name or is there twice, `TSGI_NO_APP` for a value that is not an app.
 */
export function hosts<Key extends string>(app: App, apps: { readonly [Host in Key]: AppWith<RouteParams<Host>> }): App {
  const table: Hosts = apps as unknown as Hosts;
  checkApp(app, "the fallback of hosts");
  const literals = new Map<string, App>();
  const patterns = new PathTree<App, HostPattern>();
  const identities = new Set<string>();
  for (const [key, hosted] of Object.entries(table)) {
    checkApp(hosted, `the host ${key}`);
    if (/:\d*$/.test(key)) throw badHost(key, "ports are ignored");
    if (/[:*{]/.test(key) && !key.startsWith("[")) {
      const pattern = compileHost(key);
      if (identities.has(pattern.identity)) throw badHost(key, "it is there twice");
      identities.add(pattern.identity);
      patterns.add(pattern, hosted);
    } else {
      const name = literalName(key);
      if (literals.has(name)) throw badHost(key, "it is there twice");
      literals.set(name, hosted);
    }
  }

  const chooseHost: App = function hosts(environ, startResponse) {
    const name = hostName(environ.HTTP_HOST);
    if (name === "") return app(environ, startResponse);
    const literal = literals.get(name);
    if (literal !== undefined) return literal(choose(environ, literal), startResponse);
    for (const { pattern, value } of patterns.find(pathOfHost(name)).patterns) {
      const found = pattern.match(name);
      if (found === false) continue;
      const inner = enter({ ...environ, "tsgi.params": { ...environ["tsgi.params"], ...found.params } });
      return value(choose(inner, value), startResponse);
    }
    return app(choose(environ, app), startResponse);
  };
  const inner = Object.entries(table).map(([label, hosted]) => ({ app: hosted, label }));
  return wrapping(chooseHost, [...inner, { app, label: "(else)" }]);
}

const HOST = /^(?<name>[a-z\d_-]+(?:\.[a-z\d_-]+)*|\[[\da-f:.]+\])\.?(?::\d*)?$/;

const LONGEST_NAME = 253;
const LONGEST_HEADER = LONGEST_NAME + ".:65535".length;

/** The name in a `Host` header: lower case, without port and trailing dot; `""` if there is none. */
function hostName(header: string | undefined): string {
  if (header === undefined || header.length > LONGEST_HEADER) return "";
  const name = HOST.exec(header.toLowerCase())?.groups?.name ?? "";
  return name.length > LONGEST_NAME ? "" : name;
}

/** A host name as a path for the tree, `/com/example/api`: names branch at their end. */
function pathOfHost(name: string): string {
  let path = "";
  for (let end = name.length; end > 0; ) {
    const dot = name.lastIndexOf(".", end - 1);
    path += `/${name.slice(dot + 1, end)}`;
    end = dot;
  }
  return path;
}

/** A key as browsers send it: lower case, and international names in their ASCII form. */
function literalName(key: string): string {
  try {
    const { host } = new URL(`http://${key.replace(/\.$/, "")}`);
    // `URL` forgives a lot, and finds a host in `//a.example?` as well.
    if (!/[\s/\\?#@]/.test(key) && hostName(host) === host) return host;
  } catch {
    // Reported below.
  }
  throw badHost(key, "it is not a host name");
}

/** A key as a pattern. */
interface HostPattern {
  /** The shapes of the paths that `pathOfHost` makes of its matches. */
  readonly shapes: readonly Shape[];
  readonly match: MatchFunction<Record<string, string | string[]>>;
  /** Equal for keys that match the same hosts under the same names. */
  readonly identity: string;
}

function compileHost(key: string): HostPattern {
  const labels = key.replace(/\.$/, "").split(".").map(asciiLabel);
  const encodePath = (text: string): string => {
    if (!/^[\w.-]*$/.test(text)) throw badHost(key, "it is not a host name");
    return text.toLowerCase();
  };
  try {
    const data = parse(labels.join("."), { encodePath });
    return {
      shapes: sequencesOf(data.tokens, key).map(shapeOfHost),
      match: match(data, { delimiter: ".", trailing: false, decode: (label) => label }),
      identity: JSON.stringify(data.tokens),
    };
  } catch (cause) {
    throw cause instanceof TsgiError ? cause : badHost(key, (cause as Error).message);
  }
}

function shapeOfHost(sequence: Sequence): Shape {
  return shapeOf(sequence, ".", "end");
}

/** A label beyond ASCII as browsers send it; one with a parameter has no such form. */
function asciiLabel(label: string): string {
  return /[:*{}]/.test(label) || /^[\w-]*$/.test(label) ? label : literalName(label);
}

function badHost(key: string, problem: string): TsgiError {
  return new TsgiError("TSGI_BAD_HOST", `${JSON.stringify(key)} cannot be a host: ${problem}`, {
    hint: 'Write "api.example.com", or ":tenant.example.com" for any label in that place.',
  });
}
