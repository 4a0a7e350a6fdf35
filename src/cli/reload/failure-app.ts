/** What is served while an app cannot be loaded: the page of the error. */

import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { codeOf } from "../../errors.ts";
import type { App } from "../../gateway.ts";
import { developmentPage } from "../../server/error-page.ts";
import { CommandError } from "../command-error.ts";

/** After how many seconds a browser asks again. */
const REFRESH = "1";

/** An app that answers everything with the page of an error; browsers ask again until it is mended. */
export function failureApp(error: unknown): App {
  const shown = shownError(error);
  const failure: App = (environ, startResponse) => {
    const page = developmentPage("500 Internal Server Error", shown, environ, failure);
    const isRead = environ.REQUEST_METHOD === "GET";
    startResponse("500 Internal Server Error", [
      ...(page?.headers ?? []),
      ...(isRead ? [["Refresh", REFRESH] as const] : []),
    ]);
    return page?.body;
  };
  return failure;
}

/** The error behind one of the command, with the place that its stack may not have. */
function shownError(error: unknown): unknown {
  if (!(error instanceof CommandError)) return error;
  const { cause, place, reason = "" } = error.details;
  if (cause === undefined) return Object.assign(new Error(error.message), { stack: "" });
  if (place === undefined || !(cause instanceof Error)) return cause;
  const where = `${place.path}:${place.line}:`;
  if (cause.stack?.includes(`(${where}`) || cause.stack?.includes(`/${where}`)) return cause;
  const [, name = "Error", message = reason] = /^(\w+): ([\s\S]*)$/.exec(reason) ?? [];
  const shown = new Error(message, cause.cause === undefined ? undefined : { cause: cause.cause });
  return Object.assign(shown, { name, stack: `${name}: ${message}\n    at ${where}${place.column}` });
}

/** The folders in which a file may appear that a module could not import. */
export function foldersOfMissing(error: unknown, files: readonly string[]): string[] {
  const folders: string[] = [];
  for (let current = error, depth = 0; current instanceof Error && depth < 10; current = current.cause, depth++) {
    if (!/MODULE_NOT_FOUND$/.test(codeOf(current))) continue;
    const { url, requireStack } = current as { url?: unknown; requireStack?: unknown };
    const [importer = ""] = Array.isArray(requireStack) ? (requireStack as string[]) : [];
    const [, specifier] = /^Cannot find module '(\.[^']*)'/.exec(current.message) ?? [];
    if (typeof url === "string" && url.startsWith("file:")) folders.push(dirname(fileURLToPath(url)));
    if (specifier !== undefined) folders.push(dirname(resolve(dirname(importer), specifier)));
    folders.push(...files.filter((path) => !/[\\/]node_modules[\\/]/.test(path)).map((path) => dirname(path)));
  }
  return [...new Set(folders)].filter((folder) => existsSync(folder));
}
