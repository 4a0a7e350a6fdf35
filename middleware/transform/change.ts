/** Changes of a response for `transform`: of its text, of its chunks. Each leaves alone what must not be changed. */

import { byteLength, joinBytes, toBytes } from "../../src/body/chunk.ts";
import { BodyReader, knownChunks } from "../../src/body/reader.ts";
import { type BodyMap, mapBody, resume } from "../../src/body/stream.ts";
import type { AppResponse, Chunk, Environ, HeaderList } from "../../src/gateway.ts";
import { getHeader, setHeader } from "../../src/http/headers.ts";
import { parseStatus } from "../../src/http/status.ts";

/** Takes the response of an app and gives the one to send instead: the same object, a derived one, or a promise of one. */
export type Change = (response: AppResponse, environ: Environ) => AppResponse | Promise<AppResponse>;

/**
 * Whether the bytes of a response may be changed: not those of a range (RFC 9110 §14), of a `Cache-Control: no-transform`
 * (RFC 9110 §7.7), nor those that are encoded (§8.4), unless the change asks for encoded bytes.
 */
export function isTransformable({ status, headers }: AppResponse, encoded = false): boolean {
  const coding = getHeader(headers, "Content-Encoding")?.trim().toLowerCase();
  return (
    !status.startsWith("206 ") &&
    getHeader(headers, "Content-Range") === undefined &&
    !/(?:^|[\s,])no-transform(?:[\s,]|$)/i.test(getHeader(headers, "Cache-Control") ?? "") &&
    (encoded || coding === undefined || coding === "" || coding === "identity")
  );
}

/** Whether a response is of one of these media types: `"text/html"`, or `"text/*"` for all of a kind. */
export function hasType({ headers }: AppResponse, types: string | readonly string[]): boolean {
  const type = getHeader(headers, "Content-Type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return [types].flat().some((wanted) => {
    const lower = wanted.toLowerCase();
    return lower.endsWith("/*") ? type.startsWith(lower.slice(0, -1)) : type === lower;
  });
}

/**
 * `transform(app, mapChunks("image/*", () => ({ chunk: invert })))` changes the chunks of bodies of these types as they
 * stream by. `makeMap` is called once for each response, so that a map may keep what it has seen; its `end` may add to the
 * body. See `isTransformable` for what is left alone.
 */
export function mapChunks(types: string | readonly string[], makeMap: (environ: Environ) => BodyMap): Change {
  return function mapChunks(response, environ) {
    if (!hasType(response, types) || !isTransformable(response)) return response;
    return { ...response, body: mapBody(response.body, makeMap(environ)) };
  };
}

/**
 * `transform(app, mapText("text/html", (text) => text.replaceAll("colour", "color")))` changes text as it streams by, in
 * the pieces in which the app sends it. A character is never split between two pieces, a word may be: `mapDocument` sees
 * the whole. The text is decoded by the charset of the `Content-Type` (UTF-8 where it names none) and sent as UTF-8; a
 * charset that is not known is left alone.
 */
export function mapText(types: string | readonly string[], change: (text: string, environ: Environ) => string): Change {
  return function mapText(response, environ) {
    const decoder = decoderOf(response, types);
    if (decoder === undefined) return response;
    const changed = (text: string): Chunk | undefined => (text === "" ? undefined : change(text, environ));
    const body = mapBody(response.body, {
      chunk: (chunk) => changed(decoder.decode(toBytes(chunk), { stream: true })),
      end: () => changed(decoder.decode()),
    });
    return { ...response, headers: asUtf8(response.headers), body };
  };
}

/** How much of a document is read. */
export interface DocumentOptions {
  /** The largest document that is changed, in bytes. Default 1 MiB. A larger one is passed on as it is. */
  limit?: number;
}

/**
 * `transform(app, mapDocument("text/html", (page) => page.replace("</body>", `${banner}</body>`)))` changes a text as a
 * whole: nothing is sent before all of it is there. Text is decoded and encoded as by `mapText`.
 */
export function mapDocument(
  types: string | readonly string[],
  change: (text: string, environ: Environ) => string | Promise<string>,
  { limit = 1024 * 1024 }: DocumentOptions = {},
): Change {
  return async function mapDocument(response, environ) {
    const decoder = decoderOf(response, types);
    if (decoder === undefined || isKnownToExceed(limit, response)) return response;
    const headers = asUtf8(response.headers);
    const isBodiless = environ.REQUEST_METHOD === "HEAD" || parseStatus(response.status).bodiless;
    if (isBodiless) return { ...response, headers, body: mapBody(response.body, NOTHING) };
    const reader = new BodyReader(response.body);
    const parts: Uint8Array[] = [];
    let length = 0;
    try {
      for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
        const bytes = toBytes(chunk);
        parts.push(bytes);
        length += bytes.byteLength;
        if (length > limit) return { ...response, body: resume(joinBytes(parts), reader) };
      }
    } catch (error) {
      await reader.close();
      throw error;
    }
    await reader.close();
    const text = await change(decoder.decode(joinBytes(parts)), environ);
    return { ...response, headers, body: text };
  };
}

/** Whether a document is too large, as far as can be told without reading it. */
function isKnownToExceed(limit: number, { headers, body }: AppResponse): boolean {
  const length = knownChunks(body)?.reduce((sum, chunk) => sum + byteLength(chunk), 0) ?? 0;
  return Math.max(length, Number(getHeader(headers, "Content-Length") ?? 0)) > limit;
}

const NOTHING: BodyMap = { chunk: () => undefined };

type Decoder = InstanceType<typeof TextDecoder>;

/** A decoder for the text of a response; undefined for one that is to be left alone. */
function decoderOf(response: AppResponse, types: string | readonly string[]): Decoder | undefined {
  if (!hasType(response, types) || !isTransformable(response)) return undefined;
  try {
    return new TextDecoder(charsetOf(response.headers), { ignoreBOM: true });
  } catch {
    return undefined;
  }
}

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]+)"?/i;

function charsetOf(headers: HeaderList): string {
  return CHARSET.exec(getHeader(headers, "Content-Type") ?? "")?.[1] ?? "utf-8";
}

function asUtf8(headers: HeaderList): HeaderList {
  if (/^utf-?8$/i.test(charsetOf(headers))) return headers;
  const type = getHeader(headers, "Content-Type") ?? "";
  return setHeader(headers, "Content-Type", type.replace(CHARSET, "; charset=utf-8"));
}
