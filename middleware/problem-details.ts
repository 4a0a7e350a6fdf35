/**
 * Gives errors to programs in a form that they can read.
 *
 * ```ts
 * export const app = problemDetails(api);
 *
 * export const described = problemDetails(api, {
 *   describe: (problem) => ({ ...problem, type: `https://example.com/problems/${problem.status}` }),
 * });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { BoundedMap } from "../src/bounded-map.ts";
import { isClientGone, statusOfError, type TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import { isInDevelopment } from "../src/exchange/innermost.ts";
import { reportError } from "../src/exchange/report.ts";
import { respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Environ } from "../src/gateway.ts";
import { addVary } from "../src/http/headers.ts";
import { preferredType } from "../src/http/negotiation.ts";
import { immediate } from "../src/immediate.ts";
import { BOOLEAN, checkOptions, FUNCTION, type Kinds } from "../src/options.ts";
import { andThen, isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { isPlainError, type Problem, problemResponse } from "./problem-details/problem.ts";

export type { Problem } from "./problem-details/problem.ts";

/** Who gets problem details, and what is in them. */
export interface ProblemDetailsOptions {
  /** Whether clients get them that have not asked for JSON. Default `false`: browsers and `curl` get what the app answers. */
  always?: boolean;
  /** Makes of a problem what is sent: another `type`, more members. It must not fail. Default: the problem as it is. */
  describe?: (problem: Problem, environ: Environ) => Problem;
}

const KINDS: Kinds<ProblemDetailsOptions> = { always: BOOLEAN, describe: FUNCTION };

const JSON_TYPES = ["application/problem+json", "application/json"];
/** What a client prefers that takes anything comes first. */
const TYPES = ["text/html", "text/plain", ...JSON_TYPES];

/**
 * problemDetails answers clients that prefer JSON (`Accept`) with problem details (RFC 9457) where `app` answers with an error, 400 to
 * 599, as text, as a page or without a type; errors in JSON, and in other forms, stay as they are. The status and all headers stay that
 * are not about the body. `title` is the reason, `detail` the text if it is short and says more; of a page nothing is taken.
 *
 * An error that `app` throws before its head is answered here too: one that asks for a 4xx, as `readJson` throws them, with its message
 * as `detail`; any other is reported and becomes a 500 that says nothing of it. In development the server shows it, as JSON too.
 *
 * Errors that are answered outside of it, such as the 400 of a malformed request, are not seen. Responses that depend on `Accept` have
 * it in `Vary`.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function problemDetails(app: App, options: ProblemDetailsOptions = {}): App {
  checkApp(app, "problemDetails");
  checkOptions("problemDetails", options, KINDS);
  const { always = false } = options;
  const describe = immediate("describe of problemDetails", options.describe ?? ((problem: Problem) => problem));
  const verdicts = new BoundedMap<string, boolean>(500);

  function wantsJson(accept: string | undefined): boolean {
    if (always) return true;
    if (accept === undefined) return false;
    const known = verdicts.get(accept);
    if (known !== undefined) return known;
    const verdict = JSON_TYPES.includes(preferredType(accept, TYPES) ?? "");
    verdicts.set(accept, verdict);
    return verdict;
  }

  function changed(response: AppResponse, environ: Environ, isCaught: boolean): AppResponse {
    if (!isCaught && !isPlainError(response)) return response;
    const made = problemResponse(response, environ, describe);
    return always ? made : { ...made, headers: addVary(made.headers, "Accept") };
  }

  const outer: App = function problemDetails(environ, startResponse) {
    if (!wantsJson(environ.HTTP_ACCEPT)) {
      return app(environ, (status, headers, error) =>
        startResponse(status, isPlainError({ status, headers }) ? addVary(headers, "Accept") : headers, error),
      );
    }
    return andThen(captureOrCatch(app, environ), ({ response, isCaught }) =>
      andThen(changed(response, environ, isCaught), (settled) => respond(settled, startResponse)),
    );
  };
  return wrapping(outer, app);
}

interface Outcome {
  readonly response: AppResponse;
  /** Whether it was made of an error that the app has thrown. */
  readonly isCaught: boolean;
}

function captureOrCatch(app: App, environ: Environ): Outcome | Promise<Outcome> {
  const take = (response: AppResponse): Outcome => ({ response, isCaught: false });
  try {
    const captured = capture(app, environ);
    return isPromise(captured) ? captured.then(take, (error) => caught(error, environ)) : take(captured);
  } catch (error) {
    return caught(error, environ);
  }
}

/** The response to an error; throws what is the server's to answer. */
function caught(error: unknown, environ: Environ): Outcome {
  const { isUpgraded } = environ["tsgi.exchange"];
  const status = statusOfError(error);
  if (isUpgraded || isClientGone(error) || (status === undefined && isInDevelopment(environ))) throw error;
  if (status === undefined) reportError(environ, error);
  const response: AppResponse =
    status === undefined
      ? { status: "500 Internal Server Error", headers: [], body: undefined }
      : { status, headers: [], body: messageOf(error) };
  return { response, isCaught: true };
}

/** What is wrong, without what the programmer could do about it. */
function messageOf(error: unknown): string {
  const { message, hint } = error as TsgiError;
  return hint === undefined ? message : message.slice(0, -`. ${hint}`.length);
}
