import assert from "node:assert/strict";
import { test } from "node:test";
import {
  emptyRecord,
  RecordReader,
  requestRecords,
  streamRecords,
  Type,
} from "../../../src/adapters/fastcgi/records.ts";

test("fastcgi records: a request is a begin, its variables, and their end", () => {
  assert.deepEqual(
    requestRecords({ A: "1" }),
    Buffer.from([
      ...[1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
      ...[1, 4, 0, 1, 0, 4, 0, 0, 1, 1, 65, 49],
      ...[1, 4, 0, 1, 0, 0, 0, 0],
    ]),
  );
});

test("fastcgi records: lengths from 128 take four bytes", () => {
  const params = (value: string): number[] => [...requestRecords({ A: value }).subarray(24, 30)];
  assert.deepEqual(params("x".repeat(127)), [1, 127, 65, 120, 120, 120]);
  assert.deepEqual(params("x".repeat(128)), [1, 0x80, 0, 0, 128, 65]);
});

test("fastcgi records: lengths are those of bytes", () => {
  assert.deepEqual([...requestRecords({ A: "é" }).subarray(24, 29)], [1, 2, 65, 0xc3, 0xa9]);
});

test("fastcgi records: a long stream is cut into records", () => {
  const records = streamRecords(Type.stdin, Buffer.alloc(65_529, "x"));
  assert.deepEqual(
    records.map((record) => record.length),
    [8, 65_528, 8, 1],
  );
  assert.deepEqual([...(records[2] as Uint8Array)], [1, 5, 0, 1, 0, 1, 0, 0]);
  assert.deepEqual(streamRecords(Type.stdin, Buffer.alloc(0)), []);
});

test("fastcgi records: an empty record is a header", () => {
  assert.deepEqual([...emptyRecord(Type.abort)], [1, 2, 0, 1, 0, 0, 0, 0]);
});

/** The contents that a reader gives, joined by type. */
function read(pieces: readonly Uint8Array[]): Record<number, string> {
  const found: Record<number, string> = {};
  const reader = new RecordReader((type, content) => {
    found[type] = (found[type] ?? "") + Buffer.from(content);
  });
  for (const piece of pieces) reader.push(piece);
  return found;
}

const BYTES = Buffer.concat([
  Buffer.from([1, 6, 0, 1, 0, 3, 5, 0]),
  Buffer.from("one-----"),
  Buffer.from([1, 6, 0, 1, 0, 0, 0, 0]),
  Buffer.from([1, 7, 0, 1, 0, 3, 0, 0]),
  Buffer.from("two"),
]);

test("fastcgi records: they are read wherever their bytes are cut", () => {
  for (let cut = 0; cut <= BYTES.length; cut++) {
    assert.deepEqual(read([BYTES.subarray(0, cut), BYTES.subarray(cut)]), { 6: "one", 7: "two" });
  }
  assert.deepEqual(read([...BYTES].map((byte) => Buffer.from([byte]))), { 6: "one", 7: "two" });
});

test("fastcgi records: content is given before its record is complete", () => {
  assert.deepEqual(read([BYTES.subarray(0, 9)]), { 6: "o" });
});

test("fastcgi records: another version is refused", () => {
  assert.throws(() => read([Buffer.from("HTTP/1.1")]), { message: "sent version 72 of FastCGI instead of 1" });
});

test("fastcgi records: a record of another request is refused", () => {
  const other = Buffer.from([1, 6, 0, 2, 0, 0, 0, 0]);
  assert.throws(() => read([other]), { message: "sent a record of type 6 for another request" });
});
