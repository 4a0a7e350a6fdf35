/** The small middleware around a request, none of which has anything to say about it. */

import { asyncContext } from "../../middleware/async-context.ts";
import { except } from "../../middleware/except.ts";
import { favicon } from "../../middleware/favicon.ts";
import { maintenance } from "../../middleware/maintenance.ts";
import { methodOverride } from "../../middleware/method-override.ts";
import { problemDetails } from "../../middleware/problem-details.ts";
import { serverTiming } from "../../middleware/server-timing.ts";
import { trailingSlash } from "../../middleware/trailing-slash.ts";
import { when } from "../../middleware/when.ts";
import type { App } from "../../src/gateway.ts";
import { stack } from "../../src/stack.ts";

/** An app in all of them. */
export function inContext(app: App): App {
  return stack()
    .use(when, () => true, serverTiming)
    .use(except, async () => false, asyncContext)
    .use(favicon)
    .use(maintenance, { isOn: async () => false })
    .use(methodOverride)
    .use(trailingSlash)
    .use(problemDetails)
    .run(app);
}

/** The problem details that `asProblems` gives of every error. */
export const PROBLEM = '{"type":"about:blank","title":"A problem","status":400}';

/** An app whose errors are problems for its client. */
export function asProblems(app: App): App {
  return problemDetails(app, { always: true, describe: () => JSON.parse(PROBLEM) });
}
