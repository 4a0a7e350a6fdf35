/** Supervises workers until a signal ends it. */

import { fileURLToPath } from "node:url";
import { BACKLOG } from "../server/options.ts";
import type { Controlled } from "../supervisor/control.ts";
import { automaticWorkers } from "../supervisor/cpus.ts";
import { OwnListeners } from "../supervisor/listeners.ts";
import type { Settings } from "../supervisor/settings.ts";
import type { Outcome } from "../supervisor/slot.ts";
import type { Inherited } from "../supervisor/sockets.ts";
import type { SupervisorState } from "../supervisor/status.ts";
import { inheritance, succeed, takeCounted } from "../supervisor/succession.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { type Account, findAccount, giveSockets } from "./accounts.ts";
import { announcementOf } from "./addresses.ts";
import { openBrowser } from "./browser.ts";
import { CommandError } from "./command-error.ts";
import type { Configuration } from "./configuration/configuration.ts";
import { obeyHeldSignals } from "./early-signals.ts";
import { HandOver } from "./hand-over.ts";
import { listeningError } from "./listening-error.ts";
import { holdPidFile } from "./pid-file.ts";
import { outliveReaders, printError, printLines } from "./print-lines.ts";
import type { Activated } from "./systemd/activation.ts";
import { Notifier } from "./systemd/notifier.ts";
import { loadTls } from "./tls-files.ts";
import type { CommandTask } from "./worker.ts";

/** The exit code where no worker can start. */
const NONE_STARTED = 3;

/**
 * superviseCommand starts workers, each of which serves the app, and obeys signals and the control socket until one ends it. `args`
 * are the arguments of the command, `activated` the sockets that systemd has opened. Throws a `CommandError` where it cannot begin.
 */
export async function superviseCommand(
  configuration: Configuration,
  args: readonly string[],
  activated: Activated = [],
): Promise<number> {
  outliveReaders();
  const { umask, pidFile } = configuration.process;
  const print = printer(configuration);
  const notifier = new Notifier(process.env, printError);
  // What is wrong with the files, or with the account, is said before any process is started.
  if (configuration.tls !== undefined) loadTls(configuration.tls);
  const account = findAccount(configuration.process);
  if (umask !== undefined) process.umask(umask);
  const supervisor = new Supervisor(settingsOf(configuration, args, account));
  const commands = commandsOf(supervisor, print);
  const listeners = new OwnListeners(supervisor, commands, configuration.supervisor);
  const handOver = new HandOver({ supervisor, listeners, notifier, print, printError }, args, activated);
  supervisor.onState = (state) => {
    if (state === "draining") handOver.abort();
    notify(notifier, state);
  };
  obeySignals(commands, supervisor);
  process.on("SIGUSR2", () => void handOver.begin());
  obeyHeldSignals();
  const inherited = await inheritance();
  const holdPid = () => pidFile !== undefined && holdPidFile(pidFile, account);
  if (inherited === undefined) holdPid();
  try {
    if (inherited === undefined) await listeners.open();
    const outcome = await supervisor.start(inherited);
    if (!outcome.ok && !commands.isEnding) throw new CommandError(outcome.reason, NONE_STARTED);
  } catch (error) {
    await listeners.close();
    throw listeningError(error);
  }
  // It may have been told to end before it could serve.
  if (!supervisor.isStopping) {
    if (inherited !== undefined) goOn(listeners, inherited, holdPid);
    const url = announce(supervisor, listeners, print);
    if (configuration.open && inherited === undefined) openBrowser(url);
  }
  await supervisor.whenStopped;
  await listeners.close();
  return 0;
}

/** The supervisor before this one may go. */
function goOn(listeners: OwnListeners, inherited: Inherited, holdPid: () => void): void {
  const told = takeCounted((counted) => listeners.measurements.inherit(counted));
  const complain = (error: Error) => printError(error.message);
  // That holds the file until it has gone.
  void succeed().then(holdPid).catch(complain);
  void told.then(() => listeners.takeOver(inherited)).catch(complain);
}

/** Says what serves where; gives the URL that a person opens. */
function announce(supervisor: Supervisor, listeners: OwnListeners, print: Print): string {
  const { title, urls, wanted } = supervisor.status;
  const { local, lines } = announcementOf(`${title} with ${wanted} ${wanted === 1 ? "worker" : "workers"}`, urls);
  print(lines, supervisor.tree);
  print(listeners.statusUrls.map((url) => `health and metrics on ${url}`));
  return `${local}/`;
}

function notify(notifier: Notifier, state: SupervisorState): void {
  if (state === "serving") notifier.ready();
  else if (state === "reloading") notifier.reloading();
  else if (state === "draining") notifier.stopping();
}

type Print = typeof printLines;

function printer({ quiet }: Configuration): Print {
  return (lines, below) => {
    if (!quiet) printLines(lines, below);
  };
}

function settingsOf(configuration: Configuration, args: readonly string[], account: Account | undefined): Settings {
  const { supervisor, places, serve, close } = configuration;
  const { workers } = supervisor;
  return {
    ...supervisor,
    program: fileURLToPath(new URL("./worker.js", import.meta.url)),
    env: process.env,
    task: { args } satisfies CommandTask,
    workers: workers === "auto" ? automaticWorkers() : workers,
    listen: places,
    backlog: serve.backlog ?? BACKLOG,
    drainDelay: close.delay,
    linger: close.linger,
    grace: close.grace,
    onBound: account && (() => giveSockets(places, account)),
    log: printError,
  };
}

/** What a supervisor can be told, by a signal or by the control socket; each says what has come of it. */
interface Commands extends Controlled {
  /** Whether it was told to end. */
  readonly isEnding: boolean;
  scaleBy(difference: number): Promise<Outcome>;
  /** Ends everything, and at once where it is ending already; `again` says how the latter is asked for. */
  end(isQuick: boolean, again: string): Promise<void>;
}

function commandsOf(supervisor: Supervisor, print: Print): Commands {
  const report = async (what: string, done: Promise<Outcome>) => {
    const outcome = await done;
    if (outcome.ok) print([`${what}: done`]);
    else printError(`${what} failed: ${outcome.reason}`);
    return outcome;
  };
  let isEnding = false;
  const end = (isQuick: boolean, again: string) => {
    if (!isQuick) print([`closing${again}`]);
    isEnding = true;
    return supervisor.stop({ isQuick });
  };
  return {
    get isEnding() {
      return isEnding;
    },
    get status() {
      return supervisor.status;
    },
    requests: () => supervisor.requests(),
    reload: () => report("reload", supervisor.reload()),
    scale: (workers) => report(workers === 1 ? "1 worker" : `${workers || "no"} workers`, supervisor.scale(workers)),
    scaleBy: (difference) =>
      report(difference > 0 ? "one worker more" : "one worker less", supervisor.scaleBy(difference)),
    stop: () => (isEnding ? supervisor.whenStopped : end(false, "")),
    end: (isQuick, again) => end(isQuick || isEnding, again),
  };
}

/** The signals that Gunicorn knows, with their meaning there. */
function obeySignals(commands: Commands, supervisor: Supervisor): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) {
    process.on(signal, () => void commands.end(signal === "SIGQUIT", `; ${signal} again ends at once`));
  }
  process.on("SIGHUP", () => void commands.reload());
  process.on("SIGTTIN", () => void commands.scaleBy(1));
  process.on("SIGTTOU", () => void commands.scaleBy(-1));
  process.on("SIGUSR1", () => supervisor.reopen());
  // A terminal sends it whenever its window changes.
  if (!process.stdout.isTTY) process.on("SIGWINCH", () => void commands.scale(0));
}
