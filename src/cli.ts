#!/usr/bin/env node
/** The `tsgi` command. */

import { holdSignals } from "./cli/early-signals.ts";

// Before anything else is loaded: that takes long enough for a signal to arrive.
holdSignals();
const [{ runCommand }, { CommandError }] = await Promise.all([
  import("./cli/run.ts"),
  import("./cli/command-error.ts"),
]);

try {
  process.exitCode = await runCommand(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  process.stderr.write(`tsgi: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
