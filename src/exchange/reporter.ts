/** What is reported of one exchange: each error once, and nothing that only follows from the client's leaving. */

import { codeOf, memberOf, statusOfError } from "../errors.ts";
import type { Environ } from "../gateway.ts";
import { callOut } from "../promise.ts";
import { writeError } from "./report.ts";
import type { ResponderOptions } from "./sink.ts";

export class Reporter {
  readonly #environ: Environ;
  readonly #onError: ResponderOptions["onError"];
  #last: unknown;
  #hasReported = false;

  constructor(environ: Environ, { onError }: ResponderOptions) {
    this.#environ = environ;
    this.#onError = onError;
  }

  /** Reports an error to `tsgi.errors` and to `onError`. Never throws. */
  report(error: unknown): void {
    if (this.#hasReported && error === this.#last && typeof error === "object") return;
    this.#last = error;
    this.#hasReported = true;
    const environ = this.#environ;
    writeError(environ, error);
    const onError = this.#onError;
    if (onError === undefined) return;
    callOut(
      () => onError(error, environ),
      (hookError) => writeError(environ, hookError, "onError"),
    );
  }

  /**
   * Reports what an app fails with after its response, unless that only follows from what has ended the response, or is the
   * client's own mistake.
   */
  reportLate(error: unknown, isGone: boolean): void {
    if (statusOfError(error) !== undefined) return;
    if (isGone ? !followsFromLeaving(error) : !this.#hasReported || codeOf(error) !== "TSGI_RESPONSE_OVER") {
      this.report(error);
    }
  }
}

const reporters = new WeakMap<ResponderOptions, (error: unknown, environ: Environ) => void>();

/** What reports errors for any environ of a server. The same for all of its exchanges, so that it can be kept. */
export function reporterOf(options: ResponderOptions): (error: unknown, environ: Environ) => void {
  let reporter = reporters.get(options);
  if (reporter === undefined) {
    reporter = (error, environ) => new Reporter(environ, options).report(error);
    reporters.set(options, reporter);
  }
  return reporter;
}

/** Codes of what fails only because the client has left: a read, a write, an operation that was given `signal`, a stream. */
const OF_LEAVING = new Set(["TSGI_CLIENT_GONE", "ABORT_ERR", "ERR_STREAM_PREMATURE_CLOSE"]);

function followsFromLeaving(error: unknown): boolean {
  return OF_LEAVING.has(codeOf(error)) || memberOf(error, "name") === "AbortError";
}
