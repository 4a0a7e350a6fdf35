/** Fetch handlers as apps. */

import { TsgiError } from "../errors.ts";
import type { App, Body, Environ, HeaderList, StartResponse, StatusLine } from "../gateway.ts";
import { isHopByHop } from "../http/field-rules.ts";
import { reasonOf } from "../http/status.ts";
import { isPromise } from "../promise.ts";
import { lazyRequest, patchGlobalRequest } from "./from-fetch/lazy-request.ts";
import { patchGlobalResponse, type ResponseParts, takeParts } from "./from-fetch/lazy-response.ts";
import { bodyOf } from "./from-fetch/response-body.ts";

/** A Fetch handler; the environ is what Hono calls `env`. */
export type FetchHandler = (request: Request, environ: Environ) => Response | Promise<Response>;

/** What has a Fetch handler, as the apps of Hono, h3, Elysia and itty-router, and modules of Workers. */
export interface FetchApp {
  // biome-ignore lint/suspicious/noExplicitAny: the second argument is of another type in each framework.
  fetch(request: Request, ...rest: any[]): Response | Promise<Response>;
}

export interface FromFetchOptions {
  /** Whether `request.url` is the URL below the mount, `"inner"`, the default, or the whole, `"full"`. */
  url?: "inner" | "full";
  /**
   * Whether globals are replaced, once for the process: `Response` by one that is made only where somebody looks into it,
   * `Request` and `fetch` by themselves with an eye for the requests that handlers get. Default `true`. `false` leaves them
   * as they are: an answer costs four times as much, and `fetch(request)` wants `request.clone()`.
   */
  globals?: boolean;
}

/**
 * A Fetch handler as an app: `(request, environ) => Response`, or an object that has one as its `fetch`.
 *
 * ```ts
 * const site = dispatcher(notFound, { "/api": fromFetch(new Hono().get("/users", listUsers)) });
 * ```
 *
 * The request's `signal` is aborted when the client goes away, and the stream of a response cancelled. A `Request` of the
 * platform is made only where a handler wants more than method, URL, headers, signal and the body as a whole. What is no
 * response, a `Response.error()`, a status of 101 and a body that was used already are the app's error,
 * `TSGI_BAD_RESPONSE`. The methods that Fetch forbids (CONNECT, TRACE, TRACK) are answered with 501.
 */
export function fromFetch(
  handler: FetchHandler | FetchApp,
  { url = "inner", globals = true }: FromFetchOptions = {},
): App {
  const handle = handlerOf(handler);
  if (url !== "inner" && url !== "full") {
    throw new TsgiError("TSGI_BAD_OPTION", `url is ${JSON.stringify(url)}`, { hint: 'Give "inner" or "full".' });
  }
  if (globals) {
    patchGlobalResponse();
    patchGlobalRequest();
  }
  const isWhole = url === "full";

  return function fromFetch(environ, startResponse) {
    if (FORBIDDEN.has(environ.REQUEST_METHOD.toUpperCase())) {
      startResponse("501 Not Implemented", [["Content-Type", "text/plain; charset=utf-8"]]);
      return "Not Implemented\n";
    }
    const response = handle(lazyRequest(environ, isWhole), environ);
    return isPromise(response)
      ? response.then((settled) => sendResponse(settled, startResponse))
      : sendResponse(response, startResponse);
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
      hint: "Pass (request) => new Response(…), or what has it as its fetch.",
    },
  );
}

/** Fetch standard, "forbidden method". */
const FORBIDDEN = new Set(["CONNECT", "TRACE", "TRACK"]);

function sendResponse(response: Response, startResponse: StartResponse): Body | Promise<Body> {
  const { status, statusText, headers, body } = takeParts(response) ?? partsOf(response);
  startResponse(`${status} ${statusText || reasonOf(status)}` as StatusLine, withoutHopByHop(headers));
  return isStream(body) ? bodyOf(body) : body;
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

function withoutHopByHop(headers: HeaderList): HeaderList {
  return headers.some(([name]) => isHopByHop(name)) ? headers.filter(([name]) => !isHopByHop(name)) : headers;
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
}

function badResponse(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_RESPONSE", message, { hint });
}
