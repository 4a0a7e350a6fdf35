/** `tsgi <module> --reload`: serves an app, and restarts it when one of its files changes, behind a port that stays open. */

import { OwnListeners } from "../supervisor/listeners.ts";
import { findAccount } from "./accounts.ts";
import { CommandError } from "./command-error.ts";
import type { Configuration } from "./configuration/configuration.ts";
import { listeningError } from "./listening-error.ts";
import { holdPidFile } from "./pid-file.ts";
import { outliveReaders, printLines } from "./print-lines.ts";
import { Reloader } from "./reload/reloader.ts";
import { loadTls } from "./tls-files.ts";

/** Exit codes of a process that a signal ended. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * reloadCommand serves until SIGINT or SIGTERM, as the command does without it. `args` are the arguments of the command. Throws a
 * `CommandError` for a module that is not there, for settings that do not go with it, and where it cannot listen.
 */
export async function reloadCommand(configuration: Configuration, args: readonly string[]): Promise<number> {
  const { source, tls } = configuration;
  if (source.kind === "folder") {
    throw new CommandError("--reload is for apps; tsgi static serves files as they are, also when they have changed");
  }
  if (source.kind === "targets") throw new CommandError("--reload is for apps; tsgi proxy has no files that change");
  // What is wrong with the files, or with the account, is said before any process is started.
  if (tls !== undefined) loadTls(tls);
  const { umask, pidFile } = configuration.process;
  const account = findAccount(configuration.process);
  outliveReaders();
  const reloader = new Reloader(source.target, configuration, args);
  const listeners = new OwnListeners(reloader, reloader, configuration.supervisor);
  if (umask !== undefined) process.umask(umask);
  if (pidFile !== undefined) holdPidFile(pidFile, account);
  const print = (lines: readonly string[]) => {
    if (!configuration.quiet) printLines(lines);
  };
  // Before anything that has to be waited for.
  let isClosing = false;
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (isClosing) process.exitCode = code;
      else print([`closing; ${signal} again ends at once`]);
      isClosing = true;
      void reloader.end();
    });
  }
  try {
    await listeners.open();
    await reloader.start();
  } catch (error) {
    await Promise.all([listeners.close(), reloader.end()]);
    throw listeningError(error);
  }
  print(listeners.statusUrls.map((url) => `health and metrics on ${url}`));
  await reloader.whenStopped;
  await listeners.close();
  return Number(process.exitCode ?? 0);
}
