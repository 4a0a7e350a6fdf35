/** A response as a value: sent, or dropped. */

import { closeBody, failAfter } from "../body/reader.ts";
import type { AppResponse, Body, Environ, StartResponse } from "../gateway.ts";
import { callOut } from "../promise.ts";
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

/** Closes a body that is not sent, because another is. Nothing waits for that; what it fails with is reported. */
export function dropBody(body: Body, environ: Environ): void {
  callOut(
    () => closeBody(body),
    (error) => reportError(environ, error),
  );
}
