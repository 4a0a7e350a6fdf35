/** A sink over Node's `ServerResponse`. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TsgiError } from "../errors.ts";
import type { Sink } from "../exchange/sink.ts";
import type { Chunk, HeaderList, StatusLine } from "../gateway.ts";
import { checkHeaders, isBeyondAscii, preparedHeaders } from "../http/field-rules.ts";
import { headerPairs } from "../http/headers.ts";
import type { Status } from "../http/status.ts";
import type { Connection } from "./connection.ts";

/**
 * How many bytes of a response wait for the client before its body is asked to wait, too. Node's own mark of 16 KiB makes a
 * small stream wait between its chunks: twice the CPU time for 64 KiB in 16 chunks.
 */
const BUFFERED = 128 * 1024;

export class NodeSink implements Sink {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: Connection;
  #watcher: (() => void) | undefined;
  /** Whether the head holds a character beyond ASCII. */
  #isLatin1 = false;
  #room: Promise<void> | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, connection: Connection) {
    this.#request = request;
    this.#response = response;
    this.#connection = connection;
    connection.begin(response);
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  writeHead(status: Status, headers: HeaderList, length: number): void {
    const closes = this.#connection.endsWith(this.#response);
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
    if (hasRoom || this.#response.writableLength < BUFFERED) return;
    this.#room ??= this.#untilRoom();
    return this.#room;
  }

  #untilRoom(): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        this.#room = undefined;
        this.#connection.unwatch(go);
        this.#response.off("drain", go);
        resolve();
      };
      this.#response.on("drain", go);
      this.#connection.watch(go);
    });
  }

  end(chunk?: Chunk): void {
    if (!this.#request.complete) this.#connection.dropRequest();
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
    // Without a length and without chunks, only a reset tells the end of the body from its loss.
    const cut = () => (this.#request.httpVersion === "1.0" ? reset(socket) : socket.destroySoon());
    if (response.socket !== null || socket.destroyed) cut();
    // Earlier responses on the connection come first.
    else response.once("socket", () => process.nextTick(cut));
    this.#finished();
  }

  onClose(callback: () => void): void {
    this.#watcher = callback;
    this.#connection.watch(callback);
  }

  #finished(): void {
    if (this.#watcher !== undefined) this.#connection.unwatch(this.#watcher);
    this.#connection.finished();
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
    if (!/^1(?!01)\d\d [\t\x20-\x7e]*$/.test(status)) {
      throw new TsgiError("TSGI_BAD_STATUS", `${JSON.stringify(status)} is no informational response`, {
        hint: 'Send "103 Early Hints", "102 Processing" or "100 Continue".',
      });
    }
    checkHeaders(headers);
    const response = this.#response;
    // HTTP/1.0 has none of these, and a response that waits for its turn on the connection cannot be announced yet.
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
    // Only plain TCP can be reset; TLS tells a lost connection from its end by itself.
    socket.destroy();
  }
}
