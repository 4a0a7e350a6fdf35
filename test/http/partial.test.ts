import assert from "node:assert/strict";
import { test } from "node:test";
import type { Environ } from "../../src/gateway.ts";
import { partialContent, wantedRanges } from "../../src/http/partial.ts";

const VALIDATORS = { etag: '"v2"', modified: Number.NaN };

function asking(range: string, more: Record<string, string> = {}): Environ {
  return { REQUEST_METHOD: "GET", HTTP_RANGE: range, ...more } as unknown as Environ;
}

test("wantedRanges: those of a GET whose If-Range holds, joined where they nearly touch", () => {
  assert.deepEqual(wantedRanges(asking("bytes=0-3,50-60,900-"), 1000, VALIDATORS), [
    { first: 0, last: 60 },
    { first: 900, last: 999 },
  ]);
  assert.deepEqual(wantedRanges(asking("bytes=1000-"), 1000, VALIDATORS), []);
  assert.equal(wantedRanges(asking("bytes=0-3", { REQUEST_METHOD: "HEAD" }), 1000, VALIDATORS), undefined);
  assert.equal(wantedRanges(asking("bytes=0-3", { HTTP_IF_RANGE: '"v1"' }), 1000, VALIDATORS), undefined);
  assert.equal(wantedRanges(asking("bytes=0-3,900-"), 1000, VALIDATORS, 1), undefined);
});

test("partialContent: one range has its length and place", () => {
  const { headers, parts } = partialContent([["Content-Length", "10"]], [{ first: 2, last: 5 }], 10);
  assert.deepEqual(headers, [
    ["Content-Length", "4"],
    ["Content-Range", "bytes 2-5/10"],
  ]);
  assert.deepEqual(parts, [{ first: 2, last: 5 }]);
});

test("partialContent: several ranges have heads between them, and the length of all", () => {
  const ranges = [
    { first: 0, last: 0 },
    { first: 9, last: 9 },
  ];
  const { headers, parts } = partialContent([["Content-Type", "text/plain; x=é"]], ranges, 10);
  const [type, length] = headers;
  const boundary = /boundary=(\w{36})$/.exec(type?.[1] ?? "")?.[1];
  const written = parts
    .map((part) => (part instanceof Uint8Array ? Buffer.from(part).toString("latin1") : "x"))
    .join("");
  assert.equal(
    written,
    `--${boundary}\r\nContent-Type: text/plain; x=é\r\nContent-Range: bytes 0-0/10\r\n\r\nx\r\n--${boundary}\r\nContent-Type: text/plain; x=é\r\nContent-Range: bytes 9-9/10\r\n\r\nx\r\n--${boundary}--\r\n`,
  );
  assert.deepEqual(length, ["Content-Length", String(written.length)]);
});

test("partialContent: ranges of what has no type name none", () => {
  const ranges = [
    { first: 0, last: 0 },
    { first: 9, last: 9 },
  ];
  const [head] = partialContent([], ranges, 10).parts;
  assert.match(String(Buffer.from(head as Uint8Array)), /^--\w+\r\nContent-Range: bytes 0-0\/10\r\n\r\n$/);
});
