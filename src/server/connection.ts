/** The state of a connection: its peer, its open exchanges and its watchers. */

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { clientGone } from "../errors.ts";
import { type Peer, plainAddress } from "../exchange/environ.ts";
import type { NodeInput } from "./node-input.ts";

/** How long a client that still sends may take to read its last answer, in milliseconds. */
const LINGER = 2000;

/** How much of an unread request body is read and discarded, in bytes, before the connection is closed instead. */
const DISCARD_LIMIT = 1024 * 1024;

/** A property of the socket: a look-up in a `WeakMap` for each request is measurably slower. */
const CONNECTION: unique symbol = Symbol("tsgi.connection");

interface KnownSocket extends Socket {
  [CONNECTION]?: Connection;
}

/** An object that is told how its connection ends. */
export interface Watcher {
  /** The client went away, or the connection was closed. */
  connectionClosed(): void;
  /** The server is closing; the connection still works. */
  serverCloses?(): void;
}

/** Connection keeps what the server knows of one socket. */
export class Connection implements Peer {
  readonly address: string;
  readonly port: string;
  readonly socket: Socket;
  /** How many exchanges have not handed their response over yet. */
  pending = 0;
  /** How many requests it has carried. */
  count = 0;
  /** The response and the input of the latest request, while one of them is unfinished. */
  response: ServerResponse | undefined;
  input: NodeInput | undefined;
  #lastWait: unknown;
  #lastAnswer: ((socket: Socket) => void) | undefined;
  #lingersOnClose = false;
  #isLingering = false;
  /** Usually at most one, so no set is allocated. */
  #watcher: Watcher | undefined;
  #moreWatchers: Set<Watcher> | undefined;

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
      const watchers = this.#watchers();
      this.#watcher = undefined;
      this.#moreWatchers = undefined;
      for (const watcher of watchers) watcher.connectionClosed();
    });
  }

  get closed(): boolean {
    return this.socket.destroyed;
  }

  #watchers(): Watcher[] {
    return this.#watcher === undefined ? [] : [this.#watcher, ...(this.#moreWatchers ?? [])];
  }

  /** Tells a watcher once when the connection ends; at once if it has ended. */
  watch(watcher: Watcher): void {
    if (this.closed) watcher.connectionClosed();
    else if (this.#watcher === undefined) this.#watcher = watcher;
    else {
      this.#moreWatchers ??= new Set();
      this.#moreWatchers.add(watcher);
    }
  }

  /** Stops telling a watcher. */
  unwatch(watcher: Watcher): void {
    if (this.#watcher === watcher) {
      const [next] = this.#moreWatchers ?? [];
      this.#watcher = next;
      if (next !== undefined) this.#moreWatchers?.delete(next);
    } else this.#moreWatchers?.delete(watcher);
  }

  /** Whether the app is still waiting for the same chunk of a request body as at the call before. */
  checkStalled(): boolean {
    const before = this.#lastWait;
    this.#lastWait = this.input?.wait;
    return before !== undefined && this.#lastWait === before;
  }

  /** Whether bytes of a response are waiting for the client to read them. */
  get isStalled(): boolean {
    return this.socket.writableLength > 0;
  }

  /** Whether the connection accepts no further requests. */
  get isClosing(): boolean {
    return this.#lastAnswer !== undefined;
  }

  /**
   * Whether the unread part of the request is too long to be discarded. The connection then has to end with this response,
   * and the client has to be told, or its next request would find the connection closed.
   */
  hasExcessiveInput(response: ServerResponse): boolean {
    return this.response === response && this.input !== undefined && this.input.exceeds(DISCARD_LIMIT);
  }

  /** Whether this response is the last one on the connection. */
  closesAfter(response: ServerResponse): boolean {
    return this.#lastAnswer === closeSocket && this.response === response;
  }

  /** Counts an exchange that begins. */
  beginExchange(response: ServerResponse): void {
    this.pending++;
    this.count++;
    this.response = response;
    this.input = undefined;
  }

  /** Forgets a response that Node has written to the socket. */
  releaseResponse(response: ServerResponse): void {
    if (this.response !== response) return;
    this.response = undefined;
    if (!this.input?.isOpen) this.input = undefined;
  }

  /** Counts an exchange that has handed its response over. */
  endExchange(): void {
    this.pending--;
    if (this.#lastAnswer !== undefined) this.#closeOnceSent();
  }

  /**
   * Accepts no further requests, and closes the connection once no response is pending. `lastAnswer` may write an answer
   * before it closes. Only the first call counts.
   */
  closeWhenIdle(lastAnswer: (socket: Socket) => void = closeSocket): void {
    if (this.#lastAnswer !== undefined) return;
    this.#lastAnswer = lastAnswer;
    this.#closeOnceSent();
  }

  #closeOnceSent(): void {
    if (this.pending > 0) return;
    const close = () => this.#lastAnswer?.(this.socket);
    // Node ends the connection of a last response between its "finish" and its "close".
    if (this.response === undefined || this.response.destroyed) close();
    else this.response.once("close", close);
  }

  /** Tells the exchanges that the server is closing, and closes the connection when they have ended. */
  closeWithServer(): void {
    this.closeWhenIdle();
    for (const watcher of this.#watchers()) watcher.serverCloses?.();
  }

  /** Discards the rest of a request body that the app has not read before it answered. */
  discardInput(): void {
    const { input } = this;
    if (input === undefined || !input.isOpen) return;
    this.lingerOnClose();
    input.discard(DISCARD_LIMIT, () => this.closeWhenIdle());
  }

  /**
   * Gives the client time to read when the connection is closed, also when Node closes it. Closing at once would reset a
   * client that is still sending, and it would never see the answer.
   */
  lingerOnClose(): void {
    if (this.#lingersOnClose) return;
    this.#lingersOnClose = true;
    this.socket.destroySoon = () => this.#linger();
  }

  #linger(): void {
    if (this.#isLingering) return;
    this.#isLingering = true;
    const { socket } = this;
    socket.end(() => {
      const timer = setTimeout(() => socket.destroy(), LINGER);
      timer.unref();
      socket.once("close", () => clearTimeout(timer));
    });
  }
}

function closeSocket(socket: Socket): void {
  socket.destroySoon();
}
