/** A sink over the response of any Node server: HTTP/1, HTTPS, HTTP/2, with or without a framework around it. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { Sink } from "../../exchange/sink.ts";
import type { Chunk, HeaderList } from "../../gateway.ts";
import { headerPairs } from "../../http/headers.ts";
import type { Status } from "../../http/status.ts";

const INTERNAL_ERROR = 2;

export class ResponseSink implements Sink {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  /** What answers where the app does not have it; called instead of answering 404. */
  readonly #next: (() => void) | undefined;
  #isPassedOn = false;
  #room: Promise<void> | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, next: (() => void) | undefined) {
    this.#request = request;
    this.#response = response;
    this.#next = next;
  }

  get closed(): boolean {
    return this.#response.destroyed || this.#stream?.destroyed === true;
  }

  /** The stream of HTTP/2. */
  get #stream(): Http2ServerResponse["stream"] | undefined {
    return (this.#response as unknown as Partial<Http2ServerResponse>).stream;
  }

  writeHead({ code, reason }: Status, headers: HeaderList, length: number): void {
    if (code === 404 && this.#next !== undefined) {
      this.#isPassedOn = true;
      return;
    }
    const response = this.#response;
    if (this.#stream === undefined && response.getHeaderNames().length === 0) {
      const lines = headers.flat();
      if (length >= 0) lines.push("Content-Length", String(length));
      response.writeHead(code, reason, lines);
      return;
    }
    for (const [name, values] of grouped(headers))
      response.setHeader(name, values.length === 1 ? (values[0] as string) : values);
    if (length >= 0) response.setHeader("Content-Length", length);
    response.statusCode = code;
    // HTTP/2 has no reason phrases (RFC 9113 §8.3.2).
    if (this.#stream === undefined) response.statusMessage = reason;
  }

  flush(): void {
    if (!this.#isPassedOn) this.#response.flushHeaders();
  }

  write(chunk: Chunk): void | Promise<void> {
    if (this.#isPassedOn || this.#response.write(chunk)) return;
    this.#room ??= this.#untilRoom();
    return this.#room;
  }

  #untilRoom(): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        this.#room = undefined;
        this.#response.off("drain", go);
        this.#response.off("close", go);
        resolve();
      };
      this.#response.on("drain", go);
      this.#response.on("close", go);
    });
  }

  end(chunk?: Chunk): void {
    if (this.#isPassedOn) this.#next?.();
    else if (chunk === undefined) this.#response.end();
    else this.#response.end(chunk);
  }

  abort(): void {
    if (this.#isPassedOn) {
      this.#next?.();
      return;
    }
    const { socket, httpVersion } = this.#request;
    if (this.#stream !== undefined) this.#stream.close(INTERNAL_ERROR);
    // Without a length and without chunks, only a reset tells the end of the body from its loss.
    else if (httpVersion === "1.0" && "resetAndDestroy" in socket) socket.resetAndDestroy();
    else socket.destroySoon();
  }

  onClose(callback: () => void): void {
    this.#response.once("close", callback);
  }

  get requestHeaders(): HeaderList {
    return headerPairs(this.#request.rawHeaders);
  }

  get requestTrailers(): HeaderList {
    return headerPairs(this.#request.rawTrailers);
  }
}

/** The values of each name, in the spelling that came first. */
function grouped(headers: HeaderList): Iterable<[name: string, values: string[]]> {
  const groups = new Map<string, [string, string[]]>();
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [name, [value]]);
    else group[1].push(value);
  }
  return groups.values();
}
