/** Requests that wait until any target has room: a bounded number of them, for a bounded time. */

/** Who waits. */
export interface Waiter {
  /** A target has room. */
  begin(): void;
  /** It has waited too long. */
  tooLate(): void;
}

export class WaitingRoom {
  readonly #places: number;
  readonly #patience: number;
  readonly #waiters = new Map<Waiter, NodeJS.Timeout>();

  /** How many may wait, and for how long, in milliseconds. */
  constructor(places: number, patience: number) {
    this.#places = places;
    this.#patience = patience;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Tells whether there was a place. */
  enter(waiter: Waiter): boolean {
    if (this.#waiters.size >= this.#places) return false;
    const timer = setTimeout(() => {
      this.#waiters.delete(waiter);
      waiter.tooLate();
    }, this.#patience);
    this.#waiters.set(waiter, timer);
    return true;
  }

  /** Tells whether it was there. */
  leave(waiter: Waiter): boolean {
    clearTimeout(this.#waiters.get(waiter));
    return this.#waiters.delete(waiter);
  }

  /** Lets those begin that came first, while there is room. */
  call(hasRoom: () => boolean): void {
    for (const waiter of this.#waiters.keys()) {
      if (!hasRoom()) return;
      this.leave(waiter);
      waiter.begin();
    }
  }

  /** Nobody waits any more. */
  close(): void {
    for (const waiter of [...this.#waiters.keys()]) {
      this.leave(waiter);
      waiter.tooLate();
    }
  }
}
