/** The mounts of a site as text. */

import type { App } from "../../src/gateway.ts";

interface Mounting {
  readonly mounts: ReadonlyMap<string, App>;
  readonly fallback: App;
}

/**
 * Prints what is mounted where, dispatchers within dispatchers too:
 *
 * ```text
 * dispatcher
 * ├── /shop → shop
 * ├── /users/:user/blog → blog
 * └── (else) → notFound
 * ```
 */
export function mountTree(app: App): string {
  return [nameOf(app), ...branches(app)].join("\n");
}

function branches(app: App): string[] {
  if (!isMounting(app)) return [];
  const rows: [key: string, app: App][] = [...app.mounts, ["(else)", app.fallback]];
  return rows.flatMap(([key, mounted], index) => {
    const isLast = index === rows.length - 1;
    const below = branches(mounted).map((line) => (isLast ? "    " : "│   ") + line);
    return [`${isLast ? "└── " : "├── "}${key} → ${nameOf(mounted)}`, ...below];
  });
}

function isMounting(app: App): app is App & Mounting {
  return "mounts" in app && "fallback" in app && app.mounts instanceof Map;
}

function nameOf(app: App): string {
  return app.name || "(anonymous)";
}
