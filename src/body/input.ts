/** Reading request bodies: as bytes, or as a Fetch `Request` that parses them. */

import { TsgiError } from "../errors.ts";
import type { Environ } from "../gateway.ts";
import { urlOf } from "../http/url.ts";
import { joinBytes } from "./chunk.ts";

/** How much of a request body is read. */
export interface ReadOptions {
  /** The largest body that is read, in bytes. Default 1 MiB. Beyond it the reader throws an error that becomes a 413. */
  limit?: number;
}

const DEFAULT_LIMIT = 1024 * 1024;

/**
 * Reads the whole request body. Rejects with `TSGI_BODY_TOO_LARGE`, which the server answers with 413 (RFC 9110 §15.5.14),
 * before it reads anything where the client declared too much.
 */
export async function readBytes(environ: Environ, { limit = DEFAULT_LIMIT }: ReadOptions = {}): Promise<Uint8Array> {
  const declared = declaredLength(environ);
  if (declared > limit) throw tooLarge(limit);
  const input = environ["tsgi.input"][Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length !== declared) {
    const step = await input.next();
    if (step.done) break;
    length += step.value.byteLength;
    if (length > limit) {
      await input.return?.();
      throw tooLarge(limit);
    }
    parts.push(step.value);
  }
  return joinBytes(parts);
}

/**
 * The request as a Fetch `Request`, for its parsers: `await toRequest(environ).json()`, `.formData()`, `.text()`. Its body
 * is `tsgi.input`, so read only one of the two. A body over the limit rejects as in `readBytes`.
 */
export function toRequest(environ: Environ, { limit = DEFAULT_LIMIT }: ReadOptions = {}): Request {
  return requestAt(environ, urlOf(environ), requestHeadersOf(environ), limit);
}

/** The request headers that an environ tells of. */
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

/** The request as a Fetch `Request` for this URL. A body over the limit, in bytes, rejects as in `readBytes`. */
export function requestAt(environ: Environ, url: string, headers: Headers, limit: number): Request {
  const method = environ.REQUEST_METHOD;
  const init: RequestInit & { duplex?: "half" } = { method, headers };
  const { signal } = environ["tsgi.exchange"];
  if (signal !== undefined) init.signal = signal;
  if (method !== "GET" && method !== "HEAD") {
    init.body = streamOfInput(environ, limit);
    init.duplex = "half";
  }
  return new Request(url, init);
}

/** The declared length of the body, or -1 where it ends by itself. */
function declaredLength(environ: Environ): number {
  return environ.CONTENT_LENGTH === undefined ? -1 : Number(environ.CONTENT_LENGTH);
}

function tooLarge(limit: number): TsgiError {
  return new TsgiError("TSGI_BODY_TOO_LARGE", `the request body is larger than ${limit} bytes`, {
    hint: "Raise `limit` where larger bodies are expected.",
    status: "413 Content Too Large",
  });
}

function streamOfInput(environ: Environ, limit: number): ReadableStream<Uint8Array> {
  const input = environ["tsgi.input"][Symbol.asyncIterator]();
  let length = 0;
  return new ReadableStream({
    // Not a stream of the type "bytes": it would take the memory of a chunk away, where the next one may lie as well.
    async pull(controller) {
      if (declaredLength(environ) > limit) throw tooLarge(limit);
      const step = await input.next();
      if (step.done) {
        controller.close();
        return;
      }
      length += step.value.byteLength;
      if (length > limit) {
        await input.return?.();
        throw tooLarge(limit);
      }
      if (step.value.byteLength > 0) controller.enqueue(step.value as Uint8Array<ArrayBuffer>);
    },
    async cancel() {
      await input.return?.();
    },
  });
}
