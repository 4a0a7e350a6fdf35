#!/usr/bin/env node
/** The `tsgi` command. */

import { readFileSync } from "node:fs";
import { type Arguments, parseArguments } from "./cli/arguments.ts";
import { CommandError } from "./cli/command-error.ts";
import { configurationOf } from "./cli/configuration/configuration.ts";
import { loadApp, loadOptions } from "./cli/load-app.ts";
import { readConfiguration, readSettings, targetOf } from "./cli/read-configuration.ts";
import { type Activated, takeActivated } from "./cli/systemd/activation.ts";

async function main(args: string[]): Promise<number> {
  const parsed = parseArguments(args);
  if (parsed.flags.help) return print((await import("./cli/usage.ts")).USAGE);
  if (parsed.flags.version) return print(`${version()}\n`);
  return run(parsed, args);
}

/** What an action does not need is not loaded: that is a good part of the time until the first answer. */
async function run(parsed: Arguments, args: readonly string[]): Promise<number> {
  const { action, folder, paths, settings, flags } = parsed;
  if (action === "precompress") {
    const { precompress, precompressOptions } = await import("./cli/precompress.ts");
    return precompress(folder, precompressOptions(flags.only, settings.get("quiet") === true));
  }
  if (action === "new") {
    const { newCommand } = await import("./cli/new-command.ts");
    return print(newCommand(folder, version()));
  }
  if (action === "check") {
    const { check } = await import("./cli/check.ts");
    const resolved = await readSettings(parsed);
    return check(await loadApp(targetOf(resolved), loadOptions(resolved.values)), paths);
  }
  if (action === "ctl") {
    const { ctlCommand } = await import("./cli/ctl-command.ts");
    const { values } = await readSettings(parsed);
    return print(await ctlCommand(parsed.words, values.control, flags.json ?? false));
  }
  const activated = takeActivated(process.env);
  if (action === "config") return printSettings(parsed, activated);
  const configuration = await readConfiguration(parsed, activated);
  if (configuration.supervisor.reload) return (await import("./cli/reload.ts")).reloadCommand(configuration, args);
  if (configuration.isSupervised) {
    return (await import("./cli/supervise-command.ts")).superviseCommand(configuration, args, activated);
  }
  return (await import("./cli/serve-command.ts")).serveCommand(configuration);
}

/** Settings that do not go together are refused, as they are where they are used. */
async function printSettings(parsed: Arguments, activated: Activated): Promise<number> {
  const { settingsJson, settingsText } = await import("./cli/config-command.ts");
  const resolved = await readSettings(parsed, activated);
  configurationOf(resolved, { kind: "module", target: "", load: loadOptions(resolved.values) });
  return print(parsed.flags.json ? settingsJson(resolved) : settingsText(resolved));
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** How long an app may keep the process alive after the command is done, in milliseconds. */
const EXIT_TIMEOUT = 1_000;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  const { message, exitCode } = error;
  // A module that has opened a server would keep the process alive.
  process.stderr.write(`tsgi: ${message}\n`, () => process.exit(exitCode));
}
// What an app still does, in an interval for example, is not to keep the process alive.
setTimeout(() => process.exit(), EXIT_TIMEOUT).unref();
