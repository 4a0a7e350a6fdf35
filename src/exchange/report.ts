/** Errors that no response can tell of: those that come too late, or in a callback. */

import { describeError } from "../errors.ts";
import type { Environ } from "../gateway.ts";
import { callOut } from "../promise.ts";

/**
 * reportError reports an error as the server reports its own: through `exchange.report` if the server has it, else to
 * `tsgi.errors`. Never throws.
 */
export function reportError(environ: Environ, error: unknown): void {
  const { report } = environ["tsgi.exchange"];
  if (report === undefined) writeError(environ, error);
  else
    callOut(
      () => report.call(environ["tsgi.exchange"], error),
      (failure) => writeError(environ, failure),
    );
}

/** Writes an error to `tsgi.errors` under the line of its request. Never throws: the log may be closed. */
export function writeError(environ: Environ, error: unknown, what?: string): void {
  callOut(
    () => {
      const where = what ?? requestOf(environ);
      return environ["tsgi.errors"].write(`${where}: ${describeError(error)}\n`);
    },
    () => {},
  );
}

/** The line of a request, with the id that a layer has given it. */
function requestOf(environ: Environ): string {
  // An error is reported of environs too that are not complete.
  const id = (environ["tsgi.state"] as Environ["tsgi.state"] | undefined)?.["request.id"];
  return `${environ.REQUEST_METHOD} ${environ.REQUEST_URI}${typeof id === "string" ? ` [${id}]` : ""}`;
}
