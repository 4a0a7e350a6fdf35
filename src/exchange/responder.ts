/**
 * The response rules (see `gateway.ts`): runs an app for one exchange and drives a sink. A server needs a `Sink` and an
 * environ; everything between the app and the bytes is here.
 */

import { byteLength, checkChunk, toBytes } from "../body/chunk.ts";
import { BodyReader, closeBody, knownChunks } from "../body/reader.ts";
import { describeError, statusOfError, TsgiError } from "../errors.ts";
import type { App, Body, Chunk, Environ, Exchange, HeaderList, StatusLine, Write } from "../gateway.ts";
import { checkHeaders } from "../http/field-rules.ts";
import { removeHeaders } from "../http/headers.ts";
import { parseStatus, type Status } from "../http/status.ts";
import { isPromise } from "../promise.ts";
import type { ErrorPage, ResponderOptions, Sink } from "./sink.ts";

const NO_HEADERS: HeaderList = [];

/** One exchange: runs an app once and sends what it answers. It is the environ's `tsgi.exchange` as well. */
export class Responder implements Exchange {
  readonly #sink: Sink;
  readonly #edge: ResponderOptions;
  #environ: Environ | undefined;
  #status: Status | undefined;
  #headers: HeaderList = NO_HEADERS;
  /** The declared `Content-Length`, or -1. */
  #declared = -1;
  #written = 0;
  #sent = false;
  /** Nothing is sent any more: ended, failed or abandoned. */
  #over = false;
  #gone = false;
  #flushAsked = false;
  #watching = false;
  #isHead = false;
  #writer: Write | undefined;
  #reader: BodyReader | undefined;
  #callbacks: (() => void)[] | undefined;
  #controller: AbortController | undefined;

  constructor(sink: Sink, edge: ResponderOptions) {
    this.#sink = sink;
    this.#edge = edge;
  }

  /** Runs the app and sends its response. Never throws; what goes wrong is answered and reported. */
  run(app: App, environ: Environ): void {
    this.#environ = environ;
    this.#isHead = environ.REQUEST_METHOD === "HEAD";
    try {
      const result = app(environ, (status, headers, error) => this.#start(status, headers, error));
      if (isPromise<Body>(result)) {
        result.then(
          (body) => this.#respond(body),
          (error) => this.#fail(error),
        );
      } else this.#respond(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  #start(line: StatusLine, headers: HeaderList, error: unknown): Write {
    if (this.#over) throw this.#overError();
    if (this.#status !== undefined && error === undefined) throw startedTwice();
    if (this.#sent) throw error;
    const status = parseStatus(line);
    this.#declared = checkHeaders(headers);
    this.#headers = headers;
    this.#status = status;
    if (this.#flushAsked) this.flush();
    this.#writer ??= (chunk) => this.#write(chunk);
    return this.#writer;
  }

  #write(chunk: Chunk): void | Promise<void> {
    checkChunk(chunk);
    if (this.#over || this.#sink.closed) throw this.#overError();
    if (chunk.length === 0) return;
    this.#watch();
    return this.#send(chunk);
  }

  #overError(): TsgiError {
    return this.#gone || this.#sink.closed
      ? new TsgiError("TSGI_CLIENT_GONE", "the client went away before the response was sent")
      : new TsgiError("TSGI_RESPONSE_OVER", "the response has ended already", {
          hint: "Send what is left before the body ends.",
        });
  }

  #respond(body: Body): void {
    if (this.#over || this.#sink.closed) {
      this.#abandon();
      this.#finish(body);
      return;
    }
    try {
      const chunks = knownChunks(body);
      if (chunks === undefined) {
        this.#reader = new BodyReader(body);
        void this.#stream(this.#reader);
      } else this.#sendWhole(chunks);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A body that is all there: its length is known, and nothing has to be waited for. */
  #sendWhole(chunks: readonly Chunk[]): void {
    const status = this.#started();
    let length = 0;
    for (let index = 0; index < chunks.length; index++) length += byteLength(checkChunk(chunks[index]));
    if (this.#sent || (this.#declared >= 0 && this.#declared !== length) || status.bodiless || this.#isHead) {
      for (const chunk of chunks) if (chunk.length > 0 && !this.#over) void this.#send(chunk);
      // An app that has a special case for HEAD returns nothing, which says nothing about the length of its GET.
      this.#end(length > 0 && !status.bodiless ? length : -1);
      return;
    }
    this.#sink.writeHead(status, this.#headers, this.#declared < 0 ? length : -1);
    this.#sent = true;
    this.#over = true;
    const last = chunks.length - 1;
    for (let index = 0; index < last; index++) void this.#sink.write(chunks[index] as Chunk);
    this.#sink.end(chunks[last]);
  }

  async #stream(reader: BodyReader): Promise<void> {
    try {
      this.#watch();
      while (this.#status === undefined || !this.#isBodiless(this.#status)) {
        const step = reader.next();
        const chunk = isPromise(step) ? await step : step;
        if (this.#over) return;
        if (chunk === undefined) break;
        if (chunk.length === 0) continue;
        this.#started();
        const room = this.#send(chunk);
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

  #sendHead(length: number): void {
    const status = this.#started();
    if (status.code === 204 && this.#declared >= 0) {
      this.#headers = removeHeaders(this.#headers, "Content-Length");
      this.#declared = -1;
    }
    this.#sink.writeHead(status, this.#headers, length);
    this.#sent = true;
  }

  #send(chunk: Chunk): void | Promise<void> {
    const status = this.#started();
    if (this.#isBodiless(status)) return;
    if (!this.#sent) this.#sendHead(-1);
    if (this.#declared < 0) return this.#sink.write(chunk);
    const length = byteLength(chunk);
    const left = this.#declared - this.#written;
    if (length <= left) {
      this.#written += length;
      return this.#sink.write(chunk);
    }
    this.#written = this.#declared;
    this.#report(badLength(this.#declared, "longer"));
    this.#over = true;
    this.#sink.end(toBytes(chunk).subarray(0, left));
    this.#finish(undefined);
  }

  /** Ends the response; `headLength` is the `Content-Length` that a response to HEAD gets. */
  #end(headLength = -1): void {
    if (this.#over) return;
    const bodiless = this.#isBodiless(this.#started());
    if (!this.#sent) this.#sendHead(this.#declared >= 0 ? -1 : bodiless ? headLength : 0);
    this.#over = true;
    if (!bodiless && this.#written < this.#declared) {
      this.#report(badLength(this.#declared, "shorter"));
      this.#sink.abort();
    } else this.#sink.end();
    this.#finish(undefined);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    if (this.#sink.closed) {
      this.#abandon();
      return;
    }
    const status = this.#sent ? undefined : statusOfError(error);
    if (status === undefined) this.#report(error);
    this.#over = true;
    if (this.#sent) this.#sink.abort();
    else this.#answerError(status ?? "500 Internal Server Error", error);
    this.#finish(undefined);
  }

  #answerError(line: StatusLine, error: unknown): void {
    let page: ErrorPage = { headers: [["Content-Type", "text/plain; charset=utf-8"]], body: `${line}\n` };
    try {
      page = this.#edge.errorPage?.(line, error, this.#environ as Environ) ?? page;
    } catch (pageError) {
      this.#report(pageError);
    }
    this.#sink.writeHead(parseStatus(line), page.headers, byteLength(page.body));
    this.#sink.end(this.#isHead ? undefined : page.body);
  }

  #report(error: unknown): void {
    const environ = this.#environ as Environ;
    this.#log(`${environ.REQUEST_METHOD} ${environ.REQUEST_URI}`, error);
    const failed = (hookError: unknown) => this.#log("onError", hookError);
    try {
      const told: unknown = this.#edge.onError?.(error, environ);
      if (isPromise(told)) told.then(undefined, failed);
    } catch (hookError) {
      failed(hookError);
    }
  }

  /** Reporting an error must not fail: a thrown value may have no text, and the log may be closed. */
  #log(where: string, error: unknown): void {
    let text = "an error that cannot be shown";
    try {
      text = describeError(error);
    } catch {}
    try {
      (this.#environ as Environ)["tsgi.errors"].write(`${where}: ${text}\n`);
    } catch {}
  }

  /** Finishes the body that is being read and one that was never to be read; what goes wrong there is reported. */
  #finish(body: Body): void {
    try {
      this.#reader?.close()?.catch((error) => this.#report(error));
      closeBody(body)?.catch((error) => this.#report(error));
    } catch (error) {
      this.#report(error);
    }
  }

  #watch(): void {
    if (this.#watching || this.#over) return;
    this.#watching = true;
    this.#sink.onClose(() => this.#abandon());
  }

  /** The client is gone: tell whoever asked, then finish the body (its `return` may wait behind a pending `next`). */
  #abandon(): void {
    if (this.#over) return;
    this.#over = true;
    this.#gone = true;
    for (const callback of this.#callbacks ?? []) {
      try {
        callback();
      } catch (error) {
        this.#report(error);
      }
    }
    this.#controller?.abort();
    this.#finish(undefined);
  }

  get headers(): HeaderList | undefined {
    return this.#sink.requestHeaders;
  }

  get trailers(): HeaderList | undefined {
    return this.#sink.requestTrailers;
  }

  get inform(): Exchange["inform"] {
    return this.#sink.inform && ((status, headers) => this.#sink.inform?.(status, headers));
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#gone) this.#controller.abort();
      else this.#watch();
    }
    return this.#controller.signal;
  }

  onAbort(callback: () => void): void {
    if (this.#gone) {
      callback();
      return;
    }
    this.#callbacks ??= [];
    this.#callbacks.push(callback);
    this.#watch();
  }

  flush(): void {
    if (this.#sent || this.#over) return;
    if (this.#status === undefined) {
      this.#flushAsked = true;
      return;
    }
    this.#sendHead(-1);
    this.#sink.flush();
  }
}

/** The error of an app that answers twice. */
export function startedTwice(): TsgiError {
  return new TsgiError("TSGI_STARTED_TWICE", "startResponse was called a second time", {
    hint: "Only an error handler replaces a response: pass the error as the third argument.",
  });
}

/** The error of an app that sends a body without a head. */
export function notStarted(): TsgiError {
  return new TsgiError("TSGI_NOT_STARTED", "the app answered without calling startResponse", {
    hint: 'Call startResponse("200 OK", headers) before the first chunk.',
  });
}

function badLength(declared: number, how: "longer" | "shorter"): TsgiError {
  return new TsgiError(
    how === "longer" ? "TSGI_BODY_TOO_LONG" : "TSGI_BODY_TOO_SHORT",
    `the body is ${how} than its Content-Length of ${declared}`,
    {
      hint: "Leave Content-Length out: the server adds it where it knows it.",
    },
  );
}
