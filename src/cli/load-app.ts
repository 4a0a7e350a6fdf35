/** Finds the app that the command is given in its module. */

import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { replaceGlobals } from "../adapters/from-fetch/globals.ts";
import type { App } from "../gateway.ts";
import { nearestTo } from "../options.ts";
import { CommandError } from "./command-error.ts";
import type { Values } from "./configuration/setting.ts";
import { type DetectedApp, detectApp, type Interface } from "./detect-app.ts";
import { loadModule } from "./load-module.ts";
import { openServers } from "./open-servers.ts";

/** The exports that are tried where none is named. */
const DEFAULT_EXPORTS = ["app", "default"];

/** An app with its name: `site.ts:app`. */
export interface LoadedApp {
  readonly app: App;
  /** What was named: `"site.ts:app"`. */
  readonly name: string;
  /** The name, and what it is: `"site.ts:app, an Express app,"`. */
  readonly title: string;
  /** What to print once it has failed with what looks like a mistake. */
  readonly hint: string | undefined;
}

/** How an export becomes an app. */
export interface LoadOptions {
  /** The interface of the export; detected where undefined. */
  readonly interface: Interface | undefined;
  /** Whether the export is a function that gives the app. */
  readonly isFactory: boolean;
}

/** loadOptions gives the options that settings come to. */
export function loadOptions({ interface: name, factory }: Pick<Values, "interface" | "factory">): LoadOptions {
  return { interface: name, isFactory: factory };
}

/** Loads `module[:export]`. Throws a `CommandError` where there is no such module, export or app. */
export async function loadApp(target: string, options: LoadOptions): Promise<LoadedApp> {
  const { file, exportName } = splitTarget(target);
  // The process is the command's own; before the module is loaded, so that what it extends and keeps is replaced already.
  replaceGlobals();
  const servers = openServers();
  const module = await loadModule(file);
  const found = exportName ?? DEFAULT_EXPORTS.find((name) => name in module) ?? "";
  if (!(found in module)) {
    const names = Object.keys(module);
    if (names.length === 0 && (await hasOpened(servers))) throw new CommandError(listensItself(file));
    throw new CommandError(missingExport(file, exportName, names));
  }
  const name = `${file}:${found}`;
  const value = options.isFactory ? await callFactory(module[found], name) : module[found];
  const { app, what, hint } = await toApp(value, name, options);
  return { app, name, title: what === "a tsgi app" ? name : `${name}, ${what},`, hint: hint?.(name) };
}

/** The file and the export of a target. What follows the last colon is an export only if it can be one: `C:\site.ts` has none. */
export function splitTarget(target: string): { file: string; exportName: string | undefined } {
  const parts = /^(.+):([\p{ID_Start}$_][\p{ID_Continue}$]*)$/u.exec(target);
  return parts === null || existsSync(target)
    ? { file: target, exportName: undefined }
    : { file: parts[1] as string, exportName: parts[2] };
}

/** Whether the module has opened a server; one that was given the name of a host does so a moment later. */
async function hasOpened(before: number): Promise<boolean> {
  if (openServers() > before) return true;
  await setTimeout(50);
  return openServers() > before;
}

function listensItself(file: string): string {
  return `${file} exports nothing, and listens by itself; in place of app.listen(…) write: export { app }`;
}

function missingExport(file: string, wanted: string | undefined, names: string[]): string {
  if (names.length === 0) return `${file} exports nothing; write: export const app = …`;
  const there = `it has ${names.join(", ")}`;
  if (wanted === undefined) return `${file} exports no app; ${there}. Name one: tsgi ${file}:${names[0]}`;
  return `${file} has no export ${wanted}; ${there}. Try: tsgi ${file}:${nearestTo(wanted, names) ?? names[0]}`;
}

async function callFactory(factory: unknown, name: string): Promise<unknown> {
  if (typeof factory !== "function")
    throw new CommandError(`${name} is ${describeExport(factory)}, not a factory of an app`);
  try {
    return await factory();
  } catch (error) {
    throw new CommandError(`the factory ${name} failed: ${(error as Error)?.message ?? error}`, 2, { cause: error });
  }
}

async function toApp(value: unknown, name: string, options: LoadOptions): Promise<DetectedApp> {
  let found: DetectedApp | undefined;
  try {
    found = await detectApp(value, options.interface);
  } catch (error) {
    throw new CommandError(`${name} cannot be served: ${(error as Error)?.message ?? error}`, 2, { cause: error });
  }
  if (found !== undefined) return found;
  throw new CommandError(
    `${name} is ${describeExport(value)}, not an app; an app is a function: (environ, startResponse) => body`,
  );
}

function describeExport(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
