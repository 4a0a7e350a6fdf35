/** The parts of a site as text. */

import type { App } from "../../src/gateway.ts";
import { type Inner, innerApps } from "../../src/wrapping.ts";

/**
 * mountTree prints what an app is made of: middleware from the outside in, and what is mounted where.
 *
 * ```text
 * transform → dispatcher
 * ├── /shop → shop
 * ├── /users/:user/blog → lint → blog
 * └── (else) → notFound
 * ```
 *
 * Middleware that does not say what it wraps (see `wrapping`) is printed as an app.
 */
export function mountTree(app: App): string {
  return linesOf(app, []).join("\n");
}

function linesOf(app: App, outer: readonly App[]): string[] {
  const inner = outer.includes(app) ? [] : innerApps(app);
  const name = app.name || "(anonymous)";
  const [first] = inner;
  if (first !== undefined && inner.length === 1 && first.label === undefined) {
    const [chain, ...below] = linesOf(first.app, [...outer, app]);
    return [`${name} → ${chain}`, ...below];
  }
  return [name, ...inner.flatMap((each, index) => branch(each, index === inner.length - 1, [...outer, app]))];
}

function branch({ app, label }: Inner, isLast: boolean, outer: readonly App[]): string[] {
  const [first, ...below] = linesOf(app, outer);
  const title = label === undefined ? first : `${label} → ${first}`;
  return [`${isLast ? "└── " : "├── "}${title}`, ...below.map((line) => (isLast ? "    " : "│   ") + line)];
}
