/**
 * Answers for apps that take too long.
 *
 * ```ts
 * const slow: App = async (environ, startResponse) => {
 *   const { signal } = environ["tsgi.exchange"];
 *   return json(await find(signal))(environ, startResponse);
 * };
 *
 * export const app = timeout(slow, { after: 10_000 });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { BodyReader, type ChunkReader } from "../src/body/reader.ts";
import { toStream } from "../src/body/stream.ts";
import { clientGone, isClientGone, memberOf, TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import { isSwitching } from "../src/exchange/failures.ts";
import { InnerExchange } from "../src/exchange/inner-exchange.ts";
import { enter } from "../src/exchange/innermost.ts";
import { reportError } from "../src/exchange/report.ts";
import { dropBody, respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Body, Chunk, Environ, StartResponse } from "../src/gateway.ts";
import { checkOptions, count, type Kinds } from "../src/options.ts";
import { callOut, isPromise, mayBeDropped } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";

/** How long an app may take. */
export interface TimeoutOptions {
  /** How long it may take to begin its response, in milliseconds. Required. */
  after: number;
}

/** The longest time that a timer takes. */
const KINDS: Kinds<TimeoutOptions> = { after: count(1, 2 ** 31 - 1) };

const gatewayTimeout = text("Gateway Timeout\n", { status: "504 Gateway Timeout" });

/**
 * timeout answers with 504 (RFC 9110 §15.6.5) where `app` has not begun its response in time: it has neither returned a
 * complete one, nor given the first chunk of one, nor flushed its head. The `signal` of the exchange that the app was given
 * is aborted then, and its `onAbort` callbacks are called, as if the client had left; a body that the app has begun is closed.
 * What the app fails with after that is reported, unless it is an `AbortError` or says that the client is gone.
 *
 * Once the response has begun it may take any time, as a download or an event stream does. Code that does not yield to the event
 * loop cannot be interrupted. For HEAD, and for a connection that is taken over, the response begins with its head.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function timeout(app: App, options: TimeoutOptions): App {
  checkApp(app, "timeout");
  checkOptions("timeout", options, KINDS);
  const { after } = options;
  if ((after as unknown) === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "timeout has no time", {
      hint: "Give it in milliseconds: { after: 10_000 }.",
    });
  }

  const outer: App = function timeout(environ, startResponse) {
    const run = new TimedRun(environ, startResponse);
    const captured = capture(app, run.inner);
    if (!isPromise(captured) && run.isSettledBy(captured)) return run.send(captured);
    return run.wait(captured, after);
  };
  return wrapping(outer, app);
}

/** One request whose response has not begun when the app returns. */
class TimedRun {
  readonly inner: Environ;
  readonly #environ: Environ;
  readonly #startResponse: StartResponse;
  readonly #exchange: InnerExchange;
  #isFlushed = false;
  #isOver = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #settle: { resolve(body: Body | Promise<Body>): void; reject(error: unknown): void } | undefined;
  /** A response that has a head, and of whose body the first chunk is awaited. */
  #held: { readonly response: AppResponse; readonly reader: HeldReader } | undefined;

  constructor(environ: Environ, startResponse: StartResponse) {
    this.#environ = environ;
    this.#startResponse = startResponse;
    this.#exchange = new InnerExchange(environ, () => this.#flush());
    this.inner = enter({ ...environ, "tsgi.exchange": this.#exchange });
  }

  /** Whether a response begins at once: all of it is there, or nothing in it waits. */
  isSettledBy({ status, body }: AppResponse): boolean {
    const mayWait = typeof body === "object" && body !== null && Symbol.asyncIterator in body;
    return !mayWait || isSwitching(status) || this.#environ.REQUEST_METHOD === "HEAD";
  }

  wait(captured: AppResponse | Promise<AppResponse>, after: number): Promise<Body> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#environ["tsgi.exchange"].onAbort?.(() => this.#giveUp(() => reject(clientGone())));
      if (!this.#isOver && !this.#isFlushed) this.#timer = setTimeout(() => this.#expire(), after);
      if (isPromise(captured)) {
        captured.then(
          (response) => this.#captured(response),
          (error) => this.#failed(error),
        );
      } else this.#captured(captured);
    });
  }

  #captured(response: AppResponse): void {
    if (this.#isOver) {
      dropBody(response.body, this.#environ);
      return;
    }
    if (this.isSettledBy(response)) {
      this.#settleWith(() => this.send(response));
      return;
    }
    let reader: HeldReader;
    try {
      reader = new HeldReader(new BodyReader(response.body));
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#held = { response, reader };
    if (this.#isFlushed) this.#sendHeld();
    else
      reader.first.then(
        () => this.#sendHeld(),
        (error) => {
          callOut(
            () => reader.close(),
            (closeError) => reportError(this.#environ, closeError),
          );
          this.#failed(error);
        },
      );
  }

  #sendHeld(): void {
    const held = this.#held;
    if (held === undefined || this.#isOver) return;
    this.#settleWith(() => this.send({ ...held.response, body: toStream(held.reader) }));
  }

  send(response: AppResponse): Body | Promise<Body> {
    this.#end();
    const body = respond(response, this.#startResponse);
    if (this.#isFlushed) this.#environ["tsgi.exchange"].flush?.();
    return body;
  }

  #settleWith(send: () => Body | Promise<Body>): void {
    try {
      this.#settle?.resolve(send());
    } catch (error) {
      this.#settle?.reject(error);
    }
  }

  #failed(error: unknown): void {
    if (!this.#isOver) {
      this.#end();
      this.#settle?.reject(error);
    } else if (!isClientGone(error) && memberOf(error, "name") !== "AbortError") reportError(this.#environ, error);
  }

  /** Whether a flush is to be passed on: until the response begins it is kept. */
  #flush(): boolean {
    if (this.#isOver) return true;
    this.#isFlushed = true;
    clearTimeout(this.#timer);
    this.#sendHeld();
    return false;
  }

  #expire(): void {
    this.#giveUp(() => this.#settleWith(() => gatewayTimeout(this.#environ, this.#startResponse)));
  }

  /** Ends the wait, and what is waited for: by a 504, or because the client has left. */
  #giveUp(settle: () => void): void {
    if (this.#isOver || this.#exchange.isUpgraded) return;
    this.#end();
    settle();
    // A body may wait for the signal to let its generator return.
    this.#exchange.leave();
    const held = this.#held;
    if (held === undefined) return;
    callOut(
      () => held.reader.close(),
      (error) => this.#failed(error),
    );
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}

/** A reader that has begun to read its first chunk that is not empty. */
class HeldReader implements ChunkReader {
  readonly isAsync = true;
  readonly #reader: BodyReader;
  readonly first: Promise<Chunk | undefined>;
  #isFirst = true;

  constructor(reader: BodyReader) {
    this.#reader = reader;
    this.first = mayBeDropped(firstOf(reader));
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    if (!this.#isFirst) return this.#reader.next();
    this.#isFirst = false;
    return this.first;
  }

  close(): undefined | Promise<unknown> {
    return this.#reader.close();
  }
}

async function firstOf(reader: BodyReader): Promise<Chunk | undefined> {
  let chunk = await reader.next();
  while (chunk !== undefined && chunk.length === 0) chunk = await reader.next();
  return chunk;
}
