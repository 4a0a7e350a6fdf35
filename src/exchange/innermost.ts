/** Development: which apps a request has entered, and with which environ, for the error page. */

import type { App, Environ } from "../gateway.ts";

/** An app that was entered, and the environ that it was called with. */
export interface Entered {
  readonly environ: Environ;
  /** Absent for the environ that the server gave. */
  readonly app?: App | undefined;
}

/** A key of `tsgi.state`, which all copies of an environ share. Not enumerable, so that no code meets it by accident. */
const ENTERED: unique symbol = Symbol("tsgi.entered");

interface TracedState {
  [ENTERED]?: Entered[];
}

/** Has the copies of this environ be noted by `enter`. */
export function traceInnermost(environ: Environ): void {
  Object.defineProperty(environ["tsgi.state"], ENTERED, { value: [{ environ }] });
}

/**
 * enter notes the app that was chosen among several and the environ that it is called with, and gives the environ back:
 * `return mounted(enter(inner, mounted), startResponse)`. It does nothing outside of development.
 */
export function enter<Inner extends Environ>(environ: Inner, app: App): Inner {
  (environ["tsgi.state"] as TracedState)[ENTERED]?.push({ environ, app });
  return environ;
}

/** The environ that was noted last, or the one given. */
export function innermostOf(environ: Environ): Environ {
  return enteredOf(environ).at(-1)?.environ ?? environ;
}

/** What was entered, in order; empty outside of development. */
export function enteredOf(environ: Environ): readonly Entered[] {
  return (environ["tsgi.state"] as TracedState)[ENTERED] ?? [];
}
