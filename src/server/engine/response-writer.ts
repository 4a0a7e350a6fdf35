/** A sink that writes one response to a connection (RFC 9112 §6, §7, §9). */

import type { Socket } from "node:net";
import { byteLength } from "../../body/chunk.ts";
import type { Sink } from "../../exchange/sink.ts";
import type { Chunk, Environ, HeaderList, StatusLine } from "../../gateway.ts";
import { getHeader, headerPairs, removeHeaders } from "../../http/headers.ts";
import type { Status } from "../../http/status.ts";
import { acceptsTrailers, announcesTrailers } from "../../http/trailers.ts";
import { isEventStream } from "./event-stream.ts";
import { ended, headSent } from "./events.ts";
import { linesOf } from "./head-text.ts";
import { type Output, reset } from "./output.ts";
import type { RequestInput } from "./request-input.ts";
import { type Service, whenClosing } from "./service.ts";

const NO_HEADERS: HeaderList = [];

/** What every head begins with. */
const HEAD_BEGIN = "HTTP/1.1 ";
const MOST_ZEROS = 4;
const LAST_CHUNK = "0\r\n\r\n";

/** The connection of a response. */
export interface ResponseConnection {
  readonly socket: Socket;
  readonly service: Service;
  readonly output: Output;
  readonly closed: boolean;
  /** Whether a response, whose head is about to be sent, is the last one of the connection. */
  endsAfter(writer: ResponseWriter): boolean;
  /** The response was handed over, or cut. */
  exchangeEnded(writer: ResponseWriter): void;
  /** Sends what was gathered when this turn is over. */
  flushSoon(): void;
  /** The app wants to know when its client leaves. */
  departureMatters(): void;
  /** Whether the request may be the last of HTTP here: it asks for another protocol, and has no body. */
  canUpgrade(writer: ResponseWriter): boolean;
  /** Gives the socket away, with what has come after the request. */
  upgrade(): Socket;
}

/** ResponseWriter sends the response of one exchange. */
export class ResponseWriter implements Sink {
  readonly #connection: ResponseConnection;
  readonly #lines: readonly string[];
  readonly #isHead: boolean;
  readonly #isHttp10: boolean;
  /** The body of the request, if it has one. */
  readonly input: RequestInput | undefined;
  #headers: HeaderList = NO_HEADERS;
  #isSent = false;
  /** How many characters of the head, or of the size of the next chunk, were sent early. */
  #early = 0;
  #isOver = false;
  #isChunked = false;
  /** Whether nothing but the end of the connection tells the end of the body. */
  #endsWithConnection = false;
  /** The trailer lines of the response, if there are any. */
  #responseTrailers: HeaderList | undefined;
  /** Whether no further request is read after this exchange. */
  isLast = false;
  #onClose: (() => void) | undefined;
  #onSent: ((isSent: boolean, unsent: number) => void) | undefined;
  /** The trailer lines of the request, once they have come. */
  trailers: readonly string[] = [];
  /** For events; set before the app runs. */
  environ: Environ | undefined;

  constructor(
    connection: ResponseConnection,
    lines: readonly string[],
    method: string,
    protocol: string,
    input: RequestInput | undefined,
  ) {
    this.#connection = connection;
    this.#lines = lines;
    this.#isHead = method === "HEAD";
    this.#isHttp10 = protocol === "HTTP/1.0";
    this.input = input;
  }

  get closed(): boolean {
    return this.#isOver || this.#connection.closed;
  }

  /** Whether the head has been sent. */
  get isSent(): boolean {
    return this.#isSent;
  }

  writeHead(status: Status, headers: HeaderList, length: number): void {
    const isAnnounced = announcesTrailers(headers);
    if (isAnnounced || this.#responseTrailers !== undefined) {
      const isDeclared = getHeader(headers, "Content-Length") !== undefined;
      const isRoom = !isDeclared && !this.#isHead && !status.bodiless && this.#takesTrailers;
      this.#writeHead(
        status,
        isAnnounced && !isRoom ? removeHeaders(headers, "Trailer") : headers,
        isRoom ? -1 : length,
      );
    } else this.#writeHead(status, headers, length);
  }

  /** Whether the client can be sent trailers, and says that it keeps them. */
  get #takesTrailers(): boolean {
    return !this.#isHttp10 && acceptsTrailers(this.requestHeaders);
  }

  #writeHead(status: Status, headers: HeaderList, length: number): void {
    this.#isSent = true;
    this.#headers = headers;
    const isHttp10 = this.#isHttp10;
    const isBodiless = this.#isHead || status.bodiless;
    const declared = length >= 0 || isBodiless ? length : Number(getHeader(headers, "Content-Length") ?? -1);
    const isUnknown = declared < 0 && !isBodiless;
    this.#isChunked = isUnknown && !isHttp10;
    this.#endsWithConnection = isUnknown && isHttp10;
    this.isLast = this.#connection.endsAfter(this) || this.#endsWithConnection;
    const text = this.#connection.service.headText(
      status,
      headers,
      this.#isChunked ? "chunked" : length >= 0 ? length : "unsaid",
      this.isLast,
    );
    this.#addHead(text);
    if (headSent.hasSubscribers) {
      headSent.publish({ environ: this.environ as Environ, head: text, status: status.code });
    }
    // It was on its way when the others ended.
    if (this.#connection.service.isClosing) setImmediate(() => this.serverCloses());
  }

  #addHead(text: string): void {
    this.#connection.output.addText(this.#early === 0 ? text : text.slice(this.#early));
    this.#early = 0;
  }

  /** The beginning of what the client gets in any case; empty where nothing is sure. */
  probe(): string {
    if (!this.#isSent) return this.#early === HEAD_BEGIN.length ? "" : (HEAD_BEGIN[this.#early++] as string);
    // A size may have zeros before it (RFC 9112 §7.1).
    return this.#isChunked && this.#early++ < MOST_ZEROS ? "0" : "";
  }

  flush(): void {
    this.#connection.output.flush();
  }

  write(chunk: Chunk): void | Promise<void> {
    const { output } = this.#connection;
    this.#addChunk(chunk);
    this.#connection.flushSoon();
    return output.untilRoom();
  }

  #addChunk(chunk: Chunk): void {
    const { output } = this.#connection;
    if (!this.#isChunked) {
      output.addChunk(chunk);
      return;
    }
    const length = byteLength(chunk);
    if (length === 0) return;
    this.#early = 0;
    output.addText(`${length.toString(16)}\r\n`);
    output.addChunk(chunk);
    output.addText("\r\n");
  }

  end(chunk?: Chunk): void {
    if (chunk !== undefined) this.#addChunk(chunk);
    const { output } = this.#connection;
    if (this.#isChunked) output.addText(this.#lastChunk());
    if (this.#onSent !== undefined) output.onSent(this.#onSent);
    this.#finish(true);
  }

  #lastChunk(): string {
    const trailers = this.#responseTrailers;
    return trailers === undefined || !this.#takesTrailers ? LAST_CHUNK : `0\r\n${linesOf(trailers)}\r\n`;
  }

  addTrailers(trailers: HeaderList): void {
    this.#responseTrailers = trailers.length === 0 ? undefined : trailers;
  }

  onSent(callback: (isSent: boolean, unsent: number) => void): void {
    this.#onSent = callback;
  }

  get unsent(): number {
    return this.#connection.output.unsent;
  }

  onTaken(callback: () => void): void {
    this.#connection.output.onSent((isSent) => isSent && callback());
  }

  abort(): void {
    this.isLast = true;
    const { output, socket } = this.#connection;
    output.flush();
    // Without a length and without chunks, only a reset tells a lost body from a complete one.
    if (this.#endsWithConnection) reset(socket);
    this.#finish(false);
  }

  #finish(isComplete: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onClose = undefined;
    if (ended.hasSubscribers) ended.publish({ environ: this.environ as Environ, isComplete });
    this.#connection.exchangeEnded(this);
  }

  onClose(callback: () => void): void {
    this.#onClose = callback;
    this.#connection.departureMatters();
  }

  /** Whether the app wants to know when its client leaves. */
  get isWatched(): boolean {
    return this.#onClose !== undefined;
  }

  /** The client has left, or the connection was closed. */
  connectionClosed(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const onClose = this.#onClose;
    this.#onClose = undefined;
    onClose?.();
    if (ended.hasSubscribers) ended.publish({ environ: this.environ as Environ, isComplete: false });
  }

  /**
   * Ends an event stream when its server closes: it would never end by itself, and its client connects again. Other
   * responses are sent to their end.
   */
  serverCloses(): void {
    if (this.#isOver || !isEventStream(this.#isSent ? this.#headers : undefined, this.requestHeaders)) return;
    const onClose = this.#onClose;
    this.#onClose = undefined;
    onClose?.();
    this.isLast = true;
    if (this.#isSent) this.end();
    else this.abort();
  }

  get requestHeaders(): HeaderList {
    return headerPairs(this.#lines);
  }

  get requestTrailers(): HeaderList {
    return headerPairs(this.trailers);
  }

  get server(): object | undefined {
    return this.#connection.service.server;
  }

  onServerClose(callback: () => void): () => void {
    return whenClosing(this.#connection.service, callback);
  }

  /** HTTP/1.0 has no informational responses. */
  inform(status: StatusLine, headers: HeaderList): void {
    if (this.#isSent || this.closed || this.#isHttp10) return;
    const { output } = this.#connection;
    this.#addHead(`HTTP/1.1 ${status}\r\n${linesOf(headers)}\r\n`);
    output.flush();
  }

  get upgrade(): (() => object) | undefined {
    if (!this.#connection.canUpgrade(this)) return undefined;
    return () => {
      this.#isOver = true;
      this.#onClose = undefined;
      if (ended.hasSubscribers) ended.publish({ environ: this.environ as Environ, isComplete: true });
      return this.#connection.upgrade();
    };
  }
}
