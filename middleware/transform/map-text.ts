/** Changes of text while it streams by. */

import { checkChunks, joinBytes, toBytes } from "../../src/body/chunk.ts";
import { BodyReader, knownChunks } from "../../src/body/reader.ts";
import { mapBody, resume } from "../../src/body/stream.ts";
import { TsgiError } from "../../src/errors.ts";
import type { AppResponse, Body, Chunk, Environ } from "../../src/gateway.ts";
import { parseStatus } from "../../src/http/status.ts";
import { immediate } from "../../src/immediate.ts";
import { BOOLEAN, checkOptions, count, type Kinds, showOption } from "../../src/options.ts";
import { readAhead } from "./ahead.ts";
import { type Change, changeOf, hasType } from "./change.ts";
import { asUtf8, DECLARATION, declaredCharset, isKnownCharset, namedCharset, namesItself } from "./charset.ts";
import { inPieces } from "./pieces.ts";
import { Replacer } from "./replacer.ts";
import { decoderOf } from "./text.ts";

/** How text is decoded. */
export interface TextOptions {
  /**
   * Whether bytes that are not text of the charset become U+FFFD. Default `false`: from the first such piece on, a text in UTF-8 is
   * passed on as it is. In other charsets they always do, as in browsers.
   */
  replaceInvalid?: boolean;
}

/** How matches are found in a text that comes in pieces. */
export interface ReplaceTextOptions extends TextOptions {
  /** The length of the longest match of a `RegExp`, in UTF-16 units, with what it looks at before and after. A longer match is an error. */
  longest?: number;
}

const KINDS: Kinds<TextOptions> = { replaceInvalid: BOOLEAN };
const REPLACE_KINDS: Kinds<ReplaceTextOptions> = { ...KINDS, longest: count(1, 1024 * 1024) };

/**
 * mapText makes a change of text as it streams by, in the pieces in which the app sends it:
 * `transform(app, mapText("text/html", (text) => text.replaceAll("colour", "color")))`. A character is never split between
 * two pieces, a word may be: `replaceText` finds it wherever the pieces end, and `mapDocument` sees the whole. The text is decoded by
 * the charset of the `Content-Type`; where that names none, a page by its byte order mark or `<meta charset>`, for which its first
 * 1024 bytes are awaited, and all else as UTF-8. It is sent as UTF-8; a byte order mark stays. A text in an unknown charset is
 * left alone, and so is one in UTF-8 from the first piece on that is not UTF-8. A chunk of more than 1 MiB is changed in pieces.
 * Throws `TSGI_BAD_OPTION`.
 */
export function mapText(
  types: string | readonly string[],
  change: (text: string, environ: Environ) => string,
  options: TextOptions = {},
): Change {
  checkOptions("mapText", options, KINDS);
  return streaming(types, options, (environ) => ({ text: (text) => change(text, environ), end: () => "" }));
}

/**
 * replaceText makes a change that replaces a string, or each match of a `RegExp`, in text as it streams by, wherever the chunks end:
 * `transform(app, replaceText("text/html", "http://old.example", "https://new.example"))`. The replacement stands for itself, or is
 * what a function gives for a match. No more is held back than may be the beginning of one: for a `RegExp` that is `longest`, which it
 * needs. Text is decoded and encoded as by `mapText`. Throws `TSGI_BAD_OPTION`; a match that is longer fails with `TSGI_BAD_CHANGE`.
 */
export function replaceText(
  types: string | readonly string[],
  find: string | RegExp,
  replacement: string | ((match: RegExpExecArray, environ: Environ) => string),
  options: ReplaceTextOptions = {},
): Change {
  checkOptions("replaceText", options, REPLACE_KINDS);
  if (find === "" || (typeof find !== "string" && !(find instanceof RegExp))) {
    throw badReplacement(`replaceText is to find ${showOption(find)}`, "Give a string that is not empty, or a RegExp.");
  }
  if (typeof find === "string" && /\p{Surrogate}/u.test(find)) {
    throw badReplacement("replaceText is to find half a character", "Give whole ones: no text has halves.");
  }
  if (typeof replacement !== "string" && typeof replacement !== "function") {
    throw badReplacement(
      `the replacement of replaceText is ${showOption(replacement)}`,
      "Give a string or a function.",
    );
  }
  if (find instanceof RegExp && options.longest === undefined) {
    throw badReplacement(
      "replaceText does not know how long a match may be",
      "Give { longest: 100 }, or use mapDocument.",
    );
  }
  const { longest = 0 } = options;
  const replace =
    typeof replacement === "string" ? replacement : immediate("the replacement of replaceText", replacement);
  return streaming(types, options, (environ) => {
    const given = typeof replace === "string" ? () => replace : (match: RegExpExecArray) => replace(match, environ);
    const replacer = new Replacer(find, given, longest);
    return { text: (text) => replacer.next(text), end: () => replacer.end() };
  });
}

function badReplacement(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", message, { hint });
}

/** What is made of a text, and of its end. */
interface TextMap {
  text(text: string): string;
  end(): string;
}

function streaming(
  types: string | readonly string[],
  { replaceInvalid = false }: TextOptions,
  makeMap: (environ: Environ) => TextMap,
): Change {
  const accepts = (response: AppResponse) =>
    hasType(response, types) && isKnownCharset(namedCharset(response.headers) ?? "utf-8");

  return changeOf(accepts, (response, environ) => {
    const changed = (charset: string, body: Body): AppResponse => ({
      ...response,
      headers: asUtf8(response.headers, charset),
      body: mapped(inPieces(body), charset, makeMap(environ), replaceInvalid),
    });
    if (!namesItself(response)) return changed(namedCharset(response.headers) ?? "utf-8", response.body);
    const chunks = knownChunks(response.body);
    if (chunks !== undefined) return changed(declaredCharset(beginningOf(chunks)) ?? "utf-8", response.body);
    const isBodiless = environ.REQUEST_METHOD === "HEAD" || parseStatus(response.status).bodiless;
    return isBodiless ? changed("utf-8", response.body) : lookedInto(response.body, environ, changed);
  });
}

/** What the beginning of a stream decides. */
async function lookedInto(
  body: Body,
  environ: Environ,
  changed: (charset: string, body: Body) => AppResponse,
): Promise<AppResponse> {
  const reader = new BodyReader(body);
  const { bytes } = await readAhead(reader, environ, (length) => length >= DECLARATION, true);
  return changed(declaredCharset(bytes) ?? "utf-8", resume(bytes, reader));
}

/** The first bytes of chunks, as many as matter. */
function beginningOf(chunks: readonly Chunk[]): Uint8Array {
  checkChunks(chunks);
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const chunk of chunks) {
    const part = toBytes(chunk.slice(0, DECLARATION));
    parts.push(part);
    length += part.length;
    if (length >= DECLARATION) break;
  }
  return joinBytes(parts);
}

function mapped(body: Body, charset: string, map: TextMap, isLenient: boolean): Body {
  const decoder = decoderOf(charset, isLenient);
  let isText = true;
  const changed = (decoded: string | Uint8Array): Chunk | undefined => {
    if (typeof decoded === "string") return decoded === "" ? undefined : some(map.text(decoded));
    if (!isText) return decoded;
    isText = false;
    const held = map.end();
    return held === "" ? decoded : joinBytes([toBytes(held), decoded]);
  };
  return mapBody(body, {
    chunk: (chunk) => changed(decoder.decode(toBytes(chunk))),
    end() {
      const last = changed(decoder.end());
      if (!isText) return last;
      const held = map.end();
      if (held === "" || last === undefined) return some(held) ?? last;
      return joinBytes([toBytes(last), toBytes(held)]);
    },
  });
}

function some(text: string): string | undefined {
  return text === "" ? undefined : text;
}
