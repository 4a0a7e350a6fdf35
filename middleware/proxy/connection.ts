/** One connection to a target: for one request at a time, or for many over HTTP/2. */

import type { Socket } from "node:net";
import { type Connecting, connect, type Http2, speaksHttp2 } from "./connect.ts";
import type { Client, Controller } from "./package.ts";
import { ReadMemory } from "./read-memory.ts";

export type ClientClass = new (origin: string, options: object) => Client;

/** What every connection of a pool has. Durations are milliseconds, sizes bytes. */
export interface ConnectionSettings {
  readonly Client: ClientClass;
  readonly connecting: Connecting;
  /** How long a connection waits for its next request. */
  readonly keepAliveTimeout: number;
  /** How large the head of a response may be. */
  readonly maxHeadSize: number;
  readonly http2: Http2;
}

/** Who has connections. */
export interface ConnectionOwner {
  /** A connection has turned out to speak HTTP/2, or not to. */
  connected(connection: Connection, isHttp2: boolean): void;
  /** The socket was closed. */
  disconnected(connection: Connection): void;
}

/** How much earlier than the target a connection is given up that the target says it will close. */
const HEAD_START = 1000;

/**
 * How many requests an HTTP/2 connection is given at once. A target may allow fewer; the others wait within undici then.
 */
const MOST_STREAMS = 100;

/**
 * How many requests that were given up an HTTP/2 connection carries: a server of Node takes a thousand for an attack, and ends it
 * with all that is under way.
 */
const MOST_CANCELLED = 500;

/**
 * A client of undici with one socket. Only so it is known whether a request went out on a socket that had been used before, and
 * a repeat can be made to go out on a new one.
 */
export class Connection {
  readonly client: Client;
  readonly bornAt: number;
  /** The socket; another one where the target has closed the last one before the request was written. */
  socket: Socket | undefined;
  /** What the socket reads into, where that is known. */
  memory: ReadMemory | undefined;
  /** The request that was written last, while it is under way. */
  underWay: Controller | undefined;
  /** Responses that have come by this socket. */
  responses = 0;
  /** Whether the socket has failed. */
  hasFailed = false;
  /** Whether it is for many requests at once. It stays so. */
  isShared: boolean;
  /** How many requests are under way, and how many were given up amid. */
  streams = 0;
  cancelled = 0;

  /** `isShared` says that the target is known to speak HTTP/2. */
  constructor(settings: ConnectionSettings, owner: ConnectionOwner, isShared: boolean) {
    const { Client, connecting, keepAliveTimeout, maxHeadSize, http2 } = settings;
    this.isShared = isShared;
    this.bornAt = performance.now();
    this.client = new Client(connecting.target.isSecure ? "https://target" : "http://target", {
      pipelining: 1,
      allowH2: http2 !== false,
      headersTimeout: 0,
      bodyTimeout: 0,
      // Undici has no 0; those connections are not kept.
      keepAliveTimeout: Math.max(1, keepAliveTimeout),
      keepAliveTimeoutThreshold: HEAD_START,
      maxHeaderSize: maxHeadSize,
      connect: (_options: unknown, callback: (error: Error | null, socket: Socket | null) => void) => {
        const connected = (error: Error | null, socket: Socket | null): void => {
          if (socket !== null) {
            const isHttp2 = speaksHttp2(socket);
            if (isHttp2) this.isShared = true;
            owner.connected(this, isHttp2);
          }
          callback(error, socket);
        };
        this.responses = 0;
        this.hasFailed = false;
        // Listens before undici does, which takes a reset for the end of a body without a length.
        // An HTTP/2 session reads by itself.
        this.memory = http2 === false ? new ReadMemory() : undefined;
        const socket = connect(connecting, http2 === false ? callback : connected, http2, this.memory);
        this.socket = socket.on("error", (error: NodeJS.ErrnoException) => {
          this.hasFailed = true;
          // Of a response that is paused undici would throw.
          if (error.code === "ECONNRESET") error.code = "EPIPE";
        });
        // So would it at the end of a body without a length; there is no more to wait for.
        socket.on("end", () => this.underWay?.resume());
        if (http2 === false) watchVersion(this.socket, connecting);
      },
    });
    this.client.on("disconnect", () => owner.disconnected(this));
    this.client.on("error", () => {});
  }

  /** Whether a request was answered by this socket, so that the target may have closed it since. */
  get isUsed(): boolean {
    return this.responses > 0;
  }

  get isOpen(): boolean {
    return this.socket !== undefined && !this.socket.destroyed;
  }

  /** Whether another request may go by it beside those that are under way. */
  get hasRoom(): boolean {
    return this.streams < MOST_STREAMS && this.cancelled < MOST_CANCELLED && this.socket?.destroyed !== true;
  }

  /** Whether too many requests were given up for it to carry more. */
  get isWorn(): boolean {
    return this.cancelled >= MOST_CANCELLED;
  }

  /** Has it carry no more requests than those that are under way. */
  wear(): void {
    this.cancelled = MOST_CANCELLED;
  }

  destroy(error: Error): void {
    this.client.destroy(error, () => {});
    // What is still connecting is undici's only when it is done.
    this.socket?.destroy();
  }
}

/** Looks at the first bytes that undici reads: it does not tell the version of a response. */
function watchVersion(socket: Socket, connecting: Connecting): void {
  const { read } = socket;
  socket.read = (size) => {
    const bytes = read.call(socket, size) as Buffer | null;
    if (bytes !== null) {
      socket.read = read;
      // A target that was HTTP/1.0 may have been replaced since.
      connecting.isHttp10 = bytes.toString("latin1", 0, 8) === "HTTP/1.0";
    }
    return bytes;
  };
}
