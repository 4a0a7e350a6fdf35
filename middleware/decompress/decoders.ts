/** The content codings (RFC 9110 §8.4.1, RFC 7932, RFC 8878) that bodies are decoded from, by `node:zlib`. */

import * as zlib from "node:zlib";
import { Codec, STREAM_OPTIONS, type ZlibStream } from "../compress/codec.ts";
import type { ContentCoding } from "../compress/encoders.ts";

/** What `node:zlib` has had since Node 22.15, and its types for older ones do not have. */
const { createZstdDecompress, zstdDecompressSync } = zlib as unknown as {
  readonly createZstdDecompress?: (options: object) => unknown;
  readonly zstdDecompressSync?: (bytes: Uint8Array) => unknown;
};

/** A window of 8 MiB is as large as one may be (RFC 9659 §3). */
const ZSTD_OPTIONS = { ...STREAM_OPTIONS, params: { 100: 23 } };

/** Opens a stream for a body that begins with these bytes. */
type Open = (beginning: Uint8Array) => unknown;

const DECODERS: Readonly<Record<ContentCoding, Open | undefined>> = {
  br: () => zlib.createBrotliDecompress(STREAM_OPTIONS),
  zstd: createZstdDecompress && noticesCuts() ? () => createZstdDecompress(ZSTD_OPTIONS) : undefined,
  gzip: () => zlib.createGunzip(STREAM_OPTIONS),
  // What it is called is a zlib stream; some send the raw one inside it (RFC 9110 §8.4.1.2).
  deflate: (beginning) =>
    hasZlibHeader(beginning) ? zlib.createInflate(STREAM_OPTIONS) : zlib.createInflateRaw(STREAM_OPTIONS),
};

/** Node 22 takes the beginning of a body for a whole one: an upload that was cut short would look complete. */
function noticesCuts(): boolean {
  try {
    zstdDecompressSync?.(Uint8Array.of(0x28));
    return false;
  } catch {
    return true;
  }
}

/** Whether bytes begin a zlib stream (RFC 1950 §2.2), as far as they go. */
function hasZlibHeader([method = 0, flags]: Uint8Array): boolean {
  return (method & 15) === 8 && (flags === undefined || (method * 256 + flags) % 31 === 0);
}

/** Whether this version of Node can decode a coding. */
export function canDecode(coding: ContentCoding): boolean {
  return DECODERS[coding] !== undefined;
}

/** Opens a codec for a body in a coding that can be decoded, which begins with these bytes. */
export function openDecoder(coding: ContentCoding, beginning: Uint8Array): Codec {
  return new Codec(DECODERS[coding]?.(beginning) as ZlibStream);
}
