/** The text of a body: decoded piece by piece, or as a whole, and sent as UTF-8. */

import { joinBytes } from "../../src/body/chunk.ts";
import { isUtf8 } from "./charset.ts";

/** Decodes a text piece by piece. */
export interface PieceDecoder {
  /** The text of the bytes that are complete by now; the bytes themselves where they are not text of this charset. */
  decode(bytes: Uint8Array): string | Uint8Array;
  /** What is left. */
  end(): string | Uint8Array;
}

/**
 * decoderOf gives a decoder for a charset. Bytes that are not UTF-8 end a text of UTF-8: they and all that follows are given as
 * they came, unless `isLenient`; then they become U+FFFD.
 */
export function decoderOf(charset: string, isLenient = false): PieceDecoder {
  return isUtf8(charset) && !isLenient ? new Utf8Decoder() : new OtherDecoder(charset);
}

/** decodeWhole gives a whole text; undefined where the bytes are not text of their charset, unless `isLenient`. */
export function decodeWhole(charset: string, bytes: Uint8Array, isLenient = false): string | undefined {
  try {
    // In one go, Node 20 takes windows-1252 for ISO 8859-1.
    const decoder = new TextDecoder(charset, { ignoreBOM: true, fatal: !isLenient });
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
