/** A sink that writes one response to a stream of HTTP/2 (RFC 9113 §8.1). */

import type { ServerHttp2Stream } from "node:http2";
import { reportError } from "../../exchange/report.ts";
import type { Sink } from "../../exchange/sink.ts";
import type { Chunk, Environ, HeaderList, StatusLine } from "../../gateway.ts";
import { withoutUpgrade } from "../../http/field-rules.ts";
import { headerPairs } from "../../http/headers.ts";
import type { Status } from "../../http/status.ts";
import { isEventStream } from "../engine/event-stream.ts";
import { ended, headSent } from "../engine/events.ts";
import { HIGH_WATER_MARK } from "../engine/output.ts";
import { refuseStream } from "./refuse-stream.ts";
import type { RequestHead } from "./request-head.ts";
import { headAsText, responseFields } from "./response-head.ts";
import { StreamBody } from "./stream-body.ts";
import { Tunnel } from "./tunnel.ts";

const INTERNAL_ERROR = 2;
const NO_HEADERS: HeaderList = [];
const ENDED = { endStream: true } as const;
/**
 * A body whose length is not known is ended apart from its last bytes: on Node 24, to close a stream for an error ends it first,
 * which would let it look whole.
 */
const OPEN_ENDED = { waitForTrailers: true };

/** What the streams of a session share. */
export interface StreamOwner {
  /** The Node server that accepted the connection. */
  readonly server: object | undefined;
  /** Whether `node:diagnostics_channel` is told. */
  readonly tells: boolean;
  /** Calls back once when the server begins to close, if it tells. */
  onServerClose?(callback: () => void): void;
}

/** StreamWriter sends the response of one exchange. */
export class StreamWriter implements Sink {
  readonly #owner: StreamOwner;
  readonly stream: ServerHttp2Stream;
  readonly #head: RequestHead;
  /** The body of the request, if it has one. */
  body: StreamBody | undefined;
  /** Whether an app has taken the stream over, with its limits. */
  isTaken = false;
  /** Set before the app runs. */
  environ: Environ | undefined;
  #headers: HeaderList = NO_HEADERS;
  #isSent = false;
  /** Whether the response ends amid its body. */
  #isCut = false;
  #isOver = false;
  #isCorked = false;
  #isWatched = false;
  #onClose: (() => void) | undefined;
  #onSent: ((isSent: boolean, unsent: number) => void) | undefined;
  /** Where the session has it among its streams. */
  place = -1;
  /** When it began, and when its body came nearer. */
  begun = 0;
  bodyMoved = 0;
  /** Since when some of its response waits for the client; -1 where nothing does. */
  waiting = -1;
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;

  /** `goesOn` tells whether the head was not the end of the request. */
  constructor(owner: StreamOwner, stream: ServerHttp2Stream, head: RequestHead, goesOn: boolean) {
    this.#owner = owner;
    this.stream = stream;
    this.#head = head;
    const hasBody = goesOn && !head.isTunnel;
    this.body = hasBody ? new StreamBody(stream, head.expectsContinue) : undefined;
    if (hasBody) this.#watch();
  }

  get closed(): boolean {
    return this.#isOver || this.stream.closed || this.stream.destroyed;
  }

  writeHead(status: Status, headers: HeaderList, length: number): void {
    if (this.closed) return;
    if (this.#head.isTunnel && status.code < 300) {
      this.#refuseTunnel();
      return;
    }
    const fields = responseFields(status.code, withoutUpgrade(status.code, headers), length);
    this.stream.respond(fields, length === 0 ? ENDED : length < 0 ? OPEN_ENDED : undefined);
    if (length < 0) this.stream.once("wantTrailers", () => this.#endWhole());
    this.#isSent = true;
    this.#headers = headers;
    if (this.#owner.tells && headSent.hasSubscribers) {
      const head = headAsText(fields, status.reason);
      headSent.publish({ environ: this.environ as Environ, head, status: status.code });
    }
  }

  /** Any 2xx would say that the tunnel is there (RFC 9110 §9.3.6), but the app has taken the request for a plain one. */
  #refuseTunnel(): void {
    refuseStream(this.stream, "501 Not Implemented");
    this.streamClosed();
    this.#discardRest();
  }

  flush(): void {
    this.#uncork();
  }

  write(chunk: Chunk): void | Promise<void> {
    // A body that is never asked to wait would not let the event loop tell of the client's leaving.
    if (this.closed) return new Promise(setImmediate);
    const { stream } = this;
    this.#cork();
    if (stream.write(chunk) || stream.writableLength < HIGH_WATER_MARK) return;
    this.#uncork();
    return this.#untilRoom();
  }

  /** What is written in one turn leaves together. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.stream.cork();
    process.nextTick(() => this.#uncork());
  }

  #uncork(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.stream.uncork();
  }

  #untilRoom(): Promise<void> {
    if (this.#room === undefined) {
      this.#room = new Promise((resolve) => {
        this.#makeRoom = resolve;
      });
      this.stream.once("drain", () => this.#release());
    }
    return this.#room;
  }

  #release(): void {
    this.#room = undefined;
    this.#makeRoom?.();
    this.#makeRoom = undefined;
  }

  end(chunk?: Chunk): void {
    const { stream } = this;
    if (!this.closed && !stream.writableEnded) {
      if (chunk === undefined) stream.end();
      else stream.end(chunk);
    }
    this.#finish(true);
    this.#discardRest();
  }

  #discardRest(): void {
    if (this.#isTunnel) this.body ??= new StreamBody(this.stream, false);
    this.body?.discard();
  }

  /** All of the body was sent; one that was cut must not look whole. */
  #endWhole(): void {
    const { stream } = this;
    if (!this.#isCut && !stream.closed && !stream.destroyed) stream.sendTrailers({});
  }

  abort(): void {
    const { stream } = this;
    this.#isCut = true;
    this.#finish(false);
    if (!stream.closed && !stream.destroyed) stream.close(INTERNAL_ERROR);
  }

  #finish(isComplete: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onClose = undefined;
    this.#tellEnd(isComplete);
  }

  #tellEnd(isComplete: boolean): void {
    if (this.#owner.tells && ended.hasSubscribers) ended.publish({ environ: this.environ as Environ, isComplete });
  }

  onClose(callback: () => void): void {
    if (this.closed) callback();
    else {
      this.#onClose = callback;
      this.#watch();
    }
  }

  onSent(callback: (isSent: boolean, unsent: number) => void): void {
    this.#onSent = callback;
  }

  get unsent(): number {
    return this.stream.writableLength;
  }

  /** Without it a client that leaves is noticed when the stream closes. */
  #watch(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    this.stream.on("aborted", () => this.#onAborted());
  }

  #onAborted(): void {
    this.streamClosed();
    // Node does not close a stream whose client has reset it amid a write.
    setImmediate(() => this.stream.destroy());
  }

  /** Whether the response was handed over, cut or given up. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The client has left, or the stream is over. */
  streamClosed(): void {
    // What has arrived stays readable, so it is collected before anybody is told.
    this.body?.collect();
    if (!this.#isOver) {
      this.#isOver = true;
      const onClose = this.#onClose;
      this.#onClose = undefined;
      onClose?.();
      this.#tellEnd(false);
    }
    this.body?.clientLeft();
    this.#release();
    const onSent = this.#onSent;
    this.#onSent = undefined;
    onSent?.(this.stream.rstCode === 0 && !this.stream.aborted, this.unsent);
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
    return this.body?.trailers ?? NO_HEADERS;
  }

  get server(): object | undefined {
    return this.#owner.server;
  }

  get onServerClose(): Sink["onServerClose"] {
    const owner = this.#owner;
    return owner.onServerClose && ((callback) => owner.onServerClose?.(callback));
  }

  get upgrade(): (() => object) | undefined {
    return this.#isTunnel && !this.#isSent && !this.closed ? () => this.#takeOver() : undefined;
  }

  /** Whether the client waits for a tunnel, and has not ended its side of it. */
  get #isTunnel(): boolean {
    return this.#head.isTunnel && !this.stream.destroyed && this.stream.state.remoteClose !== 1;
  }

  #takeOver(): Tunnel {
    const { environ } = this;
    this.#finish(true);
    this.#watch();
    this.isTaken = true;
    this.environ = undefined;
    return new Tunnel(this.stream, {
      headFailed: (error) => reportError(environ as Environ, error),
      refused: () => this.#discardRest(),
    });
  }

  inform(status: StatusLine, headers: HeaderList): void {
    if (this.#isSent || this.closed) return;
    this.stream.additionalHeaders(responseFields(Number(status.slice(0, 3)), headers, -1));
  }
}
