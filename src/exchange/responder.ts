/**
 * The response rules (see `gateway.ts`): runs an app for one exchange and drives a sink. A server needs a `Sink` and an
 * environ; everything between the app and the bytes is here.
 */

import { byteLength, checkChunk, checkChunks, piecesOf, toBytes } from "../body/chunk.ts";
import { LendingBody, type Memory } from "../body/lending.ts";
import { BodyReader, closeBody, knownChunks } from "../body/reader.ts";
import { statusOfError, TsgiError } from "../errors.ts";
import type {
  App,
  Body,
  Chunk,
  Environ,
  Exchange,
  ExchangeEnd,
  HeaderList,
  StatusLine,
  TakeUpgrade,
  Write,
} from "../gateway.ts";
import { checkHeaders } from "../http/field-rules.ts";
import { removeHeaders } from "../http/headers.ts";
import { parseStatus, type Status } from "../http/status.ts";
import { announcesTrailers, takeTrailers } from "../http/trailers.ts";
import { callOut, isPromise } from "../promise.ts";
import { Departure } from "./departure.ts";
import { Ending } from "./ending.ts";
import { errorPageOf } from "./error-page.ts";
import {
  badLength,
  checkInformational,
  isSwitching,
  notStarted,
  responseOver,
  SWITCHING_STATUS,
  startedTwice,
} from "./failures.ts";
import type { Chosen, Traced } from "./innermost.ts";
import { Reporter, reporterOf } from "./reporter.ts";
import type { ResponderOptions, Sink } from "./sink.ts";
import { Takeover } from "./takeover.ts";

const NO_HEADERS: HeaderList = [];

/** A longer body is handed over in pieces of this length where its end matters, so that the client's leaving is noticed. */
const PIECE = 64 * 1024;

/**
 * One exchange: runs an app once and sends its response. It is the environ's `tsgi.exchange` as well. Every failure at the
 * border between the app and the server ends here: nothing that an app, a body, a callback or a sink throws or rejects with
 * gets past it.
 */
export class Responder implements Exchange, Traced {
  readonly #sink: Sink;
  readonly #options: ResponderOptions;
  #environ: Environ | undefined;
  #status: Status | undefined;
  #headers: HeaderList = NO_HEADERS;
  /** The declared `Content-Length`, or -1. */
  #declared = -1;
  #written = 0;
  /** Whether a chunk came through `write`. */
  #hasWritten = false;
  #sent = false;
  /** Nothing is sent any more: ended, failed or abandoned. */
  #over = false;
  #gone = false;
  /** The connection, where the app takes it over. */
  #takeover: Takeover | undefined;
  #flushAsked = false;
  #watching = false;
  #isHead = false;
  #writer: Write | undefined;
  #reader: BodyReader | undefined;
  #departure: Departure | undefined;
  #reporter: Reporter | undefined;
  /** The lines that are to follow the body, once there are any. */
  #trailers: HeaderList | undefined;
  /** What is to be told of the end, if somebody wants to know. */
  #ending: Ending | undefined;
  /** What was noted of the layers within. */
  innermost: Environ | undefined = undefined;
  innermostRoute: string | undefined = undefined;
  chosen: Chosen[] | undefined = undefined;

  constructor(sink: Sink, options: ResponderOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Runs the app and sends its response. Never throws; what goes wrong is answered and reported. */
  run(app: App, environ: Environ): void {
    this.#environ = environ;
    this.#isHead = environ.REQUEST_METHOD === "HEAD";
    try {
      const result = app(environ, (status, headers, error) => this.#start(status, headers, error));
      if (isPromise<Body>(result)) {
        Promise.resolve(result).then(
          (body) => this.#respond(body),
          (error) => this.#fail(error),
        );
      } else this.#respond(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  #start(line: StatusLine, headers: HeaderList, error: unknown): Write {
    if (this.#over && !(this.isUpgraded && isSwitching(line))) throw this.#overError();
    this.#writer ??= (chunk) => this.#write(chunk);
    if (this.#over) return this.#writer;
    if (this.#status !== undefined && error === undefined) throw startedTwice();
    if (this.#sent) throw error;
    const status = this.awaitsUpgrade && isSwitching(line) ? SWITCHING_STATUS : parseStatus(line);
    this.#declared = checkHeaders(headers, status.code);
    this.#headers = headers;
    this.#status = status;
    if (this.#trailers !== undefined && error !== undefined) this.#setTrailers(NO_HEADERS);
    if (this.#flushAsked) this.flush();
    return this.#writer;
  }

  #write(chunk: Chunk): void | Promise<void> {
    checkChunk(chunk);
    if (this.#over || this.#sink.closed) throw this.#overError();
    if (chunk.length === 0) return;
    this.#hasWritten = true;
    this.#watch();
    return this.#send(chunk);
  }

  #overError(): TsgiError {
    return this.#gone || (!this.#over && this.#sink.closed)
      ? new TsgiError("TSGI_CLIENT_GONE", "the client went away before the response was sent")
      : responseOver();
  }

  #respond(body: Body): void {
    try {
      if (this.#over || this.#sink.closed) {
        this.#abandon();
        this.#close(body);
        return;
      }
      const chunks = knownChunks(body);
      if (chunks === undefined) {
        this.#reader = new BodyReader(body);
        void this.#stream(this.#reader, LendingBody.memoryOf(body as object));
      } else this.#sendWhole(chunks);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A body that is all there: its length is known, and nothing has to be waited for. */
  #sendWhole(chunks: readonly Chunk[]): void {
    const status = this.#started();
    const length = checkChunks(chunks);
    if (!this.#sent) this.#checkAgain();
    if (this.#sent || (this.#declared >= 0 && this.#declared !== length) || status.bodiless || this.#isHead) {
      for (const chunk of chunks) if (chunk.length > 0 && !this.#over) void this.#send(chunk);
      // An app that has a special case for HEAD returns nothing, which says nothing about the length of its GET.
      this.#end(length > 0 && !status.bodiless && !this.#hasWritten ? length : -1);
      return;
    }
    this.#sink.writeHead(status, this.#headers, this.#declared < 0 ? length : -1);
    this.#sent = true;
    if (this.#ending !== undefined) {
      if (length > PIECE) {
        this.#declared = length;
        this.#reader = new BodyReader(piecesOf(chunks, PIECE));
        void this.#stream(this.#reader);
        return;
      }
      this.#ending.bytes = length;
    }
    this.#finish();
    const last = chunks.length - 1;
    for (let index = 0; index < last; index++) void this.#sink.write(chunks[index] as Chunk);
    this.#endSink(chunks[last]);
  }

  /** Ends the response; who wants to know of its end hears of it once the response is with the operating system. */
  #endSink(chunk?: Chunk): void {
    const ending = this.#ending;
    if (ending === undefined) {
      this.#sink.end(chunk);
      return;
    }
    ending.status = this.#status?.code ?? 0;
    const hears = this.#sink.onSent !== undefined;
    if (hears) this.#sink.onSent?.((isSent, unsent) => ending.sent(isSent, unsent));
    this.#sink.end(chunk);
    if (!hears) ending.tell(true);
  }

  /** The response was cut, or nobody is there to get it. */
  #tellCut(unsent: number): void {
    this.#ending?.cut(this.#sentCode, this.#gone, unsent);
  }

  /** The status that was sent; 0 for none. */
  get #sentCode(): number {
    return this.#sent ? (this.#status?.code ?? 0) : 0;
  }

  async #stream(reader: BodyReader, lent?: Memory): Promise<void> {
    try {
      this.#watch();
      while (this.#status === undefined || !this.#isBodiless(this.#status)) {
        const step = reader.next();
        const chunk = isPromise(step) ? await step : step;
        if (this.#over) {
          // The code that ended the response has closed the body, except where that was the body itself.
          if (this.isUpgraded) this.#close(undefined);
          return;
        }
        if (chunk === undefined) break;
        if (chunk.length === 0) continue;
        this.#started();
        const room = this.#send(chunk);
        if (lent?.hasLent(chunk as Uint8Array)) this.#sink.onTaken?.(() => lent.takeBack(chunk as Uint8Array));
        if (room !== undefined) await room;
        if (this.#over) return;
      }
      this.#end();
    } catch (error) {
      this.#fail(error);
    }
  }

  #started(): Status {
    if (this.#status !== undefined) return this.#status;
    throw notStarted();
  }

  #isBodiless(status: Status): boolean {
    return this.#isHead || status.bodiless;
  }

  /**
   * An app may have changed its list since it was checked, and what is sent has to hold. A copy would cost more: V8 allocates
   * it in its old space.
   */
  #checkAgain(): void {
    this.#declared = checkHeaders(this.#headers, this.#status?.code);
    if (this.#sink.addTrailers === undefined && announcesTrailers(this.#headers)) {
      this.#headers = removeHeaders(this.#headers, "Trailer");
    }
  }

  #sendHead(length: number): void {
    const status = this.#started();
    const { code } = status;
    this.#checkAgain();
    if (status.bodiless && code !== 304 && this.#declared >= 0) {
      this.#headers = removeHeaders(this.#headers, "Content-Length");
      this.#declared = -1;
    }
    // A 205 says that it is empty, a 204 must not (RFC 9110 §8.6, §15.3.6).
    this.#sink.writeHead(status, this.#headers, code === 205 ? 0 : code === 204 ? -1 : length);
    this.#sent = true;
  }

  #send(chunk: Chunk): void | Promise<void> {
    const status = this.#started();
    if (this.#isBodiless(status)) return;
    if (!this.#sent) this.#sendHead(-1);
    if (this.#declared < 0) {
      if (this.#ending !== undefined) this.#ending.bytes += byteLength(chunk);
      return this.#sink.write(chunk);
    }
    const length = byteLength(chunk);
    const left = this.#declared - this.#written;
    if (length <= left) {
      this.#written += length;
      if (this.#ending !== undefined) this.#ending.bytes = this.#written;
      return this.#sink.write(chunk);
    }
    this.#written = this.#declared;
    if (this.#ending !== undefined) this.#ending.bytes = this.#declared;
    this.report(badLength(this.#declared, "longer"));
    this.#finish();
    this.#endSink(toBytes(chunk).subarray(0, left));
    this.#close(undefined);
  }

  /** Ends the response; `headLength` is the `Content-Length` that a response to HEAD gets. */
  #end(headLength = -1): void {
    if (this.#over) return;
    const status = this.#started();
    if (status === SWITCHING_STATUS) {
      this.#switch();
      return;
    }
    const bodiless = this.#isBodiless(status);
    if (!this.#sent) this.#sendHead(this.#declared >= 0 ? -1 : bodiless ? headLength : 0);
    this.#finish();
    if (!bodiless && this.#written < this.#declared) {
      this.report(badLength(this.#declared, "shorter"));
      this.#sink.abort();
      this.#tellCut(0);
    } else this.#endSink();
    this.#close(undefined);
  }

  /** Gives the connection to the app, which sends the 101. A client that has ended its side has lost its chance. */
  #switch(): void {
    this.#checkAgain();
    const { upgrade } = this.#sink;
    this.#finish();
    if (upgrade === undefined) {
      this.#sink.abort();
      this.#tellCut(0);
    } else {
      this.#takenOver().handOver(upgrade(), this.#headers);
      this.#ending?.complete(SWITCHING_STATUS.code);
    }
    this.#close(undefined);
  }

  #fail(error: unknown): void {
    if (this.#over) {
      this.#reportLate(error);
      this.#takeover?.cut();
      return;
    }
    if (this.#sink.closed) {
      this.#abandon();
      this.#reportLate(error);
      return;
    }
    const status = this.#sent ? undefined : statusOfError(error);
    if (status === undefined) {
      this.report(error);
      if (this.#ending !== undefined) this.#ending.error = error;
    }
    this.#finish();
    try {
      if (this.#sent) {
        this.#sink.abort();
        this.#tellCut(this.#sink.unsent ?? 0);
      } else this.#answerError(status ?? "500 Internal Server Error", error);
    } catch (sinkError) {
      this.report(sinkError);
      callOut(
        () => this.#sink.abort(),
        (abortError) => this.report(abortError),
      );
      this.#tellCut(0);
    }
    this.#close(undefined);
  }

  #answerError(line: StatusLine, error: unknown): void {
    const page = errorPageOf(this.#options, line, error, this.#environ as Environ, (pageError) =>
      this.report(pageError),
    );
    const length = byteLength(page.body);
    this.#status = parseStatus(line);
    this.#sink.writeHead(this.#status, page.headers, length);
    this.#sent = true;
    if (this.#ending !== undefined && !this.#isHead) this.#ending.bytes = length;
    this.#endSink(this.#isHead ? undefined : page.body);
  }

  #reportLate(error: unknown): void {
    this.#reports().reportLate(error, this.#gone);
  }

  /** Reports an error to `tsgi.errors` and to `onError`, the same one once. Never throws. */
  report(error: unknown): void {
    if (this.#ending !== undefined && !this.#sent) this.#ending.reported = error;
    this.#reports().report(error);
  }

  get reporter(): NonNullable<Exchange["reporter"]> {
    return reporterOf(this.#options);
  }

  #reports(): Reporter {
    this.#reporter ??= new Reporter(this.#environ as Environ, this.#options);
    return this.#reporter;
  }

  /** Nothing is sent any more, and nobody has to be told of the client's leaving. */
  #finish(): void {
    this.#over = true;
    this.#departure?.release();
  }

  /** Closes the body that is being read and one that was never to be read; what goes wrong there is reported. */
  #close(body: Body): void {
    const report = (error: unknown) => this.#reportLate(error);
    if (this.#reader !== undefined) callOut(() => this.#reader?.close(), report);
    if (body !== undefined) callOut(() => closeBody(body), report);
  }

  #watch(): void {
    if (this.#watching || this.#over) return;
    this.#watching = true;
    this.#sink.onClose(() => this.#abandon());
  }

  /** The client is gone: tell the callbacks first, then close the body, whose `return` may wait for a pending `next`. */
  #abandon(): void {
    if (this.#over) return;
    this.#over = true;
    this.#gone = true;
    this.#departure?.leave();
    this.#close(undefined);
    this.#tellCut(this.#sink.unsent ?? 0);
  }

  #departed(): Departure {
    if (this.#departure === undefined) {
      this.#departure = new Departure((error) => this.#reportLate(error));
      if (this.#gone) this.#departure.leave();
      else this.#watch();
    }
    return this.#departure;
  }

  get headers(): HeaderList | undefined {
    return this.#sink.requestHeaders;
  }

  get trailers(): HeaderList | undefined {
    return this.#sink.requestTrailers;
  }

  get server(): object | undefined {
    return this.#sink.server;
  }

  get inform(): Exchange["inform"] {
    return this.#sink.inform && ((status, headers) => this.#inform(status, headers));
  }

  #inform(status: StatusLine, headers: HeaderList): void {
    checkInformational(status, headers);
    if (!this.#sent && !this.#over && !this.#sink.closed) this.#sink.inform?.(status, headers);
  }

  get addTrailers(): Exchange["addTrailers"] {
    return this.#sink.addTrailers && ((trailers) => this.#addTrailers(trailers));
  }

  #addTrailers(trailers: HeaderList): void {
    const added = takeTrailers(trailers);
    if (this.#gone || this.#sink.closed) return;
    if (this.#over) throw responseOver();
    this.#setTrailers(this.#trailers === undefined ? added : [...this.#trailers, ...added]);
  }

  #setTrailers(trailers: HeaderList): void {
    this.#trailers = trailers.length === 0 ? undefined : trailers;
    this.#sink.addTrailers?.(trailers);
  }

  get upgrade(): Exchange["upgrade"] {
    return this.#sink.upgrade && (() => this.#upgrade());
  }

  #upgrade(): object {
    if (this.#over || this.#sent) throw this.#overError();
    const upgrade = this.#sink.upgrade;
    if (upgrade === undefined) throw new TsgiError("TSGI_CLIENT_GONE", "the client ended its side before the upgrade");
    this.#finish();
    const connection = upgrade();
    this.#takenOver().complete(connection);
    this.#ending?.complete(SWITCHING_STATUS.code);
    // A synchronous body is what runs just now, or is not being read: its reader closes it.
    if (this.#reader?.isAsync) this.#close(undefined);
    return connection;
  }

  get onUpgrade(): Exchange["onUpgrade"] {
    return this.#sink.upgrade && ((take) => this.#onUpgrade(take));
  }

  #onUpgrade(take: TakeUpgrade): void {
    if (this.#over || this.#sent) throw this.#overError();
    this.#takenOver().await(take);
  }

  #takenOver(): Takeover {
    this.#takeover ??= new Takeover((error) => this.#reportLate(error));
    return this.#takeover;
  }

  get awaitsUpgrade(): boolean {
    return !this.#over && this.#takeover?.isAwaited === true;
  }

  get isUpgraded(): boolean {
    return this.#takeover?.isDone === true;
  }

  get onServerClose(): Exchange["onServerClose"] {
    const { onServerClose } = this.#sink;
    if (onServerClose === undefined) return undefined;
    return (callback) => onServerClose.call(this.#sink, () => callOut(callback, (error) => this.#reportLate(error)));
  }

  get signal(): AbortSignal {
    return this.#departed().signal;
  }

  onAbort(callback: () => void): void {
    if (!this.#over || this.#gone) this.#departed().add(callback);
  }

  onEnd(callback: (end: ExchangeEnd) => void): void {
    if (this.#ending === undefined) {
      this.#ending = new Ending((error) => this.#reportLate(error));
      if (this.#gone) this.#tellCut(0);
      else if (this.#over) this.#ending.complete(this.#sentCode);
    }
    this.#ending.add(callback);
  }

  flush(): void {
    if (this.#sent || this.#over) return;
    if (this.#status === undefined) {
      this.#flushAsked = true;
      return;
    }
    // The head of a 101 is the app's, which sends it when it has the connection.
    if (this.#status === SWITCHING_STATUS) return;
    this.#sendHead(-1);
    this.#sink.flush();
  }
}
