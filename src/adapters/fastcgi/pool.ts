/** The connections to one FastCGI server. */

import { type Address, FastcgiConnection } from "./connection.ts";

/** A request that has a connection. */
interface Carried {
  /** Whether anything has come back. */
  readonly isAnswered: boolean;
}

export class FastcgiPool {
  readonly #address: Address;
  readonly #keepAlive: number;
  readonly #runs: Set<Carried> = new Set();
  /** Those that wait for a request; the one used last comes first, so that the others end. */
  readonly #kept: FastcgiConnection[] = [];

  /** `keepAlive` is how long a connection waits for the next request, in milliseconds. */
  constructor(address: Address, keepAlive: number) {
    this.#address = address;
    this.#keepAlive = keepAlive;
  }

  take(run: Carried): FastcgiConnection {
    this.#runs.add(run);
    const kept = this.#kept.pop();
    return kept?.isOpen ? kept : this.open();
  }

  /** A new connection. */
  open(): FastcgiConnection {
    return new FastcgiConnection(this.#address);
  }

  /**
   * Takes a connection back. A process of a server like PHP-FPM serves one connection until that ends: where a request is
   * still waiting to be answered at all, this one may be what it waits for.
   */
  giveBack(run: Carried, connection: FastcgiConnection, isReusable: boolean): void {
    this.#runs.delete(run);
    const isWaitedFor = [...this.#runs].some((other) => !other.isAnswered);
    if (!isReusable || isWaitedFor || this.#keepAlive === 0 || !connection.isOpen) {
      connection.close();
      return;
    }
    this.#kept.push(connection);
    connection.keep(this.#keepAlive, () => {
      const index = this.#kept.indexOf(connection);
      if (index >= 0) this.#kept.splice(index, 1);
    });
  }
}
