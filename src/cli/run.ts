/** Does what the command was told. */

import { readFileSync } from "node:fs";
import { type Arguments, parseArguments } from "./arguments.ts";
import { configurationOf } from "./configuration/configuration.ts";
import { sufferHeldSignals } from "./early-signals.ts";
import { loadApp, loadOptions } from "./load-app.ts";
import { readConfiguration, readSettings, targetOf } from "./read-configuration.ts";
import { type Activated, takeActivated } from "./systemd/activation.ts";

/** What may turn out to be a supervisor, which obeys signals. */
const SERVING: ReadonlySet<Arguments["action"]> = new Set(["serve", "static", "proxy"]);

/** runCommand does it, and resolves to the exit code. Throws a `CommandError` where it cannot be done. */
export async function runCommand(args: string[]): Promise<number> {
  const parsed = parseArguments(args);
  if (parsed.flags.help) return print((await import("./usage.ts")).USAGE);
  if (parsed.flags.version) return print(`${version()}\n`);
  return run(parsed, args);
}

/** What an action does not need is not loaded: that is a good part of the time until the first answer. */
async function run(parsed: Arguments, args: readonly string[]): Promise<number> {
  const { action, folder, paths, settings, flags } = parsed;
  if (!SERVING.has(action)) sufferHeldSignals();
  if (action === "precompress") {
    const { precompress, precompressOptions } = await import("./precompress.ts");
    return precompress(folder, precompressOptions(flags.only, settings.get("quiet") === true));
  }
  if (action === "new") {
    const { newCommand } = await import("./new-command.ts");
    return print(newCommand(folder, version()));
  }
  if (action === "check") {
    const { check } = await import("./check.ts");
    const resolved = await readSettings(parsed);
    return check(await loadApp(targetOf(resolved), loadOptions(resolved.values)), paths);
  }
  if (action === "ctl") {
    const { ctlCommand } = await import("./ctl-command.ts");
    const { values } = await readSettings(parsed);
    return print(await ctlCommand(parsed.words, values.control, flags.json ?? false));
  }
  const activated = takeActivated(process.env);
  if (action === "config") return printSettings(parsed, activated);
  const configuration = await readConfiguration(parsed, activated);
  if (configuration.isSupervised && !configuration.supervisor.reload) {
    return (await import("./supervise-command.ts")).superviseCommand(configuration, args, activated);
  }
  sufferHeldSignals();
  if (configuration.supervisor.reload) return (await import("./reload.ts")).reloadCommand(configuration, args);
  return (await import("./serve-command.ts")).serveCommand(configuration);
}

/** Settings that do not go together are refused, as they are where they are used. */
async function printSettings(parsed: Arguments, activated: Activated): Promise<number> {
  const { settingsJson, settingsText } = await import("./config-command.ts");
  const resolved = await readSettings(parsed, activated);
  configurationOf(resolved, { kind: "module", target: "", load: loadOptions(resolved.values) });
  return print(parsed.flags.json ? settingsJson(resolved) : settingsText(resolved));
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function version(): string {
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
