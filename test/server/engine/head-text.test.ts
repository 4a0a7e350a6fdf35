import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { prepareHeaders } from "../../../src/http/field-rules.ts";
import { parseStatus } from "../../../src/http/status.ts";
import { type BodyLength, headText, linesOf } from "../../../src/server/engine/head-text.ts";
import { wire } from "../../support/raw-client.ts";

const OK = parseStatus("200 OK");
const DATE = ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"] as const;

for (const [what, length, isLast, end] of [
  ["a length", 5, false, "Content-Length: 5\nConnection: keep-alive\nKeep-Alive: timeout=5\n"],
  ["an empty body", 0, true, "Content-Length: 0\nConnection: close\n"],
  ["chunks", "chunked", false, "Connection: keep-alive\nKeep-Alive: timeout=5\nTransfer-Encoding: chunked\n"],
  ["nothing said of it", "unsaid", true, "Connection: close\n"],
] as const) {
  test(`head text: a body with ${what}`, () => {
    const text = headText(5999)(OK, [["X-One", "1"], DATE], length as BodyLength, isLast);
    assert.equal(text, wire(`HTTP/1.1 200 OK\nX-One: 1\nDate: ${DATE[1]}\n${end}\n`));
  });
}

test("head text: without a limit for idle connections none is named", () => {
  const text = headText(0)(OK, [DATE], "unsaid", false);
  assert.equal(text, wire(`HTTP/1.1 200 OK\nDate: ${DATE[1]}\nConnection: keep-alive\n\n`));
});

test("head text: the date is added where there is none, and told by any spelling of its name", () => {
  const text = headText(0);
  const now = Date.now();
  const [, date] = /\r\nDate: (.*)\r\n/.exec(text(OK, [["Updated", "x"]], 0, true)) as unknown as [string, string];
  assert.ok(Math.abs(Date.parse(date) - now) < 3000);
  assert.equal(new Date(date).toUTCString(), date);
  assert.doesNotMatch(text(OK, [["dATE", DATE[1]]], 0, true), /Date: /);
});

test("head text: the date is made once a second", async (t) => {
  // The line of another test is forgotten by then.
  await sleep(1100);
  t.mock.timers.enable({ apis: ["Date", "setTimeout"], now: Date.parse("2030-01-01T00:00:00.900Z") });
  const text = headText(0);
  const dateOf = () => /Date: (.*)\r\n/.exec(text(OK, [], 0, true))?.[1];
  const dates = [dateOf()];
  for (const wait of [99, 1, 1000]) {
    t.mock.timers.tick(wait);
    dates.push(dateOf());
  }
  t.mock.timers.tick(1000);
  assert.deepEqual(
    dates,
    ["00:00:00", "00:00:00", "00:00:01", "00:00:02"].map((time) => `Tue, 01 Jan 2030 ${time} GMT`),
  );
});

test("head text: lists that were prepared give the same as any other", () => {
  const lists = [[["A", "1"]], [["A", "1"], DATE]] as const;
  for (const headers of lists) {
    const plain = headText(0)(OK, headers, 1, false).replace(/Date: .*\r\n/, "");
    assert.equal(headText(0)(OK, prepareHeaders(headers), 1, false).replace(/Date: .*\r\n/, ""), plain);
  }
});

test("head text: a status without a reason keeps its space (RFC 9112 §4)", () => {
  assert.match(headText(0)(parseStatus("299 "), [], 0, true), /^HTTP\/1\.1 299 \r\n/);
});

test("head text: the lines of a list", () => {
  assert.equal(linesOf([]), "");
  assert.equal(
    linesOf([
      ["A", "1"],
      ["a", ""],
    ]),
    "A: 1\r\na: \r\n",
  );
});
