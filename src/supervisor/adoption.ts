/** Which worker takes what comes for a slot whose own worker is gone, or hangs. */

import type { Worker } from "./worker.ts";

/** What is known of a worker that may adopt. */
export type Adopter = Pick<Worker, "adopted" | "isHanging" | "send" | "serves" | "spares" | "state">;

/** For how long a worker has to serve in a slot whose last adopter has hung before the slot may have another one, in milliseconds. */
const PROBATION = 10_000;

/**
 * Adoption keeps every slot served, while there is a worker. What has waited for a worker that hangs may hang the one that takes it
 * too, so a slot has one adopter: where that hangs as well, the others are spared, and what waits is for workers of its own.
 */
export class Adoption<Some extends Adopter = Worker> {
  /** The slots that clients connect to, since a worker has served them. */
  readonly #listening = new Set<number>();
  /** The worker that has taken a slot last. */
  readonly #adopters = new Map<number, Some>();
  /** The slots whose adopter has hung, and since when a worker of their own has served. */
  readonly #dreaded = new Map<number, number>();

  /** Has siblings take what comes for slots without a worker, until these have one; `currents` are the workers by their slots. */
  cover(currents: readonly (Some | undefined)[], now: number = performance.now()): void {
    const ready = currents.filter((worker) => worker?.serves) as Some[];
    for (const slot of currents.keys()) {
      if (currents[slot]?.serves === true) {
        this.#listening.add(slot);
        this.#release(slot, now);
      } else if (this.#listening.has(slot) && this.#isOpen(slot, now)) this.#adopt(slot, ready);
    }
  }

  /** The worker that takes what comes for a slot in place of its own. */
  adopterOf(slot: number): Some | undefined {
    const adopter = this.#adopters.get(slot);
    return adopter?.serves === true ? adopter : undefined;
  }

  /** Whether a slot may have another adopter. */
  #isOpen(slot: number, now: number): boolean {
    const servedSince = this.#dreaded.get(slot);
    if (servedSince !== undefined && now - servedSince < PROBATION) return false;
    this.#dreaded.delete(slot);
    const adopter = this.#adopters.get(slot);
    return adopter === undefined || (adopter.state !== "ready" && !adopter.isHanging);
  }

  #adopt(slot: number, ready: readonly Some[]): void {
    // Where connections are handed over, nothing has to be inherited for it.
    const able = ready.filter(({ spares }) => spares.size === 0 || (spares.get(slot) ?? 0) > 0);
    const [least] = able.sort((one, other) => one.adopted.size - other.adopted.size);
    if (least === undefined) return;
    const left = least.spares.get(slot);
    if (left !== undefined) least.spares.set(slot, left - 1);
    least.adopted.add(slot);
    least.send({ type: "adopt", slot });
    this.#adopters.set(slot, least);
  }

  #release(slot: number, now: number): void {
    const adopter = this.#adopters.get(slot);
    if (adopter === undefined) return;
    this.#adopters.delete(slot);
    if (!adopter.serves) this.#dreaded.set(slot, now);
    adopter.adopted.delete(slot);
    adopter.send({ type: "release", slot });
  }
}
