/** `tsgi static [directory]`: a folder as an app. */

import { cors } from "../../middleware/cors.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import type { App } from "../gateway.ts";
import type { Flags } from "./arguments.ts";
import { CommandError } from "./command-error.ts";
import { checkFolder } from "./folder.ts";
import { notFoundPage } from "./not-found-page.ts";

/** The app that serves a folder. Throws a `CommandError` where there is none, and for a value that is wrong. */
export function staticApp(folder: string, flags: Flags): App {
  const { listing = false, single = false, immutable = false, dotfiles = false } = flags;
  const maxAge = maxAgeOf(flags);
  checkFolder(folder);
  const files: App = staticFiles(
    notFoundPage(() => files),
    { "/": folder },
    { listing, immutable, dotfiles, maxAge, extensions: ["html"], ...(single && { fallback: "index.html" }) },
  );
  return flags.cors ? cors(files) : files;
}

/** In milliseconds. */
function maxAgeOf({ cache = "0" }: Flags): number {
  if (/^\d{1,10}$/.test(cache)) return Number(cache) * 1000;
  throw new CommandError(`--cache ${cache} is no number of seconds; for example --cache 3600`);
}
