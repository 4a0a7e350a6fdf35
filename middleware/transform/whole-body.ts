/** Changes of bodies as a whole, of a limited size. */

import { checkChunks } from "../../src/body/chunk.ts";
import { BodyReader, knownChunks } from "../../src/body/reader.ts";
import { type BodyMap, mapBody, resume } from "../../src/body/stream.ts";
import { TsgiError } from "../../src/errors.ts";
import { reportError } from "../../src/exchange/report.ts";
import type { AppResponse, Chunk, Environ } from "../../src/gateway.ts";
import { getHeader } from "../../src/http/headers.ts";
import { parseStatus } from "../../src/http/status.ts";
import { BOOLEAN, checkOptions, count, type Kinds } from "../../src/options.ts";
import { callOut } from "../../src/promise.ts";
import { readAhead } from "./ahead.ts";
import { type Change, changeOf, hasType } from "./change.ts";
import { asUtf8, declaredCharset, isKnownCharset, namedCharset, namesItself } from "./charset.ts";
import { unchangedBody } from "./new-body.ts";
import { decodeWhole } from "./text.ts";

/** How much of a body is read. */
export interface WholeBodyOptions {
  /** The largest body that is changed, in bytes. Default 1 MiB. A larger one is passed on as it is. */
  limit?: number | undefined;
}

/** How much of a document is read, and how it is decoded. */
export interface DocumentOptions extends WholeBodyOptions {
  /** Whether bytes that are not text of the charset become U+FFFD. Default `false`: such a document is passed on as it is. */
  replaceInvalid?: boolean | undefined;
}

const KINDS: Kinds<WholeBodyOptions> = { limit: count() };
const DOCUMENT_KINDS: Kinds<DocumentOptions> = { ...KINDS, replaceInvalid: BOOLEAN };

/** The largest body that is changed by default, in bytes. */
const LIMIT = 1024 * 1024;

/**
 * mapDocument makes a change of a text as a whole; nothing is sent before all of it is there:
 * `transform(app, mapDocument("text/html", (page) => page.replace("</body>", `${banner}</body>`)))`. Text is decoded and
 * encoded as by `mapText`; one that is not what its charset says is passed on as it is. Throws `TSGI_BAD_OPTION`.
 */
export function mapDocument(
  types: string | readonly string[],
  change: (text: string, environ: Environ) => string | Promise<string>,
  options: DocumentOptions = {},
): Change {
  checkOptions("mapDocument", options, DOCUMENT_KINDS);
  const { limit = LIMIT, replaceInvalid = false } = options;
  const accepts = (response: AppResponse) =>
    hasType(response, types) && isKnownCharset(namedCharset(response.headers) ?? "utf-8");
  const prepared = (response: AppResponse) => asUtf8(response.headers, namedCharset(response.headers) ?? "utf-8");

  return wholeBody(accepts, prepared, limit, async (bytes, response, environ) => {
    const named = namesItself(response) ? declaredCharset(bytes) : namedCharset(response.headers);
    const charset = named ?? "utf-8";
    const text = decodeWhole(charset, bytes, replaceInvalid);
    if (text === undefined) return { ...response, body: unchangedBody([bytes]) };
    return { ...response, headers: asUtf8(response.headers, charset), body: await change(text, environ) };
  });
}

const JSON_TYPE = /^\s*(?:application|text)\/(?:[^\s;/]+\+)?json\s*(?:;|$)/i;

/**
 * mapJson makes a change of what is in JSON, of type `application/json` or any `+json`:
 * `transform(app, mapJson((value) => ({ ...(value as object), version: 2 })))`. Undefined leaves a body as it is; a value that has
 * no form in JSON fails with `TSGI_BAD_JSON`. What is not JSON, or not UTF-8, is passed on as it is. Numbers of more than 53 bits lose
 * digits, as in `JSON.parse`. Throws `TSGI_BAD_OPTION`.
 */
export function mapJson(change: (value: unknown, environ: Environ) => unknown, options: WholeBodyOptions = {}): Change {
  checkOptions("mapJson", options, KINDS);
  const { limit = LIMIT } = options;
  const accepts = ({ headers }: AppResponse) => JSON_TYPE.test(getHeader(headers, "Content-Type") ?? "");

  return wholeBody(
    accepts,
    ({ headers }) => headers,
    limit,
    async (bytes, response, environ) => {
      const read = parsed(bytes);
      if (read === undefined) return { ...response, body: unchangedBody([bytes]) };
      const value = await change(read.value, environ);
      // Another time the change may give something: the app's validators do not tell.
      return { ...response, body: value === undefined ? bytes : written(value) };
    },
  );
}

/** Undefined for what is not JSON (RFC 8259 §8.1: in UTF-8; a byte order mark may be ignored). */
function parsed(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
  } catch {
    return undefined;
  }
}

function written(value: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  throw new TsgiError("TSGI_BAD_JSON", "what mapJson made of a value has no form in JSON", {
    hint: "Return objects, arrays, strings, numbers, booleans and null, without circles, and not thousands of levels deep.",
    cause,
  });
}

/**
 * replaceBody makes a change of the bytes of bodies of these types as a whole; nothing is sent before all of them are there:
 * `transform(app, replaceBody("image/png", (bytes) => optimize(bytes), { limit: 10_000_000 }))`. A larger body is passed on as
 * it is. The bytes are the app's, and not to be changed in place. Throws `TSGI_BAD_OPTION`.
 */
export function replaceBody(
  types: string | readonly string[],
  change: (bytes: Uint8Array, environ: Environ) => Chunk | Promise<Chunk>,
  options: WholeBodyOptions = {},
): Change {
  checkOptions("replaceBody", options, KINDS);
  const { limit = LIMIT } = options;
  return wholeBody(
    (response) => hasType(response, types),
    ({ headers }) => headers,
    limit,
    async (bytes, response, environ) => ({ ...response, body: await change(bytes, environ) }),
  );
}

/** A change of all of a body; `prepared` gives the headers that it has where it is not sent. */
function wholeBody(
  accepts: (response: AppResponse) => boolean,
  prepared: (response: AppResponse) => AppResponse["headers"],
  limit: number,
  change: (bytes: Uint8Array, response: AppResponse, environ: Environ) => Promise<AppResponse>,
): Change {
  return changeOf(accepts, async (response, environ) => {
    if (isKnownToExceed(limit, response)) return response;
    const isBodiless = environ.REQUEST_METHOD === "HEAD" || parseStatus(response.status).bodiless;
    if (isBodiless) return { ...response, headers: prepared(response), body: mapBody(response.body, NOTHING) };
    const reader = new BodyReader(response.body);
    const { bytes, isWhole } = await readAhead(reader, environ, (length) => length > limit);
    if (!isWhole) return { ...response, body: unchangedBody(resume(bytes, reader)) };
    callOut(
      () => reader.close(),
      (error) => reportError(environ, error),
    );
    return change(bytes, response, environ);
  });
}

/** Whether a body is too large, as far as can be told without reading it. */
function isKnownToExceed(limit: number, { headers, body }: AppResponse): boolean {
  const chunks = knownChunks(body);
  const length = chunks === undefined ? 0 : checkChunks(chunks);
  return Math.max(length, Number(getHeader(headers, "Content-Length") ?? 0)) > limit;
}

const NOTHING: BodyMap = { chunk: () => undefined };
