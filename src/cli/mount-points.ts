/** Where a site mounts its apps. */

import { parse, type Token } from "path-to-regexp";
import type { App } from "../gateway.ts";
import { innerApps } from "../wrapping.ts";

/** A route that answers GET. */
const GET_ROUTE = /^GET (\/.*)$/;

/**
 * mountPoints gives a path for each mount of a site and for each route that answers GET, those within mounts too, in the
 * order in which they are written. A middleware that does not say what it wraps hides what is inside.
 */
export function mountPoints(app: App): string[] {
  const found = new Set<string>();
  const visit = (inner: App, prefix: string, outer: readonly App[]): void => {
    if (outer.includes(inner)) return;
    for (const { app: wrapped, mount, label = "" } of innerApps(inner)) {
      const path = prefix + examplePath(mount ?? "");
      const route = mount === undefined ? GET_ROUTE.exec(label)?.[1] : undefined;
      for (const each of [path, path + examplePath(route ?? "")]) if (each !== "") found.add(each);
      visit(wrapped, path, [...outer, inner]);
    }
  };
  visit(app, "", []);
  return [...found];
}

/** A path that a key matches, without a slash at its end: `/users/x` for `/users/:id`. */
function examplePath(key: string): string {
  return key === "" ? "" : renderTokens(parse(key).tokens).replace(/\/$/, "");
}

function renderTokens(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === "group") return renderTokens(token.tokens);
      return token.type === "text" ? token.value : "x";
    })
    .join("");
}
