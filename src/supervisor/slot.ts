/** The place of one worker: who serves there, and who takes over. */

import { inspectHang } from "./hang.ts";
import type { Settings } from "./settings.ts";
import { nameOf } from "./status.ts";
import { describeExit, type Worker } from "./worker.ts";

/** Whether something that was asked of a supervisor was done. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** What a slot needs of its supervisor. */
export interface SlotOwner {
  readonly settings: Settings;
  readonly isStopping: boolean;
  /** Starts a process. */
  spawn(slot: number): Promise<Worker>;
  /** Whether a slot is to have a worker. */
  wants(slot: number): boolean;
  /** A worker has begun to serve, or no longer serves. */
  changed(): void;
  /** A process has ended. */
  gone(worker: Worker): void;
  /** A worker has died that was to serve. */
  died(): void;
}

/** The first pause before a worker that died at its start is started again, and the longest; in milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;

/** A worker that has lived for so long has not died at its start; in milliseconds. */
const LONG_ENOUGH = 10_000;

/** Why a worker is ended whose slot is to have none. */
const NOT_WANTED = "it is not wanted any more";

/** How much longer than it was given a worker may take to leave, in milliseconds. */
const PATIENCE = 3_000;

/** Slot keeps one worker running, and replaces it without a gap. */
export class Slot {
  readonly index: number;
  readonly #owner: SlotOwner;
  /** The worker that serves. */
  current: Worker | undefined;
  /** The one that takes over once it is ready. */
  next: Worker | undefined;
  /** Those that have been replaced, and are about to go. */
  readonly leaving: Set<Worker> = new Set();
  /** How often in a row a worker has died at its start. */
  #failures = 0;
  /** Replacements are made one after the other. */
  #turn: Promise<Outcome> = Promise.resolve({ ok: true });

  constructor(index: number, owner: SlotOwner) {
    this.index = index;
    this.#owner = owner;
  }

  /** All workers of the slot whose processes run. */
  get workers(): Worker[] {
    return [this.current, this.next, ...this.leaving].filter(
      (worker): worker is Worker => worker !== undefined && worker.state !== "gone",
    );
  }

  /** Starts a worker; once it is ready, the one before it is drained, and gone when this resolves. */
  replace(): Promise<Outcome> {
    return this.#inTurn(() => this.#replaceNow());
  }

  /** Replaces a worker, unless that has happened meanwhile. */
  renew(worker: Worker): Promise<Outcome> {
    return this.#inTurn(async () => (this.current === worker ? this.#replaceNow() : { ok: true }));
  }

  /** Drains the worker, and has none any more, nor one that is about to take over. */
  async dismiss(): Promise<void> {
    const { current, next } = this;
    this.current = undefined;
    next?.kill(NOT_WANTED);
    await Promise.all([next?.whenGone, current && this.#retire(current)]);
  }

  #inTurn(action: () => Promise<Outcome>): Promise<Outcome> {
    this.#turn = this.#turn.then(action).catch((error: Error) => ({ ok: false, reason: error.message }));
    return this.#turn;
  }

  async #replaceNow(): Promise<Outcome> {
    const owner = this.#owner;
    if (owner.isStopping) return { ok: false, reason: "the supervisor is stopping" };
    const { bootTimeout, linger, grace } = owner.settings;
    const next = await owner.spawn(this.index);
    this.next = next;
    void next.whenGone.then((exit) => this.#onGone(next, describeExit(exit)));
    if (owner.isStopping) next.kill("the supervisor is stopping");
    else if (!owner.wants(this.index)) next.kill(NOT_WANTED);
    const timer = bootTimeout > 0 ? setTimeout(() => void this.#bootIsLate(next), bootTimeout) : undefined;
    const reason = await next.whenReady;
    clearTimeout(timer);
    this.next = undefined;
    if (reason !== undefined) {
      next.kill(reason);
      return { ok: false, reason };
    }
    const old = this.current;
    this.current = next;
    owner.changed();
    if (owner.isStopping) next.drain(0, linger, grace, true);
    if (old !== undefined && old.state !== "gone") await this.#retire(old);
    return { ok: true };
  }

  async #bootIsLate(worker: Worker): Promise<void> {
    const where = await inspectHang(worker);
    // It may have become ready meanwhile.
    if (worker.state !== "starting") return;
    const { bootTimeout } = this.#owner.settings;
    worker.kill(`it was not ready after ${bootTimeout} ms${where === undefined ? "" : `: it is ${where}`}`);
  }

  #onGone(worker: Worker, how: string): void {
    const owner = this.#owner;
    this.leaving.delete(worker);
    const isMissed = this.current === worker && !owner.isStopping && owner.wants(this.index);
    if (this.current === worker) this.current = undefined;
    if (isMissed || worker.isHanging) {
      owner.died();
      owner.settings.log(`${nameOf(worker)} has died: ${worker.verdict ?? how}`);
    }
    if (isMissed) {
      this.#failures = Date.now() - worker.startedAt < LONG_ENOUGH ? this.#failures + 1 : 0;
      this.revive();
    }
    owner.changed();
    owner.gone(worker);
  }

  /** Starts a worker where there is none, again and again until one is ready. */
  revive(): void {
    const pause = this.#failures < 2 ? 0 : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#failures - 2));
    setTimeout(async () => {
      const owner = this.#owner;
      const isWanted = () => !owner.isStopping && owner.wants(this.index);
      const outcome = await this.#inTurn(async () =>
        isWanted() && this.current === undefined ? this.#replaceNow() : { ok: true },
      );
      if (outcome.ok || !isWanted()) return;
      this.#failures++;
      owner.settings.log(`worker ${this.index + 1} cannot start: ${outcome.reason}`);
      this.revive();
    }, pause).unref();
  }

  /** Drains a worker that is not wanted any more. */
  async #retire(worker: Worker): Promise<void> {
    const { linger, grace, log } = this.#owner.settings;
    this.leaving.add(worker);
    // A sibling serves its socket before it goes.
    this.#owner.changed();
    worker.drain(0, linger, grace, false);
    await untilGone([worker], grace + PATIENCE, log);
  }
}

/** untilGone resolves when workers have ended; those that take too long are killed. `patience` is in milliseconds. */
export async function untilGone(
  workers: readonly Worker[],
  patience: number,
  log: (line: string) => void,
): Promise<void> {
  const timer = setTimeout(() => {
    for (const worker of workers.filter(({ state }) => state !== "gone")) {
      log(`${nameOf(worker)} did not leave in time, and is killed`);
      worker.kill("it did not leave in time");
    }
  }, patience);
  await Promise.all(workers.map(({ whenGone }) => whenGone));
  clearTimeout(timer);
}
