/** The open WebSockets of an app: asked now and then whether their clients are there, and closed when their server closes. */

import type { Exchange } from "../../src/gateway.ts";
import { now, type WebSocket } from "./socket.ts";

/** RFC 6455 §7.4.1: the server goes down. */
const GOING_AWAY = 1001;

/** How often the sockets are looked at, in milliseconds: four times in an interval, but within these. */
const SHORTEST = 10;
const LONGEST = 1000;

/** A Node server, which does not tell when it closes, but no longer listens then. */
interface Listening {
  readonly listening?: boolean;
}

/** What is known of a server. */
interface Known {
  /** Whether it has told that it closes. */
  hasTold: boolean;
  /** Whether it has listened, and does not tell. */
  readonly isWatched: boolean;
}

/** Sweep looks after the sockets of one app. */
export class Sweep {
  readonly #sockets = new Set<WebSocket>();
  /** The interval of pings in milliseconds, 0 for none. */
  readonly #ping: number;
  readonly #known = new WeakMap<object, Known>();
  readonly #watched = new Set<Listening>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(ping: number) {
    this.#ping = ping;
  }

  add(socket: WebSocket): void {
    const { server } = socket.environ["tsgi.exchange"];
    if (server !== undefined && this.#known.get(server)?.isWatched) this.#watched.add(server);
    this.#sockets.add(socket);
    if (this.#timer !== undefined) return;
    const interval = this.#ping === 0 ? LONGEST : Math.max(SHORTEST, Math.min(LONGEST, this.#ping / 4));
    // In an immediate, what has arrived by now was read: no answer is taken for missing.
    this.#timer = setInterval(() => setImmediate(() => this.#check()), interval);
    this.#timer.unref();
  }

  remove(socket: WebSocket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#watched.clear();
  }

  /** Whether the server of an exchange closes. */
  isClosing(exchange: Exchange): boolean {
    const server: Listening | undefined = exchange.server;
    if (server === undefined) return false;
    const { hasTold, isWatched } = this.#known.get(server) ?? this.#learn(server, exchange);
    return hasTold || (isWatched && server.listening === false);
  }

  /** Once for each server: it keeps the callback. */
  #learn(server: Listening, { onServerClose }: Exchange): Known {
    const known = { hasTold: false, isWatched: onServerClose === undefined && server.listening === true };
    this.#known.set(server, known);
    onServerClose?.(() => {
      known.hasTold = true;
      this.#closeAll(server);
    });
    return known;
  }

  #check(): void {
    for (const server of this.#watched) if (server.listening === false) this.#closeAll(server);
    if (this.#ping === 0) return;
    const time = now();
    for (const socket of this.#sockets) socket.checkLife(time, this.#ping);
  }

  #closeAll(server: Listening): void {
    this.#watched.delete(server);
    for (const socket of this.#sockets) {
      if (socket.environ["tsgi.exchange"].server === server) socket.close(GOING_AWAY, "The server is closing");
    }
  }
}
