/** One stream: a request, and the sink that writes its response (RFC 9113 §5.1, §8.1). */

import { reportError } from "../../exchange/report.ts";
import type { Sink } from "../../exchange/sink.ts";
import type { Chunk, Environ, HeaderList, StatusLine } from "../../gateway.ts";
import { withoutUpgrade } from "../../http/field-rules.ts";
import { headerPairs, removeHeaders } from "../../http/headers.ts";
import type { Status } from "../../http/status.ts";
import { announcesTrailers } from "../../http/trailers.ts";
import { isEventStream } from "../engine/event-stream.ts";
import { ended, headSent } from "../engine/events.ts";
import { PLAIN_TEXT, refusalBody } from "../engine/refusal.ts";
import { type Service, whenClosing } from "../engine/service.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { INTERNAL_ERROR, NO_ERROR } from "./frames.ts";
import { Inbound, type InboundOwner } from "./inbound.ts";
import { Outbound, type OutboundOwner } from "./outbound.ts";
import type { RequestHead } from "./request-head.ts";
import { headAsText } from "./response-head.ts";
import { Tunnel } from "./tunnel.ts";
import { TunnelStream } from "./tunnel-stream.ts";

const NO_HEADERS: HeaderList = [];

/** The connection of a stream. */
export interface StreamOwner {
  readonly service: Service;
  readonly writer: FrameWriter;
  /** So many bytes more wait for apps, or fewer; the client may send as many more on the stream as `window`. */
  heldChanged(stream: Stream, change: number, window: number): void;
  /** Nothing more comes or goes on a stream. */
  streamOver(stream: Stream): void;
}

/** Stream sends the response of one exchange. */
export class Stream implements Sink, InboundOwner, OutboundOwner {
  readonly id: number;
  readonly #owner: StreamOwner;
  readonly #head: RequestHead;
  readonly outbound: Outbound;
  /** What the client sends after the head; undefined where that was the end of it. */
  readonly inbound: Inbound | undefined;
  /** Set before the app runs. */
  environ: Environ | undefined;
  #isHead: boolean;
  #headers: HeaderList = NO_HEADERS;
  #isSent = false;
  /** Whether the head said that no body follows. */
  #endedWithHead = false;
  #trailers: HeaderList = NO_HEADERS;
  /** Whether the response was handed over, cut or given up. */
  #isOver = false;
  /** Whether nothing more comes or goes. */
  isClosed = false;
  /** Whether the client is to stop sending once it has all of the response. */
  #stopsClient = false;
  #tunnel: TunnelStream | undefined;
  #onClose: (() => void) | undefined;
  #onSent: ((isSent: boolean, unsent: number) => void) | undefined;
  /** When it began, and when its body came nearer. */
  begun = 0;
  bodyMoved = 0;
  /** Since when some of its response waits for the client; -1 where nothing does. */
  waiting = -1;

  /** `goesOn` tells whether the head was not the end of the request. */
  constructor(owner: StreamOwner, id: number, head: RequestHead, goesOn: boolean) {
    this.id = id;
    this.#owner = owner;
    this.#head = head;
    this.#isHead = head.method === "HEAD";
    this.inbound = goesOn ? new Inbound(this, head.contentLength, head.expectsContinue) : undefined;
    this.outbound = new Outbound(owner.writer, this);
  }

  /** Whether an app has taken the stream over, with its limits. */
  get isTaken(): boolean {
    return this.#tunnel !== undefined;
  }

  get closed(): boolean {
    return this.#isOver || this.isClosed;
  }

  writeHead(status: Status, headers: HeaderList, length: number): void {
    if (this.closed) return;
    if (this.#head.isTunnel && status.code < 300) {
      this.#refuseTunnel();
      return;
    }
    const hasNoBody = this.#isHead || status.bodiless;
    const isAnnounced = announcesTrailers(headers);
    const sent = isAnnounced && hasNoBody ? removeHeaders(headers, "Trailer") : headers;
    const fields = withoutUpgrade(status.code, sent);
    const isEnd = hasNoBody || (length === 0 && !isAnnounced && this.#trailers.length === 0);
    this.#owner.writer.sendHead(this.id, status.code, fields, length, isEnd);
    this.#isSent = true;
    this.#headers = headers;
    if (headSent.hasSubscribers) {
      const head = headAsText(status, fields, length);
      headSent.publish({ environ: this.environ as Environ, head, status: status.code });
    }
    this.#endedWithHead = isEnd;
    this.#owner.writer.flushSoon();
    // It was on its way when the others ended.
    if (this.#owner.service.isClosing) setImmediate(() => this.serverCloses());
  }

  /** Any 2xx would say that the tunnel is there (RFC 9110 §9.3.6), but the app has taken the request for a plain one. */
  #refuseTunnel(): void {
    this.answer("501 Not Implemented");
    this.#leave();
    this.inbound?.discard();
  }

  /** Answers what no app may see, or has answered wrongly. */
  answer(status: StatusLine): void {
    const body = refusalBody(status);
    this.#owner.writer.sendHead(this.id, Number(status.slice(0, 3)), PLAIN_TEXT, body.length, this.#isHead);
    this.#isSent = true;
    if (this.#isHead) this.outbound.endedWithHead();
    else this.outbound.end(body);
  }

  flush(): void {
    this.#owner.writer.output.flush();
  }

  write(chunk: Chunk): void | Promise<void> {
    // A body that is never asked to wait would not let the event loop tell of the client's leaving.
    if (this.closed) return new Promise(setImmediate);
    return this.outbound.write(chunk);
  }

  end(chunk?: Chunk): void {
    const isGone = this.closed;
    this.#finish(true);
    if (!isGone) this.#endResponse(chunk);
    this.inbound?.discard();
  }

  #endResponse(chunk: Chunk | undefined): void {
    const { outbound } = this;
    if (this.#trailers.length > 0) outbound.endWith(this.#trailers);
    if (this.#endedWithHead) outbound.endedWithHead();
    else outbound.end(chunk);
  }

  addTrailers(trailers: HeaderList): void {
    this.#trailers = trailers;
  }

  /** All of the response was given to the connection. */
  endSent(): void {
    const onSent = this.#onSent;
    this.#onSent = undefined;
    if (onSent !== undefined) this.#owner.writer.output.onSent(onSent);
    this.#tunnel?.endSent();
    if (this.#stopsClient) this.reset(NO_ERROR);
    else this.#checkOver();
  }

  /** A stream is over when both sides have ended it. */
  #checkOver(): void {
    if (this.outbound.hasEnded && this.inbound?.hasEnded !== false) this.#close();
  }

  abort(): void {
    this.#finish(false);
    this.reset(INTERNAL_ERROR);
  }

  /** Ends both sides of the stream at once. */
  reset(code: number): void {
    if (this.isClosed) return;
    this.#owner.writer.reset(this.id, code);
    this.#close();
  }

  /** Nothing more comes or goes. */
  #close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    // What has arrived stays readable, so it is collected before anybody is told.
    this.inbound?.collect();
    const isWhole = this.outbound.hasEnded;
    const unsent = this.outbound.drop();
    this.#leave();
    this.inbound?.clientLeft();
    this.#tunnel?.closed(isWhole && this.inbound?.hasEnded !== false);
    const onSent = this.#onSent;
    this.#onSent = undefined;
    onSent?.(false, unsent);
    this.#owner.streamOver(this);
  }

  /** The client has reset the stream. */
  clientReset(): void {
    this.inbound?.cut();
    this.#close();
  }

  /** The connection is closed. */
  clientLeft(): void {
    this.#close();
  }

  /** Gives the response up where it is not over. */
  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const onClose = this.#onClose;
    this.#onClose = undefined;
    onClose?.();
    this.#tellEnd(false);
  }

  #finish(isComplete: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onClose = undefined;
    this.#tellEnd(isComplete);
  }

  #tellEnd(isComplete: boolean): void {
    if (ended.hasSubscribers && this.environ !== undefined) ended.publish({ environ: this.environ, isComplete });
  }

  /** Takes what one frame of DATA holds. Gives an error code. */
  receive(piece: Uint8Array, padding: number): number {
    return (this.inbound as Inbound).receive(piece, padding);
  }

  /** The client has ended its side. Gives an error code. */
  receiveEnd(trailers?: readonly string[]): number {
    const error = (this.inbound as Inbound).end(trailers);
    if (error === NO_ERROR) this.#checkOver();
    return error;
  }

  heldChanged(change: number, window: number): void {
    this.#owner.heldChanged(this, change, window);
  }

  sendContinue(): void {
    if (!this.#isSent && !this.closed) this.#inform(100, NO_HEADERS);
  }

  stopClient(): void {
    if (this.outbound.hasEnded) this.reset(NO_ERROR);
    else this.#stopsClient = true;
  }

  onClose(callback: () => void): void {
    if (this.closed) callback();
    else this.#onClose = callback;
  }

  onSent(callback: (isSent: boolean, unsent: number) => void): void {
    if (this.outbound.hasEnded) this.#owner.writer.output.onSent(callback);
    else this.#onSent = callback;
  }

  onTaken(callback: () => void): void {
    this.outbound.onSent((isSent) => isSent && callback());
  }

  get unsent(): number {
    return this.outbound.length + this.#owner.writer.output.unsent;
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
    if (this.#isSent) this.end();
    else this.abort();
  }

  get requestHeaders(): HeaderList {
    const { lines, added } = this.#head;
    return headerPairs(added === 0 ? lines : lines.slice(added));
  }

  get requestTrailers(): HeaderList {
    return this.inbound === undefined ? NO_HEADERS : headerPairs(this.inbound.trailers);
  }

  get server(): object {
    return this.#owner.service.server;
  }

  onServerClose(callback: () => void): () => void {
    return whenClosing(this.#owner.service, callback);
  }

  inform(status: StatusLine, headers: HeaderList): void {
    if (!this.#isSent && !this.closed) this.#inform(Number(status.slice(0, 3)), headers);
  }

  #inform(code: number, headers: HeaderList): void {
    const { writer } = this.#owner;
    writer.sendHead(this.id, code, headers, -1, false);
    writer.output.flush();
  }

  get upgrade(): (() => object) | undefined {
    const { inbound } = this;
    const isTunnel = this.#head.isTunnel && inbound !== undefined && !inbound.hasEnded;
    return isTunnel && !this.#isSent && !this.closed ? () => this.#takeOver(inbound) : undefined;
  }

  #takeOver(inbound: Inbound): Tunnel {
    const { environ } = this;
    this.#finish(true);
    this.environ = undefined;
    const stream = new TunnelStream(this, inbound, this.#owner.writer);
    this.#tunnel = stream;
    return new Tunnel(stream, {
      headFailed: (error) => reportError(environ as Environ, error),
      refused: () => this.stopClient(),
    });
  }

  /** What a tunnel has sent of its head. */
  headWritten(): void {
    this.#isSent = true;
  }
}
