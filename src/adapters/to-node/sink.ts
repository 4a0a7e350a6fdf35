/**
 * A sink over the response of any Node server: HTTP/1, HTTPS, HTTP/2, with or without a framework around it.
 *
 * The response belongs to a host, which may have answered with it, destroyed it, or put methods of its own in its place. So
 * nothing here throws: what goes wrong with the response is the host's `next(error)` as long as its next handler could still
 * answer, or else reported, and to the app it looks as if the client had left.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { TsgiError } from "../../errors.ts";
import { reportError } from "../../exchange/report.ts";
import type { Sink } from "../../exchange/sink.ts";
import type { Chunk, Environ, HeaderList, StatusLine } from "../../gateway.ts";
import { isBeyondAscii, upgradeOf, withoutUpgrade } from "../../http/field-rules.ts";
import { hasHeader, headerPairs, removeHeaders } from "../../http/headers.ts";
import type { Status } from "../../http/status.ts";
import { acceptsTrailers, announcesTrailers } from "../../http/trailers.ts";
import { callOut } from "../../promise.ts";
import { reset } from "../../server/engine/output.ts";
import { mergeHeaders } from "./merge-headers.ts";
import { streamFields } from "./stream/fields.ts";

/** What a host calls to let its next handler answer, or to tell of an error. */
export type Next = (error?: unknown) => void;

const INTERNAL_ERROR = 2;

export class ResponseSink implements Sink {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #next: Next | undefined;
  /** Whether a 404 goes to the next handler of the host. */
  readonly #fallthrough: boolean;
  /** For error reports; set before the app runs. */
  environ: Environ | undefined;
  #passedOn = false;
  /** Whether the response turned out not to be ours to write to. */
  #failed = false;
  /** Whether `end` or `abort` was called. */
  #ended = false;
  #isLatin1 = false;
  /** The trailer lines, if there are any. */
  #trailers: HeaderList | undefined;
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;
  #isListening = false;
  #watcher: (() => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, next: Next | undefined, fallthrough: boolean) {
    this.#request = request;
    this.#response = response;
    this.#next = next;
    this.#fallthrough = fallthrough && next !== undefined;
  }

  get closed(): boolean {
    const stream = this.#stream;
    return this.#failed || this.#response.destroyed || (stream !== undefined && (stream.destroyed || stream.aborted));
  }

  get #isHttp2(): boolean {
    return this.#request.httpVersionMajor > 1;
  }

  /** The stream of HTTP/2. */
  get #stream(): Http2ServerResponse["stream"] | undefined {
    return this.#isHttp2 ? (this.#response as unknown as Partial<Http2ServerResponse>).stream : undefined;
  }

  /** Whether the host has begun to answer; the app cannot answer then, which is told to the host. */
  refuseAnswered(): boolean {
    if (!this.#response.headersSent && !this.#response.writableEnded) return false;
    this.#fail(
      new TsgiError("TSGI_HOST_ANSWERED", "the host has answered the request itself", {
        hint: "Let the app answer, or the host, but not both.",
      }),
    );
    return true;
  }

  writeHead(status: Status, headers: HeaderList, length: number): void {
    if (this.closed || this.refuseAnswered()) return;
    if (status.code === 404 && this.#fallthrough) {
      this.#passedOn = true;
      return;
    }
    try {
      const framed = this.#framed(status, headers, length);
      this.#writeHead(status, this.#connectionHeaders(status.code, framed));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The headers with what says how long the body is, where Node is not to find out: trailers follow chunks, or HTTP/2. */
  #framed(status: Status, headers: HeaderList, length: number): HeaderList {
    let lines = headers;
    const isAnnounced = announcesTrailers(headers);
    if (isAnnounced || this.#trailers !== undefined) {
      const isBodiless = this.#request.method === "HEAD" || status.bodiless;
      const isRoom = !isBodiless && this.#takesTrailers && (this.#isHttp2 || !hasHeader(headers, "Content-Length"));
      if (isRoom && !this.#isHttp2) return [...headers, ["Transfer-Encoding", "chunked"]];
      if (isAnnounced && !isRoom) lines = removeHeaders(headers, "Trailer");
    }
    return length < 0 ? lines : [...lines, ["Content-Length", String(length)]];
  }

  /** Whether the client can be sent trailers, and says that it keeps them, which those of HTTP/2 do. */
  get #takesTrailers(): boolean {
    return this.#isHttp2 || (this.#request.httpVersion === "1.1" && acceptsTrailers(this.requestHeaders));
  }

  /** HTTP/2 has no `Upgrade` (RFC 9113 §8.2.2); beside it Node would not say whether the connection stays. */
  #connectionHeaders(code: number, headers: HeaderList): HeaderList {
    if (this.#isHttp2) return withoutUpgrade(code, headers);
    if (upgradeOf(code, headers) === undefined) return headers;
    const isLast = !this.#response.shouldKeepAlive || /close/i.test(String(this.#response.getHeader("Connection")));
    const option = isLast ? "close" : "keep-alive";
    return [...headers, ["Connection", `upgrade, ${option}`]];
  }

  #writeHead({ code, reason, isLatin1 }: Status, headers: HeaderList): void {
    const response = this.#response;
    const isHttp1 = !this.#isHttp2;
    // A `writeHead` that a package has put there (on-headers, compression) may not know lists of names and values in turn.
    if (isHttp1 && !Object.hasOwn(response, "writeHead") && response.getHeaderNames().length === 0) {
      this.#isLatin1 = isLatin1 || headers.some(([, value]) => isBeyondAscii(value));
      response.writeHead(code, reason, headers.flat());
      return;
    }
    this.#isLatin1 = mergeHeaders(response, headers, !isHttp1) || isLatin1;
    response.statusCode = code;
    // HTTP/2 has no reason phrases (RFC 9113 §8.3.2).
    if (isHttp1) response.statusMessage = reason;
  }

  flush(): void {
    if (!this.#isWritable) return;
    try {
      // Node sends a head in the encoding of the text that it is sent with, but a head is Latin-1.
      if (this.#isLatin1) this.#response.write(Buffer.alloc(0));
      else this.#response.flushHeaders();
    } catch (error) {
      this.#fail(error);
    }
  }

  get #isWritable(): boolean {
    return !this.#passedOn && !this.closed && !this.#response.writableEnded;
  }

  write(chunk: Chunk): void | Promise<void> {
    // A body that is never asked to wait would not let the event loop tell of the client's leaving.
    if (!this.#isWritable) return new Promise(setImmediate);
    try {
      if (this.#response.write(this.#apartFromHead(chunk)) !== false) return;
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#room ??= this.#untilRoom();
    return this.#room;
  }

  #apartFromHead(chunk: Chunk): Chunk {
    return this.#isLatin1 && typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  }

  #untilRoom(): Promise<void> {
    this.#listenForRoom();
    return new Promise((resolve) => {
      this.#makeRoom = () => {
        this.#room = undefined;
        this.#makeRoom = undefined;
        resolve();
      };
    });
  }

  /** Once for a response: `compression` hands listeners on to its own stream, from which they cannot be removed. */
  #listenForRoom(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    const onRoom = () => this.#makeRoom?.();
    this.#response.on("drain", onRoom);
    this.#response.on("close", onRoom);
  }

  end(chunk?: Chunk): void {
    this.#ended = true;
    if (this.#passedOn) {
      this.#callNext();
      return;
    }
    if (!this.#isWritable) return;
    try {
      this.#addTrailers();
      if (chunk === undefined) this.#response.end();
      else this.#response.end(this.#apartFromHead(chunk));
    } catch (error) {
      this.#fail(error);
    }
  }

  addTrailers(trailers: HeaderList): void {
    this.#trailers = trailers.length === 0 ? undefined : trailers;
  }

  /** Node drops them where the framing has no room. */
  #addTrailers(): void {
    if (this.#trailers === undefined || !this.#takesTrailers) return;
    const pairs = this.#trailers as [string, string][];
    this.#response.addTrailers(this.#isHttp2 ? grouped(pairs) : pairs);
  }

  abort(): void {
    this.#ended = true;
    if (this.#passedOn) this.#callNext();
    else if (this.#isWritable) this.#cut();
  }

  /** Ends the connection, or the stream of HTTP/2. */
  #cut(): void {
    const { socket, httpVersion } = this.#request;
    const report = (error: unknown) => this.#report(error);
    callOut(() => {
      if (this.#stream !== undefined) this.#stream.close(INTERNAL_ERROR);
      else if (typeof socket?.destroySoon !== "function") this.#response.destroy();
      // Earlier responses on the connection come first.
      else if (this.#response.socket === null && !socket.destroyed)
        this.#response.once("socket", () => process.nextTick(() => this.#cut()));
      // Without a length and without chunks, only a reset tells the end of the body from its loss.
      else if (httpVersion === "1.0") reset(socket);
      // What was written in this turn leaves at its end, from Node 26 on by a tick of the response's own.
      else process.nextTick(() => socket.destroySoon());
    }, report);
  }

  #callNext(error?: unknown): void {
    const report = (failure: unknown) => this.#report(failure);
    callOut(() => (error === undefined ? this.#next?.() : this.#next?.(error)), report);
  }

  /** The response cannot be written to: the host hears of it, and the app as of a client that left. */
  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    const isOver = this.#response.writableEnded || this.#response.destroyed;
    if (this.#next !== undefined && !isOver && !this.#ended) this.#callNext(error);
    else {
      this.#report(error);
      if (!isOver) this.#cut();
    }
    this.#makeRoom?.();
    this.#watcher?.();
  }

  #report(error: unknown): void {
    if (this.environ !== undefined) reportError(this.environ, error);
  }

  onClose(callback: () => void): void {
    if (this.closed) {
      callback();
      return;
    }
    this.#watcher = callback;
    this.#response.once("close", callback);
    const stream = this.#stream;
    // Node does not close a stream whose client has reset it amid a write.
    stream?.once("aborted", () => {
      callback();
      this.#makeRoom?.();
      setImmediate(() => stream.destroy());
    });
  }

  /** Sends 100, 102, 103 and the like; HTTP/1.0 has none of these. */
  inform(status: StatusLine, headers: HeaderList): void {
    const { httpVersion } = this.#request;
    const { headersSent, socket } = this.#response;
    if (!this.#isWritable || headersSent || httpVersion === "1.0") return;
    callOut(
      () => {
        const stream = this.#stream;
        if (stream !== undefined) {
          stream.additionalHeaders(streamFields(Number(status.slice(0, 3)), headers, -1));
          // A response that waits for its turn on the connection cannot be announced yet.
        } else if (socket !== null) {
          const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
          socket.write(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`, "latin1");
        }
      },
      (error) => this.#report(error),
    );
  }

  get requestHeaders(): HeaderList {
    return headerPairs(this.#request.rawHeaders);
  }

  get requestTrailers(): HeaderList {
    return headerPairs(this.#request.rawTrailers);
  }

  get server(): object | undefined {
    return (this.#request.socket as { server?: object }).server;
  }
}

/** The compatible response of HTTP/2 takes an object alone. */
function grouped(lines: HeaderList): Record<string, string | string[]> {
  const groups: Record<string, string[]> = {};
  for (const [name, value] of lines) {
    const key = name.toLowerCase();
    groups[key] = [...(groups[key] ?? []), value];
  }
  return groups;
}
