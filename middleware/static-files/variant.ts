/** Precompressed variants: the files beside a file that hold the same in fewer bytes. */

import type { BigIntStats } from "node:fs";

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

/** Whether a variant stands for its original: it is neither older nor larger, nor empty, which no coding of anything is. */
export function isCurrent(variant: BigIntStats, original: BigIntStats): boolean {
  return variant.mtimeNs >= original.mtimeNs && variant.size > 0 && variant.size < original.size;
}
