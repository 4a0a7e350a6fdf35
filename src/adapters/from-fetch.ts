/** Fetch handlers as apps. */

import { BYTE_LIMIT, isForbiddenMethod, tooLarge } from "../body/input.ts";
import { cancelStream, failAfter } from "../body/reader.ts";
import { TsgiError } from "../errors.ts";
import type { App, Body, Environ, HeaderList, StartResponse, StatusLine } from "../gateway.ts";
import { isHopByHop } from "../http/field-rules.ts";
import { removeHeaders } from "../http/headers.ts";
import { reasonOf } from "../http/status.ts";
import { BOOLEAN, checkOptions, oneOf } from "../options.ts";
import { andThen, mayBeDropped } from "../promise.ts";
import { replaceGlobals, takesLazyRequests } from "./from-fetch/globals.ts";
import { lazyRequest } from "./from-fetch/lazy-request.ts";
import { type ResponseParts, takeParts } from "./from-fetch/lazy-response.ts";
import { type LimitedInput, limitInput } from "./from-fetch/limited-input.ts";
import { platformRequest } from "./from-fetch/platform-request.ts";
import { bodyOf, chunksOf } from "./from-fetch/response-body.ts";

/** A Fetch handler; the environ is what Hono calls `env`. */
export type FetchHandler = (request: Request, environ: Environ) => Response | Promise<Response>;

/** What has a Fetch handler, as the apps of Hono, h3, Elysia and itty-router, and modules of Workers. */
export interface FetchApp {
  // biome-ignore lint/suspicious/noExplicitAny: the second argument is of another type in each framework.
  fetch(request: Request, ...rest: any[]): Response | Promise<Response>;
}

/** Options of `fromFetch`. */
export interface FromFetchOptions {
  /** Whether `request.url` is the URL below the mount, `"inner"`, or the whole URL, `"full"`. Default `"inner"`. */
  url?: "inner" | "full";
  /**
   * Whether the globals `Response`, `Request` and `fetch` are replaced, for the whole process and for good, by ones that make
   * the platform's objects only when something needs them. A small exchange then costs a fifth to a third of the CPU time.
   * Classes that extended `Request` before (`class X extends Request`) do not take the lazy requests that handlers get then, so
   * set it before such modules are loaded. `false`: handlers get requests of the platform. Default: nothing is replaced, and
   * handlers get lazy requests only where something else has replaced the globals, as the command `tsgi` does before it loads a
   * module.
   */
  globals?: boolean;
  /**
   * The largest request body, in bytes. Beyond it the response is a 413: at once where the declared length is larger, else
   * unless the handler answers with a status below 500 by itself. Default: no limit, since a handler may stream an upload of
   * any size, and frameworks have limits of their own (Hono's `bodyLimit`), which know the route.
   */
  limit?: number;
}

/**
 * `fromFetch` makes an app of a Fetch handler: of `(request, environ) => Response`, or of an object that has one as its
 * `fetch`.
 *
 * ```ts
 * const site = dispatcher(notFound, { "/api": fromFetch(new Hono().get("/users", listUsers)) });
 * ```
 *
 * When the client leaves, the request's `signal` is aborted and the stream of a response is cancelled. A body that is complete
 * when the handler answers gets its `Content-Length`, unless the handler asked for chunks by `Transfer-Encoding: chunked`; of
 * any other the head is sent at once, without waiting for a first chunk. A value that is not a response, a `Response.error()`,
 * a status of 101 and a body that was used or locked are the app's error, `TSGI_BAD_RESPONSE`. The methods that Fetch forbids
 * (CONNECT, TRACE, TRACK) are answered with 501, since no `Request` can have them.
 */
export function fromFetch(handler: FetchHandler | FetchApp, options: FromFetchOptions = {}): App {
  const handle = handlerOf(handler);
  checkOptions("fromFetch", options, { url: oneOf("inner", "full"), globals: BOOLEAN, limit: BYTE_LIMIT });
  const { url = "inner", globals, limit = Number.POSITIVE_INFINITY } = options;
  if (globals) replaceGlobals();
  const isFullUrl = url === "full";

  return function fromFetch(environ, startResponse) {
    if (isForbiddenMethod(environ.REQUEST_METHOD)) {
      startResponse("501 Not Implemented", [["Content-Type", "text/plain; charset=utf-8"]]);
      return "Not Implemented\n";
    }
    const limited = limitInput(environ, limit);
    const given = limited === undefined ? environ : { ...environ, "tsgi.input": limited };
    const make = globals !== false && takesLazyRequests() ? lazyRequest : platformRequest;
    const response = handle(make(given, isFullUrl), given);
    return limited === undefined
      ? andThen(response, (settled) => sendResponse(settled, environ, startResponse))
      : sendWithin(limited, response, environ, startResponse);
  };
}

function handlerOf(handler: FetchHandler | FetchApp): FetchHandler {
  if (typeof handler === "function") return handler;
  if (typeof (handler as FetchApp | null)?.fetch === "function")
    return (request, environ) => handler.fetch(request, environ);
  throw new TsgiError(
    "TSGI_NO_APP",
    `a Fetch handler is a function, not ${handler === null ? "null" : typeof handler}`,
    {
      hint: "Pass (request) => new Response(…), or an object with a method fetch.",
    },
  );
}

/** Sends a response, or fails with 413 where the body was too large and the handler has no better answer to that. */
async function sendWithin(
  limited: LimitedInput,
  response: Response | Promise<Response>,
  environ: Environ,
  startResponse: StartResponse,
): Promise<Body> {
  let settled: Response;
  try {
    settled = await response;
  } catch (error) {
    throw limited.exceeded ? tooLarge(limited.limit) : error;
  }
  if (limited.exceeded && settled?.status >= 500) {
    return failAfter(() => settled.body && cancelStream(settled.body), tooLarge(limited.limit));
  }
  return sendResponse(settled, environ, startResponse);
}

function sendResponse(response: Response, environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
  const { status, statusText, headers, body } = takeParts(response) ?? partsOf(response);
  const line = `${status} ${statusText || reasonOf(status)}` as StatusLine;
  if (!isStream(body)) {
    startResponse(line, sentHeaders(status, headers));
    return body;
  }
  try {
    startResponse(line, sentHeaders(status, headers));
  } catch (error) {
    return failAfter(() => cancelStream(body), error);
  }
  const flush = () => environ["tsgi.exchange"].flush?.();
  if (!headers.some(([name]) => name.toLowerCase() === "transfer-encoding")) return mayBeDropped(bodyOf(body, flush));
  flush();
  return chunksOf(body);
}

function isStream(body: ResponseParts["body"]): body is ReadableStream<Uint8Array> {
  return typeof (body as Partial<ReadableStream> | null)?.getReader === "function";
}

/** What any other response is made of. */
function partsOf(response: Response): ResponseParts {
  checkResponse(response);
  const { status, statusText, headers, body } = response;
  return { status, statusText, headers: [...headers], body: body ?? null };
}

/** Without what belongs to one connection, and without the length that a 204 must not have (RFC 9110 §8.6). */
function sentHeaders(status: number, headers: HeaderList): HeaderList {
  const isDropped = ([name]: HeaderList[number]): boolean => isHopByHop(name, status);
  const sent = headers.some(isDropped) ? headers.filter((line) => !isDropped(line)) : headers;
  return status === 204 ? removeHeaders(sent, "Content-Length") : sent;
}

/** By its shape, as a framework may bring a `Response` of its own. */
function checkResponse(response: Response): void {
  if (typeof response !== "object" || response === null || typeof response.status !== "number") {
    throw badResponse(`the handler returned ${response === null ? "null" : typeof response}`, "Return a Response.");
  }
  if (response.type === "error") throw badResponse("the handler returned Response.error()", "Return a 502 instead.");
  if (response.status === 101) {
    throw badResponse("the handler returned 101", "A connection cannot be taken over by a Response.");
  }
  if (response.bodyUsed) throw badResponse("the body of the response was used before", "Return response.clone().");
  if (response.body?.locked) throw badResponse("the body of the response is locked", "Return another Response.");
}

function badResponse(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_RESPONSE", message, { hint });
}
