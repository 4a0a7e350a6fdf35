import assert from "node:assert/strict";
import { STATUS_CODES } from "node:http";
import { test } from "node:test";
import type { StatusLine } from "../../src/gateway.ts";
import { isInformational, isNullBody, parseStatus, reasonOf } from "../../src/http/status.ts";

for (const [line, status] of [
  ["200 OK", { code: 200, reason: "OK", bodiless: false, isLatin1: false }],
  ["204 No Content", { code: 204, reason: "No Content", bodiless: true, isLatin1: false }],
  ["205 Reset Content", { code: 205, reason: "Reset Content", bodiless: true, isLatin1: false }],
  ["304 Not Modified", { code: 304, reason: "Not Modified", bodiless: true, isLatin1: false }],
  ["404 ", { code: 404, reason: "", bodiless: false, isLatin1: false }],
  ["599 Two  words", { code: 599, reason: "Two  words", bodiless: false, isLatin1: false }],
  ["418 Th\u00e9", { code: 418, reason: "Th\u00e9", bodiless: false, isLatin1: true }],
] as const) {
  test(`parseStatus: ${JSON.stringify(line)}`, () => {
    assert.deepEqual(parseStatus(line), status);
    assert.equal(parseStatus(line), parseStatus(line));
  });
}

for (const line of [
  "OK",
  "200",
  "200OK",
  " 200 OK",
  "2000 OK",
  "20 OK",
  "100 Continue",
  "199 x",
  "600 x",
  "999 x",
  "200 \r\nX: 1",
  "200 \0",
  "200 \x7f",
  "200 日本",
  200,
  undefined,
  null,
  ["200 OK"],
]) {
  test(`parseStatus: ${JSON.stringify(line)} is refused`, () => {
    assert.throws(() => parseStatus(line as StatusLine), { code: "TSGI_BAD_STATUS" });
  });
}

test("isInformational: 100 to 199 are, except 101, which changes the protocol", () => {
  const lines = [
    "100 Continue",
    "103 Early Hints",
    "199 ",
    "101 Switching Protocols",
    "200 OK",
    "100",
    "103 a\nb",
    103,
  ];
  assert.deepEqual(lines.map(isInformational), [true, true, true, false, false, false, false, false]);
});

test("isNullBody: 204, 205 and 304 have none", () => {
  assert.deepEqual([200, 201, 204, 205, 206, 304, 404].map(isNullBody), [false, false, true, true, false, true, false]);
});

test("reasonOf: Node knows the same codes, some by the names that they had before RFC 9110", () => {
  const renamed = new Map([
    [413, "Content Too Large"],
    [422, "Unprocessable Content"],
  ]);
  for (const [code, reason] of Object.entries(STATUS_CODES)) {
    // Not in the registry: a bandwidth limit and a teapot.
    if (code === "509" || code === "418") continue;
    assert.equal(reasonOf(Number(code)), renamed.get(Number(code)) ?? reason);
  }
});

test("reasonOf: a code that the registry does not have is empty", () => {
  assert.deepEqual([299, 306, 418, 599, 0].map(reasonOf), ["", "", "", "", ""]);
});
