/** One connection to a target, for one request at a time. */

import type { Socket } from "node:net";
import { type Connecting, connect } from "./connect.ts";
import type { Client } from "./package.ts";

export type ClientClass = new (origin: string, options: object) => Client;

/** What every connection of a pool has. Durations are milliseconds, sizes bytes. */
export interface ConnectionSettings {
  readonly Client: ClientClass;
  readonly connecting: Connecting;
  /** How long a connection waits for its next request. */
  readonly keepAliveTimeout: number;
  /** How large the head of a response may be. */
  readonly maxHeadSize: number;
}

/** How much earlier than the target a connection is given up that the target says it will close. */
const HEAD_START = 1000;

/**
 * A client of undici with one socket. Only so it is known whether a request went out on a socket that had been used before, and
 * a repeat can be made to go out on a new one.
 */
export class Connection {
  readonly client: Client;
  readonly bornAt: number;
  /** The socket; another one where the target has closed the last one before the request was written. */
  socket: Socket | undefined;
  /** Responses that have come by this socket. */
  responses = 0;
  /** Whether the socket has failed. */
  hasFailed = false;

  constructor({ Client, connecting, keepAliveTimeout, maxHeadSize }: ConnectionSettings, onClose: () => void) {
    this.bornAt = performance.now();
    this.client = new Client(connecting.target.isSecure ? "https://target" : "http://target", {
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      // Undici has no 0; those connections are not kept.
      keepAliveTimeout: Math.max(1, keepAliveTimeout),
      keepAliveTimeoutThreshold: HEAD_START,
      maxHeaderSize: maxHeadSize,
      connect: (_options: unknown, callback: (error: Error | null, socket: Socket | null) => void) => {
        this.responses = 0;
        this.hasFailed = false;
        // Listens before undici does, which takes a reset for the end of a body without a length.
        this.socket = connect(connecting, callback).on("error", () => {
          this.hasFailed = true;
        });
        if (!connecting.isHttp10) watchVersion(this.socket, connecting);
      },
    });
    this.client.on("disconnect", onClose);
    this.client.on("error", () => {});
  }

  /** Whether a request was answered by this socket, so that the target may have closed it since. */
  get isUsed(): boolean {
    return this.responses > 0;
  }

  get isOpen(): boolean {
    return this.socket !== undefined && !this.socket.destroyed;
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
      if (bytes.toString("latin1", 0, 8) === "HTTP/1.0") connecting.isHttp10 = true;
    }
    return bytes;
  };
}
