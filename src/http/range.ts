/** Byte ranges (RFC 9110 §14). */

/** A range of bytes, both ends included, as `Content-Range` has them. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

const BYTES = /^bytes=/i;
const SPEC = /^(?:(\d+)-(\d*)|-(\d+))$/;

/**
 * The ranges that a `Range` header asks for, in its order, cut to a representation of `size` bytes. Undefined where the
 * header is to be ignored and the whole sent: it is absent, malformed or of another unit, or the representation is empty.
 * An empty list where no range lies within the representation: 416.
 *
 * A suffix longer than the representation is all of it (RFC 9110 §14.1.2).
 */
export function parseRanges(header: string | undefined, size: number): ByteRange[] | undefined {
  if (header === undefined || size === 0 || !BYTES.test(header)) return undefined;
  const ranges: ByteRange[] = [];
  let isEmpty = true;
  for (const part of header.slice("bytes=".length).split(",")) {
    const spec = part.trim();
    if (spec === "") continue;
    const parts = SPEC.exec(spec);
    if (parts === null) return undefined;
    isEmpty = false;
    const [, from, to, suffix] = parts;
    const first = from === undefined ? Math.max(0, size - Number(suffix)) : Number(from);
    const last = from === undefined || to === "" ? Number.POSITIVE_INFINITY : Number(to);
    if (last < first) return undefined;
    if (first < size) ranges.push({ first, last: Math.min(last, size - 1) });
  }
  return isEmpty ? undefined : ranges;
}

/**
 * The ranges with those joined that overlap or that lie no more than `gap` bytes apart, each where the first of its parts
 * stood (RFC 9110 §15.3.7.2).
 */
export function coalesce(ranges: readonly ByteRange[], gap: number): ByteRange[] {
  const joined: { first: number; last: number; place: number }[] = [];
  const sorted = ranges.map((range, place) => ({ ...range, place })).sort((one, other) => one.first - other.first);
  for (const range of sorted) {
    const before = joined.at(-1);
    if (before !== undefined && range.first <= before.last + 1 + gap) {
      before.last = Math.max(before.last, range.last);
      before.place = Math.min(before.place, range.place);
    } else joined.push(range);
  }
  return joined.sort((one, other) => one.place - other.place).map(({ first, last }) => ({ first, last }));
}

/** The value of `Content-Range`; without a range the one of a 416. */
export function contentRange(range: ByteRange | undefined, size: number): string {
  return range === undefined ? `bytes */${size}` : `bytes ${range.first}-${range.last}/${size}`;
}
