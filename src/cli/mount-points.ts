/** Where a site mounts its apps. */

import { parse, type Token } from "path-to-regexp";
import type { App } from "../gateway.ts";

/** What a dispatcher says of itself. */
interface Mounting {
  readonly mounts: ReadonlyMap<string, App>;
  readonly fallback: App;
}

/** mountPoints gives a path below each mount of a site, those within mounts too, in the order in which they were mounted. */
export function mountPoints(app: App): string[] {
  const found = new Set<string>();
  const visit = (inner: App, prefix: string, above: readonly App[]): void => {
    if (above.includes(inner)) return;
    for (const [key, mounted] of wrappedBy(inner)) {
      const path = prefix + examplePath(key).replace(/\/$/, "");
      if (path !== "") found.add(path);
      visit(mounted, path, [...above, inner]);
    }
  };
  visit(app, "", []);
  return [...found];
}

/** The apps that an app wraps, with the keys they are mounted at: `""` for one that gets every path. */
function wrappedBy(app: App): readonly (readonly [key: string, app: App])[] {
  if (!("mounts" in app && "fallback" in app && app.mounts instanceof Map)) return [];
  const { mounts, fallback } = app as App & Mounting;
  return [...mounts, ["", fallback]];
}

/** A path that a key matches: `/users/x` for `/users/:id`. */
function examplePath(key: string): string {
  return key === "" ? "" : textOf(parse(key).tokens);
}

function textOf(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === "group") return textOf(token.tokens);
      return token.type === "text" ? token.value : "x";
    })
    .join("");
}
