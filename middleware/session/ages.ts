/** How old a session may become. */

import type { Kept } from "./kept.ts";

export class Ages {
  readonly #idle: number;
  readonly #max: number;

  constructor(idle: number, max: number) {
    this.#idle = idle;
    this.#max = max;
  }

  isOver({ created, touched }: Kept, now: number): boolean {
    return now - touched >= this.#idle || now - created >= this.#max;
  }

  /** Whether it is to be written again, so that it does not end while it is in use. */
  isOutdated({ touched }: Kept, now: number): boolean {
    return now - touched >= this.#idle / 10;
  }

  /** For how many milliseconds one that is written now is good. */
  left(created: number, now: number): number {
    return Math.min(this.#idle, created + this.#max - now);
  }
}
