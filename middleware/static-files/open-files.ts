/** Files that stay open for the next request: opening and closing one costs as much as reading it. */

import type { Keeper, Representation } from "./representation.ts";

/** How many files stay open. */
const KEPT = 128;

/** How long a file stays open at least without being used, in milliseconds, and at most twice that. */
const IDLE = 1000;

export class OpenFiles implements Keeper {
  readonly #kept = new Set<Representation>();
  #timer: NodeJS.Timeout | undefined;

  keep(representation: Representation): void {
    this.#kept.add(representation);
    const [oldest] = this.#kept;
    if (this.#kept.size > KEPT) oldest?.letGo();
    this.#timer ??= setInterval(() => this.#sweep(), IDLE).unref();
  }

  drop(representation: Representation): void {
    this.#kept.delete(representation);
    if (this.#kept.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #sweep(): void {
    for (const each of this.#kept) {
      if (each.isInUse) each.isInUse = false;
      else each.letGo();
    }
  }
}
