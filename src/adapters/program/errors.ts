/** What goes wrong behind a gateway: errors that carry the status of their answer. */

import { TsgiError } from "../../errors.ts";

/** RFC 9110 §15.6.3: what is behind answered with something that is no response, or not at all. */
export function badGateway(message: string, cause?: unknown): TsgiError {
  return new TsgiError("TSGI_BAD_GATEWAY", message, { status: "502 Bad Gateway", cause });
}

/** RFC 9110 §15.6.4. */
export function serviceUnavailable(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_OVERLOADED", message, { status: "503 Service Unavailable", hint });
}

/** RFC 9110 §15.6.5. */
export function gatewayTimeout(message: string): TsgiError {
  return new TsgiError("TSGI_GATEWAY_TIMEOUT", message, {
    status: "504 Gateway Timeout",
    hint: "Raise `timeout` where it may take longer.",
  });
}
