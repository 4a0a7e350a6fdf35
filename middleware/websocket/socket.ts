/** The class of the WebSockets: that of the package, with what has to be known of each. */

import type { Environ } from "../../src/gateway.ts";
import type { WsClass, WsSocket } from "./package.ts";

/** The connection under a WebSocket: a Node `Duplex`, of which sockets know how much has come and gone. */
export interface Connection {
  readonly bytesRead?: number;
  /** With what waits. */
  readonly bytesWritten?: number;
  readonly writableLength: number;
  setDefaultEncoding(encoding: "latin1" | "utf8"): void;
  on(event: "drain", listener: () => void): void;
}

/** Who is told what happens. */
export interface SocketOwner {
  /** How many bytes may wait when a message is sent. */
  readonly backpressure: number;
  message(socket: WebSocket, data: Uint8Array, isBinary: boolean): void;
  failed(socket: WebSocket, error: Error): void;
  closed(socket: WebSocket, code: number, reason: string): void;
}

/** A WebSocket of an app. */
export interface WebSocket extends WsSocket {
  readonly OPEN: number;
  readonly readyState: number;
  readonly environ: Environ;
  /** How many messages are being handled. */
  pending: number;
  /** Begins to tell its owner. */
  begin(owner: SocketOwner, connection: Connection, environ: Environ): void;
  /** Reads nothing more; calls are counted. */
  hold(): void;
  /** Reads on, once for each `hold`. */
  letGo(): void;
  /** Asks the client whether it is there, and cuts it where it has not answered. */
  checkLife(now: number, interval: number): void;
}

/** The class of the WebSockets. */
export type SocketClass = new (...args: unknown[]) => WebSocket;

let known: SocketClass | undefined;

/** socketClass gives the class; there is one. */
export function socketClass(Base: WsClass): SocketClass {
  known ??= makeClass(Base);
  return known;
}

function makeClass(Base: WsClass): SocketClass {
  return class ServedWebSocket extends Base implements WebSocket {
    declare environ: Environ;
    declare owner: SocketOwner;
    declare connection: Connection;
    pending = 0;
    #holds = 0;
    /** When the client was asked last, or the socket began. */
    #since = 0;
    #isAsked = false;
    #hasAnswered = false;
    /** How much had come and gone by then. */
    #read = 0;
    #sent = 0;

    begin(owner: SocketOwner, connection: Connection, environ: Environ): void {
      this.owner = owner;
      this.connection = connection;
      this.environ = environ;
      this.#since = now();
      this.on("message", onMessage);
      this.on("pong", onPong);
      this.on("error", onError);
      this.on("close", onClose);
    }

    override send(data: string | Uint8Array, ...rest: unknown[]): void {
      this.#checkRoom();
      super.send(data, ...rest);
    }

    /** Called for each ping of the client, too. */
    override pong(...rest: unknown[]): void {
      this.#checkRoom();
      super.pong(...rest);
    }

    #checkRoom(): void {
      if (this.readyState === this.OPEN && this.bufferedAmount > this.owner.backpressure) this.terminate();
    }

    hold(): void {
      if (this.#holds++ === 0) this.pause();
    }

    letGo(): void {
      if (--this.#holds === 0) this.resume();
    }

    answered(): void {
      this.#hasAnswered = true;
    }

    checkLife(time: number, interval: number): void {
      if (this.readyState !== this.OPEN || this.isPaused) this.#rest(time);
      else if (time - this.#since >= interval) {
        if (this.#isAsked && !this.#isAlive) this.terminate();
        else this.#ask(time);
      }
    }

    /** What a client answers is not read now. */
    #rest(time: number): void {
      this.#since = time;
      this.#isAsked = false;
    }

    #ask(time: number): void {
      this.#since = time;
      this.#isAsked = true;
      this.#hasAnswered = false;
      this.#read = this.connection.bytesRead ?? 0;
      this.#sent = this.#bytesSent;
      this.ping();
    }

    /** Whether the client has answered, sends something else, or reads what waits before the question. */
    get #isAlive(): boolean {
      const { bytesRead = 0, writableLength } = this.connection;
      return this.#hasAnswered || bytesRead !== this.#read || (writableLength > 0 && this.#bytesSent !== this.#sent);
    }

    get #bytesSent(): number {
      const { bytesWritten = 0, writableLength } = this.connection;
      return bytesWritten - writableLength;
    }
  };
}

/** Milliseconds that only grow. */
export function now(): number {
  return Math.round(performance.now());
}

// Shared by all sockets: what listens has to be kept for each.

interface Served extends WebSocket {
  readonly owner: SocketOwner;
  answered(): void;
}

/** As in browsers, nothing is told of what comes once the socket is closing. */
function onMessage(this: Served, data: Uint8Array, isBinary: boolean): void {
  if (this.readyState === this.OPEN) this.owner.message(this, data, isBinary);
}

function onPong(this: Served): void {
  this.answered();
}

function onError(this: Served, error: Error): void {
  this.owner.failed(this, error);
}

function onClose(this: Served, code: number, reason: Uint8Array): void {
  this.owner.closed(this, code, String(reason));
}
