/** Who takes which connections: those that come, and those that have waited for a worker that is gone, or hangs. */

import { Adoption } from "./adoption.ts";
import type { Slot } from "./slot.ts";
import type { Worker } from "./worker.ts";

/** Coverage finds the workers that connections are for. */
export class Coverage {
  readonly #slots: readonly Slot[];
  readonly #isStopping: () => boolean;
  readonly #adoption = new Adoption();
  /** Kept, as each connection that is handed over asks for them. */
  #serving: Worker[] = [];

  constructor(slots: readonly Slot[], isStopping: () => boolean) {
    this.#slots = slots;
    this.#isStopping = isStopping;
  }

  /** Has siblings take over where a worker does not serve any more, and no longer where one does. */
  update(): void {
    const currents = this.#slots.map(({ current }) => current);
    this.#serving = currents.filter((worker): worker is Worker => worker?.serves === true);
    this.#adoption.cover(currents);
  }

  /** The workers that connections can be handed to. */
  takers(): readonly Worker[] {
    if (!this.#isStopping()) return this.#serving;
    const serving = this.#serving.filter(({ serves }) => serves);
    return serving.length > 0 ? serving : this.#leaving();
  }

  /** The worker that takes what waits for another one of a slot. */
  heirOf(slot: number): Worker | undefined {
    const { current } = this.#slots[slot] as Slot;
    if (current?.serves) return current;
    return this.#adoption.adopterOf(slot) ?? (this.#isStopping() ? this.#leaving()[0] : undefined);
  }

  /** The workers that are on their way out; those that do not hang, where there are some. */
  #leaving(): Worker[] {
    const draining = this.#slots.flatMap(({ workers }) => workers).filter(({ state }) => state === "draining");
    const alive = draining.filter(({ isSilent }) => !isSilent);
    return alive.length > 0 ? alive : draining;
  }
}
