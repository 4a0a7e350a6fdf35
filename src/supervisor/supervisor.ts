/** The supervisor: it keeps workers running behind sockets that it holds, and never runs code of an app. */

import { randomBytes } from "node:crypto";
import { Coverage } from "./coverage.ts";
import type { RequestUnderWay } from "./messages.ts";
import { recruit } from "./recruiter.ts";
import type { Settings } from "./settings.ts";
import { type Outcome, Slot, type SlotOwner, untilGone } from "./slot.ts";
import { type Inherited, Sockets } from "./sockets.ts";
import { describeWorker, nameOf, type Status, type SupervisorState } from "./status.ts";
import { SILENCE, Watch, type Watcher } from "./watch.ts";
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

/** How many slots a supervisor has at least: as many workers can be asked for. */
const LEAST_SLOTS = 16;

/** The part of its time that a worker may hang while nobody takes what comes for it. */
const ALONE = 1 / 4;

/** How much longer than they were given the workers may take to leave, in milliseconds. */
const PATIENCE = 3_000;

/** Supervisor starts, watches and replaces workers. */
export class Supervisor implements SlotOwner, Watcher {
  readonly settings: Settings;
  readonly startedAt: number = Date.now();
  /** Called when the state has changed. */
  onState: (state: SupervisorState) => void = () => {};
  /** Called with what a worker has recorded since it was heard of last. */
  onIncrements: (increments: unknown, worker: Worker) => void = () => {};
  /** Resolves when everything has ended. */
  readonly whenStopped: Promise<void>;
  readonly sockets: Sockets;
  /** What TLS tickets are encrypted with, by all workers. */
  ticketKeys: Uint8Array = randomBytes(48);
  readonly #slots: readonly Slot[];
  readonly #coverage: Coverage;
  #watch: Watch | undefined;
  #state: SupervisorState = "starting";
  #wanted: number;
  #deaths = 0;
  #hangs = 0;
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
    this.settings = settings;
    this.#wanted = settings.workers;
    const count = Math.max(LEAST_SLOTS, 2 * settings.workers);
    this.#slots = Array.from({ length: count }, (_, index) => new Slot(index, this));
    const coverage = new Coverage(this.#slots, () => this.isStopping);
    this.#coverage = coverage;
    this.sockets = new Sockets(
      () => coverage.takers(),
      (slot) => coverage.heirOf(slot),
    );
    this.whenStarted = new Promise((resolve) => {
      this.#settleStarted = resolve;
    });
    this.#turn = this.whenStarted;
    this.whenStopped = new Promise((resolve) => {
      this.#settleStopped = resolve;
    });
  }

  /**
   * Binds, and starts the workers: the first one alone, so that what is wrong with the app is said once. Resolves to the reason
   * where none can start, and everything has ended then. `inherited` is what a former supervisor has passed on. Rejects with
   * `TSGI_PORT_IN_USE`, `TSGI_PORT_DENIED` or `TSGI_CANNOT_LISTEN`.
   */
  async start(inherited?: Inherited): Promise<Outcome> {
    const { listen, backlog, timeout } = this.settings;
    if (inherited !== undefined) this.#inherit(inherited);
    if (!this.isStopping) {
      this.#opening = this.sockets.open(listen, this.#slots.length, backlog, inherited);
      await this.#opening;
      this.settings.onBound?.();
      this.#watch = new Watch(() => this.workers, timeout, this);
    }
    const [first, ...others] = this.#slots.slice(0, this.#wanted) as [Slot, ...Slot[]];
    const outcome = await first.replace();
    if (!outcome.ok) {
      await this.stop();
    } else {
      await Promise.all(others.map((slot) => slot.replace().then(({ ok }) => ok || slot.revive())));
      this.#become("serving");
      this.#isSuccessor = false;
    }
    this.#settleStarted(outcome);
    return outcome;
  }

  #inherit({ ticketKeys, events }: Inherited): void {
    this.#isSuccessor = true;
    this.ticketKeys = ticketKeys;
    this.#deaths = events.deaths;
    this.#hangs = events.hangs;
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

  get status(): Status {
    const { workers } = this;
    const shown = workers.find(({ state }) => state === "ready") ?? workers.find(({ title }) => title !== "");
    return {
      pid: process.pid,
      state: this.state,
      startedAt: this.startedAt,
      reloadedAt: this.#reloadedAt,
      title: shown?.title ?? "",
      urls: shown?.urls ?? [],
      wanted: this.#wanted,
      serving: workers.filter(({ serves }) => serves).length,
      deaths: this.#deaths,
      hangs: this.#hangs,
      reloads: this.#reloads,
      workers: workers.map(describeWorker),
    };
  }

  /** What the app mounts where, a line each. */
  get tree(): readonly string[] {
    return this.workers.find(({ state }) => state === "ready")?.tree ?? [];
  }

  /** The requests that the workers are answering; those of a worker that hangs are not known. */
  async requests(): Promise<SupervisedRequest[]> {
    const lists = await Promise.all(
      this.workers.map(async (worker) =>
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
    return this.#inTurn(async () => {
      // After `scale(0)`, all of them come back.
      this.#wanted ||= this.settings.workers;
      if (this.#state === "serving") this.#become("reloading");
      const outcome = await this.#replaceAll();
      if (this.#state === "reloading") this.#become("serving");
      if (outcome.ok) {
        this.#reloads++;
        this.#reloadedAt = Date.now();
      }
      return outcome;
    });
  }

  async #replaceAll(): Promise<Outcome> {
    for (const slot of this.#slots.slice(0, this.#wanted)) {
      const outcome = await slot.replace();
      if (!outcome.ok) return outcome;
    }
    return { ok: true };
  }

  /** Has another number of workers run. Where there are none, connections wait. */
  scale(wanted: number): Promise<Outcome> {
    return this.#inTurn(async () => {
      const most = this.#slots.length;
      if (!Number.isInteger(wanted) || wanted < 0 || wanted > most) {
        return { ok: false, reason: `${wanted} workers were asked for, and 0 to ${most} can run` };
      }
      const before = this.#wanted;
      this.#wanted = wanted;
      for (const slot of this.#slots.slice(before, wanted)) {
        const outcome = await slot.replace();
        if (outcome.ok) continue;
        this.#wanted = slot.index;
        return outcome;
      }
      await Promise.all(this.#slots.slice(wanted, before).map((slot) => slot.dismiss()));
      return { ok: true };
    });
  }

  /** Has so many workers more run, or less. */
  scaleBy(difference: number): Promise<Outcome> {
    return this.scale(Math.max(0, this.#wanted + difference));
  }

  /** Has all workers write their logs to new files. */
  reopen(): void {
    for (const worker of this.workers) worker.send({ type: "reopen" });
  }

  /** Ends everything: without loss, within the delay and the grace of the settings; or at once. */
  async stop({ isQuick = false, isReplaced = this.#isSuccessor }: StopOptions = {}): Promise<void> {
    const { workers } = this;
    if (isQuick) for (const worker of workers) worker.kill("the supervisor was told to end at once");
    if (this.isStopping) return this.whenStopped;
    this.#become("draining");
    await this.#opening?.catch(() => {});
    const { drainDelay, linger, grace, log } = this.settings;
    for (const worker of workers) {
      if (worker.state === "starting") worker.kill("the supervisor is stopping");
      else worker.drain(drainDelay + this.sockets.handingTime, linger, grace, !isReplaced);
    }
    // A worker that is the last to have a socket open has to be the last to close it.
    await Promise.all([
      this.sockets.closeAfter(isQuick ? 0 : drainDelay, isReplaced || isQuick),
      untilGone(workers, drainDelay + this.sockets.handingTime + grace + PATIENCE, log),
    ]);
    this.#watch?.stop();
    if (!isReplaced) await this.sockets.remove();
    this.#become("stopped");
    this.#settleStopped();
  }

  get isStopping(): boolean {
    return this.#state === "draining" || this.#state === "stopped";
  }

  /** All workers whose processes run. */
  get workers(): Worker[] {
    return this.#slots.flatMap(({ workers }) => workers);
  }

  wants(slot: number): boolean {
    return slot < this.#wanted;
  }

  changed(): void {
    this.#coverage.update();
    this.sockets.hand();
  }

  gone(worker: Worker): void {
    this.sockets.hand(worker.takeBack());
  }

  silent(worker: Worker, silence: number): void {
    const isTaken = (slot: number) => ![undefined, worker].includes(this.#coverage.heirOf(slot));
    this.sockets.hand(worker.takeBack(isTaken));
    const { timeout } = this.settings;
    const isLong = timeout > 0 && silence > Math.max(SILENCE, timeout * ALONE);
    if (isLong && this.#wanted > 1 && !isTaken(worker.slot)) this.#relieve(worker, silence);
  }

  /** Starts a worker beside one that may hang, as its siblings do, or the one that has taken over from it. */
  #relieve(worker: Worker, silence: number): void {
    const slot = this.#slots[worker.slot] as Slot;
    if (slot.current !== worker || worker.isRelieved || this.isStopping) return;
    worker.isRelieved = true;
    const { log } = this.settings;
    log(
      `${nameOf(worker)} has not answered for ${Math.round(silence)} ms, and nobody takes its place: a new one starts`,
    );
    void slot.renew(worker).then((outcome) => {
      if (!outcome.ok && !this.isStopping) log(`${nameOf(worker)} was not replaced: ${outcome.reason}`);
    });
  }

  died(): void {
    this.#deaths++;
  }

  hung(): void {
    this.#hangs++;
  }

  async spawn(slot: number): Promise<Worker> {
    const worker = await recruit(slot, this.#slots.length, this.settings, this.sockets, this.ticketKeys);
    worker.onBeat = ({ increments, memory }) => {
      if (increments !== undefined) this.onIncrements(increments, worker);
      const { maxMemory } = this.settings;
      if (maxMemory > 0 && memory > maxMemory) this.#renew(worker, `takes ${memory} bytes of memory`);
    };
    worker.onRetire = () => this.#renew(worker, undefined);
    return worker;
  }

  /** A worker is to be replaced while it serves. */
  #renew(worker: Worker, reason: string | undefined): void {
    const slot = this.#slots[worker.slot] as Slot;
    if (slot.current !== worker || worker.isOutdated) return;
    worker.isOutdated = true;
    const { log } = this.settings;
    if (reason !== undefined) log(`${nameOf(worker)} ${reason}, and is replaced`);
    void this.#inTurn(async () => {
      const outcome = await slot.renew(worker);
      worker.isOutdated = false;
      if (!outcome.ok && !this.isStopping) log(`${nameOf(worker)} was not replaced: ${outcome.reason}`);
      return outcome;
    });
  }

  #inTurn(action: () => Promise<Outcome>): Promise<Outcome> {
    this.#turn = this.#turn.then(action);
    return this.#turn;
  }
}
