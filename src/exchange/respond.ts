/** A response as a value: sent, or dropped. */

import { closeBody, failAfter } from "../body/reader.ts";
import type { AppResponse, Body, Environ, StartResponse } from "../gateway.ts";
import { reportError } from "./report.ts";

/** Starts a response and gives its body; closes that where `startResponse` throws. */
export function respond({ status, headers, body }: AppResponse, startResponse: StartResponse): Body | Promise<Body> {
  try {
    startResponse(status, headers);
    return body;
  } catch (error) {
    return failAfter(() => closeBody(body), error);
  }
}

/** Closes a body that is not sent, because another is. What that fails with is reported, and fails nothing else. */
export function dropBody(body: Body, environ: Environ): undefined | Promise<unknown> {
  return closeBody(body)?.catch((error) => reportError(environ, error));
}
