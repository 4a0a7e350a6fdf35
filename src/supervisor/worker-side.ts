/** The worker's end of the channel: it serves what the supervisor gives it, says that it is alive, and goes when it is told to. */

import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import { describeError } from "../errors.ts";
import { listenersOfServer, openExchanges, type Server } from "../server/serve.ts";
import {
  type Beat,
  CLAIMED_AFTER,
  monotonicTime,
  type Order,
  type Report,
  type RequestUnderWay,
  type Start,
  unpack,
} from "./messages.ts";

/** What a worker's program gives once it serves. */
export interface Served {
  readonly server: Server;
  /** What the app is called. */
  readonly title: string;
  /** What it mounts where, a line each. Default: nothing. */
  readonly tree?: readonly string[];
  /** Writes the logs to new files. */
  readonly reopen?: (() => void) | undefined;
  /** What has been recorded since it was last asked for. */
  readonly takeIncrements?: (() => unknown) | undefined;
}

/** Where a paused worker is asked by the inspector what it was doing. */
export const OPEN_REQUESTS: symbol = Symbol.for("tsgi.openRequests");

/** How often a worker looks whether it has served enough, in milliseconds. */
const RETIRE_INTERVAL = 100;

/** How long an app may keep the process alive after the server has closed, in milliseconds. */
const EXIT_TIMEOUT = 1_000;

/** Signals of a terminal reach the whole group of processes; what they mean is the supervisor's to say. */
const FOR_SUPERVISOR = ["SIGINT", "SIGHUP", "SIGUSR2", "SIGTTIN", "SIGTTOU", "SIGWINCH"] as const;

/**
 * runWorker waits for what the supervisor says first, and serves: `open` loads the app and listens. A worker whose
 * supervisor is gone closes without loss, and exits.
 */
export function runWorker(open: (start: Start) => Promise<Served>): void {
  for (const signal of FOR_SUPERVISOR) process.on(signal, () => {});
  process.once("message", ({ packed }: Extract<Order, { type: "start" }>) => {
    const start = unpack(packed);
    const worker = new WorkerSide(start);
    process.on("message", (order: Order, socket: Socket | undefined) => worker.obey(order, socket));
    process.on("disconnect", () => worker.leave());
    process.on("SIGTERM", () => worker.leave());
    open(start).then(
      (served) => worker.begin(served),
      (error: unknown) => fail(error),
    );
  });
}

/** What an app throws may be anything. */
function fail(error: unknown): void {
  const reason = error instanceof Error ? error.message : describeError(error);
  tell({ type: "failed", reason }, () => process.exit(1));
}

function tell(report: Report, onSent: () => void = () => {}): void {
  // A supervisor that is gone is noticed by its `disconnect`.
  if (process.connected) process.send?.(report, undefined, {}, onSent);
  else onSent();
}

class WorkerSide {
  readonly #start: Start;
  readonly #startedAt = performance.now();
  /** The descriptors for slots that may be adopted. */
  readonly #spares: Map<number, (readonly number[])[]>;
  readonly #adopted = new Map<number, Promise<(() => void)[]>>();
  /** Connections that may be for another worker by now. */
  readonly #claimed = new Map<number, { readonly place: number; readonly socket: Socket | undefined }>();
  #served: Served | undefined;
  /** What came before the server was open. */
  readonly #early: (() => void)[] = [];
  #isLeaving = false;

  constructor(start: Start) {
    this.#start = start;
    this.#spares = new Map(Object.entries(start.spares).map(([slot, lists]) => [Number(slot), [...lists]]));
    this.#beat();
  }

  begin(served: Served): void {
    this.#served = served;
    Object.defineProperty(globalThis, OPEN_REQUESTS, { value: () => this.#openRequests(), configurable: true });
    // The supervisor knows from the start how much memory it takes.
    tell(this.#pulse(0));
    tell({ type: "ready", title: served.title, tree: served.tree ?? [], urls: served.server.urls });
    for (const call of this.#early.splice(0)) call();
    if (this.#start.maxRequests > 0) this.#retireInTime();
  }

  obey(order: Order, socket: Socket | undefined): void {
    if (this.#served === undefined && order.type !== "drain") this.#early.push(() => this.obey(order, socket));
    else if (order.type === "connection") this.#receive(order, socket);
    else if (order.type === "answer") this.#onAnswer(order);
    else if (order.type === "drain") void this.#drain(order);
    else if (order.type === "adopt") this.#adopt(order.slot);
    else if (order.type === "release") this.#release(order.slot);
    else if (order.type === "reopen") this.#served?.reopen?.();
    else if (order.type === "list") tell({ type: "listed", id: order.id, requests: this.#openRequests() });
  }

  /** Closes without loss, as nobody says how. */
  leave(): void {
    void this.#drain({ delay: 0, linger: 1_000, grace: 10_000, isLast: !process.connected });
  }

  /** One that has waited while this process was busy, or was stopped, may be served by another worker. */
  #receive({ place, id, time }: Extract<Order, { type: "connection" }>, socket: Socket | undefined): void {
    if (monotonicTime() - time < CLAIMED_AFTER) {
      tell({ type: "took", id });
      this.#take(place, socket);
    } else {
      this.#claimed.set(id, { place, socket });
      tell({ type: "claim", id });
    }
  }

  #onAnswer({ id, isGranted }: Extract<Order, { type: "answer" }>): void {
    const claimed = this.#claimed.get(id);
    this.#claimed.delete(id);
    if (isGranted && claimed !== undefined) this.#take(claimed.place, claimed.socket);
    // This closes the descriptor of this process alone.
    else claimed?.socket?.destroy();
  }

  #take(place: number, socket: Socket | undefined): void {
    const listener = this.#served && listenersOfServer(this.#served.server)[place];
    if (socket === undefined || listener === undefined) return;
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    listener.accept(socket);
  }

  #adopt(slot: number): void {
    const descriptors = this.#spares.get(slot)?.pop();
    if (descriptors === undefined || this.#served === undefined || this.#isLeaving) return;
    const listeners = listenersOfServer(this.#served.server);
    const adopting = descriptors.flatMap((fd, place) => (fd < 0 ? [] : [listeners[place]?.adopt(fd)]));
    this.#adopted.set(
      slot,
      Promise.all(adopting).then(
        (releases) => releases.filter((release) => release !== undefined),
        () => [],
      ),
    );
  }

  #release(slot: number): void {
    const adopted = this.#adopted.get(slot);
    this.#adopted.delete(slot);
    void adopted?.then((releases) => {
      for (const release of releases) release();
    });
  }

  async #drain({ delay, linger, grace, isLast }: Omit<Extract<Order, { type: "drain" }>, "type">): Promise<void> {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    // What is kept open here would be listening for ever, with nobody to accept.
    if (isLast) for (const fd of [...this.#spares.values()].flat(2)) if (fd >= 0) closeSync(fd);
    await this.#served?.server.close({ delay, linger, grace });
    if (this.#served === undefined) process.exit();
    // What an app still does, in an interval for example, is not to keep the process alive.
    setTimeout(() => process.exit(), EXIT_TIMEOUT).unref();
    // What was recorded since the last beat would be lost.
    await new Promise<void>((resolve) => tell(this.#pulse(0), resolve));
    if (process.connected) process.disconnect();
  }

  #openRequests(): RequestUnderWay[] {
    if (this.#served === undefined) return [];
    const now = performance.now();
    return openExchanges(this.#served.server).map(({ environ, since }) => ({
      method: environ.REQUEST_METHOD,
      target: environ.REQUEST_URI,
      duration: Math.max(0, Math.round(now - since)),
    }));
  }

  get #services() {
    return this.#served === undefined ? [] : listenersOfServer(this.#served.server).map(({ service }) => service);
  }

  get #requests(): number {
    return this.#services.reduce((sum, { requests }) => sum + requests, 0);
  }

  /** Says again and again that the event loop turns, and what it does. */
  #beat(): void {
    let due = this.#startedAt + this.#start.beat;
    setInterval(() => {
      const now = performance.now();
      const lag = Math.max(0, Math.round(now - due));
      due = now + this.#start.beat;
      tell(this.#pulse(lag));
    }, this.#start.beat).unref();
  }

  #pulse(lag: number): Beat {
    const connections = this.#services.flatMap((service) => [...service.connections]);
    return {
      type: "beat",
      lag,
      memory: process.memoryUsage.rss(),
      connections: connections.length,
      inFlight: connections.reduce((sum, { exchanges }) => sum + exchanges.length, 0),
      requests: this.#requests,
      increments: this.#served?.takeIncrements?.(),
    };
  }

  #retireInTime(): void {
    const timer = setInterval(() => {
      if (this.#requests < this.#start.maxRequests) return;
      clearInterval(timer);
      tell({ type: "retire" });
    }, RETIRE_INTERVAL).unref();
  }
}
