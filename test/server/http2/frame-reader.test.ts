import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameReader } from "../../../src/server/http2/frame-reader.ts";
import { DATA, frame, get, PING, PREFACE, settings } from "../../support/frames.ts";

const BYTES = Buffer.concat([
  Buffer.from(PREFACE),
  settings(),
  frame(PING, 1, 0, Buffer.from("12345678")),
  get(1),
  frame(DATA, 0, 0x7fff_ffff, Buffer.alloc(16_384, "x")),
  frame(DATA, 1, 0xffff_ffff),
]);

/** All frames of what comes in pieces. */
function read(pieces: readonly Buffer[]): [frames: unknown[], error: number] {
  const reader = new FrameReader();
  const frames: unknown[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    while (reader.read()) {
      const { type, flags, id, bytes, start, end } = reader;
      frames.push([type, flags, id, bytes.toString("latin1", start, end)]);
    }
  }
  return [frames, reader.error];
}

const WHOLE = read([BYTES]);

test("frame reader: whole frames, with the reserved bit left out", () => {
  const [frames, error] = WHOLE as [[number, number, number, string][], number];
  assert.deepEqual(
    frames.map(([type, flags, id, payload]) => [type, flags, id, payload.length]),
    [
      [4, 0, 0, 0],
      [6, 1, 0, 8],
      [1, 5, 1, get(1).length - 9],
      [0, 0, 0x7fff_ffff, 16_384],
      [0, 1, 0x7fff_ffff, 0],
    ],
  );
  assert.equal(error, 0);
});

test("frame reader: the same however it is cut", () => {
  for (const size of [1, 2, 3, 5, 8, 9, 10, 23, 25, 100, 1000, 16_000, 16_393]) {
    const pieces = Array.from({ length: Math.ceil(BYTES.length / size) }, (_, at) =>
      BYTES.subarray(at * size, (at + 1) * size),
    );
    assert.deepEqual(read(pieces), WHOLE);
  }
  for (let at = 1; at < 200; at++) assert.deepEqual(read([BYTES.subarray(0, at), BYTES.subarray(at)]), WHOLE);
});

test("frame reader: another preface is an error at its first byte that differs", () => {
  const reader = new FrameReader();
  for (const [bytes, error] of [
    ["PRI", 0],
    [" X", 1],
    ["HTTP/2.0\r\n\r\nSM\r\n\r\n", 1],
  ] as const) {
    reader.push(Buffer.from(bytes));
    assert.equal(reader.read(), false);
    assert.equal(reader.error, error);
  }
});

test("frame reader: a frame that is larger than it may be is an error before it has come", () => {
  const [frames, error] = read([Buffer.from(PREFACE), frame(DATA, 0, 1, Buffer.alloc(0), 16_385)]);
  assert.deepEqual([frames, error], [[], 6]);
});
