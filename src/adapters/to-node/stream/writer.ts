/** A sink that writes one response to a native stream of HTTP/2 (RFC 9113 §8.1). */

import type { ServerHttp2Stream } from "node:http2";
import { reportError } from "../../../exchange/report.ts";
import type { Sink } from "../../../exchange/sink.ts";
import type { Chunk, Environ, HeaderList, StatusLine } from "../../../gateway.ts";
import { withoutUpgrade } from "../../../http/field-rules.ts";
import { headerPairs, removeHeaders } from "../../../http/headers.ts";
import type { Status } from "../../../http/status.ts";
import { announcesTrailers } from "../../../http/trailers.ts";
import { HIGH_WATER_MARK } from "../../../server/engine/output.ts";
import type { RequestHead } from "../../../server/http2/request-head.ts";
import { Tunnel } from "../../../server/http2/tunnel.ts";
import { StreamBody } from "./body.ts";
import { streamFields, trailerFields } from "./fields.ts";
import { refuseStream } from "./refusal.ts";
import { StreamTransport } from "./transport.ts";

const INTERNAL_ERROR = 2;
const NO_HEADERS: HeaderList = [];
const ENDED = { endStream: true } as const;
/**
 * A body whose length is not known is ended apart from its last bytes: on Node 24, to close a stream for an error ends it first,
 * which would let it look whole.
 */
const OPEN_ENDED = { waitForTrailers: true };

/** StreamWriter sends the response of one exchange. */
export class StreamWriter implements Sink {
  /** The Node server that accepted the connection. */
  readonly server: object | undefined;
  readonly stream: ServerHttp2Stream;
  readonly #head: RequestHead;
  /** The body of the request, if it has one. */
  body: StreamBody | undefined;
  /** Set before the app runs. */
  environ: Environ | undefined;
  #isSent = false;
  /** The trailer lines, which are sent where nothing but the end tells how long the body is, or the head has announced them. */
  #trailers: HeaderList = NO_HEADERS;
  /** Whether the end is sent apart from the last bytes. */
  #isOpenEnded = false;
  /** Whether the response ends amid its body. */
  #isCut = false;
  #isOver = false;
  #isCorked = false;
  #isWatched = false;
  #onClose: (() => void) | undefined;
  #onSent: ((isSent: boolean, unsent: number) => void) | undefined;
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;

  /** `goesOn` tells whether the head was not the end of the request. */
  constructor(server: object | undefined, stream: ServerHttp2Stream, head: RequestHead, goesOn: boolean) {
    this.server = server;
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
    const hasNoBody = this.#head.method === "HEAD" || status.bodiless;
    const isAnnounced = announcesTrailers(headers);
    const sent = isAnnounced && hasNoBody ? removeHeaders(headers, "Trailer") : headers;
    const fields = streamFields(status.code, withoutUpgrade(status.code, sent), length);
    this.#isOpenEnded = !hasNoBody && (isAnnounced || this.#trailers.length > 0 || length < 0);
    this.stream.respond(fields, this.#isOpenEnded ? OPEN_ENDED : length === 0 ? ENDED : undefined);
    if (this.#isOpenEnded) this.stream.once("wantTrailers", () => this.#endWhole());
    this.#isSent = true;
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
    this.#finish();
    // To stop the client before the end was sent would cut the response.
    if (!this.#isOpenEnded) this.#discardRest();
  }

  #discardRest(): void {
    if (this.#isTunnel) this.body ??= new StreamBody(this.stream, false);
    this.body?.discard();
  }

  /** All of the body was sent; one that was cut must not look whole. */
  #endWhole(): void {
    const { stream } = this;
    if (this.#isCut || stream.closed || stream.destroyed) return;
    stream.sendTrailers(trailerFields(this.#trailers));
    setImmediate(() => this.#discardRest());
  }

  addTrailers(trailers: HeaderList): void {
    this.#trailers = trailers;
  }

  abort(): void {
    const { stream } = this;
    this.#isCut = true;
    this.#finish();
    if (!stream.closed && !stream.destroyed) stream.close(INTERNAL_ERROR);
  }

  #finish(): void {
    this.#isOver = true;
    this.#onClose = undefined;
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

  /** The client has left, or the stream is over. */
  streamClosed(): void {
    // What has arrived stays readable, so it is collected before anybody is told.
    this.body?.collect();
    if (!this.#isOver) {
      this.#isOver = true;
      const onClose = this.#onClose;
      this.#onClose = undefined;
      onClose?.();
    }
    this.body?.clientLeft();
    this.#release();
    const onSent = this.#onSent;
    this.#onSent = undefined;
    onSent?.(this.stream.rstCode === 0 && !this.stream.aborted, this.unsent);
  }

  get requestHeaders(): HeaderList {
    const { lines, added } = this.#head;
    return headerPairs(added === 0 ? lines : lines.slice(added));
  }

  get requestTrailers(): HeaderList {
    return this.body?.trailers ?? NO_HEADERS;
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
    this.#finish();
    this.#watch();
    this.environ = undefined;
    return new Tunnel(new StreamTransport(this.stream), {
      headFailed: (error) => reportError(environ as Environ, error),
      refused: () => this.#discardRest(),
    });
  }

  inform(status: StatusLine, headers: HeaderList): void {
    if (this.#isSent || this.closed) return;
    this.stream.additionalHeaders(streamFields(Number(status.slice(0, 3)), headers, -1));
  }
}
