/** The codings of variants, each at its best: what is made once is sent many times. */

import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import type { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { type Encoding, VARIANTS } from "../../../middleware/static-files/variants.ts";

/** What is to be compressed, in a form that threads can be sent. */
export interface Task {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Whether the file holds text. */
  readonly isText: boolean;
  readonly encoding: Encoding;
  /** Where the result is written: a descriptor, which all threads of a process share. */
  readonly descriptor: number;
}

interface Coding {
  /** How long it takes, about, as a multiple of the fastest; measured with scripts. */
  readonly cost: number;
  readonly atOnce: (bytes: Uint8Array, task: Task) => Uint8Array;
  readonly stream: (task: Task) => Transform;
}

/** What `node:zlib` has had since Node 22.15, and its types for older ones do not know. */
const { zstdCompressSync, createZstdCompress } = zlib as unknown as {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: object) => Uint8Array;
  readonly createZstdCompress?: (options: object) => Transform;
};
const ZSTD_LEVEL = 100;

const CODINGS: Readonly<Record<Encoding, Coding>> = {
  br: {
    cost: 20,
    atOnce: (bytes, task) => zlib.brotliCompressSync(bytes, brotliOptions(task)),
    stream: (task) => zlib.createBrotliCompress(brotliOptions(task)),
  },
  zstd: {
    cost: 4,
    atOnce: (bytes, task) => zstdCompressSync?.(bytes, zstdOptions(task)) ?? bytes,
    stream: (task) => createZstdCompress?.(zstdOptions(task)) as Transform,
  },
  gzip: {
    cost: 1,
    atOnce: (bytes) => zlib.gzipSync(bytes, { level: 9 }),
    stream: () => zlib.createGzip({ level: 9 }),
  },
};

/** The codings that this Node can make. */
export const AVAILABLE: readonly Encoding[] = VARIANTS.map(({ encoding }) => encoding).filter(
  (encoding) => encoding !== "zstd" || zstdCompressSync !== undefined,
);

export function costOf(encoding: Encoding, size: number): number {
  return CODINGS[encoding].cost * size;
}

function brotliOptions({ size, isText }: Task): zlib.BrotliOptions {
  const { BROTLI_PARAM_QUALITY, BROTLI_MAX_QUALITY, BROTLI_PARAM_SIZE_HINT, BROTLI_PARAM_MODE } = zlib.constants;
  const { BROTLI_MODE_TEXT, BROTLI_MODE_GENERIC } = zlib.constants;
  return {
    params: {
      [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY,
      [BROTLI_PARAM_SIZE_HINT]: Math.min(size, 2 ** 30),
      [BROTLI_PARAM_MODE]: isText ? BROTLI_MODE_TEXT : BROTLI_MODE_GENERIC,
    },
  };
}

/** Level 19 is the last whose window fits into the 8 MiB that clients have to have (RFC 9659 §3). */
function zstdOptions({ size }: Task): object {
  return { params: { [ZSTD_LEVEL]: 19 }, pledgedSrcSize: size };
}

/** Larger files are compressed piece by piece: slower, but in little memory. In bytes. */
const AT_ONCE = 16 * 1024 * 1024;

/** Neither a link nor a FIFO may have taken the place of the file. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Reads a file and writes it compressed. Keeps the thread busy meanwhile: streams would share four threads of Node's. */
export async function compressFile(task: Task): Promise<void> {
  const { path, size, encoding, descriptor } = task;
  const coding = CODINGS[encoding];
  const source = openSync(path, FLAGS);
  try {
    if (size <= AT_ONCE) {
      writeFileSync(descriptor, coding.atOnce(readFileSync(source), task));
    } else {
      await pipeline(
        createReadStream("", { fd: source, autoClose: false, highWaterMark: 1024 * 1024 }),
        coding.stream(task),
        createWriteStream("", { fd: descriptor, autoClose: false }),
      );
    }
  } finally {
    closeSync(source);
  }
}
