/**
 * Tries apps in turn.
 *
 * ```ts
 * export const app = cascade([newSite, oldSite]);
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { closeBody, failAfter } from "../src/body/reader.ts";
import { TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import type { App, AppResponse, Body, Environ, StartResponse } from "../src/gateway.ts";
import { isPromise } from "../src/promise.ts";

/**
 * cascade answers with the first answer that is not 404 or 405, and with the last app's where all are. The bodies of the
 * answers that are dropped are finished. The apps get the same environ, and a request body can be read once: let those
 * that may pass a request on leave it alone.
 *
 * Throws `TSGI_NO_APP` for an empty list and for an element that is no app.
 */
export function cascade(apps: readonly App[]): App {
  if (apps.length === 0) throw new TsgiError("TSGI_NO_APP", "cascade needs an app", { hint: "Pass [first, second]." });
  for (const app of apps) checkApp(app, "cascade");
  const last = apps.length - 1;

  return function cascade(environ, startResponse) {
    return attempt(0, environ, startResponse);
  };

  function attempt(index: number, environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    const app = apps[index] as App;
    if (index === last) return app(environ, startResponse);
    const settle = (captured: AppResponse): Body | Promise<Body> => {
      if (!isRefusal(captured)) return send(captured, startResponse);
      const finishing = closeBody(captured.body);
      const next = () => attempt(index + 1, environ, startResponse);
      return finishing === undefined ? next() : finishing.then(next);
    };
    const captured = capture(app, environ);
    return isPromise<AppResponse>(captured) ? captured.then(settle) : settle(captured);
  }
}

function send({ status, headers, body }: AppResponse, startResponse: StartResponse): Body | Promise<Body> {
  try {
    startResponse(status, headers);
    return body;
  } catch (error) {
    return failAfter(() => closeBody(body), error);
  }
}

function isRefusal({ status }: AppResponse): boolean {
  return status.startsWith("404 ") || status.startsWith("405 ");
}
