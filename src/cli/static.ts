/** `tsgi static [directory]`: a folder as an app. */

import { cors } from "../../middleware/cors.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { notFound } from "../apps.ts";
import type { App } from "../gateway.ts";
import type { StaticFlags } from "./arguments.ts";
import { CommandError } from "./command-error.ts";
import { checkFolder } from "./folder.ts";

/** How a folder is served. */
export interface StaticOptions {
  readonly listing: boolean;
  readonly single: boolean;
  readonly cors: boolean;
  readonly immutable: boolean;
  readonly dotfiles: boolean;
  /** In milliseconds. */
  readonly maxAge: number;
}

/** staticOptions reads the flags. Throws a `CommandError` for a wrong value. */
export function staticOptions(flags: StaticFlags): StaticOptions {
  const { listing = false, single = false, cors = false, immutable = false, dotfiles = false, cache = "0" } = flags;
  if (!/^\d{1,10}$/.test(cache)) {
    throw new CommandError(`--cache ${cache} is not a number of seconds; for example --cache 3600`);
  }
  return { listing, single, cors, immutable, dotfiles, maxAge: Number(cache) * 1000 };
}

/** The app that serves a folder. Throws a `CommandError` where there is no such folder. */
export function staticApp(folder: string, options: StaticOptions): App {
  const { listing, single, immutable, dotfiles, maxAge } = options;
  checkFolder(folder);
  const files = staticFiles(
    notFound,
    { "/": folder },
    {
      listing,
      immutable,
      dotfiles,
      maxAge,
      extensions: ["html"],
      notFoundPage: "404.html",
      fallthrough: false,
      ...(single && { navigationFallback: "index.html" }),
    },
  );
  return options.cors ? cors(files) : files;
}
