/** The error of a body that is read twice. */

import { TsgiError } from "../errors.ts";

export function bodyRead(): TsgiError {
  return new TsgiError("TSGI_BODY_READ", "the request body was read before the app was called", {
    hint: "Mount the app before the body parser, or let the parser pass over its paths.",
  });
}
