/** Limits how many requests run at once; further requests queue. */

import { clientGone } from "../../errors.ts";
import type { Exchange } from "../../gateway.ts";
import { serviceUnavailable } from "./errors.ts";

/** How many requests may queue for each one that runs. */
const QUEUED_PER_RUNNING = 16;

/** A counting semaphore with a bounded queue. Each `acquire` that resolves is followed by one `release`. */
export class ConcurrencyLimit {
  readonly #limit: number;
  readonly #maxWait: number;
  readonly #option: string;
  #running = 0;
  readonly #queue: Set<() => void> = new Set();

  /** `maxWait` is how long a request queues, in milliseconds; `option` is the name of the option that sets `limit`. */
  constructor(limit: number, maxWait: number, option: string) {
    this.#limit = limit;
    this.#maxWait = maxWait;
    this.#option = option;
  }

  /**
   * Resolves when the request may run. Rejects with a 503 if the queue is full or the request queues for too long, and with
   * `TSGI_CLIENT_GONE` if its client disconnects while it queues.
   */
  acquire(exchange: Exchange): Promise<void> {
    if (this.#running < this.#limit) {
      this.#running++;
      return Promise.resolve();
    }
    if (this.#queue.size >= this.#limit * QUEUED_PER_RUNNING) return Promise.reject(this.#overloaded());
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
      const timer = setTimeout(() => leave(this.#overloaded()), this.#maxWait);
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

  #overloaded(): Error {
    return serviceUnavailable(`all ${this.#limit} are busy`, `Raise \`${this.#option}\` if the machine can take more.`);
  }
}
