/** Errors answered with pages. */

import { NO_INPUT } from "../../src/body/input.ts";
import { BodyReader, failAfter, knownChunks } from "../../src/body/reader.ts";
import { resume } from "../../src/body/stream.ts";
import { clientGone, isClientGone, statusOfError } from "../../src/errors.ts";
import { capture } from "../../src/exchange/capture.ts";
import { isSwitching } from "../../src/exchange/failures.ts";
import { isInDevelopment } from "../../src/exchange/innermost.ts";
import { reportError } from "../../src/exchange/report.ts";
import { dropBody, respond } from "../../src/exchange/respond.ts";
import type {
  App,
  AppResponse,
  Body,
  Chunk,
  Environ,
  HeaderList,
  StartResponse,
  StatusLine,
} from "../../src/gateway.ts";
import { addVary, getHeader, hasHeader, removeHeaders } from "../../src/http/headers.ts";
import { andThen, callOut, isPromise } from "../../src/promise.ts";
import { isEventStream } from "../transform/event-stream.ts";

type Head = Pick<AppResponse, "status" | "headers">;

/** What was thrown. */
interface Thrown {
  readonly error: unknown;
}

/** Headers of a response that are about its body (RFC 9110 §8, §14.3; RFC 9530), and no longer hold. */
const OF_BODY = [
  "Content-Type",
  "Content-Length",
  "Content-Encoding",
  "Content-Language",
  "Content-Location",
  "Content-Range",
  "Content-Disposition",
  "Content-MD5",
  "Digest",
  "Content-Digest",
  "Repr-Digest",
  "ETag",
  "Last-Modified",
  "Accept-Ranges",
];

/** Headers of a page that do not hold for an error that it is shown for. */
const OF_PAGE = [
  "Accept-Ranges",
  "Age",
  "Cache-Control",
  "Content-Location",
  "ETag",
  "Expires",
  "Last-Modified",
  "Vary",
];

/** Whether a response is likely to be no page. */
export function isPlain({ headers }: Head): boolean {
  const type = getHeader(headers, "Content-Type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return type === "" || type === "text/plain";
}

export class ErrorPages {
  readonly #app: App;
  readonly #pages: ReadonlyMap<string, App>;
  readonly #replace: (head: Head, environ: Environ) => boolean;

  constructor(app: App, pages: ReadonlyMap<string, App>, replace: (head: Head, environ: Environ) => boolean) {
    this.#app = app;
    this.#pages = pages;
    this.#replace = replace;
  }

  answer(environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    const send = (response: AppResponse) => respond(response, startResponse);
    const fail = (error: unknown) => andThen(this.#pageOfError(error, environ), send);
    let response: AppResponse | Promise<AppResponse>;
    try {
      response = andThen(capture(this.#app, environ), (captured) => this.#begun(captured, environ));
    } catch (error) {
      return fail(error);
    }
    return isPromise(response) ? Promise.resolve(response).then(send, fail) : send(response);
  }

  #pageFor(status: StatusLine): App | undefined {
    return this.#pages.get(status.slice(0, 3)) ?? this.#pages.get(`${status.slice(0, 1)}xx`);
  }

  /** A response of which something is there to send. */
  #begun(response: AppResponse, environ: Environ): AppResponse | Promise<AppResponse> {
    const { status, body } = response;
    if (isSwitching(status)) return response;
    const page = /^[45]/.test(status) ? this.#pageFor(status) : undefined;
    if (page !== undefined && this.#isReplaced(response, environ)) return this.#replaced(response, page, environ);
    const waits =
      knownChunks(body) === undefined && environ.REQUEST_METHOD !== "HEAD" && !isEventStream(response.headers);
    return waits ? withFirstChunk(response, environ) : response;
  }

  #isReplaced(response: AppResponse, environ: Environ): boolean {
    try {
      return this.#replace(response, environ);
    } catch (error) {
      callOut(
        () => dropBody(response.body, environ),
        () => {},
      );
      throw error;
    }
  }

  async #replaced(response: AppResponse, page: App, environ: Environ): Promise<AppResponse> {
    const shown = await this.#shown(page, response, environ);
    if (shown === undefined) return response;
    await dropBody(response.body, environ);
    return shown;
  }

  async #pageOfError(error: unknown, environ: Environ): Promise<AppResponse> {
    const asked = statusOfError(error);
    if (asked === undefined && isInDevelopment(environ)) throw error;
    const status = asked ?? "500 Internal Server Error";
    const page = this.#pageFor(status);
    const { isUpgraded, signal } = environ["tsgi.exchange"];
    // What fails because the client has left, the server tells from other errors.
    if (page === undefined || isUpgraded === true || signal?.aborted === true || isClientGone(error)) throw error;
    const shown = await this.#shown(page, { status, headers: [] }, environ, { error });
    if (shown === undefined) throw error;
    if (asked === undefined) reportError(environ, error);
    return shown;
  }

  /** The page of an error as a response; undefined where it fails itself, which is reported. */
  async #shown(page: App, original: Head, environ: Environ, thrown?: Thrown): Promise<AppResponse | undefined> {
    try {
      const { status, headers, body } = await withFirst(
        await capture(page, pageEnviron(environ, original, thrown)),
        environ,
      );
      if (isSwitching(status)) return undefined;
      return { status: original.status, headers: merged(original.headers, headers), body };
    } catch (error) {
      if (!isClientGone(error)) reportError(environ, error);
      return undefined;
    }
  }
}

/** The request that a page is asked with: it was not made for the page. */
function pageEnviron(environ: Environ, { status }: Head, thrown: Thrown | undefined): Environ {
  const { CONTENT_LENGTH: _length, CONTENT_TYPE: _type, ...rest } = environ;
  return {
    ...rest,
    REQUEST_METHOD: environ.REQUEST_METHOD === "HEAD" ? "HEAD" : "GET",
    HTTP_TRANSFER_ENCODING: undefined,
    HTTP_RANGE: undefined,
    HTTP_IF_RANGE: undefined,
    HTTP_IF_MATCH: undefined,
    HTTP_IF_NONE_MATCH: undefined,
    HTTP_IF_MODIFIED_SINCE: undefined,
    HTTP_IF_UNMODIFIED_SINCE: undefined,
    "tsgi.input": NO_INPUT,
    "error.status": status,
    "error.cause": thrown?.error,
  };
}

function merged(original: HeaderList, page: HeaderList): HeaderList {
  const own = removeHeaders(page, ...OF_PAGE);
  const kept = removeHeaders(original, ...OF_BODY).filter(
    ([name]) => name.toLowerCase() === "set-cookie" || !hasHeader(own, name),
  );
  const vary = getHeader(page, "Vary");
  const fields = vary?.split(",").map((field) => field.trim()) ?? [];
  return fields.reduce(
    (headers: HeaderList, field) => (field === "" ? headers : addVary(headers, field)),
    [...kept, ...own],
  );
}

function withFirst(response: AppResponse, environ: Environ): AppResponse | Promise<AppResponse> {
  return knownChunks(response.body) === undefined ? withFirstChunk(response, environ) : response;
}

/** The response once the first chunk of its body is there: what it fails with before that, no client has seen. */
function withFirstChunk(response: AppResponse, environ: Environ): AppResponse | Promise<AppResponse> {
  const reader = new BodyReader(response.body);
  const settle = (first: Chunk | undefined): AppResponse => ({ ...response, body: resume(first, reader) });
  const fail = (error: unknown) => failAfter(() => reader.close(), error);
  let first: Chunk | undefined | Promise<Chunk | undefined>;
  try {
    first = reader.next();
  } catch (error) {
    return fail(error);
  }
  if (!isPromise(first)) return settle(first);
  let isGone = false;
  // Nobody else closes the body as long as there is no response.
  environ["tsgi.exchange"].onAbort?.(() => {
    isGone = true;
    callOut(
      () => reader.close(),
      (error) => reportError(environ, error),
    );
  });
  return first.then((chunk) => (isGone ? fail(clientGone()) : settle(chunk)), fail);
}
