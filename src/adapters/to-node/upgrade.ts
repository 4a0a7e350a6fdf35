/** A request of the `upgrade` event of a Node server: taken over by the app, or answered as any other. */

import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { HeaderList } from "../../gateway.ts";
import type { Status } from "../../http/status.ts";
import { ResponseSink } from "./sink.ts";

/** What Node tells of a socket: the response that it is sending there. */
interface HttpSocket extends Socket {
  readonly _httpMessage?: ServerResponse | null;
}

/**
 * Calls back once the responses to earlier requests of the connection are sent: at once for all clients that do not pipeline.
 * Not where the connection ends before.
 */
export function whenFree(socket: HttpSocket, callback: () => void): void {
  // Node has removed its own listeners: an error without one would end the process.
  socket.on("error", ignore);
  const earlier = socket._httpMessage;
  if (earlier === undefined || earlier === null) {
    // Node may have set the limit of an idle connection.
    socket.setTimeout(0);
    if (socket.writable) callback();
    return;
  }
  const onDrain = () => earlier.emit("drain");
  socket.on("drain", onDrain);
  earlier.once("close", () => {
    socket.off("drain", onDrain);
    socket.off("error", ignore);
    whenFree(socket, callback);
  });
}

/**
 * The response to such a request: Node makes none, and has let go of the socket. It is the last one of its connection, since
 * Node reads no further request there.
 */
export function responseOf(request: IncomingMessage): ServerResponse {
  const { socket } = request;
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  socket.on("drain", () => response.emit("drain"));
  response.once("finish", () => socket.destroySoon());
  return response;
}

/** A sink that can give its connection away. */
export class UpgradeSink extends ResponseSink {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #socket: Duplex;
  readonly #head: Uint8Array;
  #isTaken = false;
  /** Whether the request has a body; set before the app runs. */
  hasBody = false;

  constructor(request: IncomingMessage, response: ServerResponse, socket: Duplex, head: Uint8Array) {
    super(request, response, undefined, false);
    this.#request = request;
    this.#response = response;
    this.#socket = socket;
    this.#head = head;
    socket.on("error", ignore);
  }

  override writeHead(status: Status, headers: HeaderList, length: number): void {
    super.writeHead(status, headers, length);
    // Nobody wants what follows, but reading on is how a client that leaves is noticed.
    if (!this.hasBody) this.#socket.resume();
  }

  get upgrade(): (() => Duplex) | undefined {
    const isAsked = this.#request.httpVersion !== "1.0" && !this.hasBody;
    const isThere = this.#socket.readable && !this.#response.headersSent && !this.closed;
    return isAsked && isThere && !this.#isTaken ? () => this.#takeOver() : undefined;
  }

  #takeOver(): Duplex {
    const socket = this.#socket;
    this.#isTaken = true;
    this.#response.detachSocket(this.#request.socket);
    if (this.#head.length > 0) socket.unshift(this.#head);
    return socket;
  }
}

function ignore(): void {}
