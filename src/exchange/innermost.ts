/** Development: which environ the app that failed was given, for the error page. */

import type { Environ } from "../gateway.ts";

/** A key of `tsgi.state`, which all copies of an environ share. Not enumerable, so that no code meets it by accident. */
const INNERMOST: unique symbol = Symbol("tsgi.innermost");

interface TracedState {
  [INNERMOST]?: Environ;
}

/** Has the copies of this environ be noted by `enter`. */
export function traceInnermost(environ: Environ): void {
  Object.defineProperty(environ["tsgi.state"], INNERMOST, { value: environ, writable: true });
}

/**
 * enter notes the environ that a mounted app is called with, and gives it back: `return mounted(enter(inner), startResponse)`.
 * It does nothing outside of development.
 */
export function enter<Inner extends Environ>(inner: Inner): Inner {
  const state = inner["tsgi.state"] as TracedState;
  if (state[INNERMOST] !== undefined) state[INNERMOST] = inner;
  return inner;
}

/** The environ that was noted last, or the one given. */
export function innermostOf(environ: Environ): Environ {
  return (environ["tsgi.state"] as TracedState)[INNERMOST] ?? environ;
}
