/** `tsgi static [directory]`: a folder as an app. */

import { statSync } from "node:fs";
import { staticFiles } from "../../middleware/static-files.ts";
import { notFound } from "../apps.ts";
import type { App } from "../gateway.ts";
import { CommandError } from "./command-error.ts";

/** The app that serves a folder. Throws a `CommandError` where there is none. */
export function staticApp(folder: string): App {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new CommandError(`there is no folder ${folder}; check the path`);
  }
  return staticFiles(notFound, { "/": folder });
}
