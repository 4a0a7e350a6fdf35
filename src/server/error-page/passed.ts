/** Which apps a request has passed on its way to the one that failed. */

import { type Chosen, chosenFor } from "../../exchange/innermost.ts";
import type { App, Environ } from "../../gateway.ts";
import { innerApps } from "../../wrapping.ts";

/** An app that a request has passed. */
export interface Passed {
  readonly name: string;
  /** Why it was chosen among several: the mount, the route, the host. */
  readonly label: string | undefined;
  /** Whether it is the innermost one whose function is in the stack. */
  isWhereItFailed: boolean;
}

/** How deep a site may be. */
const DEEPEST = 100;

/**
 * passedApps follows a site from the outside to what the request has noted last. What comes after that, as far as there is
 * no choice, may not have been reached: `called`, the functions in the stack, tells where the error is.
 */
export function passedApps(app: App, environ: Environ, called: readonly string[]): Passed[] {
  const names = new Set(called.map((name) => name.replace(/^async /, "").replace(/^.*\./, "")));
  const noted = chosenFor(environ);
  const passed: Passed[] = [];
  let current: App | undefined = app;
  let label: string | undefined;
  while (current !== undefined && passed.length < DEEPEST) {
    passed.push({ name: current.name || "(anonymous)", label, isWhereItFailed: false });
    ({ app: current, label } = innerOf(current, noted) ?? { app: undefined, label: undefined });
  }
  const failed = passed.findLast(({ name }) => names.has(name));
  if (failed !== undefined) failed.isWhereItFailed = true;
  return passed;
}

/** The inner app that a request went on to. */
function innerOf(app: App, noted: readonly Chosen[]): { app: App; label: string | undefined } | undefined {
  const inner = innerApps(app);
  const [first] = inner;
  if (first !== undefined && inner.length === 1 && first.label === undefined)
    return { app: first.app, label: undefined };
  const last = noted.findLast((each) => inner.some((one) => one.app === each.app));
  if (last === undefined) return undefined;
  const labels = inner.filter((one) => one.app === last.app).map((one) => one.label);
  return { app: last.app, label: labels.length === 1 ? labels[0] : last.environ.SCRIPT_NAME };
}
