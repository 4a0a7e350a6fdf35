/** Precompressed variants: the files beside a file that hold the same in fewer bytes. */

import type { BigIntStats } from "node:fs";
import * as zlib from "node:zlib";
import type { BoundedMap } from "../../src/bounded-map.ts";
import type { OpenFile } from "./open-file.ts";

/** A content coding (RFC 9110 §8.4.1) that variants come in. */
export type Encoding = "br" | "zstd" | "gzip";

/** The codings with the extensions of their files. */
export const VARIANTS: readonly { readonly encoding: Encoding; readonly extension: string }[] = [
  { encoding: "br", extension: ".br" },
  { encoding: "zstd", extension: ".zst" },
  { encoding: "gzip", extension: ".gz" },
];

export function isEncoding(value: unknown): value is Encoding {
  return VARIANTS.some(({ encoding }) => encoding === value);
}

/** Where the variant of a file is. */
export function variantPath(path: string, encoding: Encoding): string {
  return path + VARIANTS.find((each) => each.encoding === encoding)?.extension;
}

/** Whether a variant may stand for its original by its size: it is not larger, nor empty, which no coding of anything is. */
function isSmaller(variant: BigIntStats, original: BigIntStats): boolean {
  return variant.size > 0 && variant.size < original.size;
}

/** Whether a variant stands for its original by size and time: it is not older. */
export function isCurrent(variant: BigIntStats, original: BigIntStats): boolean {
  return isSmaller(variant, original) && variant.mtimeNs >= original.mtimeNs;
}

/** The largest file whose older variant is decoded, in bytes. */
const MAX_DECODED = 8 * 1024 * 1024;

/**
 * Whether an open variant stands for its open original. One that is older does if it decodes to the same bytes: copying and
 * unpacking give files the times of their copies, in any order. `verified` remembers the answer for the two versions.
 */
export async function isVariantOf(
  variant: OpenFile,
  encoding: Encoding,
  original: OpenFile,
  verified: BoundedMap<string, boolean>,
): Promise<boolean> {
  if (isCurrent(variant.stats, original.stats)) return true;
  if (!isSmaller(variant.stats, original.stats) || original.stats.size > MAX_DECODED) return false;
  const key = `${variant.version} ${original.version}`;
  let isSame = verified.get(key);
  if (isSame === undefined) {
    isSame = await decodesTo(variant, encoding, original);
    verified.set(key, isSame);
  }
  return isSame;
}

async function decodesTo(variant: OpenFile, encoding: Encoding, original: OpenFile): Promise<boolean> {
  const length = Number(original.stats.size);
  const decoded = await decompress(await variant.read(0, Number(variant.stats.size)), encoding, length);
  return decoded?.length === length && decoded.equals(await original.read(0, length));
}

/** What `node:zlib` has had since Node 22.15, and its types for older ones do not have. */
const { zstdDecompress } = zlib as unknown as { readonly zstdDecompress?: typeof zlib.brotliDecompress };

const DECODERS: Readonly<Record<Encoding, typeof zlib.brotliDecompress | undefined>> = {
  br: zlib.brotliDecompress,
  zstd: zstdDecompress,
  gzip: zlib.gunzip as typeof zlib.brotliDecompress,
};

/** The decoded bytes, or undefined where they are malformed or more than `maxOutputLength`. */
function decompress(bytes: Uint8Array, encoding: Encoding, maxOutputLength: number): Promise<Buffer | undefined> {
  const decoder = DECODERS[encoding];
  if (decoder === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    decoder(bytes, { maxOutputLength }, (error, decoded) => resolve(error ? undefined : decoded));
  });
}
