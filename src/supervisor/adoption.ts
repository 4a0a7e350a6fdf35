/** Which worker accepts what comes for a slot whose own worker is gone, or hangs. */

import type { Worker } from "./worker.ts";

/** Adoption keeps every socket that listens served, while there is a worker. */
export class Adoption {
  /** The slots whose sockets listen, since a worker has served them. */
  readonly #listening = new Set<number>();

  /** Has siblings accept what comes for slots without a worker, until these have one; `currents` are the workers by their slots. */
  cover(currents: readonly (Worker | undefined)[]): void {
    const ready = currents.filter((worker) => worker?.serves) as Worker[];
    for (const slot of currents.keys()) {
      const isServed = currents[slot]?.serves === true;
      const adopter = ready.find(({ adopted }) => adopted.has(slot));
      if (isServed) this.#listening.add(slot);
      if (isServed && adopter !== undefined) {
        adopter.adopted.delete(slot);
        adopter.send({ type: "release", slot });
      } else if (!isServed && adopter === undefined && this.#listening.has(slot)) adopt(ready, slot);
    }
  }
}

/** The worker that has adopted least takes the slot, if it still can. */
function adopt(ready: readonly Worker[], slot: number): void {
  const able = ready.filter(({ spares }) => (spares.get(slot) ?? 0) > 0);
  const [least] = able.sort((one, other) => one.adopted.size - other.adopted.size);
  if (least === undefined) return;
  least.spares.set(slot, (least.spares.get(slot) ?? 0) - 1);
  least.adopted.add(slot);
  least.send({ type: "adopt", slot });
}
