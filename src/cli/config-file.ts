/** Finds and reads the config file. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import { types } from "node:util";
import { OBJECT, showOption } from "../options.ts";
import { CommandError } from "./command-error.ts";
import type { ConfigFile } from "./configuration/sources.ts";
import { loadModule } from "./load-module.ts";

/** What a config file may be called; the first that is there counts. */
const NAMES = ["ts", "mts", "js", "mjs", "json"].map((extension) => `tsgi.config.${extension}`);

/**
 * readConfigFile reads the file that is named, or else that of the working directory; gives undefined where there is none. Throws
 * a `CommandError` for a file that cannot be read or that holds something else.
 */
export async function readConfigFile(named: string | undefined): Promise<ConfigFile | undefined> {
  const name = named ?? NAMES.find((each) => existsSync(each));
  if (name === undefined) return undefined;
  if (!existsSync(name)) throw new CommandError(`there is no config file ${name}; check the path`);
  const config = extname(name) === ".json" ? readJson(name) : await readModule(name);
  if (!OBJECT.accepts(config)) {
    throw new CommandError(`${name}: its config is ${showOption(config)}; give an object: defineConfig({ … })`);
  }
  return { name, folder: dirname(resolve(name)), config: config as ConfigFile["config"] };
}

function readJson(name: string): unknown {
  try {
    return JSON.parse(readFileSync(name, "utf8"));
  } catch (error) {
    throw new CommandError(`${name} cannot be loaded: ${(error as Error).message.split("\n", 1)[0]}`);
  }
}

async function readModule(name: string): Promise<unknown> {
  const exported = await loadModule(name);
  if ("default" in exported) return exported.default;
  // What a CommonJS module assigns to its exports is the config itself.
  if (!types.isModuleNamespaceObject(exported)) return exported;
  throw new CommandError(`${name} has no default export; write: export default defineConfig({ … })`);
}
