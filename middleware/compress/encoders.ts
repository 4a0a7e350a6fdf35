/** The content codings (RFC 9110 §8.4.1, RFC 7932, RFC 8878) that bodies are encoded in, by `node:zlib`. */

import * as zlib from "node:zlib";
import { Codec, STREAM_OPTIONS, type ZlibStream } from "./codec.ts";

/** A content coding, as `Content-Encoding` names it. */
export type ContentCoding = "br" | "zstd" | "gzip" | "deflate";

/** Encodes bodies in one coding, at one level. */
export interface Encoder {
  readonly coding: ContentCoding;
  /** The largest body that is encoded at once by the main thread, in bytes. */
  readonly immediateSize: number;
  encode(bytes: Uint8Array): Uint8Array;
  /** Encodes in another thread. */
  encodeLater(bytes: Uint8Array): Promise<Uint8Array>;
  /** A stream for one body; `isLive` for one that is open for long, whose memory counts. */
  open(isLive: boolean): Codec;
  /** What has a stream give what it holds back. */
  readonly flushKind: number;
}

type Callback = (error: Error | null, result: Uint8Array) => void;

/** One coding as `node:zlib` has it. */
interface Format {
  readonly flushKind: number;
  readonly defaultLevel: number;
  readonly levels: readonly [least: number, most: number];
  options(level: number, isLive: boolean): object;
  /** What else a body of so many bytes is encoded with in one go. */
  sized(length: number): object;
  readonly encode: (bytes: Uint8Array, options: object) => Uint8Array;
  readonly encodeLater: (bytes: Uint8Array, options: object, callback: Callback) => void;
  readonly open: (options: object) => unknown;
}

const { constants } = zlib;

/** What `node:zlib` has had since Node 22.15, and its types for older ones do not have. */
const newer = zlib as unknown as {
  readonly zstdCompressSync?: Format["encode"];
  readonly zstdCompress: Format["encodeLater"];
  readonly createZstdCompress: Format["open"];
};
const ZSTD_LEVEL = 100;
const ZSTD_WINDOW = 101;
const ZSTD_FLUSH = 1;

/** Windows of event streams: 4 KiB and 64 KiB instead of 32 KiB and 4 MiB, for a fraction of the memory. */
const zlibOptions = (level: number, isLive: boolean) => (isLive ? { level, windowBits: 12, memLevel: 4 } : { level });

/** One piece of output for most bodies: half of what comes in. The default of 16 KiB is too much for small ones, and too little. */
const outputFor = (length: number) => ({ chunkSize: Math.max(1024, length >> 1) });

/** No more window and tables than a body has use for: clearing the usual 260 KiB takes longer than to compress 1 KiB. */
const zlibSized = (length: number) => {
  const bits = 32 - Math.clz32(length + 261);
  return {
    ...outputFor(length),
    windowBits: Math.min(15, Math.max(9, bits)),
    memLevel: Math.min(8, Math.max(1, bits - 6)),
  };
};

const FORMATS: Readonly<Record<ContentCoding, Format | undefined>> = {
  br: {
    flushKind: constants.BROTLI_OPERATION_FLUSH,
    defaultLevel: 4,
    levels: [0, 11],
    options: (level, isLive) => ({
      params: {
        [constants.BROTLI_PARAM_QUALITY]: level,
        ...(isLive ? { [constants.BROTLI_PARAM_LGWIN]: 16 } : {}),
      },
    }),
    sized: outputFor,
    encode: zlib.brotliCompressSync,
    encodeLater: zlib.brotliCompress as Format["encodeLater"],
    open: zlib.createBrotliCompress,
  },
  zstd:
    newer.zstdCompressSync === undefined
      ? undefined
      : {
          flushKind: ZSTD_FLUSH,
          defaultLevel: 3,
          levels: [1, 22],
          options: (level, isLive) => ({ params: { [ZSTD_LEVEL]: level, ...(isLive ? { [ZSTD_WINDOW]: 16 } : {}) } }),
          sized: outputFor,
          encode: newer.zstdCompressSync,
          encodeLater: newer.zstdCompress,
          open: newer.createZstdCompress,
        },
  gzip: {
    flushKind: constants.Z_SYNC_FLUSH,
    defaultLevel: 6,
    levels: [1, 9],
    options: zlibOptions,
    sized: zlibSized,
    encode: zlib.gzipSync,
    encodeLater: zlib.gzip as Format["encodeLater"],
    open: zlib.createGzip,
  },
  deflate: {
    flushKind: constants.Z_SYNC_FLUSH,
    defaultLevel: 6,
    levels: [1, 9],
    options: zlibOptions,
    sized: zlibSized,
    encode: zlib.deflateSync,
    encodeLater: zlib.deflate as Format["encodeLater"],
    open: zlib.createDeflate,
  },
};

/** Every coding, best first. */
export const CODINGS: readonly ContentCoding[] = ["br", "zstd", "gzip", "deflate"];

/** The levels that a coding has; those of zstd whether this version of Node has it or not. */
export function levelsOf(coding: ContentCoding): readonly [least: number, most: number] {
  return FORMATS[coding]?.levels ?? [1, 22];
}

/** Up to here a body costs less time than handing it to another thread, which doubles the CPU time of 100 KB. */
const IMMEDIATE = 128 * 1024;
/** The same for levels above the default, which are slow: Brotli's highest encodes 1 KB in a millisecond. */
const IMMEDIATE_IF_SLOW = 8 * 1024;

/** The encoder of a coding; undefined where this version of Node does not have it. */
export function encoderOf(coding: ContentCoding, level: number | undefined): Encoder | undefined {
  const format = FORMATS[coding];
  if (format === undefined) return undefined;
  const { defaultLevel, flushKind } = format;
  const chosen = level ?? defaultLevel;
  const options = format.options(chosen, false);
  const streamOptions = { ...options, ...STREAM_OPTIONS };
  const liveOptions = { ...format.options(chosen, true), ...STREAM_OPTIONS };
  return {
    coding,
    flushKind,
    immediateSize: chosen > defaultLevel ? IMMEDIATE_IF_SLOW : IMMEDIATE,
    encode: (bytes) => format.encode(bytes, { ...options, ...format.sized(bytes.byteLength) }),
    encodeLater: (bytes) =>
      new Promise((resolve, reject) => {
        format.encodeLater(bytes, { ...options, ...format.sized(bytes.byteLength) }, (error, result) => {
          if (error === null || error === undefined) resolve(result);
          else reject(error);
        });
      }),
    open: (isLive) => new Codec(format.open(isLive ? liveOptions : streamOptions) as ZlibStream),
  };
}
