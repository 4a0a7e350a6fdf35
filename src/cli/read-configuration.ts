/** Reads what the command was told: the command line, the config file, the environment. */

import type { Arguments } from "./arguments.ts";
import { CommandError } from "./command-error.ts";
import { readConfigFile } from "./config-file.ts";
import { type Configuration, configurationOf } from "./configuration/configuration.ts";
import { type Resolved, resolveSettings } from "./configuration/sources.ts";
import { loadOptions } from "./load-app.ts";
import { proxyOptions, targetUrl } from "./proxy.ts";
import { staticOptions } from "./static.ts";
import type { Activated } from "./systemd/activation.ts";

/** readSettings reads all settings. Throws a `CommandError` for what is wrong. */
export async function readSettings(
  { action, settings, flags }: Arguments,
  activated: Activated = [],
): Promise<Resolved> {
  // What is in a folder that is only to be served is not run, and where a proxy is started from says nothing of it.
  const isRead = (action !== "static" && action !== "proxy") || flags.config !== undefined;
  const file = isRead ? await readConfigFile(flags.config) : undefined;
  return resolveSettings({ flags: settings, file, environment: process.env, activated });
}

/**
 * readConfiguration gives all that a server needs to know; `activated` are the sockets that systemd has opened, undefined in a
 * process that does not listen by itself. Throws a `CommandError` for what is wrong.
 */
export async function readConfiguration(parsed: Arguments, activated?: Activated): Promise<Configuration> {
  const resolved = await readSettings(parsed, activated);
  return configurationOf(resolved, sourceOf(parsed, resolved), { open: parsed.flags.open, activated });
}

function sourceOf({ action, folder, words, flags }: Arguments, resolved: Resolved): Configuration["source"] {
  if (action === "static") return { kind: "folder", folder, options: staticOptions(flags) };
  if (action === "proxy") return { kind: "targets", targets: targetsOf(words), options: proxyOptions(flags) };
  return { kind: "module", target: targetOf(resolved), load: loadOptions(resolved.values) };
}

function targetsOf(words: readonly string[]): string[] {
  if (words.length > 0) return words.map(targetUrl);
  throw new CommandError("which target? Name one, for example: tsgi proxy http://127.0.0.1:3000 (see tsgi --help)");
}

/** The module that was named. Throws a `CommandError` where none was. */
export function targetOf({ values }: Resolved): string {
  if (values.app !== undefined) return values.app;
  throw new CommandError("which module? Name one, for example: tsgi site.ts:app (see tsgi --help)");
}
