/** Responses that `Range` or `Accept-Encoding` has selected out of several, and the request for the one that they are of. */

import { NO_INPUT } from "../../src/body/input.ts";
import type { AppResponse, Environ } from "../../src/gateway.ts";
import { getHeader } from "../../src/http/headers.ts";

/** isSelected tells whether a response is a part of a body (RFC 9110 §14), an encoded one (§8.4), or a refusal of a range. */
export function isSelected({ status, headers }: AppResponse): boolean {
  return status.startsWith("206 ") || status.startsWith("416 ") || isEncoded(headers);
}

/** hidesType tells whether a part does not name the type of what it is a part of (RFC 9110 §14.6, §15.3.7, §15.5.17). */
export function hidesType({ status, headers }: AppResponse): boolean {
  const type = getHeader(headers, "Content-Type") ?? "";
  return status.startsWith("416 ") || (status.startsWith("206 ") && /^\s*(?:multipart\/byteranges\b|$)/i.test(type));
}

/** isEncoded tells whether the bytes of a body are not those of its media type (RFC 9110 §8.4). */
export function isEncoded(headers: AppResponse["headers"]): boolean {
  const coding = getHeader(headers, "Content-Encoding")?.trim().toLowerCase();
  return coding !== undefined && coding !== "" && coding !== "identity";
}

/** mayAskAgain tells whether a request asked for a selection, and can be repeated without one: it is safe, and has no body. */
export function mayAskAgain(environ: Environ): boolean {
  const { REQUEST_METHOD: method, HTTP_RANGE: range, HTTP_ACCEPT_ENCODING: encoding } = environ;
  if ((method !== "GET" && method !== "HEAD") || hasBody(environ)) return false;
  return range !== undefined || encoding !== undefined;
}

/** hasBody tells whether a request may have a body; only HTTP/1 announces every one (RFC 9112 §6.3). */
export function hasBody(environ: Environ): boolean {
  const { CONTENT_LENGTH: length = "0", HTTP_TRANSFER_ENCODING: coding, SERVER_PROTOCOL: protocol } = environ;
  if (length !== "0" || coding !== undefined) return true;
  return !protocol.startsWith("HTTP/1.") && environ["tsgi.input"] !== NO_INPUT;
}

/** wholeRequest returns the same request, without a range and without encodings. */
export function wholeRequest(environ: Environ): Environ {
  return { ...environ, HTTP_RANGE: undefined, HTTP_IF_RANGE: undefined, HTTP_ACCEPT_ENCODING: undefined };
}
