/**
 * Tries apps in turn.
 *
 * ```ts
 * export const app = cascade([newSite, oldSite]);
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import { choose, enter } from "../src/exchange/innermost.ts";
import { dropBody, respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Body, Environ, StartResponse } from "../src/gateway.ts";
import { andThen } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";

/**
 * cascade answers with the first response that is not a 404 or a 405, and with the last app's where all are. The bodies of
 * the responses that are dropped are closed. The apps get the same environ, and a request body can be read once: an app that
 * may pass a request on has to leave its body alone.
 *
 * Throws `TSGI_NO_APP` for an empty list and for an element that is not an app.
 */
export function cascade(apps: readonly App[]): App {
  if (!Array.isArray(apps) || apps.length === 0) {
    throw new TsgiError("TSGI_NO_APP", "cascade needs a list of apps", { hint: "Pass [first, second]." });
  }
  for (const app of apps) checkApp(app, "cascade");
  const last = apps.length - 1;

  const outer: App = function cascade(environ, startResponse) {
    return attempt(0, environ, startResponse);
  };
  return wrapping(
    outer,
    apps.map((each, index) => ({ app: each, label: `(${index + 1})` })),
  );

  function attempt(index: number, environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    const app = apps[index] as App;
    // What the last one has noted of itself is not what answers.
    if (index > 0) enter(environ);
    choose(environ, app);
    if (index === last) return app(environ, startResponse);
    return andThen(capture(app, environ), (response) => {
      if (!isRefusal(response)) return respond(response, startResponse);
      dropBody(response.body, environ);
      return attempt(index + 1, environ, startResponse);
    });
  }
}

function isRefusal({ status }: AppResponse): boolean {
  return status.startsWith("404 ") || status.startsWith("405 ");
}
