/** `tsgi <module> --reload`: serves an app, and restarts it when one of its files changes, behind a port that stays open. */

import { randomBytes } from "node:crypto";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { escapeControls } from "../escape.ts";
import type { SupervisedPlace } from "../supervisor/place-sockets.ts";
import { Sockets } from "../supervisor/sockets.ts";
import { describeExit, Worker } from "../supervisor/worker.ts";
import { addressesOf } from "./addresses.ts";
import { type LoadOptions, splitTarget } from "./load-app.ts";
import { findModule } from "./load-module.ts";
import type { FromWorker, ReloadTask, ToWorker } from "./reload/notes.ts";
import { Watcher } from "./reload/watcher.ts";
import { cannotListen } from "./serve-command.ts";

/** What is served, and how. */
export interface ReloadOptions {
  readonly target: string;
  readonly load: LoadOptions;
  /** The options of `serve`, without the places; they can be sent to another process. */
  readonly serve: object;
  readonly places: readonly SupervisedPlace[];
  readonly backlog?: number;
  readonly verbose: boolean;
  readonly quiet: boolean;
}

/** The program of the workers. */
const PROGRAM = fileURLToPath(
  new URL(`./reload/worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

/** How often a worker says that it is alive, which nobody listens to here; in milliseconds. */
const BEAT = 60_000;

/**
 * How long a worker that has been replaced keeps idle connections, and what it answers just then; in milliseconds. The first is
 * longer than a server keeps them anyway, so that no client finds one closed that it has reason to use.
 */
const LINGER = 6_000;
const GRACE = 10_000;

/** How long idle connections are kept, and workers that have been replaced live, when everything ends; in milliseconds. */
const LAST_LINGER = 1_000;

/** A worker that ends sooner than this after it began to serve is not started again before its files change, in milliseconds. */
const SOON = 2_000;

/** Reloader keeps one worker serving and one ready to load. */
export class Reloader {
  readonly #options: ReloadOptions;
  readonly #file: string;
  readonly #ticketKeys = randomBytes(48);
  readonly #sockets: Sockets;
  readonly #watcher: Watcher;
  #serving: Worker | undefined;
  #loading: Worker | undefined;
  #spare: Worker | undefined;
  readonly #workers = new Set<Worker>();
  #hasServed = false;
  #hasFailed = false;
  #isStopping = false;
  #tree: readonly string[] = [];

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#file = findModule(splitTarget(options.target).file);
    this.#sockets = new Sockets(() => (this.#serving === undefined ? [] : [this.#serving]));
    this.#watcher = new Watcher(
      (paths) => this.#restart(paths),
      (error) => process.stderr.write(`tsgi: files cannot be watched: ${error.message}\n`),
    );
  }

  /** Begins to serve. Rejects where it cannot listen. */
  async start(): Promise<void> {
    await this.#sockets.open(this.#options.places, 1, this.#options.backlog ?? 511);
    await this.#load(undefined, undefined);
  }

  /** Ends without losing a request; at once the second time. */
  async stop(): Promise<void> {
    if (this.#isStopping) {
      for (const worker of this.#workers) worker.kill("it was told to end at once");
      return;
    }
    this.#isStopping = true;
    const closed = this.#sockets.closeAfter(0);
    this.#spare?.kill("it is not needed any more");
    this.#loading?.kill("it is not needed any more");
    this.#serving?.drain(0, LAST_LINGER, GRACE, true);
    const leaving = [...this.#workers].filter((worker) => worker !== this.#serving);
    const timer = setTimeout(() => leaving.map((worker) => worker.kill("everything ends")), LAST_LINGER);
    await Promise.all([closed, this.#watcher.close(), ...[...this.#workers].map(({ whenGone }) => whenGone)]);
    clearTimeout(timer);
    await this.#sockets.remove();
  }

  /** From here on connections wait for the new worker. */
  #restart(changed: readonly string[]): void {
    if (this.#isStopping) return;
    const [first = "", ...others] = changed.map((path) => relative(process.cwd(), path));
    const what = others.length === 0 ? first : `${first} and ${others.length} more`;
    this.#retire();
    const loading = this.#loading;
    this.#loading = undefined;
    loading?.kill("its files have changed");
    void this.#load(undefined, what);
  }

  #retire(): void {
    const old = this.#serving;
    this.#serving = undefined;
    if (old === undefined) return;
    old.send({ type: "note", note: { do: "leave" } satisfies ToWorker });
    old.drain(0, LINGER, GRACE, false);
  }

  /** Has a worker load the app, or show a failure; `changed` is why. */
  async #load(failure: string | undefined, changed: string | undefined): Promise<void> {
    const begin = performance.now();
    const worker = this.#spare ?? this.#spawn();
    this.#spare = undefined;
    this.#loading = worker;
    worker.send({ type: "note", note: { do: "load", failure } satisfies ToWorker });
    const reason = await worker.whenReady;
    if (this.#loading !== worker) return;
    this.#loading = undefined;
    if (reason !== undefined) {
      this.#onEnd(`the app could not be loaded: ${reason}`, failure !== undefined);
      return;
    }
    this.#serving = worker;
    this.#sockets.handWaiting();
    const servingSince = performance.now();
    if (!this.#hasServed) this.#announce(worker);
    else if (changed !== undefined && !this.#hasFailed) {
      this.#print([`${changed} has changed; restarted in ${Math.round(servingSince - begin)} ms`]);
    }
    void worker.whenGone.then((exit) => {
      if (this.#serving !== worker || this.#isStopping) return;
      this.#serving = undefined;
      const isSoon = performance.now() - servingSince < SOON;
      this.#onEnd(`the app has ended with ${describeExit(exit)}`, failure !== undefined, isSoon);
    });
    this.#spare ??= this.#spawn();
  }

  /** A worker has ended by itself. One that does so at once would do so again: until its files change, a page says why. */
  #onEnd(how: string, wasFailure: boolean, isSoon = true): void {
    if (this.#isStopping) return;
    process.stderr.write(`tsgi: ${escapeControls(how)}\n`);
    if (!isSoon) void this.#load(undefined, undefined);
    else if (!wasFailure) void this.#load(how, undefined);
  }

  #spawn(): Worker {
    const { target, load, serve, verbose } = this.#options;
    const task: ReloadTask = { target, load, serve, verbose };
    const { descriptors, places, spares } = this.#sockets.inheritanceOf(0, 1);
    const worker = new Worker({
      program: PROGRAM,
      env: process.env,
      inspectPort: 0,
      descriptors,
      start: { type: "start", task, slot: 0, places, spares, ticketKeys: this.#ticketKeys, maxRequests: 0, beat: BEAT },
    });
    worker.onNote = (note) => this.#onNote(worker, note as FromWorker);
    this.#workers.add(worker);
    void worker.whenGone.then(() => {
      this.#workers.delete(worker);
      if (this.#spare === worker) this.#spare = undefined;
    });
    return worker;
  }

  #onNote(worker: Worker, note: FromWorker): void {
    if (worker !== this.#loading && worker !== this.#serving) return;
    if (note.is === "imported") this.#watcher.add(note.files, Number.POSITIVE_INFINITY);
    else {
      this.#hasFailed = note.hasFailed;
      this.#tree = note.tree;
      const files = [this.#file, ...note.files];
      if (note.hasFailed) {
        this.#watcher.add(files, note.since);
        this.#watcher.addFolders(note.folders);
      } else this.#watcher.replace(files, note.since);
    }
  }

  #announce({ title, urls }: Worker): void {
    this.#hasServed = true;
    const [[local, ...network], ...others] = urls.map((url) => addressesOf(url)) as [[string, ...string[]]];
    const lines = [
      `serving ${title} on ${local}`,
      ...network.map((address) => `on the network: ${address}`),
      ...others.flat().map((address) => `also on ${address}`),
    ];
    this.#print(lines, this.#tree);
  }

  #print(lines: readonly string[], below: readonly string[] = []): void {
    if (this.#options.quiet) return;
    const own = lines.map((line) => `tsgi: ${escapeControls(line)}\n`);
    process.stdout.write([...own, ...below.map((line) => `      ${line}\n`)].join(""));
  }
}

/** Exit codes of a process that a signal ended. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * reloadCommand serves until SIGINT or SIGTERM, as the command does without it. Throws a `CommandError` for a module that is not
 * there, and where it cannot listen.
 */
export async function reloadCommand(options: ReloadOptions): Promise<number> {
  const reloader = new Reloader(options);
  // Before anything that has to be waited for.
  const stopped = new Promise<void>((resolve) => {
    let isClosing = false;
    for (const [signal, code] of Object.entries(SIGNALS)) {
      process.on(signal, () => {
        if (isClosing) process.exitCode = code;
        isClosing = true;
        void reloader.stop().then(resolve);
      });
    }
  });
  try {
    await reloader.start();
  } catch (error) {
    await reloader.stop();
    throw cannotListen(error, options.places[0] ?? {});
  }
  await stopped;
  return Number(process.exitCode ?? 0);
}
