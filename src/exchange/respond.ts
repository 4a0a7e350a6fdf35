/** A response as a value, sent. */

import { closeBody, failAfter } from "../body/reader.ts";
import type { AppResponse, Body, StartResponse } from "../gateway.ts";

/** Starts a response and gives its body; closes that where `startResponse` throws. */
export function respond({ status, headers, body }: AppResponse, startResponse: StartResponse): Body | Promise<Body> {
  try {
    startResponse(status, headers);
    return body;
  } catch (error) {
    return failAfter(() => closeBody(body), error);
  }
}
