/** Loads the module that the command is given, and finds the app in it. */

import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { replaceGlobals } from "../adapters/from-fetch/globals.ts";
import type { App } from "../gateway.ts";
import type { Flags } from "./arguments.ts";
import { CommandError } from "./command-error.ts";
import { type DetectedApp, detectApp, INTERFACES, type Interface } from "./detect-app.ts";

/** The exports that are tried where none is named. */
const DEFAULT_EXPORTS = ["app", "default"];

/** An app with the name it goes by: `site.ts:app`. */
export interface LoadedApp {
  readonly app: App;
  readonly name: string;
}

/** How an export becomes an app. */
export interface LoadOptions {
  /** What it is; told by its shape where undefined. */
  readonly interface: Interface | undefined;
  /** Whether it is a function that gives the app. */
  readonly isFactory: boolean;
}

/** Throws a `CommandError` for an interface that there is not. */
export function loadOptions({ interface: name, factory = false }: Flags): LoadOptions {
  const found = INTERFACES.find((each) => each === name);
  if (name === undefined || found !== undefined) return { interface: found, isFactory: factory };
  throw new CommandError(`--interface ${name} is none; choose from ${INTERFACES.join(", ")}`);
}

/** Loads `module[:export]`. Throws a `CommandError` where there is no such module, export or app. */
export async function loadApp(target: string, options: LoadOptions): Promise<LoadedApp> {
  const { file, exportName } = takeApart(target);
  // The process is the command's own; before the module is loaded, so that what it extends and keeps is replaced already.
  replaceGlobals();
  const module = await loadModule(file);
  const found = exportName ?? DEFAULT_EXPORTS.find((name) => name in module) ?? "";
  if (!(found in module)) throw new CommandError(missingExport(file, exportName, Object.keys(module)));
  const name = `${file}:${found}`;
  const value = options.isFactory ? await made(module[found], name) : module[found];
  const { app, what } = await asApp(value, name, options);
  return { app, name: what === "a tsgi app" ? name : `${name}, ${what},` };
}

/** What follows the last colon is an export only if it can be one: `C:\site.ts` has none. */
function takeApart(target: string): { file: string; exportName: string | undefined } {
  const parts = /^(.+):([\p{ID_Start}$_][\p{ID_Continue}$]*)$/u.exec(target);
  return parts === null || existsSync(target)
    ? { file: target, exportName: undefined }
    : { file: parts[1] as string, exportName: parts[2] };
}

async function loadModule(file: string): Promise<Record<string, unknown>> {
  const path = resolve(file);
  if (!existsSync(path)) throw new CommandError(`there is no module ${file}; check the path`);
  if (statSync(path).isDirectory())
    throw new CommandError(`${file} is a folder; name a file, or serve it: tsgi static ${file}`);
  const isTypeScript = /^\.[mc]?ts$/.test(extname(path));
  if (isTypeScript && !(process.features as { typescript?: unknown }).typescript)
    await loadTypeScriptSupport(file, path);
  try {
    return exportsOf((await import(pathToFileURL(path).href)) as Record<string, unknown>);
  } catch (error) {
    throw new CommandError(`${file} cannot be loaded: ${describeLoadError(error, path)}`);
  }
}

/** The exports of a module; those of a CommonJS one may all lie behind its default. */
function exportsOf(module: Record<string, unknown>): Record<string, unknown> {
  const inner = module.default;
  const isWrapped =
    typeof inner === "object" &&
    inner !== null &&
    Object.keys(module).every((name) => name in inner || name === "default" || name === "module.exports");
  return isWrapped ? (inner as Record<string, unknown>) : module;
}

/** On a Node that does not run TypeScript by itself, `tsx` does: the user's own, or the one beside tsgi. */
async function loadTypeScriptSupport(file: string, path: string): Promise<void> {
  for (const from of [path, import.meta.url]) {
    let loader: string;
    try {
      loader = createRequire(from).resolve("tsx");
    } catch {
      continue;
    }
    await import(pathToFileURL(loader).href);
    return;
  }
  throw new CommandError(
    `Node ${process.versions.node} needs tsx to run ${basename(file)}; install it: npm install --save-dev tsx`,
  );
}

/** One line, with the place in the user's own code where it happened. */
function describeLoadError(error: unknown, path: string): string {
  if (!(error instanceof Error)) return String(error);
  const [message] = error.message.split("\n");
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !/node:|node_modules/.test(line));
  const frame = frames.find((line) => line.includes(basename(path))) ?? frames[0];
  return `${error.name}: ${message}${frame === undefined ? "" : ` (${frame.trim()})`}`;
}

function missingExport(file: string, wanted: string | undefined, names: string[]): string {
  if (names.length === 0) return `${file} exports nothing; write: export const app = …`;
  const there = `it has ${names.join(", ")}`;
  if (wanted === undefined) return `${file} exports no app; ${there}. Name one: tsgi ${file}:${names[0]}`;
  const close = names.find((name) => name.toLowerCase().startsWith(wanted.toLowerCase().slice(0, 3))) ?? names[0];
  return `${file} has no export ${wanted}; ${there}. Try: tsgi ${file}:${close}`;
}

/** What a factory gives. */
async function made(factory: unknown, name: string): Promise<unknown> {
  if (typeof factory !== "function") throw new CommandError(`${name} is ${describe(factory)}, not a factory of an app`);
  try {
    return await factory();
  } catch (error) {
    throw new CommandError(`the factory ${name} failed: ${(error as Error)?.message ?? error}`);
  }
}

/** An export as an app. */
async function asApp(value: unknown, name: string, options: LoadOptions): Promise<DetectedApp> {
  let found: DetectedApp | undefined;
  try {
    found = await detectApp(value, options.interface);
  } catch (error) {
    throw new CommandError(`${name} cannot be served: ${(error as Error)?.message ?? error}`);
  }
  if (found !== undefined) return found;
  throw new CommandError(
    `${name} is ${describe(value)}, not an app; an app is a function: (environ, startResponse) => body`,
  );
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
