/** The listeners of the supervisor itself: its control socket, and the one for its health and metrics. */

import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../errors.ts";
import type { ListenOptions } from "../server/options.ts";
import { type Server, serve } from "../server/serve.ts";
import { type Controlled, controlApp } from "./control.ts";
import { healthApp } from "./health.ts";
import { Measurements } from "./measurements.ts";
import type { Inherited } from "./sockets.ts";
import type { Status } from "./status.ts";
import type { Worker } from "./worker.ts";

/** Where a supervisor listens itself. */
export interface OwnPlaces {
  /** The path of a Unix socket that this user alone may connect to. */
  readonly control: string | undefined;
  readonly status: ListenOptions | undefined;
}

/** Only its owner may tell a supervisor what to do. */
const CONTROL_MODE = 0o600;

/** Whose health and metrics are told. */
export interface Observed {
  readonly status: Status;
  /** Called with what a worker has recorded since it was heard of last. */
  onIncrements: (increments: unknown, worker: Worker) => void;
}

/** How many connections each listener has at most: the supervisor needs its descriptors for workers. */
const MOST_CONNECTIONS = 100;

/** How long a former supervisor may take to close its listeners, and how often that is looked at; in milliseconds. */
const PATIENCE = 5_000;
const INTERVAL = 50;

/** How long an answer may take after the end, in milliseconds. */
const GRACE = 1_000;

/** OwnListeners serves them. */
export class OwnListeners {
  readonly #control: string | undefined;
  #status: ListenOptions | undefined;
  readonly #observed: Observed;
  readonly #controlled: Controlled;
  /** What the workers have measured. */
  readonly measurements: Measurements = new Measurements();
  readonly #servers: Server[] = [];
  #statusServer: Server | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  /** `controlled` is what the control socket is for. */
  constructor(observed: Observed, controlled: Controlled, { control, status }: OwnPlaces) {
    this.#control = control;
    this.#status = status;
    this.#observed = observed;
    this.#controlled = controlled;
    if (status !== undefined) {
      observed.onIncrements = (increments, worker) => this.measurements.add(increments, worker);
    }
  }

  /** Listens. Rejects as `serve` does, and listens nowhere then. */
  async open(): Promise<void> {
    const options = { maxConnections: MOST_CONNECTIONS, development: false };
    const observed = this.#observed;
    const { measurements } = this;
    const health = healthApp({
      get status() {
        return observed.status;
      },
      metrics: () => measurements.snapshot(observed.status),
    });
    try {
      if (this.#control !== undefined) {
        const place = { unix: this.#control, mode: CONTROL_MODE };
        this.#servers.push(await serve(controlApp(this.#controlled), { ...options, ...place }));
      }
      if (this.#status !== undefined) {
        this.#statusServer = await serve(health, { ...options, ...this.#status });
        this.#servers.push(this.#statusServer);
      }
    } catch (error) {
      await this.#closeServers();
      throw error;
    }
    if (this.#isClosed) await this.#closeServers();
  }

  /** Where the health and the metrics are read. */
  get statusUrls(): readonly string[] {
    return this.#statusServer?.urls ?? [];
  }

  /** What a new supervisor has to know of the status listener: its descriptor, where that was inherited, else the port it got. */
  get passedOn(): Pick<Inherited, "statusFd" | "statusPort"> {
    return { statusFd: this.#status?.fd, statusPort: this.#status?.port === 0 ? this.#statusServer?.port : undefined };
  }

  /**
   * Listens where a former supervisor is about to close its listeners, which has passed on what it knows of them. Rejects as `serve`
   * does where that takes too long.
   */
  async takeOver({ statusFd, statusPort }: Pick<Inherited, "statusFd" | "statusPort">): Promise<void> {
    if (statusFd !== undefined && this.#status !== undefined) this.#status = { fd: statusFd };
    if (statusPort !== undefined && this.#status?.port === 0) this.#status = { ...this.#status, port: statusPort };
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      try {
        return await this.open();
      } catch (error) {
        if (codeOf(error) !== "TSGI_PORT_IN_USE" || performance.now() > deadline) throw error;
      }
      await sleep(INTERVAL);
      if (this.#isClosed) return;
    }
  }

  /** Closes them; what they are answering is answered. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#closeServers();
    return this.#closing;
  }

  async #closeServers(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.close({ linger: 0, grace: GRACE })));
  }
}
