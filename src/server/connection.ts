/** What the server keeps for each connection: its peer, the exchanges under way on it, and who waits for its end. */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Peer } from "../environ.ts";
import { TsgiError } from "../errors.ts";
import type { NodeInput } from "./node-input.ts";

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
  /** The response and the input of the latest request. */
  response: ServerResponse | undefined;
  input: NodeInput | undefined;
  /** Whether a chunk of a response waits for the client to read. */
  stalled = false;
  #bytesRead = 0;
  #farewell: (() => void) | undefined;
  readonly #watchers = new Set<() => void>();

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
      this.input?.fail(new TsgiError("TSGI_CLIENT_GONE", "the client went away before its body ended"));
      for (const watcher of this.#watchers) watcher();
      this.#watchers.clear();
    });
  }

  get closed(): boolean {
    return this.socket.destroyed;
  }

  /** Calls back once when the connection ends; at once if it has. */
  watch(watcher: () => void): void {
    if (this.closed) watcher();
    else this.#watchers.add(watcher);
  }

  unwatch(watcher: () => void): void {
    this.#watchers.delete(watcher);
  }

  /** Whether the app waits for a body of which nothing has come since this was last asked. */
  get standsStill(): boolean {
    const before = this.#bytesRead;
    this.#bytesRead = this.socket.bytesRead;
    return this.input?.isWaiting === true && this.#bytesRead === before;
  }

  /** Whether the connection ends after the responses that are pending on it. */
  get leaving(): boolean {
    return this.#farewell !== undefined;
  }

  /** An exchange begins. */
  begin(response: ServerResponse): void {
    this.pending++;
    this.response = response;
    this.input = undefined;
  }

  /** An exchange handed its response over. */
  finished(): void {
    this.pending--;
    if (this.#farewell !== undefined) this.#leaveOnceSent();
  }

  /** Ends the connection in this way once no response is pending on it; the first way asked for holds. */
  leave(farewell: () => void): void {
    if (this.#farewell !== undefined) return;
    this.#farewell = farewell;
    this.#leaveOnceSent();
  }

  #leaveOnceSent(): void {
    if (this.pending > 0 || this.#farewell === undefined) return;
    const { response } = this;
    if (response === undefined || response.writableFinished || response.destroyed) this.#farewell();
    else response.once("finish", this.#farewell);
  }
}

/** An IPv4 peer of a dual-stack socket shows as itself, not as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2). */
function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, "") ?? "";
}
