/**
 * Answers HEAD for apps that only know GET.
 *
 * ```ts
 * const page: App = (environ, startResponse) =>
 *   environ.REQUEST_METHOD === "GET" ? text("hello")(environ, startResponse) : notFound(environ, startResponse);
 *
 * export const app = head(page);
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { knownChunks } from "../src/body/reader.ts";
import { capture } from "../src/exchange/capture.ts";
import { isSwitching } from "../src/exchange/failures.ts";
import { enter, innermostOf } from "../src/exchange/innermost.ts";
import { dropBody, respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Environ } from "../src/gateway.ts";
import { andThen } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { NO_BODY } from "./transform/new-body.ts";

/**
 * head asks an app for a GET where the client asks for a HEAD, and sends the head of the response (RFC 9110 §9.3.2). A body that is
 * there as a whole gets its `Content-Length`; a stream is closed without being read. `Range` is left out, which only GET has. Servers
 * send no body for HEAD in any case, and `router` answers it by itself.
 */
export function head(app: App): App {
  checkApp(app, "head");

  const outer: App = function head(environ, startResponse) {
    if (environ.REQUEST_METHOD !== "HEAD") return app(environ, startResponse);
    const get: Environ = { ...environ, REQUEST_METHOD: "GET", HTTP_RANGE: undefined, HTTP_IF_RANGE: undefined };
    return andThen(capture(app, get), (response) => {
      // The log tells what the client has asked for.
      enter({ ...innermostOf(environ), REQUEST_METHOD: "HEAD" });
      if (isSwitching(response.status) || knownChunks(response.body) !== undefined)
        return respond(response, startResponse);
      dropBody(response.body, environ);
      return respond(withoutBody(response), startResponse);
    });
  };
  return wrapping(outer, app);
}

function withoutBody(response: AppResponse): AppResponse {
  return { ...response, body: NO_BODY };
}
