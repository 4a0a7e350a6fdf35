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

/** What is encoded: a body in one go, a stream, or one that is open for long. */
type Use = "whole" | "stream" | "live";

/** One coding as `node:zlib` has it. */
interface Format {
  readonly flushKind: number;
  readonly defaultLevel: number;
  /** What it is for small bodies. */
  readonly levelIfSmall: number;
  /** The highest level that takes no more than two milliseconds or so for 100 KB. */
  readonly quickLevel: number;
  readonly levels: readonly [least: number, most: number];
  options(level: number, use: Use): object;
  /** What else a body of at most that length is encoded with in one go. */
  sized(most: number): object;
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

/**
 * The windows of Brotli and Zstandard, as powers of two. Those of streams are as small as costs two or three percent of size, instead
 * of 22 and 21: a stream takes half a MiB then instead of up to 14, which libc does not give back when its client has left.
 */
const BROTLI_WINDOWS: Readonly<Record<Use, number>> = { whole: 22, stream: 17, live: 16 };
const ZSTD_WINDOWS: Readonly<Record<Use, number>> = { whole: 0, stream: 18, live: 16 };

/** Event streams have a window of 4 KiB instead of 32 KiB, for a fraction of the memory. */
const zlibOptions = (level: number, use: Use) => (use === "live" ? { level, windowBits: 12, memLevel: 4 } : { level });

/** One piece of output for most bodies: half of what comes in. The default of 16 KiB is too much for small ones, and too little. */
const outputFor = (most: number) => ({ chunkSize: Math.min(1024 * 1024, Math.max(1024, most >>> 1)) });

/** No more window and tables than a body has use for: clearing the usual 260 KiB takes longer than to compress 1 KiB. */
const zlibSized = (most: number) => {
  const bits = bitsOf(most + 261);
  return {
    ...outputFor(most),
    windowBits: Math.min(15, Math.max(9, bits)),
    memLevel: Math.min(8, Math.max(1, bits - 6)),
  };
};

/** How many bits a number has. */
function bitsOf(value: number): number {
  return 32 - Math.clz32(value);
}

const FORMATS: Readonly<Record<ContentCoding, Format | undefined>> = {
  br: {
    flushKind: constants.BROTLI_OPERATION_FLUSH,
    defaultLevel: 4,
    levelIfSmall: 3,
    quickLevel: 5,
    levels: [0, 11],
    options: (level, use) => ({
      params: { [constants.BROTLI_PARAM_QUALITY]: level, [constants.BROTLI_PARAM_LGWIN]: BROTLI_WINDOWS[use] },
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
          levelIfSmall: 3,
          quickLevel: 9,
          levels: [1, 22],
          options: (level, use) => ({ params: { [ZSTD_LEVEL]: level, [ZSTD_WINDOW]: ZSTD_WINDOWS[use] } }),
          sized: outputFor,
          encode: newer.zstdCompressSync,
          encodeLater: newer.zstdCompress,
          open: newer.createZstdCompress,
        },
  gzip: {
    flushKind: constants.Z_SYNC_FLUSH,
    defaultLevel: 4,
    levelIfSmall: 6,
    quickLevel: 6,
    levels: [1, 9],
    options: zlibOptions,
    sized: zlibSized,
    encode: zlib.gzipSync,
    encodeLater: zlib.gzip as Format["encodeLater"],
    open: zlib.createGzip,
  },
  deflate: {
    flushKind: constants.Z_SYNC_FLUSH,
    defaultLevel: 4,
    levelIfSmall: 6,
    quickLevel: 6,
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
/** The same for levels that are slow: Brotli's highest encodes 1 KB in a millisecond. */
const IMMEDIATE_IF_SLOW = 8 * 1024;

/**
 * Below this a body is small: Brotli at level 3 takes half the time of 4 for it, and two percent more bytes; zlib at level 6 takes
 * less time than at 4, and less bytes, as it finds longer matches.
 */
const SMALL = 8 * 1024;

/** The encoder of a coding; undefined where this version of Node does not have it. */
export function encoderOf(coding: ContentCoding, level: number | undefined): Encoder | undefined {
  const format = FORMATS[coding];
  if (format === undefined) return undefined;
  const { defaultLevel, levelIfSmall, quickLevel, flushKind } = format;
  const chosen = level ?? defaultLevel;
  const options = format.options(chosen, "whole");
  const optionsIfSmall = format.options(level ?? levelIfSmall, "whole");
  // By the number of bits of the length: to make them for each body takes as long as a quarter of compressing 2 KB.
  const sized = Array.from({ length: 33 }, (_, bits) => {
    const most = 2 ** bits - 1;
    return { ...(most <= SMALL ? optionsIfSmall : options), ...format.sized(most) };
  });
  const optionsFor = ({ byteLength }: Uint8Array): object => sized[bitsOf(byteLength)] as object;
  const streamOptions = { ...format.options(chosen, "stream"), ...STREAM_OPTIONS };
  const liveOptions = { ...format.options(chosen, "live"), ...STREAM_OPTIONS };
  return {
    coding,
    flushKind,
    immediateSize: chosen > quickLevel ? IMMEDIATE_IF_SLOW : IMMEDIATE,
    encode: (bytes) => format.encode(bytes, optionsFor(bytes)),
    encodeLater: (bytes) =>
      new Promise((resolve, reject) => {
        format.encodeLater(bytes, optionsFor(bytes), (error, result) => {
          if (error === null || error === undefined) resolve(result);
          else reject(error);
        });
      }),
    open: (isLive) => new Codec(format.open(isLive ? liveOptions : streamOptions) as ZlibStream),
  };
}
