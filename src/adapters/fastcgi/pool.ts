/** The connections to a FastCGI server. */

import { type Address, FastcgiConnection } from "./connection.ts";

/** A request that has a connection. */
interface CarriedRequest {
  /** Whether anything has come back. */
  readonly isAnswered: boolean;
}

/** Opens connections, and keeps them for the next request. */
export class FastcgiPool {
  readonly #address: Address;
  readonly #keepAliveTimeout: number;
  readonly #requests: Set<CarriedRequest> = new Set();
  /** Connections that wait for a request. The one used last is taken first, so that the others time out. */
  readonly #idle: FastcgiConnection[] = [];

  /** `keepAliveTimeout` is how long a connection waits for the next request, in milliseconds. */
  constructor(address: Address, keepAliveTimeout: number) {
    this.#address = address;
    this.#keepAliveTimeout = keepAliveTimeout;
  }

  /** A connection for a request: an idle one if there is one. */
  acquire(request: CarriedRequest): FastcgiConnection {
    const idle = this.#idle.pop();
    const connection = idle?.isOpen ? idle : this.open();
    this.#requests.add(request);
    return connection;
  }

  /** A new connection. */
  open(): FastcgiConnection {
    return new FastcgiConnection(this.#address);
  }

  /**
   * Takes a connection back. A process of a server like PHP-FPM serves one connection until that closes. So while another
   * request waits for its first byte the connection is closed, as its process may be the one that the request waits for.
   */
  release(request: CarriedRequest, connection: FastcgiConnection, isReusable: boolean): void {
    this.#requests.delete(request);
    const isWaitedFor = [...this.#requests].some((other) => !other.isAnswered);
    if (!isReusable || isWaitedFor || this.#keepAliveTimeout === 0 || !connection.isOpen) {
      connection.close();
      return;
    }
    this.#idle.push(connection);
    connection.waitForRequest(this.#keepAliveTimeout, () => {
      const index = this.#idle.indexOf(connection);
      if (index >= 0) this.#idle.splice(index, 1);
    });
  }
}
