/**
 * Answers 304 to clients that have a response already.
 *
 * ```ts
 * let note = { text: "hello", version: 1 };
 * const notes: App = async (environ, startResponse) => {
 *   if (environ.REQUEST_METHOD === "PUT") note = { text: await readText(environ["tsgi.input"]), version: note.version + 1 };
 *   startResponse("200 OK", [["ETag", `"${note.version}"`]]);
 *   return note.text;
 * };
 *
 * // A GET of what its client has is a 304, a PUT with an `If-Match` of another version a 412.
 * export const app = conditional(notes, { version: () => ({ etag: `"${note.version}"` }) });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { checkChunks } from "../src/body/chunk.ts";
import { closeBody, failAfter, knownChunks } from "../src/body/reader.ts";
import { TsgiError } from "../src/errors.ts";
import { capture } from "../src/exchange/capture.ts";
import { dropBody, respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Chunk, Environ } from "../src/gateway.ts";
import { getHeader, hasHeader } from "../src/http/headers.ts";
import { checkPreconditions, notModifiedHeaders, parseDate, type Validators } from "../src/http/precondition.ts";
import { BOOLEAN, checkOptions, count, FUNCTION, type Kinds } from "../src/options.ts";
import { andThen, isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { contentTag } from "./conditional/content-tag.ts";
import { refused } from "./conditional/refused.ts";

/** What tells the current version of a resource from others. */
export interface CurrentVersion {
  /** Its entity tag with its quotes: `"abc"`, or `W/"abc"`. Default none. */
  readonly etag?: string;
  /** When it was last changed. Default unknown. */
  readonly modified?: Date;
}

/** How conditional requests are answered. */
export interface ConditionalOptions {
  /** Whether a response without an `ETag` gets one, of its content. Default `true`. */
  etag?: boolean;
  /** The largest body that gets a tag, in bytes. Default 1 MiB. */
  limit?: number;
  /**
   * Tells the current version of what a PUT, PATCH, DELETE or POST is about, undefined where there is none, so that it is
   * refused with 412 before the app is asked: for `If-Match`, by which nobody overwrites what somebody else has changed
   * meanwhile. Only asked where the request has a condition. Default none: such requests pass, and the app checks them.
   */
  version?: (environ: Environ) => CurrentVersion | undefined | Promise<CurrentVersion | undefined>;
}

const KINDS: Kinds<ConditionalOptions> = { etag: BOOLEAN, limit: count(), version: FUNCTION };

/**
 * conditional evaluates the preconditions of a request (RFC 9110 §13.2.2): `If-Match`, `If-Unmodified-Since`, `If-None-Match`
 * and `If-Modified-Since`, in that order, by the `ETag` and `Last-Modified` that the app gives. `If-Range` is evaluated by `range`.
 *
 * A GET or HEAD whose client has the response already gets a 304 with the headers that a cache needs, one whose `If-Match` or
 * `If-Unmodified-Since` fails a 412; the app's body is closed unread. Only successful responses (2xx) are looked at. A body
 * that is there as a whole and has no `ETag` gets a strong one, unless it is `Cache-Control: no-store`; a stream is passed on
 * as it comes, with the validators that it has.
 *
 * It saves the transfer, not the work of the app. Put `compress` around it: a tag is that of the content, of which the
 * codings are variants.
 *
 * Throws `TSGI_BAD_OPTION`, at a request too where `version` gives something else than a tag and a date.
 */
export function conditional(app: App, options: ConditionalOptions = {}): App {
  checkApp(app, "conditional");
  checkOptions("conditional", options, KINDS);
  const { etag = true, limit = 1024 * 1024, version } = options;

  const outer: App = function conditional(environ, startResponse) {
    const { REQUEST_METHOD: method } = environ;
    if (method === "GET" || method === "HEAD") {
      return andThen(capture(app, environ), (response) =>
        andThen(
          orClosing(response, () => andThen(tagged(response, environ), (known) => judged(known, environ))),
          (settled) => respond(settled, startResponse),
        ),
      );
    }
    if (version === undefined || !hasCondition(environ) || UNCONDITIONAL.has(method))
      return app(environ, startResponse);
    return andThen(version(environ), (current) =>
      isRefused(current, environ) ? respond(FAILED, startResponse) : app(environ, startResponse),
    );
  };
  return wrapping(outer, app);

  function tagged(response: AppResponse, environ: Environ): AppResponse | Promise<AppResponse> {
    const chunks = etag ? taggable(response, environ, limit) : undefined;
    if (chunks === undefined) return response;
    const withTag = (tag: string): AppResponse => ({ ...response, headers: [...response.headers, ["ETag", tag]] });
    return andThen(contentTag(chunks), withTag);
  }
}

/** Methods to which preconditions do not apply (RFC 9110 §13.2.1). */
const UNCONDITIONAL = new Set(["OPTIONS", "TRACE", "CONNECT"]);

const FAILED: AppResponse = {
  status: "412 Precondition Failed",
  headers: [["Content-Type", "text/plain; charset=utf-8"]],
  body: "Precondition Failed\n",
};

const NO_STORE = /(?:^|[\s,])no-store(?:[\s,]|$)/i;

/** The chunks that a tag can be made of; undefined where the response is not to have one. */
function taggable(
  { status, headers, body }: AppResponse,
  environ: Environ,
  limit: number,
): readonly Chunk[] | undefined {
  if (!status.startsWith("200 ") && !status.startsWith("201 ")) return undefined;
  const chunks = knownChunks(body);
  if (chunks === undefined || hasHeader(headers, "ETag")) return undefined;
  if (NO_STORE.test(getHeader(headers, "Cache-Control") ?? "")) return undefined;
  const length = checkChunks(chunks);
  if (length > limit) return undefined;
  // An app may answer HEAD without the body that GET would have.
  const isWhole = environ.REQUEST_METHOD === "GET" || length > 0;
  const declared = getHeader(headers, "Content-Length");
  return isWhole && (declared === undefined || Number(declared) === length) ? chunks : undefined;
}

function hasCondition(environ: Environ): boolean {
  return (
    environ.HTTP_IF_NONE_MATCH !== undefined ||
    environ.HTTP_IF_MODIFIED_SINCE !== undefined ||
    environ.HTTP_IF_MATCH !== undefined ||
    environ.HTTP_IF_UNMODIFIED_SINCE !== undefined
  );
}

/** In place of a tag, where there is none: no header can hold it, so it matches no condition. */
const NO_TAG = "\0";

/** The response to a GET or HEAD that meets its preconditions, or does not. */
function judged(response: AppResponse, environ: Environ): AppResponse {
  const { status, headers, body } = response;
  if (!hasCondition(environ) || !status.startsWith("2")) return response;
  const verdict = checkPreconditions(environ, {
    etag: getHeader(headers, "ETag") ?? NO_TAG,
    modified: parseDate(getHeader(headers, "Last-Modified")) ?? Number.NaN,
  });
  if (verdict === "proceed") return response;
  if (verdict === "failed") return refused(response, environ, "412 Precondition Failed");
  dropBody(body, environ);
  return { status: "304 Not Modified", headers: notModifiedHeaders(headers), body: undefined };
}

/** Whether the preconditions of a method that changes something forbid it. */
function isRefused(current: CurrentVersion | undefined, environ: Environ): boolean {
  // What is not there matches nothing (RFC 9110 §13.1.1, §13.1.2).
  if (current === undefined) return environ.HTTP_IF_MATCH !== undefined;
  return checkPreconditions(environ, validatorsOf(current)) === "failed";
}

const TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

function validatorsOf({ etag = NO_TAG, modified }: CurrentVersion): Validators {
  const isTag = etag === NO_TAG || (typeof etag === "string" && TAG.test(etag));
  if (!isTag || (modified !== undefined && !(modified instanceof Date))) {
    throw new TsgiError("TSGI_BAD_OPTION", "version of conditional gives something else than a tag and a date", {
      hint: "Return { etag: '\"abc\"', modified: new Date(…) }, either or both, or undefined for what is not there.",
    });
  }
  return { etag, modified: modified === undefined ? Number.NaN : Math.floor(modified.getTime() / 1000) };
}

/** What a call gives; where it fails, the body is closed, which nobody else knows of then. */
function orClosing<T>({ body }: AppResponse, call: () => T | Promise<T>): T | Promise<T> {
  const fail = (error: unknown): Promise<never> => failAfter(() => closeBody(body), error);
  try {
    const result = call();
    return isPromise(result) ? Promise.resolve(result).catch(fail) : result;
  } catch (error) {
    return fail(error);
  }
}
