/** The workers of a supervisor: who they are, who takes over from whom, and how they are replaced. */

import { randomBytes } from "node:crypto";
import { Coverage } from "./coverage.ts";
import { recruit } from "./recruiter.ts";
import type { Settings } from "./settings.ts";
import { type Outcome, Slot, type SlotOwner, untilGone } from "./slot.ts";
import { type Inherited, Sockets } from "./sockets.ts";
import { nameOf } from "./status.ts";
import { SILENCE, Watch, type Watcher } from "./watch.ts";
import type { Worker } from "./worker.ts";

/** How many slots there are at least: as many workers can be asked for. */
const LEAST_SLOTS = 16;

/** The part of its time that a worker may hang while nobody takes what comes for it. */
const ALONE = 1 / 4;

/** How much longer than they were given the workers may take to leave, in milliseconds. */
const PATIENCE = 3_000;

/** What workers need of their supervisor. */
export interface CrewOwner {
  readonly isStopping: boolean;
  /** Called with what a worker has recorded since it was heard of last. */
  onIncrements(increments: unknown, worker: Worker): void;
  /** Does something after all that was asked for before. */
  inTurn(action: () => Promise<Outcome>): Promise<Outcome>;
}

/** Crew starts, watches and replaces workers. */
export class Crew implements SlotOwner, Watcher {
  readonly settings: Settings;
  readonly sockets: Sockets;
  /** What TLS tickets are encrypted with, by all workers. */
  ticketKeys: Uint8Array = randomBytes(48);
  /** How many workers are to run. */
  wanted: number;
  /** How many workers have died, and how many of them hung. */
  deaths = 0;
  hangs = 0;
  readonly #owner: CrewOwner;
  readonly #slots: readonly Slot[];
  readonly #coverage: Coverage;
  #watch: Watch | undefined;

  constructor(settings: Settings, owner: CrewOwner) {
    this.settings = settings;
    this.wanted = settings.workers;
    this.#owner = owner;
    const count = Math.max(LEAST_SLOTS, 2 * settings.workers);
    this.#slots = Array.from({ length: count }, (_, index) => new Slot(index, this));
    const coverage = new Coverage(this.#slots, () => this.isStopping);
    this.#coverage = coverage;
    this.sockets = new Sockets(
      () => coverage.takers(),
      settings.log,
      (slot) => coverage.heirOf(slot),
    );
  }

  /** All workers whose processes run. */
  get workers(): Worker[] {
    return this.#slots.flatMap(({ workers }) => workers);
  }

  get isStopping(): boolean {
    return this.#owner.isStopping;
  }

  /** Binds, and begins to watch. Rejects as `bindPlace` does, or with what `onBound` throws, and holds no sockets then. */
  async open(inherited: Inherited | undefined): Promise<void> {
    const { listen, backlog, timeout, onBound } = this.settings;
    await this.sockets.open(listen, this.#slots.length, backlog, inherited);
    try {
      onBound?.();
    } catch (error) {
      await this.sockets.abandon();
      throw error;
    }
    this.#watch = new Watch(() => this.workers, timeout, this);
  }

  /** Starts the workers: the first one alone, so that what is wrong with the app is said once. */
  async start(): Promise<Outcome> {
    const [first, ...others] = this.#slots.slice(0, this.wanted) as [Slot, ...Slot[]];
    const outcome = await first.replace();
    if (outcome.ok) await Promise.all(others.map((slot) => slot.replace().then(({ ok }) => ok || slot.revive())));
    return outcome;
  }

  /** Replaces the workers one after the other; the first that cannot start ends that. */
  async replaceAll(): Promise<Outcome> {
    for (const slot of this.#slots.slice(0, this.wanted)) {
      const outcome = await slot.replace();
      if (!outcome.ok) return outcome;
    }
    return { ok: true };
  }

  /** Has another number of workers run. */
  async scale(wanted: number): Promise<Outcome> {
    const most = this.#slots.length;
    if (!Number.isInteger(wanted) || wanted < 0 || wanted > most) {
      return { ok: false, reason: `${wanted} workers were asked for, and 0 to ${most} can run` };
    }
    const before = this.wanted;
    this.wanted = wanted;
    for (const slot of this.#slots.slice(before, wanted)) {
      const outcome = await slot.replace();
      if (outcome.ok) continue;
      this.wanted = slot.index;
      return outcome;
    }
    await Promise.all(this.#slots.slice(wanted, before).map((slot) => slot.dismiss()));
    return { ok: true };
  }

  /** Ends all workers at once. */
  kill(): void {
    for (const worker of this.workers) worker.kill("the supervisor was told to end at once");
  }

  /**
   * Drains all workers and closes the sockets, which lose nothing where that is not `isQuick`; `isReplaced`: another supervisor goes
   * on with them. Resolves when everything has ended.
   */
  async leave(isQuick: boolean, isReplaced: boolean): Promise<void> {
    const { workers } = this;
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
  }

  wants(slot: number): boolean {
    return slot < this.wanted;
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
    if (isLong && this.wanted > 1 && !isTaken(worker.slot)) this.#relieve(worker, silence);
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
    this.deaths++;
  }

  hung(): void {
    this.hangs++;
  }

  async spawn(slot: number): Promise<Worker> {
    const worker = await recruit(slot, this.#slots.length, this.settings, this.sockets, this.ticketKeys);
    worker.onBeat = ({ increments, memory }) => {
      if (increments !== undefined) this.#owner.onIncrements(increments, worker);
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
    void this.#owner.inTurn(async () => {
      const outcome = await slot.renew(worker);
      worker.isOutdated = false;
      if (!outcome.ok && !this.isStopping) log(`${nameOf(worker)} was not replaced: ${outcome.reason}`);
      return outcome;
    });
  }
}
