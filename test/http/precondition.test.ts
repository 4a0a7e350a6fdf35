import assert from "node:assert/strict";
import { test } from "node:test";
import type { Environ } from "../../src/gateway.ts";
import { checkPreconditions, isRangeOfThis, parseDate } from "../../src/http/precondition.ts";

const MODIFIED = 784_111_777;
const THEN = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER = "Sun, 06 Nov 1994 08:49:38 GMT";
const strong = { etag: '"v2"', modified: MODIFIED };
const weak = { etag: 'W/"v2"', modified: MODIFIED };

/** The part of an environ that preconditions look at. */
function asking(headers: Record<string, string>, method = "GET"): Environ {
  const environ: Record<string, string> = { REQUEST_METHOD: method };
  for (const [name, value] of Object.entries(headers)) {
    environ[`HTTP_${name.toUpperCase().replaceAll("-", "_")}`] = value;
  }
  return environ as unknown as Environ;
}

const verdicts: [headers: Record<string, string>, verdict: string][] = [
  [{}, "proceed"],

  [{ "If-None-Match": '"v2"' }, "not modified"],
  [{ "If-None-Match": 'W/"v2"' }, "not modified"],
  [{ "If-None-Match": '"v1"' }, "proceed"],
  [{ "If-None-Match": '"v1", "v2"' }, "not modified"],
  [{ "If-None-Match": '"v1",W/"v2" , "v3"' }, "not modified"],
  [{ "If-None-Match": '"a,b", "v2"' }, "not modified"],
  [{ "If-None-Match": "*" }, "not modified"],
  [{ "If-None-Match": '"*"' }, "proceed"],
  [{ "If-None-Match": '"V2"' }, "proceed"],
  [{ "If-None-Match": "v2" }, "proceed"],
  [{ "If-None-Match": '"v2' }, "proceed"],
  [{ "If-None-Match": "" }, "proceed"],

  [{ "If-Modified-Since": THEN }, "not modified"],
  [{ "If-Modified-Since": AFTER }, "not modified"],
  [{ "If-Modified-Since": BEFORE }, "proceed"],
  [{ "If-Modified-Since": "Sunday, 06-Nov-94 08:49:37 GMT" }, "not modified"],
  [{ "If-Modified-Since": "Sun Nov  6 08:49:37 1994" }, "not modified"],
  [{ "If-Modified-Since": "yesterday" }, "proceed"],
  [{ "If-Modified-Since": "2030" }, "proceed"],
  [{ "If-Modified-Since": `${THEN}, ${THEN}` }, "proceed"],
  [{ "If-Modified-Since": "" }, "proceed"],

  // If-None-Match has the last word over If-Modified-Since, both ways.
  [{ "If-None-Match": '"v1"', "If-Modified-Since": THEN }, "proceed"],
  [{ "If-None-Match": '"v2"', "If-Modified-Since": BEFORE }, "not modified"],

  [{ "If-Match": '"v2"' }, "proceed"],
  [{ "If-Match": '"v1", "v2"' }, "proceed"],
  [{ "If-Match": "*" }, "proceed"],
  [{ "If-Match": '"v1"' }, "failed"],
  [{ "If-Match": 'W/"v2"' }, "failed"],
  [{ "If-Match": "" }, "failed"],

  [{ "If-Unmodified-Since": THEN }, "proceed"],
  [{ "If-Unmodified-Since": AFTER }, "proceed"],
  [{ "If-Unmodified-Since": BEFORE }, "failed"],
  [{ "If-Unmodified-Since": "yesterday" }, "proceed"],

  // If-Match has the last word over If-Unmodified-Since, both ways.
  [{ "If-Match": '"v2"', "If-Unmodified-Since": BEFORE }, "proceed"],
  [{ "If-Match": '"v1"', "If-Unmodified-Since": THEN }, "failed"],

  // A failed precondition comes before a fulfilled one.
  [{ "If-Match": '"v1"', "If-None-Match": '"v2"' }, "failed"],
  [{ "If-Match": '"v2"', "If-None-Match": '"v2"' }, "not modified"],
  [{ "If-Unmodified-Since": BEFORE, "If-Modified-Since": THEN }, "failed"],
  [{ "If-Unmodified-Since": THEN, "If-Modified-Since": THEN }, "not modified"],
];

for (const [headers, verdict] of verdicts) {
  test(`precondition: ${JSON.stringify(headers)}: ${verdict}`, () => {
    assert.equal(checkPreconditions(asking(headers), strong), verdict);
  });
}

test("precondition: a weak tag never matches If-Match, and always may If-None-Match", () => {
  assert.equal(checkPreconditions(asking({ "If-Match": 'W/"v2"' }), weak), "failed");
  assert.equal(checkPreconditions(asking({ "If-Match": '"v2"' }), weak), "failed");
  assert.equal(checkPreconditions(asking({ "If-None-Match": '"v2"' }), weak), "not modified");
});

test("precondition: a method that changes something fails where GET would be 304", () => {
  assert.equal(checkPreconditions(asking({ "If-None-Match": "*" }, "PUT"), strong), "failed");
  assert.equal(checkPreconditions(asking({ "If-Modified-Since": THEN }, "PUT"), strong), "proceed");
  assert.equal(checkPreconditions(asking({ "If-None-Match": "*" }, "HEAD"), strong), "not modified");
});

test("precondition: If-Range takes the strong tag or the exact date", () => {
  assert.equal(isRangeOfThis(asking({}), strong), true);
  assert.equal(isRangeOfThis(asking({ "If-Range": '"v2"' }), strong), true);
  assert.equal(isRangeOfThis(asking({ "If-Range": '"v1"' }), strong), false);
  assert.equal(isRangeOfThis(asking({ "If-Range": 'W/"v2"' }), strong), false);
  assert.equal(isRangeOfThis(asking({ "If-Range": 'W/"v2"' }), weak), false);
  assert.equal(isRangeOfThis(asking({ "If-Range": THEN }), strong), true);
  assert.equal(isRangeOfThis(asking({ "If-Range": AFTER }), strong), false);
  assert.equal(isRangeOfThis(asking({ "If-Range": BEFORE }), strong), false);
  assert.equal(isRangeOfThis(asking({ "If-Range": "v2" }), strong), false);
  assert.equal(isRangeOfThis(asking({ "If-Range": "" }), strong), false);
});

test("precondition: the three forms of an HTTP date", () => {
  assert.equal(parseDate(THEN), MODIFIED);
  assert.equal(parseDate("Sunday, 06-Nov-94 08:49:37 GMT"), MODIFIED);
  assert.equal(parseDate("Sun Nov  6 08:49:37 1994"), MODIFIED);
  for (const text of [undefined, "", "0", "784111777", "Sun, 06 Nov 1994 08:49:37 CET", "1994-11-06T08:49:37Z"]) {
    assert.equal(parseDate(text), undefined);
  }
});
