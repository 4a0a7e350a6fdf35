/** A number of places, and a line of requests that wait for one. */

import { clientGone } from "../../errors.ts";
import type { Exchange } from "../../gateway.ts";
import { serviceUnavailable } from "./errors.ts";

/** How many may wait for each place. */
const WAITING_PER_PLACE = 16;

export class ConcurrencyLimit {
  readonly #count: number;
  readonly #patience: number;
  readonly #option: string;
  #taken = 0;
  readonly #line: Set<() => void> = new Set();

  /** `option` is the name of the one that sets `count`; `patience` is how long a request waits, in milliseconds. */
  constructor(count: number, patience: number, option: string) {
    this.#count = count;
    this.#patience = patience;
    this.#option = option;
  }

  /** Takes a place, once there is one. Rejects with a 503 for who waits too long or finds too many waiting. */
  take(exchange: Exchange): Promise<void> {
    if (this.#taken < this.#count) {
      this.#taken++;
      return Promise.resolve();
    }
    if (this.#line.size >= this.#count * WAITING_PER_PLACE) return Promise.reject(this.#overloaded());
    return new Promise((resolve, reject) => {
      const leave = (error: Error): void => {
        if (this.#line.delete(enter)) reject(error);
        clearTimeout(timer);
      };
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => leave(this.#overloaded()), this.#patience);
      this.#line.add(enter);
      exchange.onAbort?.(() => leave(clientGone()));
    });
  }

  /** Gives a place back: to whoever waits longest. */
  giveBack(): void {
    const [next] = this.#line;
    if (next === undefined) {
      this.#taken--;
      return;
    }
    this.#line.delete(next);
    next();
  }

  #overloaded(): Error {
    return serviceUnavailable(
      `all ${this.#count} are busy`,
      `Raise \`${this.#option}\` where the machine can take more.`,
    );
  }
}
