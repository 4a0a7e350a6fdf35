/** What an app does wrong in an exchange, as errors. */

import { TsgiError } from "../errors.ts";
import type { HeaderList, StatusLine } from "../gateway.ts";
import { checkHeaders } from "../http/field-rules.ts";
import { hasHeader } from "../http/headers.ts";
import { isInformational } from "../http/status.ts";

/** The error of an app that answers twice. */
export function startedTwice(): TsgiError {
  return new TsgiError("TSGI_STARTED_TWICE", "startResponse was called a second time", {
    hint: "Only an error handler replaces a response: pass the error as the third argument.",
  });
}

/** The error of an app that sends a body without a head. */
export function notStarted(): TsgiError {
  return new TsgiError("TSGI_NOT_STARTED", "the app answered without calling startResponse", {
    hint: 'Call startResponse("200 OK", headers) before the first chunk.',
  });
}

/** The error of an app that goes on sending after the end of its response. */
export function responseOver(): TsgiError {
  return new TsgiError("TSGI_RESPONSE_OVER", "the response has ended already", {
    hint: "Send what is left before the body ends.",
  });
}

/** How a layer that has to name a status names that of a connection which was taken over. */
export const SWITCHING: StatusLine = "101 Switching Protocols";

/** Whether a status is the one of a connection that was taken over (RFC 9110 §15.2.2). */
export function isSwitching(status: StatusLine): boolean {
  return typeof status === "string" && status.startsWith("101 ");
}

/** The error of a body that is not as long as it says. */
export function badLength(declared: number, how: "longer" | "shorter"): TsgiError {
  return new TsgiError(
    how === "longer" ? "TSGI_BODY_TOO_LONG" : "TSGI_BODY_TOO_SHORT",
    `the body is ${how} than its Content-Length of ${declared}`,
    { hint: "Leave Content-Length out: the server adds it where it knows it." },
  );
}

/** Throws for what cannot be sent as an informational response (RFC 9110 §8.6, §15.2). */
export function checkInformational(status: StatusLine, headers: HeaderList): void {
  if (!isInformational(status)) {
    throw new TsgiError("TSGI_BAD_STATUS", `${JSON.stringify(status)} is not an informational response`, {
      hint: 'Send "103 Early Hints", "102 Processing" or "100 Continue".',
    });
  }
  checkHeaders(headers);
  if (hasHeader(headers, "Content-Length")) {
    throw new TsgiError("TSGI_BAD_HEADER", "an informational response has no Content-Length", {
      hint: "Leave it out: the body belongs to the final response.",
    });
  }
}
