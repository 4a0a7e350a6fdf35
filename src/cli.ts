#!/usr/bin/env node
/** The `tsgi` command. */

import { readFileSync } from "node:fs";
import { type Arguments, parseArguments, USAGE } from "./cli/arguments.ts";
import { check } from "./cli/check.ts";
import { CommandError } from "./cli/command-error.ts";
import { loadApp } from "./cli/module.ts";
import { serveUntilSignal } from "./cli/run.ts";
import { staticApp } from "./cli/static.ts";

async function main(args: string[]): Promise<number> {
  const parsed = parseArguments(args);
  if (parsed.help) return print(USAGE);
  if (parsed.version) return print(`${version()}\n`);
  return run(parsed);
}

async function run(parsed: Arguments): Promise<number> {
  const { action, target } = parsed;
  if (action === "static") return serveUntilSignal(await staticApp(target), target, parsed);
  const { app, name } = await loadApp(target);
  return action === "check" ? check(app, name) : serveUntilSignal(app, name, parsed);
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
