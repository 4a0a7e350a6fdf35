import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { contentRange, parseRanges } from "../../src/http/range.ts";

const cases: [header: string | undefined, size: number, ranges: [first: number, last: number][] | undefined][] = [
  ["bytes=0-4", 10, [[0, 4]]],
  ["bytes=5-", 10, [[5, 9]]],
  ["bytes=9-9", 10, [[9, 9]]],
  ["bytes=5-99", 10, [[5, 9]]],
  ["bytes=5-99999999999999999999999999", 10, [[5, 9]]],
  ["bytes=-3", 10, [[7, 9]]],
  ["bytes=-10", 10, [[0, 9]]],
  // The entire representation is used where it is shorter than the suffix (RFC 9110 §14.1.2).
  ["bytes=-11", 10, [[0, 9]]],
  ["bytes=-99999999999999999999999999", 10, [[0, 9]]],
  ["Bytes=0-4", 10, [[0, 4]]],
  [
    "bytes=0-1, 4-5 ,-1",
    10,
    [
      [0, 1],
      [4, 5],
      [9, 9],
    ],
  ],
  ["bytes=0-1,,50-60,", 10, [[0, 1]]],

  ["bytes=10-", 10, []],
  ["bytes=10-12,50-", 10, []],
  ["bytes=-0", 10, []],
  ["bytes=99999999999999999999999999-", 10, []],

  [undefined, 10, undefined],
  ["bytes=0-4", 0, undefined],
  ["bytes=-4", 0, undefined],
  ["", 10, undefined],
  ["bytes", 10, undefined],
  ["bytes=", 10, undefined],
  ["bytes=,", 10, undefined],
  ["bytes=-", 10, undefined],
  ["bytes=a-b", 10, undefined],
  ["bytes=0-4x", 10, undefined],
  ["bytes=0x0-4", 10, undefined],
  ["bytes=1.5-4", 10, undefined],
  ["bytes=+1-4", 10, undefined],
  ["bytes=--1", 10, undefined],
  ["bytes=0 - 4", 10, undefined],
  ["bytes=4-2", 10, undefined],
  ["bytes=0-1,4-2", 10, undefined],
  ["bytes 0-4", 10, undefined],
  ["lines=0-4", 10, undefined],
  ["x-bytes=0-4", 10, undefined],
];

for (const [header, size, expected] of cases) {
  test(`range: ${JSON.stringify(header)} of ${size} bytes`, () => {
    const ranges = parseRanges(header, size);
    assert.deepEqual(
      ranges?.map(({ first, last }) => [first, last]),
      expected,
    );
  });
}

test("range: every range lies within the representation", () => {
  const position = fc.option(fc.nat({ max: 40 }), { nil: "" as const });
  const header = fc
    .array(fc.tuple(position, position))
    .map((list) => `bytes=${list.map((spec) => spec.join("-")).join()}`);
  fc.assert(
    fc.property(header, fc.nat({ max: 30 }), (text, size) => {
      for (const { first, last } of parseRanges(text, size) ?? []) {
        assert.ok(0 <= first && first <= last && last < size, `${first}-${last}/${size}`);
      }
    }),
  );
});

test("range: Content-Range of a range and of a 416", () => {
  assert.equal(contentRange({ first: 2, last: 5 }, 10), "bytes 2-5/10");
  assert.equal(contentRange(undefined, 10), "bytes */10");
});
