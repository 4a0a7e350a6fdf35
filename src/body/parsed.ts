/** Request bodies as values: JSON and forms. */

import { TsgiError } from "../errors.ts";
import type { Environ } from "../gateway.ts";
import { mayBeDropped } from "../promise.ts";
import { type ReadOptions, readBytes } from "./input.ts";

/**
 * readJson reads a request body as JSON. It rejects with an error that the server answers with 415 where the type is neither
 * `application/json` nor ends in `+json`, with 413 where the body is larger than `limit`, and with 400 where it is not JSON in UTF-8
 * (`TSGI_UNSUPPORTED_TYPE`, `TSGI_BODY_TOO_LARGE`, `TSGI_MALFORMED_BODY`, whose message has the reason). What is inside is the
 * client's choice: check it before it is used.
 */
export function readJson(environ: Environ, options?: ReadOptions): Promise<unknown> {
  return mayBeDropped(parseJson(environ, options));
}

async function parseJson(environ: Environ, options: ReadOptions | undefined): Promise<unknown> {
  checkType(environ, /^application\/(?:[\w.+-]+\+)?json$/, "application/json");
  const text = await readUtf8(environ, options);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(`is not JSON: ${(cause as Error).message}`, cause);
  }
}

/**
 * readForm reads the fields of a form that is `application/x-www-form-urlencoded`: `(await readForm(environ)).get("name")`. It rejects
 * as `readJson` does; an escape that is malformed, or not UTF-8, is a 400. Forms with files are for `multipart`.
 */
export function readForm(environ: Environ, options?: ReadOptions): Promise<URLSearchParams> {
  return mayBeDropped(parseForm(environ, options));
}

async function parseForm(environ: Environ, options: ReadOptions | undefined): Promise<URLSearchParams> {
  checkType(environ, /^application\/x-www-form-urlencoded$/, "application/x-www-form-urlencoded");
  const text = await readUtf8(environ, options);
  try {
    decodeURIComponent(text);
  } catch (cause) {
    throw malformed("is not a form: it has a malformed escape", cause);
  }
  return new URLSearchParams(text);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

async function readUtf8(environ: Environ, options: ReadOptions | undefined): Promise<string> {
  const bytes = await (options === undefined ? readBytes(environ) : readBytes(environ, options));
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw malformed("is not UTF-8", cause);
  }
}

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i;

function checkType({ CONTENT_TYPE: header = "" }: Environ, wanted: RegExp, name: string): void {
  const [type = ""] = header.split(";");
  const charset = CHARSET.exec(header)?.[1] ?? "utf-8";
  if (wanted.test(type.trim().toLowerCase()) && /^(?:utf-?8|us-ascii)$/i.test(charset)) return;
  throw new TsgiError(
    "TSGI_UNSUPPORTED_TYPE",
    `the request body is ${header === "" ? "of no type" : JSON.stringify(header)}, not ${name}`,
    { status: "415 Unsupported Media Type" },
  );
}

function malformed(problem: string, cause: unknown): TsgiError {
  return new TsgiError("TSGI_MALFORMED_BODY", `the request body ${problem}`, { status: "400 Bad Request", cause });
}
