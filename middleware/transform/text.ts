/** The text of a body: decoded by the charset that its headers name, in pieces or as a whole, and sent as UTF-8. */

import { checkChunks, joinBytes } from "../../src/body/chunk.ts";
import { BodyReader, type ChunkReader, knownChunks } from "../../src/body/reader.ts";
import { toStream } from "../../src/body/stream.ts";
import type { Body, Chunk, HeaderList } from "../../src/gateway.ts";
import { getHeader, setHeader } from "../../src/http/headers.ts";
import { isPromise } from "../../src/promise.ts";

/** Decodes a text piece by piece. */
export interface PieceDecoder {
  /** The text of the bytes that are complete by now; the bytes themselves where they are not text of this charset. */
  decode(bytes: Uint8Array): string | Uint8Array;
  /** What is left. */
  end(): string | Uint8Array;
}

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]+)"?/i;

/** namedCharset gives the charset that the `Content-Type` names; undefined where it names none. */
export function namedCharset(headers: HeaderList): string | undefined {
  return CHARSET.exec(getHeader(headers, "Content-Type") ?? "")?.[1];
}

/** isAsciiBased tells whether the ASCII characters of a charset are single bytes, which occur in no other character. */
export function isAsciiBased(charset: string): boolean {
  if (isUtf8(charset)) return true;
  try {
    return !/^(?:utf-16|iso-2022-jp)/.test(new TextDecoder(charset).encoding);
  } catch {
    return false;
  }
}

function charsetOf(headers: HeaderList): string {
  return namedCharset(headers) ?? "utf-8";
}

function isUtf8(charset: string): boolean {
  return /^utf-?8$/i.test(charset);
}

/** asUtf8 gives the headers with UTF-8 as the charset of the `Content-Type`, where they name another. */
export function asUtf8(headers: HeaderList): HeaderList {
  if (isUtf8(charsetOf(headers))) return headers;
  const type = getHeader(headers, "Content-Type") ?? "";
  return setHeader(headers, "Content-Type", type.replace(CHARSET, "; charset=utf-8"));
}

/** decoderOf gives a decoder for the charset that headers name; undefined for a charset that the platform does not know. */
export function decoderOf(headers: HeaderList): PieceDecoder | undefined {
  const charset = charsetOf(headers);
  if (isUtf8(charset)) return new Utf8Decoder();
  try {
    return new OtherDecoder(charset);
  } catch {
    return undefined;
  }
}

/** decodeDocument gives a whole text; undefined where the bytes are not text of their charset. */
export function decodeDocument(headers: HeaderList, bytes: Uint8Array): string | undefined {
  const charset = charsetOf(headers);
  try {
    // In one go, Node 20 takes windows-1252 for ISO 8859-1.
    const decoder = new TextDecoder(charset, { ignoreBOM: true, fatal: true });
    return decoder.decode(bytes, { stream: true }) + decoder.decode();
  } catch {
    return undefined;
  }
}

const NO_BYTES = new Uint8Array();

/** Bytes that are not UTF-8 end the text: they, and all that follows, are given as they came. */
class Utf8Decoder implements PieceDecoder {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
  /** The first bytes of a character that is not complete yet. */
  #tail: Uint8Array = NO_BYTES;
  #isText = true;

  decode(bytes: Uint8Array): string | Uint8Array {
    if (!this.#isText) return bytes;
    const all = this.#tail.length === 0 ? bytes : joinBytes([this.#tail, bytes]);
    const end = all.length - incompleteLength(all);
    try {
      const text = this.#decoder.decode(all.subarray(0, end));
      // A copy: the memory of a chunk is its owner's.
      this.#tail = all.slice(end);
      return text;
    } catch {
      this.#isText = false;
      this.#tail = NO_BYTES;
      return all;
    }
  }

  end(): string | Uint8Array {
    return this.#tail.length === 0 ? "" : this.#tail;
  }
}

/** How many bytes at the end begin a character of UTF-8 that goes on after them (RFC 3629 §3). */
function incompleteLength(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

/** A legacy charset: what it has no character for becomes U+FFFD, as in browsers. */
class OtherDecoder implements PieceDecoder {
  readonly #decoder: InstanceType<typeof TextDecoder>;

  constructor(charset: string) {
    this.#decoder = new TextDecoder(charset, { ignoreBOM: true });
  }

  decode(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true });
  }

  end(): string {
    return this.#decoder.decode();
  }
}

/** A chunk that is longer is changed in pieces, so that other requests have their turn in between. */
const LONG = 1024 * 1024;
const PIECE = 64 * 1024;

/** inPieces gives a body whose long chunks come in pieces; a body without long chunks that is all there stays as it is. */
export function inPieces(body: Body): Body {
  const chunks = knownChunks(body);
  if (chunks !== undefined && checkChunks(chunks) <= LONG) return body;
  return toStream(new PieceReader(new BodyReader(body)));
}

export class PieceReader implements ChunkReader {
  readonly isAsync: boolean;
  readonly #inner: ChunkReader;
  #long: Chunk = "";
  #offset = 0;

  constructor(inner: ChunkReader) {
    this.isAsync = inner.isAsync;
    this.#inner = inner;
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    if (this.#offset < this.#long.length) return this.#piece();
    const chunk = this.#inner.next();
    return isPromise(chunk) ? chunk.then((settled) => this.#take(settled)) : this.#take(chunk);
  }

  #take(chunk: Chunk | undefined): Chunk | undefined {
    if (chunk === undefined || chunk.length <= LONG) return chunk;
    this.#long = chunk;
    this.#offset = 0;
    return this.#piece();
  }

  #piece(): Chunk {
    const long = this.#long;
    const start = this.#offset;
    let end = start + PIECE;
    // A character beyond the basic plane is two halves of a pair, which mean nothing alone.
    if (typeof long === "string" && (long.charCodeAt(end - 1) & 0xfc00) === 0xd800) end++;
    this.#offset = end;
    if (end >= long.length) this.#long = "";
    return typeof long === "string" ? long.slice(start, end) : long.subarray(start, end);
  }

  close(): undefined | Promise<unknown> {
    this.#long = "";
    return this.#inner.close();
  }
}
