import assert from "node:assert/strict";
import { test } from "node:test";
import { readRequestLine, refuseBegun } from "../../../src/server/engine/request-line.ts";

/** A line amid other bytes. */
function read(line: string, targetLength = 100) {
  const bytes = Buffer.from(`\r\n${line}\r\n`, "latin1");
  return readRequestLine(bytes, 2, bytes.length - 2, targetLength);
}

for (const [line, method, target, protocol] of [
  ["GET / HTTP/1.1", "GET", "/", "HTTP/1.1"],
  ["GET / HTTP/1.0", "GET", "/", "HTTP/1.0"],
  ["GET / HTTP/1.9", "GET", "/", "HTTP/1.1"],
  ["M-SEARCH * HTTP/1.1", "M-SEARCH", "*", "HTTP/1.1"],
  ["x!#$%&'*+-.^_`|~ /a?b=c;d HTTP/1.1", "x!#$%&'*+-.^_`|~", "/a?b=c;d", "HTTP/1.1"],
  ["get http://a/%e4 HTTP/1.1", "get", "http://a/%e4", "HTTP/1.1"],
] as const) {
  test(`request line: ${JSON.stringify(line)} is taken apart`, () => {
    assert.deepEqual(read(line), { method, target, protocol });
  });
}

for (const [line, status] of [
  ["", "400 Bad Request"],
  ["GET", "400 Bad Request"],
  ["GET /", "400 Bad Request"],
  ["GET  HTTP/1.1", "400 Bad Request"],
  [" GET / HTTP/1.1", "400 Bad Request"],
  ["GET  / HTTP/1.1", "400 Bad Request"],
  ["GET /  HTTP/1.1", "400 Bad Request"],
  ["GET / HTTP/1.1 ", "400 Bad Request"],
  ["GET\t/ HTTP/1.1", "400 Bad Request"],
  ["GET /a\tb HTTP/1.1", "400 Bad Request"],
  ["GET /a b HTTP/1.1", "400 Bad Request"],
  ["G(T / HTTP/1.1", "400 Bad Request"],
  ["GET / http/1.1", "400 Bad Request"],
  ["GET / HTTP/1.", "400 Bad Request"],
  ["GET / HTTP/1.x", "400 Bad Request"],
  ["GET / HTTP/1.10", "400 Bad Request"],
  ["GET / HTTP/0.9", "400 Bad Request"],
  ["GET / HTTPS/1.1", "400 Bad Request"],
  [`${"M".repeat(33)} / HTTP/1.1`, "501 Not Implemented"],
  ["GET / HTTP/2.0", "505 HTTP Version Not Supported"],
  ["PRI * HTTP/2.0", "505 HTTP Version Not Supported"],
  ["GET / HTTP/10.1", "505 HTTP Version Not Supported"],
  [`GET /${"a".repeat(100)} HTTP/1.1`, "414 URI Too Long"],
] as const) {
  test(`request line: ${JSON.stringify(line).slice(0, 40)} is a ${status.slice(0, 3)}`, () => {
    assert.equal(read(line), status);
  });
}

test("request line: the longest target and the longest method are let in", () => {
  const target = `/${"a".repeat(99)}`;
  assert.deepEqual(read(`GET ${target} HTTP/1.1`), { method: "GET", target, protocol: "HTTP/1.1" });
  assert.equal(typeof read(`${"M".repeat(32)} / HTTP/1.1`), "object");
});

for (const [begun, status] of [
  ["G", undefined],
  ["GET", undefined],
  ["GET ", undefined],
  [`GET /${"a".repeat(99)}`, undefined],
  [`GET /${"a".repeat(100)}`, "414 URI Too Long"],
  [`GET /${"a".repeat(50)} ${"H".repeat(100)}`, undefined],
  ["\u0016\u0003\u0001", "400 Bad Request"],
  [" ", "400 Bad Request"],
  ["GET:", "400 Bad Request"],
  ["M".repeat(33), "501 Not Implemented"],
] as const) {
  test(`request line: of ${JSON.stringify(begun).slice(0, 20)} (${begun.length} bytes) it is told early ${status === undefined ? "that nothing is wrong yet" : `that it is a ${status.slice(0, 3)}`}`, () => {
    const bytes = Buffer.from(`..${begun}`, "latin1");
    assert.equal(refuseBegun(bytes, 2, bytes.length, 100), status);
  });
}
