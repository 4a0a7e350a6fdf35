/** The supervisor: it keeps workers running behind sockets that it holds, and never runs code of an app. */

import { Crew, type CrewOwner } from "./crew.ts";
import type { RequestUnderWay } from "./messages.ts";
import type { Settings } from "./settings.ts";
import type { Outcome } from "./slot.ts";
import type { Inherited, Sockets } from "./sockets.ts";
import { describeWorker, type Status, type SupervisorState } from "./status.ts";
import type { Worker } from "./worker.ts";

/** A request that some worker is answering. */
export interface SupervisedRequest extends RequestUnderWay {
  /** The number of the worker, from 1, and its process. */
  readonly worker: number;
  readonly pid: number;
}

/** How a supervisor is stopped. */
export interface StopOptions {
  /** Whether the workers are killed. */
  readonly isQuick?: boolean;
  /** Whether another supervisor goes on with the sockets. Default: whether this one was about to take over from another. */
  readonly isReplaced?: boolean;
}

/** Supervisor has workers serve, and does what it is asked for, one thing after the other. */
export class Supervisor implements CrewOwner {
  readonly startedAt: number = Date.now();
  /** Called when the state has changed. */
  onState: (state: SupervisorState) => void = () => {};
  /** Called with what a worker has recorded since it was heard of last. */
  onIncrements: (increments: unknown, worker: Worker) => void = () => {};
  /** Resolves when everything has ended. */
  readonly whenStopped: Promise<void>;
  readonly #crew: Crew;
  #state: SupervisorState = "starting";
  #reloads = 0;
  #reloadedAt: number | undefined;
  /** Resolves when it serves, or to why it cannot. */
  readonly whenStarted: Promise<Outcome>;
  /** What is asked for is done one after the other, and nothing before it has started. */
  #turn: Promise<Outcome>;
  #opening: Promise<void> | undefined;
  /** Whether it is to go on where another one serves, as long as it does not itself. */
  #isSuccessor = false;
  #settleStarted: (outcome: Outcome) => void = () => {};
  #settleStopped: () => void = () => {};

  constructor(settings: Settings) {
    this.#crew = new Crew(settings, this);
    this.whenStarted = new Promise((resolve) => {
      this.#settleStarted = resolve;
    });
    this.#turn = this.whenStarted;
    this.whenStopped = new Promise((resolve) => {
      this.#settleStopped = resolve;
    });
  }

  /**
   * Binds, and starts the workers. Resolves to the reason where none can start, and everything has ended then. `inherited` is what a
   * former supervisor has passed on. Rejects with `TSGI_PORT_IN_USE`, `TSGI_PORT_DENIED` or `TSGI_CANNOT_LISTEN`.
   */
  async start(inherited?: Inherited): Promise<Outcome> {
    if (inherited !== undefined) this.#inherit(inherited);
    if (!this.isStopping) {
      this.#opening = this.#crew.open(inherited);
      await this.#opening;
    }
    const outcome = await this.#crew.start();
    if (outcome.ok) {
      this.#become("serving");
      this.#isSuccessor = false;
    } else await this.stop();
    this.#settleStarted(outcome);
    return outcome;
  }

  #inherit({ ticketKeys, events }: Inherited): void {
    this.#isSuccessor = true;
    this.#crew.ticketKeys = ticketKeys;
    this.#crew.deaths = events.deaths;
    this.#crew.hangs = events.hangs;
    this.#reloads = events.reloads;
  }

  get state(): SupervisorState {
    return this.#state;
  }

  /** A supervisor that is stopping does nothing else any more. */
  #become(state: SupervisorState): void {
    if (this.isStopping && state !== "stopped") return;
    this.#state = state;
    this.onState(state);
  }

  /** What a new supervisor is given: the sockets, and what has happened. */
  get legacy(): Sockets["passedOn"] & Pick<Inherited, "ticketKeys" | "events"> {
    const { sockets, ticketKeys, deaths, hangs } = this.#crew;
    return { ...sockets.passedOn, ticketKeys, events: { deaths, hangs, reloads: this.#reloads } };
  }

  get status(): Status {
    const { workers, wanted, deaths, hangs } = this.#crew;
    const shown = workers.find(({ state }) => state === "ready") ?? workers.find(({ title }) => title !== "");
    return {
      pid: process.pid,
      state: this.state,
      startedAt: this.startedAt,
      reloadedAt: this.#reloadedAt,
      title: shown?.title ?? "",
      urls: shown?.urls ?? [],
      wanted,
      serving: workers.filter(({ serves }) => serves).length,
      deaths,
      hangs,
      reloads: this.#reloads,
      workers: workers.map(describeWorker),
    };
  }

  /** What the app mounts where, a line each. */
  get tree(): readonly string[] {
    return this.#crew.workers.find(({ state }) => state === "ready")?.tree ?? [];
  }

  /** The requests that the workers are answering; those of a worker that hangs are not known. */
  async requests(): Promise<SupervisedRequest[]> {
    const lists = await Promise.all(
      this.#crew.workers.map(async (worker) =>
        (await worker.list()).map((request) => ({ worker: worker.slot + 1, pid: worker.pid, ...request })),
      ),
    );
    return lists.flat();
  }

  /**
   * Replaces the workers one after the other, each by one that is ready. The first that cannot start ends the reload, and the
   * workers of before serve on.
   */
  reload(): Promise<Outcome> {
    return this.inTurn(async () => {
      // After `scale(0)`, all of them come back.
      this.#crew.wanted ||= this.#crew.settings.workers;
      if (this.#state === "serving") this.#become("reloading");
      const outcome = await this.#crew.replaceAll();
      if (this.#state === "reloading") this.#become("serving");
      if (outcome.ok) {
        this.#reloads++;
        this.#reloadedAt = Date.now();
      }
      return outcome;
    });
  }

  /** Has another number of workers run. Where there are none, connections wait. */
  scale(wanted: number): Promise<Outcome> {
    return this.inTurn(() => this.#crew.scale(wanted));
  }

  /** Changes the number of workers by this many. */
  scaleBy(difference: number): Promise<Outcome> {
    return this.scale(Math.max(0, this.#crew.wanted + difference));
  }

  /** Has all workers write their logs to new files. */
  reopen(): void {
    for (const worker of this.#crew.workers) worker.send({ type: "reopen" });
  }

  /** Ends everything: without loss, within the delay and the grace of the settings; or at once. */
  async stop({ isQuick = false, isReplaced = this.#isSuccessor }: StopOptions = {}): Promise<void> {
    if (isQuick) this.#crew.kill();
    if (this.isStopping) return this.whenStopped;
    this.#become("draining");
    await this.#opening?.catch(() => {});
    await this.#crew.leave(isQuick, isReplaced);
    this.#become("stopped");
    this.#settleStopped();
  }

  get isStopping(): boolean {
    return this.#state === "draining" || this.#state === "stopped";
  }

  inTurn(action: () => Promise<Outcome>): Promise<Outcome> {
    this.#turn = this.#turn.then(action);
    return this.#turn;
  }
}
