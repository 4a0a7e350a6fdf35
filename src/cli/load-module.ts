/** Loads a module by its path, TypeScript included. */

import { existsSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { tmpdir } from "node:os";
import { basename, extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CommandError } from "./command-error.ts";
import { isServable } from "./detect-app.ts";
import { explainLoadError } from "./load-error.ts";

/** The extensions that a module may have. */
const EXTENSIONS = [".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs"];

/** What a module exports, by name. */
export type ModuleExports = Readonly<Record<string, unknown>>;

/** prepareLoader loads what loads a module of that name, if it needs anything, so that it is there already. */
export async function prepareLoader(file: string): Promise<void> {
  const path = resolve(file);
  if (!isTypeScript(path)) return;
  const loader = typeScriptLoader(file, path);
  if (loader === undefined) startStripping();
  else await startTransforming(loader);
}

/** The loader starts a compiler with the first module that it has not compiled before, by its content. */
async function startTransforming(loader: string): Promise<void> {
  await import(loader);
  const path = join(tmpdir(), `tsgi-${process.pid}.mts`);
  writeFileSync(path, `export const started: number = ${Date.now()};\n`, { flag: "wx", mode: 0o600 });
  try {
    await import(pathToFileURL(path).href);
  } finally {
    unlinkSync(path);
  }
}

/** Node loads what strips types with the first module that has some, which takes longer than all else. */
function startStripping(): void {
  const { stripTypeScriptTypes } = nodeModule as { stripTypeScriptTypes?: (code: string) => string };
  const { emitWarning } = process;
  // It is said to be an experiment where it is called, and not where Node uses it.
  process.emitWarning = () => {};
  try {
    stripTypeScriptTypes?.("");
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** loadModule gives what a module exports. Throws a `CommandError` for a missing file, and for one that does not load. */
export async function loadModule(file: string): Promise<ModuleExports> {
  const path = findModule(file);
  const loader = isTypeScript(path) ? typeScriptLoader(file, path) : undefined;
  try {
    if (loader !== undefined) await import(loader);
    return exportsOf((await import(pathToFileURL(path).href)) as ModuleExports);
  } catch (error) {
    const execArgv = loader === undefined ? [] : ["--import", loader];
    const { text, reason, place } = explainLoadError(error, path, execArgv);
    throw new CommandError(`${file} cannot be loaded: ${text}`, 2, { cause: error, reason, place });
  }
}

/** findModule gives the path of a module. Throws a `CommandError` for a missing file, and for a folder. */
export function findModule(file: string): string {
  const path = resolve(file);
  if (!existsSync(path)) {
    const meant = EXTENSIONS.map((extension) => file + extension).find((name) => existsSync(name));
    throw new CommandError(
      `there is no module ${file}; ${meant === undefined ? "check the path" : `did you mean ${meant}?`}`,
    );
  }
  if (statSync(path).isDirectory()) {
    throw new CommandError(`${file} is a folder; name a file, or serve it: tsgi static ${file}`);
  }
  return path;
}

function isTypeScript(path: string): boolean {
  return /^\.[mc]?tsx?$/.test(extname(path));
}

/**
 * The URL of what runs TypeScript; undefined where Node does. A `tsx` that the user has installed comes first: it knows
 * more of the language than Node, which only strips types, and finds `lib.ts` under the name `./lib.js`. The one beside
 * tsgi is for a Node that runs no TypeScript.
 */
function typeScriptLoader(file: string, path: string): string | undefined {
  const own = resolveTsx(path);
  if (own !== undefined) return own;
  if ((process.features as { typescript?: unknown }).typescript) return undefined;
  const found = resolveTsx(import.meta.url);
  if (found !== undefined) return found;
  throw new CommandError(
    `Node ${process.versions.node} needs tsx to run ${basename(file)}; install it: npm install --save-dev tsx`,
  );
}

function resolveTsx(from: string): string | undefined {
  try {
    return pathToFileURL(nodeModule.createRequire(from).resolve("tsx")).href;
  } catch {
    return undefined;
  }
}

/**
 * The exports of a module. Those of a CommonJS one may all be members of its default: Node finds the names of simple
 * assignments only.
 */
function exportsOf(module: ModuleExports): ModuleExports {
  const inner = module.default;
  if (!isPlainObject(inner) || isServable(inner)) return module;
  const isCommonJs = Object.keys(module).every(
    (name) => name === "default" || name === "module.exports" || name in inner,
  );
  return isCommonJs ? inner : module;
}

function isPlainObject(value: unknown): value is ModuleExports {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
