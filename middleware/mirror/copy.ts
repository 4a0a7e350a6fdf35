/** A request that is made again, of an app whose response is thrown away. */

import { BodyReader, closeBody } from "../../src/body/reader.ts";
import { isClientGone, memberOf } from "../../src/errors.ts";
import { capture } from "../../src/exchange/capture.ts";
import { Departure } from "../../src/exchange/departure.ts";
import { reportError, writeError } from "../../src/exchange/report.ts";
import type { App, AppResponse, Environ, Exchange } from "../../src/gateway.ts";
import { andThen, callOut, isPromise } from "../../src/promise.ts";

/** So many chunks that are there at once are read in a row, before others have their turn. */
const AT_ONCE = 64;

export class Copy {
  readonly #environ: Environ;
  readonly #departure: Departure;
  readonly #onOver: () => void;
  readonly #timer: ReturnType<typeof setTimeout>;
  #reader: BodyReader | undefined;
  #isOver = false;

  /** `timeout` is how long it may take, in milliseconds; `onOver` is called once. */
  constructor(environ: Environ, input: AsyncIterable<Uint8Array>, timeout: number, onOver: () => void) {
    this.#onOver = onOver;
    this.#departure = new Departure((error) => this.#report(error));
    this.#environ = this.#environOf(environ, input);
    this.#timer = setTimeout(() => this.giveUp(), timeout);
    (this.#timer as Partial<NodeJS.Timeout>).unref?.();
  }

  #environOf(environ: Environ, input: AsyncIterable<Uint8Array>): Environ {
    const { headers, reporter } = environ["tsgi.exchange"];
    const departure = this.#departure;
    const exchange: Exchange = {
      headers,
      reporter,
      get signal() {
        return departure.signal;
      },
      onAbort: (callback) => departure.add(callback),
      report: (error) => (reporter === undefined ? writeError(copied, error) : reporter(error, copied)),
    };
    const copied: { -readonly [Key in keyof Environ]: Environ[Key] } = {
      ...environ,
      "tsgi.input": input,
      "tsgi.exchange": exchange,
      "tsgi.state": {},
    };
    // Whether the client is asked for its body is decided by the app that answers.
    if (copied.HTTP_EXPECT !== undefined) delete copied.HTTP_EXPECT;
    return copied;
  }

  /** Calls the app in a later turn, when the one that answers has been called. */
  start(app: App): void {
    setTimeout(() => this.#run(app), 0);
  }

  #run(app: App): void {
    if (this.#isOver) return;
    callOut(
      () => andThen(capture(app, this.#environ), (response) => this.#read(response)),
      (error) => {
        this.#report(error);
        this.#end();
      },
    );
  }

  async #read({ body }: AppResponse): Promise<void> {
    if (this.#isOver) {
      await closeBody(body);
      return;
    }
    const reader = new BodyReader(body);
    this.#reader = reader;
    try {
      let atOnce = 0;
      for (;;) {
        const step = reader.next();
        if ((isPromise(step) ? await step : step) === undefined) break;
        if (!isPromise(step) && ++atOnce % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      }
    } finally {
      this.#end();
    }
  }

  /** Nobody waits for it any longer. */
  giveUp(): void {
    if (this.#isOver) return;
    this.#end();
    this.#departure.leave();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#onOver();
    callOut(
      () => this.#reader?.close(),
      (error) => this.#report(error),
    );
  }

  /** What it fails with because it was given up is not reported. */
  #report(error: unknown): void {
    if (isClientGone(error) || (this.#isOver && memberOf(error, "name") === "AbortError")) return;
    reportError(this.#environ, error);
  }
}
