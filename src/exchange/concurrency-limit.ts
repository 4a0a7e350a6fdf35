/** Limits how many requests run at once; further requests queue. */

import { clientGone } from "../errors.ts";
import type { Exchange } from "../gateway.ts";

/** How many requests run and queue. */
export interface Places {
  /** How many run at once. */
  readonly limit: number;
  /** How many may queue for a place. */
  readonly queue: number;
  /** How long a request queues, in milliseconds. */
  readonly maxWait: number;
  /** Makes the error of a request that finds the queue full, or queues for too long. */
  readonly overloaded: () => Error;
}

/** A counting semaphore with a bounded queue. Each `acquire` that resolves is followed by one `release`. */
export class ConcurrencyLimit {
  readonly #places: Places;
  #running = 0;
  readonly #queue: Set<() => void> = new Set();

  constructor(places: Places) {
    this.#places = places;
  }

  /** Takes a place that is free at once; false where there is none. */
  tryAcquire(): boolean {
    if (this.#running >= this.#places.limit) return false;
    this.#running++;
    return true;
  }

  /**
   * Resolves when the request may run. Rejects with the error of `overloaded` if the queue is full or the request queues for too
   * long, and with `TSGI_CLIENT_GONE` if its client disconnects while it queues.
   */
  acquire(exchange: Exchange): Promise<void> {
    if (this.tryAcquire()) return Promise.resolve();
    const { queue, maxWait, overloaded } = this.#places;
    if (this.#queue.size >= queue) return Promise.reject(overloaded());
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const settle = (): void => {
        isSettled = true;
        clearTimeout(timer);
        this.#queue.delete(enter);
      };
      const enter = (): void => {
        settle();
        resolve();
      };
      const leave = (error: Error): void => {
        if (isSettled) return;
        settle();
        reject(error);
      };
      const timer = setTimeout(() => leave(overloaded()), maxWait);
      this.#queue.add(enter);
      try {
        exchange.onAbort?.(() => leave(clientGone()));
      } catch (error) {
        leave(error as Error);
      }
    });
  }

  /** Lets the request that has queued longest run. */
  release(): void {
    const [next] = this.#queue;
    if (next === undefined) this.#running--;
    else next();
  }
}
