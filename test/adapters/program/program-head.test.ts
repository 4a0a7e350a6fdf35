import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProgramHead } from "../../../src/adapters/program/program-head.ts";

for (const [what, text, head] of [
  ["is a 200 without a status", "A: 1", { status: "200 OK", headers: [["A", "1"]] }],
  ["is a 302 with a location", "LOCATION: /b", { status: "302 Found", headers: [["LOCATION", "/b"]] }],
  ["has the status that it says", "Status: 418 Tea\nA: 1", { status: "418 Tea", headers: [["A", "1"]] }],
  [
    "has its own status beside a location",
    "Location: /b\nstatus:  303 See Other ",
    { status: "303 See Other", headers: [["Location", "/b"]] },
  ],
  ["gets the reason of a bare code", "Status: 404", { status: "404 Not Found", headers: [] }],
  ["keeps an unknown code without a reason", "Status: 599", { status: "599 ", headers: [] }],
  [
    "may have repeats, in their order",
    "Set-Cookie: a\r\nA: 1\r\nset-cookie: b",
    {
      status: "200 OK",
      headers: [
        ["Set-Cookie", "a"],
        ["A", "1"],
        ["set-cookie", "b"],
      ],
    },
  ],
  ["has values without the space around them", "A:\t 1 : 2 \t", { status: "200 OK", headers: [["A", "1 : 2"]] }],
  ["has empty values", "A:", { status: "200 OK", headers: [["A", ""]] }],
  [
    "loses connection-specific headers",
    "Connection: close\nKeep-Alive: 1\nTransfer-Encoding: chunked\nUpgrade: x\nA: 1",
    { status: "200 OK", headers: [["A", "1"]] },
  ],
] as const) {
  test(`program head: ${what}`, () => assert.deepEqual(parseProgramHead(text), head));
}

for (const [text, message] of [
  ["", '"" is not a header line'],
  ["hello", '"hello" is not a header line'],
  [": 1", '": 1" is not a header line'],
  [`${"x".repeat(100)}`, `"${"x".repeat(80)}" is not a header line`],
  ["A: 1\n folded", '" folded" is not a header line'],
] as const) {
  test(`program head: ${JSON.stringify(text.slice(0, 20))} is refused`, () => {
    assert.throws(() => parseProgramHead(text), { message });
  });
}

for (const [text, code] of [
  ["A B: 1", "TSGI_BAD_HEADER"],
  ["A : 1", "TSGI_BAD_HEADER"],
  ["A: 1\rB: 2", "TSGI_BAD_HEADER"],
  ["A: \0", "TSGI_BAD_HEADER"],
  ["Content-Length: 1\nContent-Length: 2", "TSGI_BAD_HEADER"],
  ["Status: 42", "TSGI_BAD_STATUS"],
  ["Status: 100 Continue", "TSGI_BAD_STATUS"],
  ["Status: OK", "TSGI_BAD_STATUS"],
] as const) {
  test(`program head: ${JSON.stringify(text)} is refused`, () => assert.throws(() => parseProgramHead(text), { code }));
}
