/** A worker as the supervisor sees it: a process, what it has said, and how it ends. */

import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import {
  type Beat,
  monotonicTime,
  type Order,
  pack,
  REVOKED_AFTER,
  type Report,
  type RequestUnderWay,
  type Start,
} from "./messages.ts";
import { readReport } from "./reports.ts";

/** How a process has ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a worker is made of. */
export interface WorkerOptions {
  /** The file of its program. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  /** The port for the inspector, which is opened where the worker hangs. */
  readonly inspectPort: number;
  /** Descriptors that it inherits, from `FIRST_DESCRIPTOR` on. */
  readonly descriptors: readonly number[];
  readonly start: Start;
}

/** A connection that was handed to a worker. */
export interface HandedConnection {
  readonly place: number;
  readonly socket: Socket;
  /** The slot that it has waited for first. */
  readonly origin: number;
}

/** The first descriptor that a worker inherits; those before it are the standard streams and the channel. */
export const FIRST_DESCRIPTOR = 4;

/** What a worker is doing. */
export type WorkerState = "starting" | "ready" | "draining" | "gone";

/** How long a worker may take to list its requests, in milliseconds. */
const LIST_TIMEOUT = 1_000;

/** Worker runs one process. */
export class Worker {
  readonly slot: number;
  readonly startedAt: number = Date.now();
  readonly inspectPort: number;
  state: WorkerState = "starting";
  /** When it was last heard of, in the time of `performance.now()`. */
  heard: number = performance.now();
  beat: Beat | undefined;
  /** What it calls its app, what that mounts, and where it answers, once it is ready. */
  title = "";
  tree: readonly string[] = [];
  urls: readonly string[] = [];
  /** Whether it is about to be replaced, though it serves. */
  isOutdated = false;
  /** Whether it has not been heard of for a while, so that others serve what comes for it. */
  isSilent = false;
  /** Whether its event loop hangs, and it is about to be killed. */
  isHanging = false;
  /** Whether a new worker was started as nobody took what comes for this one. */
  isRelieved = false;
  /** Why it was ended by the supervisor. */
  verdict: string | undefined;
  /** The slots that it accepts connections for beside its own. */
  readonly adopted: Set<number> = new Set();
  /** How often it may adopt each slot. */
  readonly spares: Map<number, number>;
  /** Resolves when it serves; to why not, where it cannot. */
  readonly whenReady: Promise<string | undefined>;
  /** Resolves when its process has ended. */
  readonly whenGone: Promise<Exit>;
  /** Called with what it has recorded. */
  onBeat: (beat: Beat) => void = () => {};
  /** Called with what its program says beside all this. */
  onNote: (note: unknown) => void = () => {};
  /** Called when it asks to be replaced. */
  onRetire: () => void = () => {};
  readonly #child: ChildProcess;
  readonly #lists = new Map<number, (requests: readonly RequestUnderWay[]) => void>();
  readonly #handed = new Map<number, HandedConnection & { readonly time: number }>();
  #lastId = 0;
  #settleReady: (reason: string | undefined) => void = () => {};

  constructor({ program, env, inspectPort, descriptors, start }: WorkerOptions) {
    this.slot = start.slot;
    this.inspectPort = inspectPort;
    this.spares = new Map(Object.entries(start.spares).map(([slot, lists]) => [Number(slot), lists.length]));
    this.whenReady = new Promise((resolve) => {
      this.#settleReady = resolve;
    });
    const inspect = [`--inspect-port=127.0.0.1:${inspectPort}`, "--inspect-publish-uid=http"];
    const child = startProcess([...childArguments(), ...inspect, program], env, descriptors);
    this.#child = child;
    child.on("message", (message) => {
      const report = readReport(message);
      if (report !== undefined) this.#onReport(report);
    });
    this.send({ type: "start", packed: pack(start) });
    this.whenGone = new Promise((resolve) => {
      const end = (exit: Exit) => {
        this.state = "gone";
        this.#settleReady(this.verdict ?? `it ended with ${describeExit(exit)}`);
        resolve(exit);
      };
      child.once("exit", (code, signal) => end({ code, signal }));
      child.on("error", (error) => {
        if (child.pid !== undefined) return;
        this.verdict ??= whyNotStarted(error);
        end({ code: null, signal: null });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  #onReport(report: Report): void {
    this.heard = performance.now();
    switch (report.type) {
      case "ready":
        if (this.state !== "starting") break;
        this.state = "ready";
        this.title = report.title;
        this.tree = report.tree;
        this.urls = report.urls;
        this.#settleReady(undefined);
        break;
      case "failed":
        this.verdict = report.reason;
        break;
      case "beat":
        this.beat = report;
        this.onBeat(report);
        break;
      case "took":
        this.#give(report.id);
        break;
      case "claim":
        this.send({ type: "answer", id: report.id, isGranted: this.#give(report.id) });
        break;
      case "note":
        this.onNote(report.note);
        break;
      case "retire":
        this.onRetire();
        break;
      case "listed":
        this.#lists.get(report.id)?.(report.requests);
        break;
    }
  }

  /** Whether connections are to be given to it. */
  get serves(): boolean {
    return this.state === "ready" && !this.isSilent;
  }

  /** Sends an order; one that can no longer be delivered is dropped. */
  send(order: Order): void {
    if (this.#child.connected) this.#child.send(order, () => {});
  }

  /** Hands a connection over. It stays open here until the worker has it, as the worker may die before. */
  hand(place: number, socket: Socket, origin: number = this.slot): void {
    const id = ++this.#lastId;
    const time = monotonicTime();
    this.#handed.set(id, { place, socket, origin, time });
    if (!this.#child.connected) return;
    // Else Node has the worker count the connections of the server, and the server ask after them when it closes.
    (socket as { server?: unknown }).server = undefined;
    this.#child.send({ type: "connection", place, id, time } satisfies Order, socket, { keepOpen: true }, () => {});
  }

  /** A connection is its own now, if it is still for it: that closes the descriptor of this process alone. */
  #give(id: number): boolean {
    this.#handed.get(id)?.socket.destroy();
    return this.#handed.delete(id);
  }

  /**
   * The connections that it has not taken, which are not its any more: all where its process has ended, else those that it would
   * ask for before it took them. Only those of slots that are wanted are given.
   */
  takeBack(isWanted: (origin: number) => boolean = () => true): HandedConnection[] {
    const before = this.state === "gone" ? Number.POSITIVE_INFINITY : monotonicTime() - REVOKED_AFTER;
    const late = [...this.#handed].filter(([, { time, origin }]) => time < before && isWanted(origin));
    for (const [id] of late) this.#handed.delete(id);
    return late.map(([, connection]) => connection);
  }

  /** Has the worker close without loss, and exit; durations are milliseconds. */
  drain(delay: number, linger: number, grace: number, isLast: boolean): void {
    if (this.state === "gone") return;
    this.state = "draining";
    this.send({ type: "drain", delay, linger, grace, isLast });
  }

  /** Ends the process at once; `verdict` says why. */
  kill(verdict: string): void {
    this.verdict ??= verdict;
    this.#child.kill("SIGKILL");
  }

  /** Opens the inspector of a process whose event loop hangs. */
  openInspector(): void {
    this.#child.kill("SIGUSR1");
  }

  /** The requests that are under way; none where the worker does not answer. */
  list(): Promise<readonly RequestUnderWay[]> {
    const id = ++this.#lastId;
    return new Promise<readonly RequestUnderWay[]>((resolve) => {
      const timer = setTimeout(resolve, LIST_TIMEOUT, []);
      this.#lists.set(id, (requests) => {
        clearTimeout(timer);
        resolve(requests);
      });
      this.send({ type: "list", id });
    }).finally(() => this.#lists.delete(id));
  }
}

/** Some of the reasons why a process cannot be started are thrown, others are events. */
function startProcess(args: readonly string[], env: NodeJS.ProcessEnv, descriptors: readonly number[]): ChildProcess {
  try {
    return spawn(process.execPath, args, {
      env,
      stdio: ["ignore", "inherit", "inherit", "ipc", ...descriptors],
    });
  } catch (error) {
    throw new Error(whyNotStarted(error as Error), { cause: error });
  }
}

function whyNotStarted({ message }: Error): string {
  return `${message}; perhaps this process may open too few files: ulimit -n`;
}

/** How a process has ended, in words. */
export function describeExit({ code, signal }: Exit): string {
  if (signal === "SIGKILL") return "SIGKILL; perhaps the system was out of memory";
  if (signal !== null) return signal;
  return code === null ? "no process" : `exit code ${code}`;
}

/** The arguments of Node for a process that runs as this one does; the inspector of this one is its own. */
export function childArguments(): string[] {
  return process.execArgv.filter((argument) => !argument.startsWith("--inspect"));
}
