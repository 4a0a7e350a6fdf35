/**
 * Takes request bodies that are compressed.
 *
 * ```ts
 * const upload: App = async (environ, startResponse) => {
 *   if (environ.REQUEST_METHOD !== "POST") return text("POST a list as JSON, by gzip if you like\n")(environ, startResponse);
 *   const rows = (await readJson(environ)) as unknown[];
 *   return text(`${rows.length} rows\n`)(environ, startResponse);
 * };
 *
 * export const app = decompress(upload, { encodings: ["gzip", "br"], limit: 50 * 1024 * 1024, ratio: 50 });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Environ } from "../src/gateway.ts";
import { checkOptions, count, type Kind, type Kinds, listOf, oneOf } from "../src/options.ts";
import { wrapping } from "../src/wrapping.ts";
import { CODINGS, type ContentCoding } from "./compress/encoders.ts";
import { type Bounds, DecodedInput } from "./decompress/decoded-input.ts";
import { canDecode } from "./decompress/decoders.ts";

/** Which request bodies are taken. */
export interface DecompressOptions {
  /**
   * The content codings that are decoded. Default `["br", "zstd", "gzip", "deflate"]`; `zstd` is left out before Node 24, which
   * does not have it or does not notice that a body was cut short.
   */
  encodings?: readonly ContentCoding[];
  /** The largest decoded body, in bytes. Default 10 MiB. Reading more of a body rejects with an error that becomes a 413. */
  limit?: number;
  /**
   * How many times as large as it was sent a body may become, beyond the first MiB. Default 100; text seldom comes to 30.
   * Reading more rejects likewise.
   */
  ratio?: number;
}

const AT_LEAST_ONE: Kind = {
  expected: "a number from 1",
  accepts: (value) => typeof value === "number" && value >= 1,
};

const KINDS: Kinds<DecompressOptions> = {
  encodings: listOf(oneOf(...CODINGS)),
  limit: count(),
  ratio: AT_LEAST_ONE,
};

/** One after the other in one body; nobody has a use for more. */
const MAX_CODINGS = 2;

/**
 * decompress decodes request bodies that have a `Content-Encoding`, and gives the app a request whose body was never encoded:
 * without that header, and without `CONTENT_LENGTH`, as the length is not known. It needs Node.
 *
 * A coding that is not among `encodings` is a 415 that lists them in `Accept-Encoding` (RFC 9110 §15.5.16), and the app is not
 * asked. The body is decoded as the app reads it, never further. A malformed one, one that is cut short and one with something
 * after its end reject with `TSGI_MALFORMED_BODY`, which the server answers with 400; one that becomes too large rejects with
 * `TSGI_BODY_TOO_LARGE`, a 413. `deflate` may be with or without its zlib header, gzip may have several members.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function decompress(app: App, options: DecompressOptions = {}): App {
  checkApp(app, "decompress");
  checkOptions("decompress", options, KINDS);
  const { encodings = CODINGS, limit = 10 * 1024 * 1024, ratio = 100 } = options;
  const bounds: Bounds = { limit, ratio };
  const known = encodings.filter(canDecode);
  const refusal: AppResponse = {
    status: "415 Unsupported Media Type",
    headers: [
      ["Content-Type", "text/plain; charset=utf-8"],
      ["Accept-Encoding", known.length === 0 ? "identity" : known.join(", ")],
    ],
    body: "Unsupported Media Type\n",
  };

  const outer: App = function decompress(environ, startResponse) {
    const { HTTP_CONTENT_ENCODING: header } = environ;
    if (header === undefined) return app(environ, startResponse);
    const codings = codingsOf(header);
    if (codings.length > MAX_CODINGS || !codings.every(isKnown)) return respond(refusal, startResponse);
    return app(decodedRequest(environ, codings, bounds), startResponse);
  };
  return wrapping(outer, app);

  function isKnown(coding: string): coding is ContentCoding {
    return known.includes(coding as ContentCoding);
  }
}

/** The codings of a body, in the order in which they were applied. */
function codingsOf(header: string): string[] {
  return header
    .split(",")
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== "" && coding !== "identity")
    .map((coding) => (coding === "x-gzip" ? "gzip" : coding));
}

function decodedRequest(environ: Environ, codings: readonly ContentCoding[], bounds: Bounds): Environ {
  const { HTTP_CONTENT_ENCODING: _coding, ...plain } = environ;
  if (codings.length === 0 || environ.CONTENT_LENGTH === "0") return plain as Environ;
  const { CONTENT_LENGTH: _length, ...rest } = plain;
  const input = codings.reduceRight(
    (inner: AsyncIterable<Uint8Array>, coding) => new DecodedInput(inner, coding, bounds),
    environ["tsgi.input"],
  );
  // Frameworks take a request that has neither a length nor this for one without a body.
  return { ...rest, HTTP_TRANSFER_ENCODING: "chunked", "tsgi.input": input } as Environ;
}
