/** Supervises workers until a signal ends it. */

import { fileURLToPath } from "node:url";
import { escapeControls } from "../escape.ts";
import { automaticWorkers } from "../supervisor/cpus.ts";
import type { Settings } from "../supervisor/settings.ts";
import type { Outcome } from "../supervisor/slot.ts";
import { appointSuccessor, inheritance, succeed } from "../supervisor/succession.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { findAccount } from "./accounts.ts";
import { addressesOf } from "./addresses.ts";
import { CommandError } from "./command-error.ts";
import type { Configuration } from "./configuration/configuration.ts";
import { listeningError } from "./listening-error.ts";
import { holdPidFile } from "./pid-file.ts";
import { loadTls } from "./tls-files.ts";
import type { CommandTask } from "./worker.ts";

/** The exit code where no worker can start. */
const NONE_STARTED = 3;

/**
 * superviseCommand starts workers, each of which serves the app, and obeys signals until one ends it. `args` are the arguments of
 * the command. Throws a `CommandError` where it cannot begin.
 */
export async function superviseCommand(configuration: Configuration, args: readonly string[]): Promise<number> {
  const { umask, pidFile } = configuration.process;
  const print = printer(configuration);
  // What is wrong with the files, or with the account, is said before any process is started.
  if (configuration.tls !== undefined) loadTls(configuration.tls);
  const account = findAccount(configuration.process);
  if (umask !== undefined) process.umask(umask);
  const supervisor = new Supervisor(settingsOf(configuration, args));
  obeySignals(supervisor, args, print);
  const inherited = await inheritance();
  const holdPid = () => pidFile !== undefined && holdPidFile(pidFile, account);
  if (inherited === undefined) holdPid();
  const outcome = await supervisor.start(inherited).catch((error: unknown) => {
    throw listeningError(error);
  });
  if (!outcome.ok) throw new CommandError(outcome.reason, NONE_STARTED);
  // The one before this holds the file until it has gone.
  if (inherited !== undefined) void succeed().then(holdPid);
  const { title, urls, wanted } = supervisor.status;
  const [[local, ...network], ...others] = urls.map((url) => addressesOf(url)) as [[string, ...string[]]];
  print(
    `serving ${title} with ${wanted} ${wanted === 1 ? "worker" : "workers"} on ${local}`,
    ...network.map((address) => `on the network: ${address}`),
    ...others.flat().map((address) => `also on ${address}`),
  );
  await supervisor.whenStopped;
  return 0;
}

type Print = (...lines: string[]) => void;

function printer({ quiet }: Configuration): Print {
  return (...lines) => {
    if (!quiet) process.stdout.write(lines.map((line) => `tsgi: ${line}\n`).join(""));
  };
}

function settingsOf(configuration: Configuration, args: readonly string[]): Settings {
  const { supervisor, places, serve, close } = configuration;
  const { workers } = supervisor;
  return {
    ...supervisor,
    program: fileURLToPath(new URL("./worker.js", import.meta.url)),
    env: process.env,
    task: { args } satisfies CommandTask,
    workers: workers === "auto" ? automaticWorkers() : workers,
    listen: places,
    backlog: serve.backlog ?? 1024,
    drainDelay: close.delay,
    linger: close.linger,
    grace: close.grace,
    log: (line) => process.stderr.write(`tsgi: ${escapeControls(line)}\n`),
  };
}

/** The signals that Gunicorn knows, with their meaning there. */
function obeySignals(supervisor: Supervisor, args: readonly string[], print: Print): void {
  const { log } = supervisor.settings;
  const report = (what: string, done: Promise<Outcome>) => {
    void done.then((outcome) => (outcome.ok ? print(`${what}: done`) : log(`${what} failed: ${outcome.reason}`)));
  };
  let isEnding = false;
  const end = (signal: NodeJS.Signals) => {
    const isQuick = isEnding || signal === "SIGQUIT";
    if (!isQuick) print(`closing; ${signal} again ends at once`);
    isEnding = true;
    void supervisor.stop({ isQuick });
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) process.on(signal, end);
  process.on("SIGHUP", () => report("reload", supervisor.reload()));
  process.on("SIGTTIN", () => report("one worker more", supervisor.scaleBy(1)));
  process.on("SIGTTOU", () => report("one worker less", supervisor.scaleBy(-1)));
  process.on("SIGUSR1", () => supervisor.reopen());
  process.on("SIGUSR2", async () => {
    const outcome = await appointSuccessor(supervisor, [process.argv[1] as string, ...args]);
    if (!outcome.ok) return log(`the new supervisor does not serve: ${outcome.reason}`);
    print(`the supervisor ${outcome.pid} goes on`);
    await supervisor.stop({ isReplaced: true });
  });
  // A terminal sends it whenever its window changes.
  if (!process.stdout.isTTY) process.on("SIGWINCH", () => report("no workers", supervisor.scale(0)));
}
