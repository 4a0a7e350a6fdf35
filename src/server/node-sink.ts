/** A sink over Node's `ServerResponse`. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Sink } from "../exchange/sink.ts";
import type { Chunk, HeaderList, StatusLine } from "../gateway.ts";
import { isBeyondAscii, preparedHeaders } from "../http/field-rules.ts";
import { getHeader, headerPairs } from "../http/headers.ts";
import type { Status } from "../http/status.ts";
import type { Connection, Watcher } from "./connection.ts";

/**
 * How many bytes of a response may be buffered before its body has to wait. Node's own mark of 16 KiB makes a small stream
 * wait between its chunks: twice the CPU time for 64 KiB in 16 chunks.
 */
const HIGH_WATER_MARK = 128 * 1024;

const NO_HEADERS: HeaderList = [];
const EVENT_STREAM = "text/event-stream";

/** NodeSink sends one response through Node's `ServerResponse`. */
export class NodeSink implements Sink, Watcher {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: Connection;
  #headers: HeaderList = NO_HEADERS;
  #onClose: (() => void) | undefined;
  /** Whether the head holds a character beyond ASCII. */
  #isLatin1 = false;
  #room: Promise<void> | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, connection: Connection) {
    this.#request = request;
    this.#response = response;
    this.#connection = connection;
    connection.beginExchange(response);
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  writeHead(status: Status, headers: HeaderList, length: number): void {
    this.#headers = headers;
    if (this.#connection.hasExcessiveInput(this.#response)) this.#connection.closeWhenIdle();
    const closes = this.#connection.closesAfter(this.#response);
    const ready = preparedHeaders(headers);
    if (ready !== undefined && length < 0 && !closes) {
      this.#isLatin1 = ready.isLatin1;
      this.#response.writeHead(status.code, status.reason, ready.lines as string[]);
      return;
    }
    const lines: string[] = [];
    for (let index = 0; index < headers.length; index++) {
      const line = headers[index] as [string, string];
      if (isBeyondAscii(line[1])) this.#isLatin1 = true;
      lines.push(line[0], line[1]);
    }
    if (length >= 0) lines.push("Content-Length", String(length));
    if (closes) lines.push("Connection", "close");
    this.#response.writeHead(status.code, status.reason, lines);
  }

  flush(): void {
    if (this.#isLatin1) this.#response.write(Buffer.alloc(0));
    else this.#response.flushHeaders();
  }

  write(chunk: Chunk): void | Promise<void> {
    const hasRoom = this.#response.write(this.#apartFromHead(chunk));
    if (hasRoom || this.#response.writableLength < HIGH_WATER_MARK) return;
    this.#room ??= this.#untilRoom();
    return this.#room;
  }

  #untilRoom(): Promise<void> {
    return new Promise((resolve) => {
      const resume = () => {
        this.#room = undefined;
        this.#connection.unwatch(watcher);
        this.#response.off("drain", resume);
        resolve();
      };
      const watcher: Watcher = { connectionClosed: resume };
      this.#response.on("drain", resume);
      this.#connection.watch(watcher);
    });
  }

  end(chunk?: Chunk): void {
    if (!this.#request.complete) this.#connection.discardInput();
    if (chunk === undefined) this.#response.end();
    else this.#response.end(this.#apartFromHead(chunk));
    this.#finished();
  }

  /** Node sends the head in the encoding of a first chunk that is text, but a head is Latin-1. */
  #apartFromHead(chunk: Chunk): Chunk {
    return this.#isLatin1 && typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  }

  abort(): void {
    const response = this.#response;
    const { socket } = this.#connection;
    // From Node 26 on, the chunks of this turn are still in the response.
    if (response.writableCorked > 0) response.uncork();
    // Without a length and without chunks, only a reset tells a lost body from a complete one.
    const cut = () => (this.#request.httpVersion === "1.0" ? reset(socket) : socket.destroySoon());
    if (response.socket !== null || socket.destroyed) cut();
    // Earlier responses on the connection come first.
    else response.once("socket", () => process.nextTick(cut));
    this.#finished();
  }

  onClose(callback: () => void): void {
    this.#onClose = callback;
    this.#connection.watch(this);
  }

  connectionClosed(): void {
    this.#onClose?.();
  }

  /**
   * Ends an event stream when its server closes: it would never end by itself, and its client connects again. Other
   * responses are sent to their end.
   */
  serverCloses(): void {
    if (!this.#isEventStream) return;
    this.#onClose?.();
    if (this.#response.headersSent) this.end();
    else this.abort();
  }

  get #isEventStream(): boolean {
    return this.#response.headersSent
      ? (getHeader(this.#headers, "Content-Type") ?? "").toLowerCase().startsWith(EVENT_STREAM)
      : getHeader(this.requestHeaders, "Accept") === EVENT_STREAM;
  }

  #finished(): void {
    if (this.#onClose !== undefined) this.#connection.unwatch(this);
    this.#connection.endExchange();
  }

  get requestHeaders(): HeaderList {
    return headerPairs(this.#request.rawHeaders);
  }

  get requestTrailers(): HeaderList {
    return headerPairs(this.#request.rawTrailers);
  }

  get server(): object | undefined {
    return (this.#connection.socket as { server?: object }).server;
  }

  inform(status: StatusLine, headers: HeaderList): void {
    const response = this.#response;
    // HTTP/1.0 has no informational responses, and a response that is not first on the connection has to wait its turn.
    if (response.headersSent || response.socket === null || this.closed || this.#request.httpVersion === "1.0") return;
    if (status.startsWith("100 ")) response.writeContinue();
    else {
      const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
      response.socket.write(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`, "latin1");
    }
  }
}

function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    // Only plain TCP can be reset; TLS itself tells a lost connection from a closed one.
    socket.destroy();
  }
}
