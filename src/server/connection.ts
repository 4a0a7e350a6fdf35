/** What the server keeps for each connection: its peer, the exchanges under way on it, and who waits for its end. */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { clientGone } from "../errors.ts";
import { type Peer, plainAddress } from "../exchange/environ.ts";
import type { NodeInput } from "./node-input.ts";

/** How long a client that still sends may take to read its last answer, in milliseconds. */
const LINGER = 2000;

/** How much of a request body that nobody reads is taken off the wire before the connection is closed instead, in bytes. */
const DISCARDED = 1024 * 1024;

/** A property of the socket, since a look-up in a `WeakMap` for each request is measurably slower. */
const CONNECTION: unique symbol = Symbol("tsgi.connection");

interface KnownSocket extends Socket {
  [CONNECTION]?: Connection;
}

export class Connection implements Peer {
  readonly address: string;
  readonly port: string;
  readonly socket: Socket;
  /** Exchanges whose response has not been handed over yet. */
  pending = 0;
  /** Requests that it has carried. */
  count = 0;
  /** The response and the input of the latest request, as long as there is something to come of them. */
  response: ServerResponse | undefined;
  input: NodeInput | undefined;
  #lastWait: unknown;
  #farewell: ((socket: Socket) => void) | undefined;
  #lingersAtEnd = false;
  #lingers = false;
  /** Nearly always there is one at most. */
  #watcher: (() => void) | undefined;
  #moreWatchers: Set<() => void> | undefined;

  /** The connection of a socket; made on its first request. */
  static of(socket: KnownSocket): Connection {
    socket[CONNECTION] ??= new Connection(socket);
    return socket[CONNECTION];
  }

  constructor(socket: Socket) {
    this.socket = socket;
    this.address = plainAddress(socket.remoteAddress);
    this.port = socket.remotePort === undefined ? "" : String(socket.remotePort);
    socket.once("close", () => {
      this.input?.fail(clientGone());
      const watchers = [this.#watcher, ...(this.#moreWatchers ?? [])];
      this.#watcher = undefined;
      this.#moreWatchers = undefined;
      for (const watcher of watchers) watcher?.();
    });
  }

  get closed(): boolean {
    return this.socket.destroyed;
  }

  /** Calls back once when the connection ends; at once if it has. */
  watch(watcher: () => void): void {
    if (this.closed) watcher();
    else if (this.#watcher === undefined) this.#watcher = watcher;
    else {
      this.#moreWatchers ??= new Set();
      this.#moreWatchers.add(watcher);
    }
  }

  unwatch(watcher: () => void): void {
    if (this.#watcher === watcher) this.#watcher = undefined;
    else this.#moreWatchers?.delete(watcher);
  }

  /** Whether the app still waits for the piece of a body that it waited for when this was last asked. */
  get standsStill(): boolean {
    const before = this.#lastWait;
    this.#lastWait = this.input?.wait;
    return before !== undefined && this.#lastWait === before;
  }

  /** Whether bytes of a response wait for the client to read. */
  get isStalled(): boolean {
    return this.socket.writableLength > 0;
  }

  /** Whether no more requests are taken on the connection. */
  get leaving(): boolean {
    return this.#farewell !== undefined;
  }

  /**
   * Whether the connection ends with this response. It does where more of the request is known to come than would be taken
   * off the wire: a client that keeps connections has to be told, or its next request would find this one closed.
   */
  endsWith(response: ServerResponse): boolean {
    if (this.response === response && this.input?.exceeds(DISCARDED)) this.leave();
    return this.#farewell === close && this.response === response;
  }

  /** An exchange begins. */
  begin(response: ServerResponse): void {
    this.pending++;
    this.count++;
    this.response = response;
    this.input = undefined;
  }

  /** A response has left for the network. */
  sent(response: ServerResponse): void {
    if (this.response !== response) return;
    this.response = undefined;
    if (!this.input?.isOpen) this.input = undefined;
  }

  /** An exchange handed its response over. */
  finished(): void {
    this.pending--;
    if (this.#farewell !== undefined) this.#leaveOnceSent();
  }

  /**
   * Takes no more requests, and once no response is pending on the connection, ends it: after a last answer, where that is
   * written by `farewell`. The first way asked for holds.
   */
  leave(farewell: (socket: Socket) => void = close): void {
    if (this.#farewell !== undefined) return;
    this.#farewell = farewell;
    this.#leaveOnceSent();
  }

  #leaveOnceSent(): void {
    if (this.pending > 0) return;
    const leave = () => this.#farewell?.(this.socket);
    // Node ends the connection of a last response between its "finish" and its "close".
    if (this.response === undefined || this.response.destroyed) leave();
    else this.response.once("close", leave);
  }

  /** The latest request is answered before it was there as a whole: what is still to come is taken off the wire. */
  dropRequest(): void {
    const { input } = this;
    if (input === undefined || !input.isOpen) return;
    this.lingerAtEnd();
    input.discard(DISCARDED, () => this.leave());
  }

  /**
   * Whoever closes the connection, Node included, gives the client time to read: closing at once would reset a client that
   * still sends, and it would never see the answer.
   */
  lingerAtEnd(): void {
    if (this.#lingersAtEnd) return;
    this.#lingersAtEnd = true;
    this.socket.destroySoon = () => this.#linger();
  }

  #linger(): void {
    if (this.#lingers) return;
    this.#lingers = true;
    const { socket } = this;
    socket.end(() => {
      const timer = setTimeout(() => socket.destroy(), LINGER);
      timer.unref();
      socket.once("close", () => clearTimeout(timer));
    });
  }
}

function close(socket: Socket): void {
  socket.destroySoon();
}
