/** Reading request bodies: as bytes, or as a Fetch `Request` that parses them. */

import { TsgiError } from "../errors.ts";
import type { Environ } from "../gateway.ts";
import { urlOf } from "../http/url.ts";
import { checkOptions, type Kind } from "../options.ts";
import { mayBeDropped } from "../promise.ts";
import { ParsedRequest } from "./gateway-request.ts";
import { Gathering } from "./gathering.ts";

/** NO_INPUT is the input of a request without a body. */
export const NO_INPUT: AsyncIterable<Uint8Array> = Object.freeze({
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true as const, value: undefined }) }),
});

/** How much of a request body is read. */
export interface ReadOptions {
  /** The largest body that is read, in bytes. Default 1 MiB. A larger body rejects with an error that becomes a 413. */
  limit?: number;
}

/** A number of bytes, which may be infinite. */
export const BYTE_LIMIT: Kind = {
  expected: "a number of bytes",
  accepts: (value) => typeof value === "number" && value >= 0,
};

const DEFAULT_LIMIT = 1024 * 1024;

/**
 * `readBytes` reads the whole request body. Rejects with `TSGI_BODY_TOO_LARGE`, which the server answers with 413 (RFC 9110
 * §15.5.14), before it reads anything where the declared length is over the limit; with `TSGI_CLIENT_GONE` where the client
 * leaves first. A promise that is never awaited does not end the process then.
 */
export function readBytes(environ: Environ, options: ReadOptions = NO_OPTIONS): Promise<Uint8Array> {
  return mayBeDropped(readInput(environ, limitOf("readBytes", options)));
}

const NO_OPTIONS: ReadOptions = Object.freeze({});
const KINDS = { limit: BYTE_LIMIT } as const;

function limitOf(owner: string, options: ReadOptions): number {
  // These are given with each request: the usual ones need no look.
  if (options === NO_OPTIONS) return DEFAULT_LIMIT;
  checkOptions(owner, options, KINDS);
  return options.limit ?? DEFAULT_LIMIT;
}

async function readInput(environ: Environ, limit: number): Promise<Uint8Array> {
  const declared = declaredLength(environ);
  if (declared > limit) throw tooLarge(limit);
  const input = environ["tsgi.input"][Symbol.asyncIterator]();
  const gathering = new Gathering();
  while (gathering.length !== declared) {
    const step = await input.next();
    if (step.done) break;
    gathering.add(step.value);
    if (gathering.length > limit) {
      await input.return?.();
      throw tooLarge(limit);
    }
  }
  return gathering.join();
}

/**
 * `toRequest` gives the request as a Fetch `Request`, for its parsers: `await toRequest(environ).json()`, `.formData()`,
 * `.text()`. Its body is `tsgi.input`, so read only one of the two. A body over the limit rejects as in `readBytes`; one that
 * is malformed with `TSGI_MALFORMED_BODY`, which the server answers with 400. Throws `TSGI_FORBIDDEN_METHOD`, a 405, for the
 * methods that Fetch forbids.
 */
export function toRequest(environ: Environ, options: ReadOptions = {}): Request {
  const limit = limitOf("toRequest", options);
  if (isForbiddenMethod(environ.REQUEST_METHOD)) {
    throw new TsgiError("TSGI_FORBIDDEN_METHOD", `a Request cannot have the method ${environ.REQUEST_METHOD}`, {
      status: "405 Method Not Allowed",
    });
  }
  const init = requestInit(environ, requestHeadersOf(environ), limit);
  return new ParsedRequest(urlOf(environ), init) as unknown as Request;
}

const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);

/** Whether no `Request` may have this method (Fetch standard, "forbidden method"). */
export function isForbiddenMethod(method: string): boolean {
  return FORBIDDEN_METHODS.has(method) || FORBIDDEN_METHODS.has(method.toUpperCase());
}

/** The request headers of an environ. */
export function requestHeadersOf(environ: Environ): Headers {
  const headers = new Headers();
  for (const key in environ) {
    const value = environ[key as keyof Environ];
    if (typeof value !== "string") continue;
    if (key.startsWith("HTTP_")) headers.append(key.slice(5).replaceAll("_", "-"), value);
    else if (key === "CONTENT_TYPE" || key === "CONTENT_LENGTH") headers.append(key.replace("_", "-"), value);
  }
  return headers;
}

/** What makes a Fetch `Request` of an environ. A body over the limit, in bytes, rejects as in `readBytes`. */
export function requestInit(environ: Environ, headers: Headers, limit: number): RequestInit {
  const method = environ.REQUEST_METHOD;
  const init: RequestInit & { duplex?: "half" } = { method, headers };
  const { signal } = environ["tsgi.exchange"];
  if (signal !== undefined) init.signal = signal;
  if (method !== "GET" && method !== "HEAD") {
    init.body = streamOfInput(environ, limit);
    init.duplex = "half";
  }
  return init;
}

/** The declared length of the body, or -1 where it ends by itself. */
export function declaredLength(environ: Environ): number {
  return environ.CONTENT_LENGTH === undefined ? -1 : Number(environ.CONTENT_LENGTH);
}

/** Methods of requests that have a body only where they say so (RFC 9112 §6.3): with others, a host may not tell. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Whether a request may have a body. */
export function mayHaveBody(environ: Environ): boolean {
  const { CONTENT_LENGTH, HTTP_TRANSFER_ENCODING, SERVER_PROTOCOL, "tsgi.input": input } = environ;
  if (input === NO_INPUT || CONTENT_LENGTH === "0") return false;
  if (CONTENT_LENGTH !== undefined || HTTP_TRANSFER_ENCODING !== undefined) return true;
  return !SERVER_PROTOCOL.startsWith("HTTP/1.") || !BODILESS.has(environ.REQUEST_METHOD);
}

/** The error of a body over the limit. */
export function tooLarge(limit: number): TsgiError {
  return new TsgiError("TSGI_BODY_TOO_LARGE", `the request body is larger than ${limit} bytes`, {
    hint: "Raise `limit` where larger bodies are expected.",
    status: "413 Content Too Large",
  });
}

function streamOfInput(environ: Environ, limit: number): ReadableStream<Uint8Array> {
  const input = environ["tsgi.input"][Symbol.asyncIterator]();
  let length = 0;
  return new ReadableStream(
    {
      // Not a stream of the type "bytes": it would take the memory of a chunk away, where the next one may lie as well.
      async pull(controller) {
        if (declaredLength(environ) > limit) throw tooLarge(limit);
        let step = await input.next();
        // A stream that was given nothing would not ask again.
        while (!step.done && step.value.byteLength === 0) step = await input.next();
        if (step.done) {
          controller.close();
          return;
        }
        length += step.value.byteLength;
        if (length > limit) {
          await input.return?.();
          throw tooLarge(limit);
        }
        controller.enqueue(step.value as Uint8Array<ArrayBuffer>);
      },
      async cancel() {
        await input.return?.();
      },
    },
    // Nothing is read before the app asks for it: the client may wait for "100 Continue".
    { highWaterMark: 0 },
  );
}
