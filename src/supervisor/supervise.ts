/** supervise: an app in several processes, from code. */

import { fileURLToPath } from "node:url";
import { TsgiError } from "../errors.ts";
import { escapeControls } from "../escape.ts";
import { BOOLEAN, checkOptions, count, either, FUNCTION, type Kinds, OBJECT, oneOf, STRING } from "../options.ts";
import { BACKLOG, type ListenOptions, LONGEST, SERVE_KINDS, type ServeOptions } from "../server/options.ts";
import { checkTls } from "../server/tls/options.ts";
import { automaticWorkers } from "./cpus.ts";
import { OwnListeners } from "./listeners.ts";
import type { Settings } from "./settings.ts";
import type { Outcome } from "./slot.ts";
import type { Status } from "./status.ts";
import { Supervisor } from "./supervisor.ts";

/** The options of `serve` that each worker is given: those that can be sent to another process. */
export type WorkerServeOptions = Omit<
  ServeOptions,
  keyof ListenOptions | "listen" | "onError" | "errors" | "multiprocess"
>;

/** What a worker is told to do. */
export interface WorkerTask {
  /** The module with its export: `"site.ts:app"`. */
  readonly target: string;
  readonly interface: SuperviseOptions["interface"];
  readonly isFactory: boolean;
  readonly readyPath: string | undefined;
  /** Whether its requests are measured, and the supervisor adds up what comes. */
  readonly isMeasured: boolean;
  readonly serve: WorkerServeOptions;
}

/** How an app is supervised. Durations are milliseconds, sizes bytes. */
export interface SuperviseOptions extends WorkerServeOptions, ListenOptions {
  /** Several places to listen on, instead of `host`, `port`, `unix` and `fd`. Default: that one. */
  listen?: readonly ListenOptions[] | undefined;
  /** How many processes serve; `"auto"` for one for each processor that this process may use. Default 1. */
  workers?: number | "auto" | undefined;
  /** What the export is. Default: detected. */
  interface?: "tsgi" | "node" | "fetch" | undefined;
  /** Whether the export is a function that returns the app. Default `false`. */
  factory?: boolean | undefined;
  /** A path that a new worker has to answer with 2xx, without a socket, before it serves. Default: none is tried. */
  readyPath?: string | undefined;
  /**
   * How long the event loop of a worker may hang; then the log says where it hangs and which requests it holds, and the worker is
   * killed and replaced. Default 30 s; 0 for no limit.
   */
  timeout?: number | undefined;
  /** How long a worker may take until it serves. Default 60 s. */
  bootTimeout?: number | undefined;
  /** How long connections are accepted after `stop`, while responses end theirs. Default 0. */
  drainDelay?: number | undefined;
  /** How long idle connections are kept when a worker leaves, as a request may be on its way. Default 1 s. */
  linger?: number | undefined;
  /** How long running exchanges may take when a worker leaves. Default 30 s. */
  grace?: number | undefined;
  /** After about how many requests a worker is replaced. Default 0: never. */
  maxRequests?: number | undefined;
  /** By which share `maxRequests` is exceeded at most, at random, so that workers are not replaced at once. Default 0.1. */
  maxRequestsJitter?: number | undefined;
  /** Beyond how much memory (resident set) a worker is replaced. Default 0: never. */
  maxMemory?: number | undefined;
  /**
   * The path of a Unix socket for `tsgi ctl`: HTTP, with `GET /status` and `/requests`, `POST /reload`, `/scale?workers=3` and
   * `/stop`. Only the user of this process may connect. Default: none.
   */
  control?: string | undefined;
  /**
   * Where the supervisor itself answers `/livez`, `/readyz`, `/status` and `/metrics`, also while every worker hangs; nobody but
   * those who watch the site should get there. Default: nowhere.
   */
  status?: ListenOptions | undefined;
  /** The environment of the workers. Default: that of this process. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Called with each line that the supervisor has to say. Default: it is written to standard error. */
  log?: ((line: string) => void) | undefined;
}

/** An app that is served by several processes. */
export interface Supervised {
  /** Where it answers. */
  readonly urls: readonly string[];
  /** What the supervisor and its workers are doing. */
  status(): Status;
  /** Replaces the workers one after the other, without losing a request; those of now serve on where a new one cannot start. */
  reload(): Promise<Outcome>;
  /** Has another number of workers run. */
  scale(workers: number): Promise<Outcome>;
  /** Ends the workers without losing a request; resolves when they are gone. */
  stop(): Promise<void>;
}

const DURATION = count(0, LONGEST);

const MOST_WORKERS = 256;

const { onError: _onError, errors: _errors, multiprocess: _multiprocess, ...FOR_WORKERS } = SERVE_KINDS;

const KINDS: Kinds<SuperviseOptions> = {
  ...FOR_WORKERS,
  workers: either(count(1, MOST_WORKERS), oneOf("auto")),
  interface: oneOf("tsgi", "node", "fetch"),
  factory: BOOLEAN,
  readyPath: {
    expected: 'a path, such as "/healthy"',
    accepts: (value) => typeof value === "string" && value.startsWith("/"),
  },
  timeout: DURATION,
  bootTimeout: DURATION,
  drainDelay: DURATION,
  linger: DURATION,
  grace: DURATION,
  maxRequests: DURATION,
  maxRequestsJitter: {
    expected: "a share from 0 to 1",
    accepts: (value) => typeof value === "number" && value >= 0 && value <= 1,
  },
  maxMemory: count(),
  control: STRING,
  status: OBJECT,
  env: OBJECT,
  log: FUNCTION,
};

/** The program of the workers. */
const PROGRAM = fileURLToPath(new URL(import.meta.url.replace(/supervisor\/supervise(\.[jt]s)$/, "cli/worker$1")));

/**
 * supervise serves the app of a module in several processes, which it starts, watches and replaces; it never runs code of the app
 * itself. Resolves when all workers serve.
 *
 * ```ts
 * const site = await supervise("site.ts:app", { workers: 2, port: 8000 });
 * process.on("SIGHUP", () => site.reload());
 * ```
 *
 * Rejects with `TSGI_CANNOT_START` where the app cannot be served, with `TSGI_PORT_IN_USE`, `TSGI_PORT_DENIED` or
 * `TSGI_CANNOT_LISTEN` where it cannot listen, and with `TSGI_BAD_OPTION` or `TSGI_BAD_TLS`.
 */
export async function supervise(target: string, options: SuperviseOptions = {}): Promise<Supervised> {
  const supervisor = new Supervisor(settingsOf(target, options));
  const { control, status } = options;
  const listeners = new OwnListeners(supervisor, supervisor, { control, status });
  await listeners.open();
  // Whoever stops it, by the control socket too.
  void supervisor.whenStopped.then(() => listeners.close());
  try {
    const outcome = await supervisor.start();
    if (!outcome.ok) {
      throw new TsgiError("TSGI_CANNOT_START", `${target} cannot be served: ${outcome.reason}`, {
        hint: "Mend what the reason names; tsgi check runs the app by itself.",
      });
    }
  } catch (error) {
    await listeners.close();
    throw error;
  }
  const { urls } = supervisor.status;
  return {
    urls,
    status: () => supervisor.status,
    reload: () => supervisor.reload(),
    scale: (workers) => supervisor.scale(workers),
    async stop() {
      await supervisor.stop();
      await listeners.close();
    },
  };
}

/** Checks the options and adds the defaults. Throws `TSGI_BAD_OPTION` or `TSGI_BAD_TLS`. */
function settingsOf(target: string, options: SuperviseOptions): Settings {
  checkOptions("supervise", options, KINDS);
  if (options.tls !== undefined) checkTls(options.tls);
  const { workers = 1, listen = [options], backlog = BACKLOG, env = process.env } = options;
  const serve = Object.fromEntries(Object.entries(options).filter(([name]) => FOR_SERVE.has(name)));
  const { interface: name, factory: isFactory = false, readyPath } = options;
  return {
    program: PROGRAM,
    env,
    task: {
      target,
      interface: name,
      isFactory,
      readyPath,
      isMeasured: options.status !== undefined,
      serve,
    } satisfies WorkerTask,
    workers: workers === "auto" ? automaticWorkers() : workers,
    listen,
    backlog,
    timeout: options.timeout ?? 30_000,
    bootTimeout: options.bootTimeout ?? 60_000,
    drainDelay: options.drainDelay ?? 0,
    linger: options.linger ?? 1_000,
    grace: options.grace ?? 30_000,
    maxRequests: options.maxRequests ?? 0,
    maxRequestsJitter: options.maxRequestsJitter ?? 0.1,
    maxMemory: options.maxMemory ?? 0,
    log: options.log ?? writeLine,
  };
}

/** The options that are handed on to `serve`. */
const FOR_SERVE: ReadonlySet<string> = new Set(
  Object.keys(FOR_WORKERS).filter((name) => !["host", "port", "unix", "mode", "fd", "listen"].includes(name)),
);

function writeLine(line: string): void {
  process.stderr.write(`tsgi: ${escapeControls(line)}\n`);
}
