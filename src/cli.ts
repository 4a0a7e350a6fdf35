#!/usr/bin/env node
/** The `tsgi` command. */

import { holdSignals } from "./cli/early-signals.ts";

// Before anything else is loaded: that takes long enough for a signal to arrive.
holdSignals();
const [{ runCommand }, { CommandError }] = await Promise.all([
  import("./cli/run.ts"),
  import("./cli/command-error.ts"),
]);

/** How long an app may keep the process alive after the command is done, in milliseconds. */
const EXIT_TIMEOUT = 1_000;

// Who has stopped reading, as "tsgi check site.ts | head -1" does, is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  process.exitCode = await runCommand(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  const { message, exitCode } = error;
  // A module that has opened a server would keep the process alive.
  process.stderr.write(`tsgi: ${message}\n`, () => process.exit(exitCode));
}
// What an app still does, in an interval for example, is not to keep the process alive.
setTimeout(() => process.exit(), EXIT_TIMEOUT).unref();
