import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeaderList } from "../../src/gateway.ts";
import { addVary, getHeader, hasHeader, headerPairs, removeHeaders, setHeader } from "../../src/http/headers.ts";

const LIST: HeaderList = Object.freeze([
  ["Content-Type", "text/plain"],
  ["X-Many", "1"],
  ["x-many", "2"],
  ["X-Empty", ""],
] as const);

for (const [name, value] of [
  ["Content-Type", "text/plain"],
  ["content-type", "text/plain"],
  ["CONTENT-TYPE", "text/plain"],
  ["X-Many", "1, 2"],
  ["X-Empty", ""],
  ["Content", undefined],
  ["X-None", undefined],
] as const) {
  test(`getHeader: ${name} is ${JSON.stringify(value)}`, () => assert.equal(getHeader(LIST, name), value));

  test(`hasHeader: ${name} is ${value === undefined ? "not " : ""}there`, () => {
    assert.equal(hasHeader(LIST, name), value !== undefined);
  });
}

test("setHeader: one line takes the place of all of its name", () => {
  assert.deepEqual(setHeader(LIST, "X-MANY", "3"), [
    ["Content-Type", "text/plain"],
    ["X-Empty", ""],
    ["X-MANY", "3"],
  ]);
});

test("setHeader: a name that is not there is added", () => {
  assert.deepEqual(setHeader([], "A", "1"), [["A", "1"]]);
});

test("removeHeaders: all lines of several names go, whatever their case", () => {
  assert.deepEqual(removeHeaders(LIST, "x-MANY", "x-empty", "x-none"), [["Content-Type", "text/plain"]]);
});

for (const [what, headers, expected] of [
  ["is made where there is none", [], "Accept"],
  ["is made in place of an empty one", [["Vary", ""]], "Accept"],
  ["is added to", [["Vary", "Origin"]], "Origin, Accept"],
  [
    "is added to several lines, which become one",
    [
      ["Vary", "Origin"],
      ["vary", "Cookie"],
    ],
    "Origin, Cookie, Accept",
  ],
  ["stays where it has the field", [["Vary", "Origin, Accept"]], "Origin, Accept"],
  ["stays where it has the field in another case", [["Vary", "accept"]], "accept"],
  ["has the field beside one that begins like it", [["Vary", "Accept-Encoding"]], "Accept-Encoding, Accept"],
  ["stays where it is *", [["Vary", "*"]], "*"],
  ["stays where * is in it", [["Vary", "Origin, *"]], "Origin, *"],
] as const) {
  test(`addVary: Vary ${what}`, () => assert.deepEqual(addVary(headers, "Accept"), [["Vary", expected]]));
}

test("addVary: other headers stay", () => {
  assert.deepEqual(addVary([["A", "1"]], "Accept"), [
    ["A", "1"],
    ["Vary", "Accept"],
  ]);
});

test("headerPairs: names and values in turn become pairs", () => {
  assert.deepEqual(headerPairs([]), []);
  assert.deepEqual(headerPairs(["A", "1", "a", "2"]), [
    ["A", "1"],
    ["a", "2"],
  ]);
});
