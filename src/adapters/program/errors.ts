/** Errors of programs and of FastCGI servers. Each carries the status of the response that it becomes. */

import { TsgiError } from "../../errors.ts";

/** A program that sent no valid response (RFC 9110 §15.6.3). */
export function badGateway(message: string, cause?: unknown): TsgiError {
  return new TsgiError("TSGI_BAD_GATEWAY", message, { status: "502 Bad Gateway", cause });
}

/** A program that cannot take another request now (RFC 9110 §15.6.4). */
export function serviceUnavailable(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_OVERLOADED", message, { status: "503 Service Unavailable", hint });
}

/** A program that did not answer in time (RFC 9110 §15.6.5). */
export function gatewayTimeout(message: string): TsgiError {
  return new TsgiError("TSGI_GATEWAY_TIMEOUT", message, {
    status: "504 Gateway Timeout",
    hint: "Raise `timeout` if it may take longer.",
  });
}
