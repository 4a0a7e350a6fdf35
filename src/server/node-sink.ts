/** A sink over Node's `ServerResponse`. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { TsgiError } from "../errors.ts";
import type { Chunk, HeaderList, StatusLine } from "../gateway.ts";
import type { Sink } from "../response.ts";
import type { Status } from "../status.ts";
import type { Connection } from "./connection.ts";

/** How much of a request body that nobody read is taken off the wire before the connection is closed instead, in bytes. */
const DISCARDED = 1024 * 1024;

export class NodeSink implements Sink {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #connection: Connection;
  readonly #bodyTimeout: number;
  #watcher: (() => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, connection: Connection, bodyTimeout: number) {
    this.#request = request;
    this.#response = response;
    this.#connection = connection;
    this.#bodyTimeout = bodyTimeout;
    connection.begin(response);
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  head(status: Status, headers: HeaderList, length: number): void {
    const lines: string[] = [];
    for (let index = 0; index < headers.length; index++) {
      const line = headers[index] as [string, string];
      lines.push(line[0], line[1]);
    }
    if (length >= 0) lines.push("Content-Length", String(length));
    if (this.#connection.leaving) lines.push("Connection", "close");
    this.#response.writeHead(status.code, status.reason, lines);
  }

  flush(): void {
    this.#response.flushHeaders();
  }

  write(chunk: Chunk): void | Promise<void> {
    if (this.#response.write(chunk)) return;
    const connection = this.#connection;
    connection.stalled = true;
    connection.socket.setTimeout(this.#bodyTimeout);
    return new Promise((resolve) => {
      const go = () => {
        connection.stalled = false;
        connection.unwatch(go);
        this.#response.off("drain", go);
        resolve();
      };
      this.#response.on("drain", go);
      connection.watch(go);
    });
  }

  end(chunk?: Chunk): void {
    if (chunk === undefined) this.#response.end();
    else this.#response.end(chunk);
    const { input, socket } = this.#connection;
    if (!this.#request.complete && input?.isOpen) input.discard(DISCARDED, () => socket.destroy());
    this.#finished();
  }

  cut(): void {
    const { socket } = this.#connection;
    // Without a length and without chunks, only a reset tells the end of the body from its loss.
    if (this.#response.req.httpVersion === "1.0" && "resetAndDestroy" in socket) socket.resetAndDestroy();
    else if (this.#response.socket === null) socket.destroy();
    else socket.destroySoon();
    this.#finished();
  }

  watch(callback: () => void): void {
    this.#watcher = callback;
    this.#connection.watch(callback);
  }

  #finished(): void {
    if (this.#watcher !== undefined) this.#connection.unwatch(this.#watcher);
    this.#connection.finished();
  }

  get requestHeaders(): HeaderList {
    return pairs(this.#request.rawHeaders);
  }

  get requestTrailers(): HeaderList {
    return pairs(this.#request.rawTrailers);
  }

  inform(status: StatusLine, headers: HeaderList): void {
    const response = this.#response;
    if (response.headersSent || this.closed || this.#request.httpVersion === "1.0") return;
    const code = Number(status.slice(0, 3));
    if (code === 103) {
      const hints: Record<string, string | string[]> = {};
      for (const [name, value] of headers) {
        const key = name.toLowerCase();
        hints[key] = key in hints ? [hints[key] as string, value].flat() : value;
      }
      response.writeEarlyHints(hints);
    } else if (code === 102) response.writeProcessing();
    else if (code === 100) response.writeContinue();
    else {
      throw new TsgiError("TSGI_BAD_STATUS", `${JSON.stringify(status)} is no informational response`, {
        hint: 'Send "100 Continue", "102 Processing" or "103 Early Hints".',
      });
    }
  }
}

function pairs(lines: readonly string[]): HeaderList {
  const list: HeaderList = [];
  for (let index = 0; index < lines.length; index += 2) list.push([lines[index] as string, lines[index + 1] as string]);
  return list;
}
