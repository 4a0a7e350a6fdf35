/** `tsgi static [directory]`: a folder as an app. */

import { cors } from "../../middleware/cors.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { notFound } from "../apps.ts";
import type { App } from "../gateway.ts";
import type { Flags } from "./arguments.ts";
import { CommandError } from "./command-error.ts";
import { checkFolder } from "./folder.ts";

/** The app that serves a folder. Throws a `CommandError` where there is no such folder, and for a flag with a wrong value. */
export function staticApp(folder: string, flags: Flags): App {
  const { listing = false, single = false, immutable = false, dotfiles = false } = flags;
  const maxAge = maxAgeOf(flags);
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
  return flags.cors ? cors(files) : files;
}

/** In milliseconds. */
function maxAgeOf({ cache = "0" }: Flags): number {
  if (/^\d{1,10}$/.test(cache)) return Number(cache) * 1000;
  throw new CommandError(`--cache ${cache} is not a number of seconds; for example --cache 3600`);
}
