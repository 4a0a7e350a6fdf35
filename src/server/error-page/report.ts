/** What an error page tells, whatever the form: built once, shown as HTML, JSON or text. */

import { innermostOf } from "../../exchange/innermost.ts";
import type { App, Environ, StatusLine } from "../../gateway.ts";
import { editorLink } from "./editor.ts";
import { allOf, type Failure, takeApart } from "./failure.ts";
import { type Passed, passedApps } from "./passed.ts";
import { hideParameters, showEntry } from "./secrets.ts";
import type { Place } from "./stack.ts";

export interface Report {
  readonly status: StatusLine;
  /** `"GET /shop/cart?page=2"`. */
  readonly request: string;
  readonly failure: Failure;
  /** The apps on the way, from the outside in. */
  readonly passed: readonly Passed[];
  /** Where the app that failed is mounted; empty at the root. */
  readonly mount: string;
  readonly environ: readonly (readonly [name: string, value: string])[];
  /** The URL that opens a place in the editor of whoever asks. */
  readonly linkTo: (place: Place) => string | undefined;
}

/** reportOn builds the report of an error. The environ is the one that the innermost mount was called with. */
export function reportOn(status: StatusLine, error: unknown, environ: Environ, app: App): Report {
  const failure = takeApart(error);
  const inner = innermostOf(environ);
  const called = allOf(failure).flatMap(({ frames }) => frames.map((frame) => frame.called));
  return {
    status,
    request: `${environ.REQUEST_METHOD} ${hideParameters(environ.REQUEST_URI)}`,
    failure,
    passed: passedApps(app, environ, called),
    mount: inner.SCRIPT_NAME,
    environ: Object.entries(inner).map(([name, value]) => [name, showEntry(name, value)]),
    linkTo: (place) => editorLink(place, environ.REMOTE_ADDR),
  };
}
