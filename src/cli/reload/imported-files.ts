/** Which files a process has imported. */

import * as nodeModule from "node:module";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";

/** Hooks that run where modules are loaded, for `import` and `require` alike; from Node 22.15 on. */
type RegisterHooks = (hooks: { load: (url: string, context: object, nextLoad: NextLoad) => unknown }) => void;
type NextLoad = (url: string, context: object) => unknown;

/**
 * followImports begins to note which files are imported, by `import` and by `require`. What it gives returns those that are new
 * since it was called last.
 */
export function followImports(): () => string[] {
  const known = new Set<string>();
  const collect = hook();
  return () => {
    const found = collect().filter((path) => !known.has(path));
    for (const path of found) known.add(path);
    return [...new Set(found)];
  };
}

function hook(): () => string[] {
  const { registerHooks } = nodeModule as { registerHooks?: RegisterHooks };
  if (registerHooks !== undefined) {
    let urls: string[] = [];
    registerHooks({
      load(url, context, nextLoad) {
        urls.push(url);
        return nextLoad(url, context);
      },
    });
    return () => {
      const paths = urls.flatMap(pathOfModule);
      urls = [];
      return paths;
    };
  }
  const { port1, port2 } = new MessageChannel();
  const hooks = new URL(`./import-hooks${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
  nodeModule.register(hooks, { data: { port: port2 }, transferList: [port2] });
  port1.unref();
  const { cache } = createRequire(import.meta.url);
  const before = new Set(Object.keys(cache));
  return () => {
    const paths = Object.keys(cache)
      .filter((path) => !before.has(path))
      .flatMap(pathOfModule);
    for (let message = receiveMessageOnPort(port1); message !== undefined; message = receiveMessageOnPort(port1)) {
      paths.push(...pathOfModule(message.message as string));
    }
    return paths;
  };
}

/** The file of a module, by its URL or its path, to which loaders may have added a query. */
function pathOfModule(name: string): string[] {
  const bare = name.replace(/[?#].*$/, "");
  if (bare.startsWith("file:")) return [fileURLToPath(bare)];
  return /^(?:\/|[A-Za-z]:\\)/.test(bare) ? [bare] : [];
}
