#!/usr/bin/env node
/** The `tsgi` command. */

import { readFileSync } from "node:fs";
import { type Arguments, parseArguments } from "./cli/arguments.ts";
import { check } from "./cli/check.ts";
import { CommandError } from "./cli/command-error.ts";
import { loadApp, loadOptions } from "./cli/load-app.ts";
import { precompress, precompressOptions } from "./cli/precompress.ts";
import { serveCommandOptions, serveUntilSignal, withInterfaceHint } from "./cli/serve-command.ts";
import { staticApp } from "./cli/static.ts";
import { USAGE } from "./cli/usage.ts";

async function main(args: string[]): Promise<number> {
  const parsed = parseArguments(args);
  if (parsed.flags.help) return print(USAGE);
  if (parsed.flags.version) return print(`${version()}\n`);
  return run(parsed);
}

async function run({ action, target, paths, flags }: Arguments): Promise<number> {
  if (action === "precompress") return precompress(target, precompressOptions(flags));
  if (action === "check") {
    return check(await loadApp(target, loadOptions(flags)), paths);
  }
  const options = serveCommandOptions(flags);
  // Before the module is loaded: of compiled code, errors are to show the source.
  if (flags.development) process.setSourceMapsEnabled(true);
  if (action === "static") return serveUntilSignal(staticApp(target, flags), target, options);
  if (flags.reload) {
    const { host, port, unix, ...serve } = options.serve;
    const places = [{ host, port, unix }];
    // What watches files is loaded by those alone who want it.
    const { reloadCommand } = await import("./cli/reload.ts");
    const { verbose, quiet } = options;
    return reloadCommand({ target, load: loadOptions(flags), serve, places, verbose, quiet });
  }
  const loaded = await loadApp(target, loadOptions(flags));
  return serveUntilSignal(
    loaded.app,
    loaded.title,
    loaded.isGuessed ? withInterfaceHint(options, loaded.name) : options,
  );
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(`tsgi: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
