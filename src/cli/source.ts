/** What is served: the app of a module, a folder, or servers elsewhere. */

import type { Configuration } from "./configuration/configuration.ts";
import { looksMistaken } from "./detect-app.ts";
import { type LoadedApp, loadApp } from "./load-app.ts";
import { staticApp } from "./static.ts";

/** What is served, and its name. */
export type Source = Pick<LoadedApp, "app" | "name" | "title" | "hint">;

/** loadSource loads what is served. Throws a `CommandError` where that cannot be done. */
export async function loadSource({ source }: Pick<Configuration, "source">): Promise<Source> {
  if (source.kind === "module") return loadApp(source.target, source.load);
  if (source.kind === "targets") {
    const { proxyApp } = await import("./proxy-app.ts");
    const name = source.targets.join(", ");
    return { app: proxyApp(source.targets, source.options), name, title: `a proxy to ${name}`, hint: undefined };
  }
  const { folder, options } = source;
  return { app: staticApp(folder, options), name: folder, title: folder, hint: undefined };
}

/** The first error that looks as if the app was taken for something else prints what may be wrong. */
export function hintOnce(loaded: () => Source | undefined): (error: unknown) => void {
  let isSaid = false;
  return (error) => {
    const { hint } = loaded() ?? {};
    if (isSaid || hint === undefined || !looksMistaken(error)) return;
    isSaid = true;
    process.stderr.write(hint);
  };
}
