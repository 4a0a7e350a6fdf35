/** One request that a Node handler gets as the `upgrade` event of its server: the request, and the connection. */

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { reportError } from "../../exchange/report.ts";
import type { Environ } from "../../gateway.ts";
import { makeIncomingMessage, type RequestOwner } from "./incoming-message.ts";
import { GatewaySocket, type SocketOwner, type WriteCallback } from "./socket.ts";

/** A listener of the `upgrade` event of a Node server. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => unknown;

/** What emits that event: a Node server, which need not listen, or any `EventEmitter`. */
export interface UpgradeEmitter {
  emit(name: "upgrade", request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  listenerCount(name: "upgrade"): number;
}

/** Whether somebody listens: without a listener, Node serves such requests as any other. */
export function takesUpgrades(upgrade: UpgradeListener | UpgradeEmitter): boolean {
  return typeof upgrade === "function" || upgrade.listenerCount("upgrade") > 0;
}

/** What of the connection there is where it is a socket, and not on other streams. */
type Connection = Duplex & Partial<Pick<Socket, "destroySoon" | "bytesWritten">>;

/**
 * UpgradeRun takes the connection of an exchange over, and hands it to the listener. The request has the socket that every
 * request of the gateway has, which knows the addresses as the layers see them; what is written there goes to the connection.
 */
export class UpgradeRun implements RequestOwner, SocketOwner {
  readonly environ: Environ;
  readonly #connection: Connection;
  readonly #socket: GatewaySocket;
  readonly #request: IncomingMessage;

  constructor(environ: Environ, isFullUrl: boolean, upgrade: () => object) {
    this.environ = environ;
    this.#socket = new GatewaySocket(environ, this);
    this.#request = makeIncomingMessage(this, this.#socket, isFullUrl);
    this.#connection = upgrade() as Connection;
    this.#connection.once("close", () => this.close());
  }

  /** Calls the listener. What it throws or rejects with is the app's error, which cuts the connection. */
  run(upgrade: UpgradeListener | UpgradeEmitter): unknown {
    // What has come already is read from the connection.
    const head = Buffer.alloc(0);
    if (typeof upgrade === "function") return upgrade(this.#request, this.#connection, head);
    return upgrade.emit("upgrade", this.#request, this.#connection, head);
  }

  inputFailed(error: unknown): void {
    this.failed(error);
  }

  failed(error: unknown): void {
    reportError(this.environ, error);
  }

  write(data: string | Uint8Array, encoding: BufferEncoding | undefined, callback?: WriteCallback): boolean {
    return this.#connection.write(data, encoding ?? "utf8", callback);
  }

  destroyed(error: Error | undefined): void {
    if (error === undefined && this.#connection.destroySoon !== undefined) this.#connection.destroySoon();
    else this.#connection.destroy(error);
  }

  close(): void {
    this.#socket.shut();
    this.#socket.emitClose();
  }

  /** The connection has its own limits. */
  timedOut(): boolean {
    return false;
  }

  get isOver(): boolean {
    return this.#connection.writableEnded;
  }

  get bytesWritten(): number {
    return this.#connection.bytesWritten ?? 0;
  }
}
