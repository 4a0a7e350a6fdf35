/**
 * Bounds the size of request bodies, whatever the app does with them.
 *
 * ```ts
 * export const app = bodyLimit(site, { limit: 100 * 1024 });
 *
 * export const mounted = dispatcher(app, {
 *   "/upload": bodyLimit(uploads, { limit: 1024 ** 3 }),
 * });
 * ```
 */

import { checkApp, text } from "../src/apps.ts";
import { declaredLength, tooLarge } from "../src/body/input.ts";
import { BodyReader, closeBody, knownChunks } from "../src/body/reader.ts";
import { toStream } from "../src/body/stream.ts";
import { TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import { enter } from "../src/exchange/innermost.ts";
import { dropBody, respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Body, Chunk, Environ, StartResponse } from "../src/gateway.ts";
import { checkOptions, count, type Kinds } from "../src/options.ts";
import { isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { LimitedInput } from "./body-limit/limited-input.ts";

/** How large request bodies may be. */
export interface BodyLimitOptions {
  /** The largest body, in bytes. Required. */
  limit: number;
}

const KINDS: Kinds<BodyLimitOptions> = { limit: count() };

const refuse = text("Content Too Large\n", { status: "413 Content Too Large" });

/**
 * bodyLimit answers a request whose body is larger than `limit` with 413 (RFC 9110 §15.5.14), whatever `app` returns:
 *
 * - a declared length over the limit is refused before the app is asked;
 * - a body whose bytes pass the limit is read no further: reading rejects with `TSGI_BODY_TOO_LARGE`, and as long as nothing of
 *   the response was sent, a 413 takes its place, also where the app has swallowed the error. After that the app goes on with
 *   what it was given;
 * - of a body without a declared length that the app has not read to its end, the rest is read and thrown away before a complete
 *   2xx is sent, so that an app which ignores bodies does not say yes to one of any size. Where the client waits for
 *   `100 Continue`, it has not sent one.
 *
 * It stands inside of what changes bodies, such as `decompress`, to count what the app gets, or outside of it, to count what is
 * sent. It does not protect from slow bodies, for which the server has time limits, nor from many small ones.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function bodyLimit(app: App, options: BodyLimitOptions): App {
  checkApp(app, "bodyLimit");
  checkOptions("bodyLimit", options, KINDS);
  const { limit } = options;
  if ((limit as unknown) === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", "bodyLimit has no limit", { hint: "Give it in bytes: { limit: 102_400 }." });
  }

  const outer: App = function bodyLimit(environ, startResponse) {
    if (isWithoutBody(environ)) return app(environ, startResponse);
    if (declaredLength(environ) > limit) return refuse(environ, startResponse);
    const input = new LimitedInput(environ["tsgi.input"], limit);
    const inner = enter({ ...environ, "tsgi.input": input });
    const settle = (response: AppResponse) => settled(response, input, inner, startResponse);
    const fail = (error: unknown) => failed(error, input, inner, startResponse);
    let captured: AppResponse | Promise<AppResponse>;
    try {
      captured = capture(app, inner);
    } catch (error) {
      return fail(error);
    }
    return isPromise(captured) ? captured.then(settle, fail) : settle(captured);
  };
  return wrapping(outer, app);
}

/** In HTTP/1 a request has a body where one of these says so (RFC 9112 §6.3); other versions need not say it. */
function isWithoutBody({ CONTENT_LENGTH, HTTP_TRANSFER_ENCODING, SERVER_PROTOCOL }: Environ): boolean {
  return CONTENT_LENGTH === undefined && HTTP_TRANSFER_ENCODING === undefined && SERVER_PROTOCOL.startsWith("HTTP/1.");
}

function failed(error: unknown, input: LimitedInput, environ: Environ, startResponse: StartResponse): ReturnType<App> {
  if (input.isExceeded) return refuse(environ, startResponse);
  input.release();
  throw error;
}

function settled(
  response: AppResponse,
  input: LimitedInput,
  environ: Environ,
  startResponse: StartResponse,
): ReturnType<App> {
  if (input.isExceeded) {
    dropBody(response.body, environ);
    return refuse(environ, startResponse);
  }
  const isToRead = declaredLength(environ) < 0 && response.status.startsWith("2") && environ.HTTP_EXPECT === undefined;
  const isStream = knownChunks(response.body) === undefined;
  if (!isToRead || isStream) input.release();
  if (isStream) return guarded(response, input, environ, startResponse);
  if (!isToRead) return respond(response, startResponse);
  return input
    .discard()
    .then(() => (input.isExceeded ? refuse(environ, startResponse) : respond(response, startResponse)));
}

/** A response whose body is still to come, in place of which a 413 is sent as long as none of it was sent. */
function guarded(
  { status, headers, body }: AppResponse,
  input: LimitedInput,
  environ: Environ,
  startResponse: StartResponse,
): Body {
  let reader: BodyReader;
  try {
    reader = new BodyReader(body);
    startResponse(status, headers);
  } catch (error) {
    void closeBody(body)?.catch(() => {});
    throw error;
  }
  let hasBegun = false;
  let isRefused = false;

  /** Where the head cannot be replaced, this throws, and the server answers with 413 or cuts the response. */
  const judge = (): Chunk => {
    isRefused = true;
    return refuse(environ, (line, lines) => startResponse(line, lines, tooLarge(input.limit))) as Chunk;
  };
  const take = (chunk: Chunk | undefined): Chunk | undefined => {
    if (!hasBegun && input.isExceeded) return judge();
    if (chunk !== undefined && chunk.length > 0) hasBegun = true;
    return chunk;
  };
  const fail = (error: unknown): Chunk => {
    if (hasBegun || !input.isExceeded) throw error;
    return judge();
  };
  return toStream({
    isAsync: reader.isAsync,
    next() {
      if (isRefused) return undefined;
      if (hasBegun) return reader.next();
      let chunk: Chunk | undefined | Promise<Chunk | undefined>;
      try {
        chunk = reader.next();
      } catch (error) {
        return fail(error);
      }
      return isPromise(chunk) ? chunk.then(take, fail) : take(chunk);
    },
    close: () => reader.close(),
  });
}
