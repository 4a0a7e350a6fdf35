/** What an app does with its WebSockets, and what it gets for it. */

import type { Environ } from "../../src/gateway.ts";

/** What is done with each WebSocket. What one of these throws or rejects with is reported, and closes the socket with 1011. */
export interface WebsocketHandlers {
  /** The socket is open. Where a promise is returned, messages wait for it. */
  open?(socket: WebsocketConnection, environ: Environ): unknown;
  /**
   * A message came: text as a string, anything else as bytes. Messages do not wait for the promises of earlier ones; once 16 of
   * these are pending, the client has to wait.
   */
  message?(socket: WebsocketConnection, data: string | Uint8Array, isBinary: boolean): unknown;
  /** The socket is closed, by either side: 1006 where that was without a close frame (RFC 6455 §7.4). Called once. */
  close?(socket: WebsocketConnection, code: number, reason: string): unknown;
  /** The client broke the protocol; `close` follows. */
  error?(socket: WebsocketConnection, error: Error): unknown;
  /** Enough of what waited for the client has been sent for more to be sent. */
  drain?(socket: WebsocketConnection): unknown;
}

/** An open WebSocket: a `WebSocket` of `ws`, of which these are the members that most apps need. */
export interface WebsocketConnection {
  /**
   * The request that it began with, without its headers, which only `open` sees. Its `tsgi.state` is a place for what belongs to
   * the socket.
   */
  readonly environ: Environ;
  /** The subprotocol that was chosen; empty where there is none. */
  readonly protocol: string;
  /** 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** How many bytes wait for the client. */
  readonly bufferedAmount: number;
  /**
   * Sends a message: a string as text, bytes as binary. Where more than `backpressure` bytes wait already, the client is cut.
   * Calls back when the message has been handed over, or with an error.
   */
  send(data: string | Uint8Array, callback?: (error?: Error) => void): void;
  /** Begins to close: with a code of 1000, or from 3000 to 4999, and a reason of up to 123 bytes (RFC 6455 §7.1.2). */
  close(code?: number, reason?: string): void;
  /** Cuts the connection. */
  terminate(): void;
  /** Reads nothing more from the client until `resume`. */
  pause(): void;
  /** Reads on. */
  resume(): void;
}
