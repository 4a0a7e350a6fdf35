import assert from "node:assert/strict";
import { test } from "node:test";
import { BOOLEAN, checkOptions, count, either, FUNCTION, listOf, nearestTo, oneOf, STRING } from "../src/options.ts";

interface Sample {
  maxAge?: number | undefined;
  listing?: boolean | undefined;
  etag?: "content" | false | (() => string) | undefined;
  index?: readonly string[] | undefined;
}

const check = (options: unknown): void =>
  checkOptions<Sample>("sample", options as Sample, {
    maxAge: count(0, 10),
    listing: BOOLEAN,
    etag: either(oneOf("content", false), FUNCTION),
    index: listOf(STRING),
  });

for (const options of [
  {},
  { maxAge: 0 },
  { maxAge: 10, listing: undefined },
  { etag: "content" },
  { etag: () => "x" },
  { index: [] },
  { index: ["a"] },
]) {
  test(`options: ${JSON.stringify(options)} is accepted`, () => check(options));
}

for (const [what, options, message] of [
  ["a mistyped name", { maxage: 1 }, 'sample has no option "maxage". Did you mean maxAge?'],
  ["an unknown name", { colour: 1 }, 'sample has no option "colour". It has: maxAge, listing, etag, index.'],
  [
    "a name of Object.prototype",
    { toString: 1 },
    'sample has no option "toString". It has: maxAge, listing, etag, index.',
  ],
  ["a number out of bounds", { maxAge: 11 }, "maxAge of sample is 11. Give a whole number from 0 to 10."],
  ["a fraction", { maxAge: 0.5 }, "maxAge of sample is 0.5. Give a whole number from 0 to 10."],
  ["a string for a boolean", { listing: "no" }, 'listing of sample is "no". Give true or false.'],
  ["none of several kinds", { etag: true }, 'etag of sample is true. Give "content" or false, or a function.'],
  ["a list of the wrong kind", { index: [1] }, "index of sample is a list. Give a list, each of it a string."],
  ["a list for the options", [], "the options of sample are a list. Give an object."],
  ["null for the options", null, "the options of sample are null. Give an object."],
] as const) {
  test(`options: ${what} is refused`, () => {
    assert.throws(() => check(options), { code: "TSGI_BAD_OPTION", message });
  });
}

test("options: the nearest name is that with the fewest edits, and none is near what is far", () => {
  assert.equal(nearestTo("fallthru", ["fallback", "fallthrough"]), undefined);
  assert.equal(nearestTo("falthrough", ["fallback", "fallthrough"]), "fallthrough");
  assert.equal(nearestTo("MAXAGE", ["maxAge"]), "maxAge");
  assert.equal(nearestTo("prot", ["host", "port"]), "port");
  assert.equal(nearestTo("x", ["maxAge"]), undefined);
});
