/** The error of a body that is read twice. */

import { TsgiError } from "../errors.ts";

const BEFORE_PARSERS = "Mount the app before the body parser, or let the parser pass over its paths.";

/** Makes the error of a request body that was read before the app could read it. */
export function bodyRead(hint: string = BEFORE_PARSERS): TsgiError {
  return new TsgiError("TSGI_BODY_READ", "the request body was read before the app was called", { hint });
}
