/** Keeps an app served whose files change, and says how that goes. */

import { randomBytes } from "node:crypto";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { escapeControls } from "../../escape.ts";
import { BACKLOG } from "../../server/options.ts";
import type { Controlled } from "../../supervisor/control.ts";
import type { Observed } from "../../supervisor/listeners.ts";
import { type Outcome, untilGone } from "../../supervisor/slot.ts";
import { Sockets } from "../../supervisor/sockets.ts";
import { describeWorker, type Status } from "../../supervisor/status.ts";
import type { SupervisedRequest } from "../../supervisor/supervisor.ts";
import { describeExit, Worker } from "../../supervisor/worker.ts";
import { announcementOf } from "../addresses.ts";
import type { Configuration } from "../configuration/configuration.ts";
import { splitTarget } from "../load-app.ts";
import { findModule } from "../load-module.ts";
import { printError, printLines } from "../print-lines.ts";
import type { FromWorker, ReloadTask, ToWorker } from "./notes.ts";
import { Watcher } from "./watcher.ts";

/** The program of the workers. */
const PROGRAM = fileURLToPath(new URL(`./worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));

/** How often a worker says that it is alive, where somebody wants to know, and where nobody does; in milliseconds. */
const BEAT = 500;
const RARE_BEAT = 60_000;

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
export class Reloader implements Controlled, Observed {
  onIncrements: Observed["onIncrements"] = () => {};
  readonly #configuration: Configuration;
  readonly #args: readonly string[];
  readonly #file: string;
  readonly #ticketKeys = randomBytes(48);
  readonly #sockets: Sockets;
  readonly #watcher: Watcher;
  #serving: Worker | undefined;
  #loading: Worker | undefined;
  #spare: Worker | undefined;
  readonly #workers = new Set<Worker>();
  readonly #startedAt = Date.now();
  #reloads = 0;
  #reloadedAt: number | undefined;
  #deaths = 0;
  #servingSince = 0;
  /** Whether what serves says only why there is no app. */
  #isPage = false;
  #hasServed = false;
  #hasFailed = false;
  #isStopping = false;
  #lastComplaint = "";
  #tree: readonly string[] = [];
  /** Resolves when everything has ended. */
  readonly whenStopped: Promise<void>;
  #settleStopped: () => void = () => {};
  /** What the spare worker has imported already. */
  #early: readonly string[] = [];

  /** `target` is the module of the app, `args` the arguments of the command. */
  constructor(target: string, configuration: Configuration, args: readonly string[]) {
    this.#configuration = configuration;
    this.#args = args;
    this.#file = findModule(splitTarget(target).file);
    this.whenStopped = new Promise((resolve) => {
      this.#settleStopped = resolve;
    });
    this.#sockets = new Sockets(
      () => (this.#serving === undefined ? [] : [this.#serving]),
      (line) => this.#complain(line),
    );
    this.#watcher = new Watcher(
      (paths) => this.#restart(paths),
      (error) => this.#complain(`files cannot be watched: ${error.message}`),
    );
  }

  /** Begins to serve. Rejects where it cannot listen. */
  async start(): Promise<void> {
    const { places, serve } = this.#configuration;
    await this.#sockets.open(places, 1, serve.backlog ?? BACKLOG);
    await this.#load(undefined, undefined);
  }

  get status(): Status {
    const serving = this.#serving;
    return {
      pid: process.pid,
      state: this.#isStopping ? "draining" : serving === undefined ? "reloading" : "serving",
      startedAt: this.#startedAt,
      reloadedAt: this.#reloadedAt,
      title: serving?.title ?? "",
      urls: serving?.urls ?? [],
      wanted: 1,
      serving: serving === undefined || this.#isBroken ? 0 : 1,
      deaths: this.#deaths,
      hangs: 0,
      reloads: this.#reloads,
      workers: serving === undefined ? [] : [describeWorker(serving)],
    };
  }

  /** Whether there is a page in place of the app. */
  get #isBroken(): boolean {
    return this.#hasFailed || this.#isPage;
  }

  async requests(): Promise<SupervisedRequest[]> {
    const serving = this.#serving;
    const requests = (await serving?.list()) ?? [];
    return requests.map((request) => ({ worker: 1, pid: serving?.pid ?? 0, ...request }));
  }

  /** Restarts the app, whatever has changed. */
  async reload(): Promise<Outcome> {
    this.#restart([]);
    while (this.#loading !== undefined) await this.#loading.whenReady;
    if (this.#isBroken) return { ok: false, reason: "the app does not load; its page says why" };
    return { ok: true };
  }

  async scale(): Promise<Outcome> {
    return { ok: false, reason: "with --reload there is one worker" };
  }

  stop(): Promise<void> {
    return this.#isStopping ? this.whenStopped : this.end();
  }

  /** Ends without losing a request; at once the second time. */
  end(): Promise<void> {
    if (this.#isStopping) for (const worker of this.#workers) worker.kill("it was told to end at once");
    else void this.#end().then(this.#settleStopped);
    return this.whenStopped;
  }

  async #end(): Promise<void> {
    this.#isStopping = true;
    const closed = this.#sockets.closeAfter(0, false);
    this.#spare?.kill("it is not needed any more");
    this.#loading?.kill("it is not needed any more");
    this.#serving?.drain(this.#sockets.handingTime, LAST_LINGER, GRACE, true);
    const leaving = [...this.#workers].filter((worker) => worker !== this.#serving);
    const timer = setTimeout(() => leaving.map((worker) => worker.kill("everything ends")), LAST_LINGER);
    await Promise.all([closed, this.#watcher.close(), ...[...this.#workers].map(({ whenGone }) => whenGone)]);
    clearTimeout(timer);
    await this.#sockets.remove();
  }

  /** From here on connections wait for the new worker. */
  #restart(changed: readonly string[]): void {
    if (this.#isStopping) return;
    const [first, ...others] = changed.map((path) => relative(process.cwd(), path));
    const what =
      first && (others.length === 0 ? `${first} has changed` : `${first} and ${others.length} more have changed`);
    this.#retire();
    if (this.#early.some((path) => changed.includes(path))) {
      this.#spare?.kill("its files have changed");
      this.#spare = undefined;
    }
    const loading = this.#loading;
    this.#loading = undefined;
    loading?.kill("its files have changed");
    this.#lastComplaint = "";
    void this.#load(undefined, what ?? "a reload was asked for");
  }

  #retire(): void {
    const old = this.#serving;
    this.#serving = undefined;
    if (old === undefined) return;
    old.send({ type: "note", note: { do: "leave" } satisfies ToWorker });
    old.drain(0, LINGER, GRACE, false);
    void untilGone([old], LINGER + GRACE, (line) => this.#complain(line));
  }

  /** Has a worker load the app, or show a failure; `changed` is why. */
  async #load(failure: string | undefined, changed: string | undefined): Promise<void> {
    const begin = performance.now();
    const worker = this.#spare ?? this.#spawn();
    this.#spare = undefined;
    this.#loading = worker;
    worker.send({ type: "note", note: { do: "load", failure } satisfies ToWorker });
    const reason = await worker.whenReady;
    if (this.#loading !== worker || this.#isStopping) return;
    this.#loading = undefined;
    if (reason !== undefined) {
      this.#onEnd(`the app could not be loaded: ${reason}`, failure !== undefined);
      return;
    }
    this.#serving = worker;
    this.#sockets.hand();
    this.#servingSince = performance.now();
    this.#isPage = failure !== undefined;
    if (!this.#hasServed) this.#announce(worker);
    else if (changed !== undefined && !this.#hasFailed) {
      this.#reloads++;
      this.#reloadedAt = Date.now();
      this.#print([`${changed}; restarted in ${Math.round(this.#servingSince - begin)} ms`]);
    }
    this.#spare ??= this.#spawn();
  }

  /** A worker has ended by itself. One that does so at once would do so again: until its files change, a page says why. */
  #onEnd(how: string, wasFailure: boolean, isSoon = true): void {
    if (this.#isStopping) return;
    this.#complain(how);
    if (!isSoon) void this.#load(undefined, undefined);
    else if (!wasFailure) void this.#load(how, undefined);
  }

  #spawn(): Worker {
    const task: ReloadTask = { args: this.#args };
    const { descriptors, places, spares } = this.#sockets.inheritanceOf(0, 1);
    const { control, status } = this.#configuration.supervisor;
    const beat = control === undefined && status === undefined ? RARE_BEAT : BEAT;
    const worker = new Worker({
      program: PROGRAM,
      env: process.env,
      inspectPort: 0,
      descriptors,
      start: { task, slot: 0, places, spares, ticketKeys: this.#ticketKeys, maxRequests: 0, beat },
    });
    worker.onBeat = ({ increments }) => increments !== undefined && this.onIncrements(increments, worker);
    worker.onNote = (note) => this.#onNote(worker, note as FromWorker);
    this.#workers.add(worker);
    void worker.whenGone.then((exit) => {
      this.#workers.delete(worker);
      if (this.#spare === worker) this.#spare = undefined;
      const hasServed = this.#serving === worker;
      if (hasServed) this.#serving = undefined;
      // What it was handed and has not taken is for the next one.
      this.#sockets.hand(worker.takeBack());
      if (!hasServed) return;
      this.#deaths++;
      const isSoon = performance.now() - this.#servingSince < SOON;
      this.#onEnd(`the app has ended with ${describeExit(exit)}`, this.#isPage, isSoon);
    });
    return worker;
  }

  #onNote(worker: Worker, note: FromWorker): void {
    if (worker !== this.#loading && worker !== this.#serving) return;
    if (note.is === "imported") this.#watcher.add(note.files, Number.POSITIVE_INFINITY);
    else {
      this.#hasFailed = note.hasFailed;
      this.#tree = note.tree;
      this.#early = note.early;
      const files = [this.#file, ...note.files];
      if (note.hasFailed) {
        this.#watcher.add(files, note.since);
        this.#watcher.addFolders(note.folders);
      } else this.#watcher.replace(files, note.since);
    }
  }

  /** Says what is wrong, the same thing once in a row: a limit of the system is met for each folder. */
  #complain(what: string): void {
    if (what !== this.#lastComplaint) printError(what);
    this.#lastComplaint = what;
  }

  #announce({ title, urls }: Worker): void {
    this.#hasServed = true;
    this.#print(announcementOf(title, urls).lines, this.#tree);
  }

  #print(lines: readonly string[], below?: readonly string[]): void {
    if (!this.#configuration.quiet) printLines(lines.map(escapeControls), below);
  }
}
