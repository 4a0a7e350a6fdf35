/** Unhandled errors: rejected promises, and throws in timers and event listeners. */

import { AsyncLocalStorage } from "node:async_hooks";
import { describeError } from "../errors.ts";
import { escapeControls } from "../escape.ts";
import { reportError } from "../exchange/report.ts";
import type { App, Environ, ErrorStream } from "../gateway.ts";
import { inPlaceOf } from "../wrapping.ts";
import { outliveReaders } from "./print-lines.ts";

const EVENTS = ["unhandledRejection", "uncaughtException"] as const;

const requests = new AsyncLocalStorage<Environ>();

/**
 * Has unhandled errors name the request they come from. This costs a lookup for each asynchronous step, so it is
 * for development; without it, an error names the request only while it is the only open one.
 */
export function traceRequests(app: App): App {
  const traced: App = (environ, startResponse) => {
    // Not `run`: the body is read after the app has returned.
    requests.enterWith(environ);
    return app(environ, startResponse);
  };
  // It is not to be seen among the parts of the site.
  return inPlaceOf(traced, app);
}

/**
 * Reports unhandled errors, and lets the process live on: one request must not end the others. An app that
 * listens to these events itself decides alone. `openRequests` gives the requests that may have caused an error.
 */
export function reportStrayErrors(errors: ErrorStream, openRequests: () => readonly string[]): void {
  for (const event of EVENTS) {
    process.on(event, (error: unknown) => {
      if (process.listenerCount(event) > 1) return;
      const environ = requests.getStore();
      if (environ !== undefined) reportError(environ, error);
      else writeStray(errors, openRequests(), error);
    });
  }
  // A closed pipe would be such an error, and its report the next one.
  outliveReaders();
}

function writeStray(errors: ErrorStream, [first, ...others]: readonly string[], error: unknown): void {
  const during = first === undefined ? "outside of a request" : `during ${others.length + 1} requests`;
  const where = first !== undefined && others.length === 0 ? `during ${first}` : during;
  errors.write(`tsgi: nothing handles this error, ${escapeControls(where)}: ${describeError(error)}\n`);
}
