/** Makes WebSockets of connections, and calls the handlers. */

import { reportError } from "../../src/exchange/report.ts";
import type { Environ, Exchange, HeaderList } from "../../src/gateway.ts";
import { isPromise } from "../../src/promise.ts";
import type { WebsocketHandlers } from "./handlers.ts";
import type { Handshake } from "./handshake.ts";
import { keptEnviron } from "./kept-environ.ts";
import { loadWs, type WsRequest, type WsServer } from "./package.ts";
import { type Connection, type SocketClass, type SocketOwner, socketClass, type WebSocket } from "./socket.ts";
import { Sweep } from "./sweep.ts";

/** What holds for every socket. Sizes are bytes, durations milliseconds. */
export interface Limits {
  readonly maxPayload: number;
  readonly compress: boolean;
  readonly ping: number;
  readonly backpressure: number;
}

/** What the package is given as the request. */
interface Accepted extends WsRequest {
  /** The headers that layers have added to the 101. */
  readonly added: HeaderList;
}

const NO_BYTES = new Uint8Array(0);

/** What the 101 has of its own, or cannot have (RFC 9110 §8.6). */
const OWN: ReadonlySet<string> = new Set([
  "content-length",
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-protocol",
]);

/** RFC 6455 §7.4.1: the app has failed. */
const INTERNAL_ERROR = 1011;

/** How many promises of `message` may be pending for a socket before its client has to wait. */
const MOST_PENDING = 16;

/** Acceptor makes the WebSockets of one app. */
export class Acceptor implements SocketOwner {
  readonly backpressure: number;
  readonly #handlers: WebsocketHandlers;
  readonly #server: WsServer<WebSocket, Accepted>;
  readonly #sweep: Sweep;

  /** Throws `TSGI_NO_PACKAGE`. */
  constructor(handlers: WebsocketHandlers, { maxPayload, compress, ping, backpressure }: Limits) {
    const { WebSocketServer, WebSocket } = loadWs();
    const ServedSocket: SocketClass = socketClass(WebSocket);
    this.#handlers = handlers;
    this.backpressure = backpressure;
    this.#sweep = new Sweep(ping);
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload,
      maxFragments: mostPieces(maxPayload),
      maxBufferedChunks: mostPieces(maxPayload),
      perMessageDeflate: compress,
      WebSocket: ServedSocket,
    });
    this.#server.on("headers", addHeaders);
  }

  /** Whether the server of an exchange closes. */
  isClosing(exchange: Exchange): boolean {
    return this.#sweep.isClosing(exchange);
  }

  /** Makes a WebSocket of a connection that was taken over. */
  accept(connection: object, added: HeaderList, handshake: Handshake, environ: Environ): void {
    const request: Accepted = {
      method: "GET",
      url: environ.REQUEST_URI,
      headers: {
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": handshake.key,
        "sec-websocket-protocol": handshake.protocol,
        "sec-websocket-extensions": handshake.extensions,
      },
      added,
    };
    // A head is Latin-1, and written as text; all else is written as bytes.
    (connection as Connection).setDefaultEncoding("latin1");
    this.#server.handleUpgrade(request, connection, NO_BYTES, (socket) => {
      (connection as Connection).setDefaultEncoding("utf8");
      this.#open(socket, connection as Connection, environ);
    });
  }

  #open(socket: WebSocket, connection: Connection, environ: Environ): void {
    const { open, drain } = this.#handlers;
    socket.begin(this, connection, keptEnviron(environ));
    this.#sweep.add(socket);
    if (drain !== undefined) connection.on("drain", () => this.#call(socket, () => drain(socket)));
    if (open === undefined) return;
    const opening = this.#call(socket, () => open(socket, environ));
    if (opening === undefined) return;
    socket.hold();
    void opening.then(() => socket.letGo());
  }

  message(socket: WebSocket, data: Uint8Array, isBinary: boolean): void {
    const { message } = this.#handlers;
    if (message === undefined) return;
    const handling = this.#call(socket, () => message(socket, isBinary ? data : String(data), isBinary));
    if (handling === undefined) return;
    if (++socket.pending === MOST_PENDING) socket.hold();
    void handling.then(() => {
      if (socket.pending-- === MOST_PENDING) socket.letGo();
    });
  }

  failed(socket: WebSocket, error: Error): void {
    const { error: onError } = this.#handlers;
    if (onError !== undefined) this.#call(socket, () => onError(socket, error));
  }

  closed(socket: WebSocket, code: number, reason: string): void {
    const { close } = this.#handlers;
    this.#sweep.remove(socket);
    if (close !== undefined) this.#call(socket, () => close(socket, code, reason));
  }

  /** Calls a handler. Gives a promise, which never rejects, where the handler takes its time. */
  #call(socket: WebSocket, call: () => unknown): Promise<unknown> | undefined {
    const fail = (error: unknown): void => {
      reportError(socket.environ, error);
      if (socket.readyState === socket.OPEN) socket.close(INTERNAL_ERROR);
    };
    try {
      const result = call();
      return isPromise(result) ? Promise.resolve(result).then(undefined, fail) : undefined;
    } catch (error) {
      fail(error);
      return undefined;
    }
  }
}

/** In how many pieces a message may come: each costs a hundred bytes, however small it is. */
function mostPieces(maxPayload: number): number {
  return Math.max(4096, Math.ceil(maxPayload / 256));
}

function addHeaders(lines: string[], { added }: Accepted): void {
  for (const [name, value] of added) if (!OWN.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
}
