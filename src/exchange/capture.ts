/** The response of an app as a value, for a middleware that has to see it before it goes on. */

import { checkChunk } from "../body/chunk.ts";
import { BodyReader, knownChunks } from "../body/reader.ts";
import { toStream } from "../body/stream.ts";
import type { App, AppResponse, Body, Chunk, Environ, HeaderList, StatusLine, Write } from "../gateway.ts";
import { takeHeaders } from "../http/field-rules.ts";
import { parseStatus } from "../http/status.ts";
import { callOut, isPromise } from "../promise.ts";
import { CapturedBody } from "./captured-body.ts";
import { isSwitchOf, notStarted, responseOver, SWITCHING, SWITCHING_STATUS, startedTwice } from "./failures.ts";
import { reportError } from "./report.ts";

/**
 * capture runs an app and gives its response as soon as the app has started one: synchronously if the app answers
 * synchronously, else a promise. A generator has started one with its first chunk, as until then it may replace it (rule 3). A
 * late `startResponse` and the use of `write` are dealt with: all that is sent is in `body`, in the order in which it was sent,
 * and closing `body` closes what the app returned. From here on the response counts as sent: a `startResponse` with an error
 * rethrows it. Code that does not pass `body` on closes it.
 *
 * ```ts
 * const { status, headers, body } = await capture(app, environ);
 * ```
 *
 * Where the app has taken the connection over, the status is `101 Switching Protocols`: there is no response, and what is sent
 * goes nowhere. Where it is about to (`exchange.onUpgrade`), that is the status of its response.
 *
 * Throws or rejects with what the app throws before it has started, and with `TSGI_NOT_STARTED` where it never does. What
 * the app fails with later is the failure of `body`, or is reported if `body` is no longer read.
 */
export function capture(app: App, environ: Environ): AppResponse | Promise<AppResponse> {
  return new Capture(environ).run(app);
}

type Outcome = { readonly response: AppResponse } | { readonly error: unknown };

interface Waiting {
  resolve(response: AppResponse): void;
  reject(error: unknown): void;
}

class Capture {
  readonly #environ: Environ;
  #status: StatusLine | undefined;
  #headers: HeaderList = [];
  /** What the app writes and streams; undefined as long as it has done neither. */
  #body: CapturedBody | undefined;
  /** The response once it is handed over, or what the app failed with before. */
  #outcome: Outcome | undefined;
  #waiting: Waiting | undefined;
  #writer: Write | undefined;

  constructor(environ: Environ) {
    this.#environ = environ;
  }

  run(app: App): AppResponse | Promise<AppResponse> {
    try {
      const result = app(this.#environ, (status, headers, error) => this.#start(status, headers, error));
      if (isPromise<Body>(result)) {
        Promise.resolve(result).then(
          (body) => this.#returned(body),
          (error) => this.#failed(error),
        );
      } else this.#returned(result);
    } catch (error) {
      this.#failed(error);
    }
    if (this.#outcome === undefined) {
      return new Promise((resolve, reject) => {
        this.#waiting = { resolve, reject };
      });
    }
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.response;
  }

  #start(line: StatusLine, headers: HeaderList, error: unknown): Write {
    if (this.#status !== undefined && error === undefined) throw startedTwice();
    if (this.#outcome !== undefined) throw error ?? responseOver();
    const isSwitch = isSwitchOf(this.#environ["tsgi.exchange"], line);
    const { code } = isSwitch ? SWITCHING_STATUS : parseStatus(line);
    this.#headers = takeHeaders(headers, code).list;
    this.#status = line;
    this.#writer ??= (chunk) => this.#write(chunk);
    return this.#writer;
  }

  /** The response begins with the first chunk that is written, whether the app has returned by then or not. */
  #write(chunk: Chunk): void | Promise<void> {
    checkChunk(chunk);
    if (this.#body === undefined) {
      if (this.#outcome !== undefined) throw responseOver();
      if (chunk.length === 0) return;
      this.#body = new CapturedBody(this.#environ);
    }
    const taken = this.#body.write(chunk);
    this.#handOver(this.#body);
    return taken;
  }

  #returned(body: Body): void {
    try {
      if (this.#body !== undefined) this.#body.endWith(body);
      else if (knownChunks(body) !== undefined) this.#settle({ response: this.#responseWith(body) });
      else {
        this.#body = new CapturedBody(this.#environ, new BodyReader(body));
        if (this.#status === undefined) this.#firstStep(this.#body);
        else this.#handOver(this.#body);
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The first step of a generator is where it calls `startResponse`. */
  #firstStep(body: CapturedBody): void {
    body.pull(
      (chunk) => {
        if (this.#status !== undefined || this.#isUpgraded) this.#handOver(body);
        else if (chunk === undefined || chunk.length > 0) this.#failed(notStarted());
        else this.#firstStep(body);
      },
      (error) => this.#failedBefore(error),
    );
  }

  /** What an app fails with is the failure of its response where that has begun, else of the whole call. */
  #failed(error: unknown): void {
    if (this.#outcome !== undefined && this.#body !== undefined) this.#body.fail(error);
    else this.#failedBefore(error);
  }

  #failedBefore(error: unknown): void {
    if (this.#outcome !== undefined) return;
    if (this.#body !== undefined) {
      callOut(
        () => this.#body?.close(),
        (closeError) => reportError(this.#environ, closeError),
      );
    }
    this.#settle({ error });
  }

  #handOver(body: CapturedBody): void {
    if (this.#outcome === undefined) this.#settle({ response: this.#responseWith(toStream(body)) });
  }

  get #isUpgraded(): boolean {
    return this.#environ["tsgi.exchange"].isUpgraded === true;
  }

  #responseWith(body: Body): AppResponse {
    if (this.#status === undefined) {
      if (this.#isUpgraded) return { status: SWITCHING, headers: [], body };
      throw notStarted();
    }
    return { status: this.#status, headers: this.#headers, body };
  }

  #settle(outcome: Outcome): void {
    this.#outcome = outcome;
    if ("error" in outcome) this.#waiting?.reject(outcome.error);
    else this.#waiting?.resolve(outcome.response);
  }
}
