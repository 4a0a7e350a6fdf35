/** The connections to a target: how many there may be, which are kept, and who waits for one. */

import { TsgiError } from "../../src/errors.ts";
import type { Connecting, Http2, TlsOptions } from "./connect.ts";
import { Connection, type ConnectionOwner, type ConnectionSettings } from "./connection.ts";
import { type Failure, failure } from "./outcome.ts";
import { loadUndici } from "./package.ts";
import type { Target } from "./target.ts";

/** What holds for a pool. Durations are milliseconds, sizes bytes. */
export interface PoolOptions {
  /** How many requests may be under way at once. */
  readonly connections: number;
  /** How many more may wait for one of those. */
  readonly queue: number;
  /** How long they wait. */
  readonly queueTimeout: number;
  readonly connectTimeout: number;
  /** How long a connection waits for its next request. */
  readonly keepAliveTimeout: number;
  /** After how long a connection is not used again, so that targets behind a balancer get their share. */
  readonly maxAge: number;
  readonly maxHeadSize: number;
  readonly tls: TlsOptions;
  /** Default `false`. */
  readonly http2?: Http2;
}

/** Who waits for leave to send a request. */
export interface Applicant {
  /** A request may be sent. `pool.leave` gives the place back. */
  admitted(): void;
  refused(failed: Failure): void;
}

interface Place {
  readonly applicant: Applicant;
  readonly timer: NodeJS.Timeout;
}

/** The pool of one target. */
export class Pool implements ConnectionOwner {
  readonly target: Target;
  readonly options: PoolOptions;
  readonly connecting: Connecting;
  /**
   * Whether the target sends `100 Continue` without being asked, which undici takes for an error, so that requests go by
   * `node:http`.
   */
  sendsContinue = false;
  /** Called when a request is over for which nobody waits here. */
  onRoom: (() => void) | undefined;
  readonly #settings: ConnectionSettings;
  /** The one used last is taken first, so that the others time out. */
  readonly #idle: Connection[] = [];
  /** Those for many requests at once that may get another one. */
  readonly #shared: Connection[] = [];
  /** Whether the target speaks HTTP/2, as far as is known. */
  speaksHttp2: boolean;
  readonly #queue: Place[] = [];
  #busy = 0;
  /** Who waits for its being over, once it is closed. */
  readonly #onEmpty: (() => void)[] = [];
  #isClosed = false;

  /** `owner` is what error messages call the app. Throws `TSGI_NO_PACKAGE`, `TSGI_HTTP2_NEEDS_UNDICI_8`. */
  constructor(target: Target, options: PoolOptions, owner: string) {
    this.target = target;
    this.options = options;
    const { connectTimeout, keepAliveTimeout, maxHeadSize, tls, http2: wanted = false } = options;
    this.connecting = { target, sockets: new Set(), connectTimeout, tls, session: undefined, isHttp10: false };
    const { Client } = loadUndici(owner, wanted !== false);
    const http2 = target.isSecure ? wanted !== false : wanted === "h2c" ? wanted : false;
    this.speaksHttp2 = http2 === "h2c";
    this.#settings = { Client, connecting: this.connecting, keepAliveTimeout, maxHeadSize, http2 };
  }

  /** How many requests are under way. */
  get busy(): number {
    return this.#busy;
  }

  /** How many requests wait. */
  get queued(): number {
    return this.#queue.length;
  }

  /** How many connections wait for a request. */
  get idle(): number {
    return this.#idle.length + this.#shared.filter(({ streams }) => streams === 0).length;
  }

  /** Admits a request at once, or when its turn comes, or refuses it. */
  apply(applicant: Applicant): void {
    if (this.#isClosed) applicant.refused(failure("queue", "full", overloaded("is closed"), { isUnsent: true }));
    else if (this.#busy < this.options.connections) {
      this.#busy++;
      applicant.admitted();
    } else if (this.#queue.length < this.options.queue) this.#enqueue(applicant);
    else applicant.refused(failure("queue", "full", overloaded("has too many requests"), { isUnsent: true }));
  }

  #enqueue(applicant: Applicant): void {
    const timer = setTimeout(() => {
      this.withdraw(applicant);
      applicant.refused(failure("queue", "timeout", overloaded("is busy"), { isUnsent: true }));
    }, this.options.queueTimeout);
    this.#queue.push({ applicant, timer });
  }

  /** Takes an applicant out of the queue. Tells whether it was there. */
  withdraw(applicant: Applicant): boolean {
    const index = this.#queue.findIndex((place) => place.applicant === applicant);
    if (index < 0) return false;
    clearTimeout(this.#queue[index]?.timer);
    this.#queue.splice(index, 1);
    return true;
  }

  /** A request is over: the next one may be sent. */
  leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) {
      this.#busy--;
      if (this.#busy === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
      this.onRoom?.();
      return;
    }
    clearTimeout(next.timer);
    next.applicant.admitted();
  }

  /** A connection for a request that was admitted: a kept one, unless it has to be new. */
  take(isNew: boolean): Connection {
    const connection = (isNew ? undefined : this.#takeShared()) ?? this.#takeOwn(isNew);
    connection.streams++;
    return connection;
  }

  #takeShared(): Connection | undefined {
    return this.#shared.find((connection) => connection.hasRoom && !this.#isOld(connection));
  }

  #takeOwn(isNew: boolean): Connection {
    while (!isNew) {
      const kept = this.#idle.pop();
      if (kept === undefined) break;
      if (kept.isOpen) return kept;
      kept.destroy(CLOSED);
    }
    // No more of them than requests may be under way.
    if (this.#idle.length > 0 && this.#idle.length + this.#busy > this.options.connections) {
      this.#idle.shift()?.destroy(CLOSED);
    }
    const connection = new Connection(this.#settings, this, this.speaksHttp2);
    if (connection.isShared) this.#shared.push(connection);
    return connection;
  }

  /** Takes a connection back after a request; one that is not reusable for a reason. */
  giveBack(connection: Connection, isReusable: boolean, reason: Error = CLOSED): void {
    connection.streams--;
    const isKept =
      !this.#isClosed && this.options.keepAliveTimeout > 0 && connection.isOpen && !this.#isOld(connection);
    if (connection.isShared) {
      if (!isReusable) connection.cancelled++;
      if (!isKept || connection.isWorn) this.#forget(connection);
      if (connection.streams === 0 && !this.#shared.includes(connection)) connection.destroy(CLOSED);
    } else if (isReusable && isKept) this.#idle.push(connection);
    else connection.destroy(isReusable ? CLOSED : reason);
  }

  #isOld(connection: Connection): boolean {
    return performance.now() - connection.bornAt > this.options.maxAge;
  }

  #forget(connection: Connection): void {
    const index = this.#shared.indexOf(connection);
    if (index >= 0) this.#shared.splice(index, 1);
  }

  connected(connection: Connection, isHttp2: boolean): void {
    this.speaksHttp2 = isHttp2;
    if (!isHttp2) this.#forget(connection);
    else if (!this.#isClosed && !this.#shared.includes(connection)) this.#shared.push(connection);
  }

  /** Undici opens another socket for requests that wait for it. */
  disconnected(connection: Connection): void {
    this.#forget(connection);
    const index = this.#idle.lastIndexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
    if (index >= 0 || (connection.isShared && connection.streams === 0)) connection.destroy(CLOSED);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Closes what waits for a request, and admits no more. What is under way goes on, and is cut after that many milliseconds;
   * resolves when it is over.
   */
  close(deadline?: number): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.destroy(CLOSED);
    for (const connection of this.#shared.splice(0)) if (connection.streams === 0) connection.destroy(CLOSED);
    for (const { applicant, timer } of this.#queue.splice(0)) {
      clearTimeout(timer);
      applicant.refused(failure("queue", "full", overloaded("is closed"), { isUnsent: true }));
    }
    if (this.#busy === 0) return Promise.resolve();
    if (deadline !== undefined) {
      const timer = setTimeout(() => this.#cut(), deadline);
      this.#onEmpty.push(() => clearTimeout(timer));
    }
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  #cut(): void {
    for (const socket of this.connecting.sockets) socket.destroy(new Error("the proxy was closed"));
  }
}

const CLOSED = new Error("the connection is not needed any more");

function overloaded(what: string): TsgiError {
  return new TsgiError("TSGI_OVERLOADED", `the target ${what}`);
}
