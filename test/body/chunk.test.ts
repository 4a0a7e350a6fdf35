import assert from "node:assert/strict";
import { test } from "node:test";
import { byteLength, checkChunk, checkChunks, isChunk, joinBytes, piecesOf, toBytes } from "../../src/body/chunk.ts";

test("chunk: a string counts and is sent as UTF-8", () => {
  for (const [text, length] of [
    ["", 0],
    ["a", 1],
    ["é", 2],
    ["日", 3],
    ["😀", 4],
    ["\ud83d", 3],
  ] as const) {
    assert.equal(byteLength(text), length);
    assert.equal(toBytes(text).length, length);
  }
  assert.deepEqual([...toBytes("é")], [0xc3, 0xa9]);
});

test("chunk: bytes are what they are", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert.equal(toBytes(bytes), bytes);
  assert.equal(byteLength(bytes.subarray(1)), 2);
});

test("joinBytes: parts of a larger buffer are joined, one alone is given back", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  assert.deepEqual(joinBytes([bytes.subarray(1, 2), new Uint8Array(0), bytes.subarray(3)]), Uint8Array.of(2, 4));
  assert.deepEqual(joinBytes([]), new Uint8Array(0));
  assert.equal(joinBytes([bytes]), bytes);
});

const BAD = [
  undefined,
  null,
  1,
  true,
  {},
  [],
  ["a"],
  new ArrayBuffer(1),
  new Uint16Array(1),
  () => "a",
  Object.create(null),
];

test("isChunk: strings and bytes are, nothing else", () => {
  assert.deepEqual(["", "a", new Uint8Array(1), Buffer.from("a")].map(isChunk), [true, true, true, true]);
  assert.deepEqual(BAD.filter(isChunk), []);
});

test("checkChunk: a chunk is given back, anything else is refused", () => {
  for (const chunk of ["", "a", Buffer.from("a")]) assert.equal(checkChunk(chunk), chunk);
  for (const bad of BAD) assert.throws(() => checkChunk(bad), { code: "TSGI_BAD_CHUNK" });
});

test("checkChunk: the error says what it got", () => {
  for (const [bad, what] of [
    [1, "1"],
    [null, "null"],
    [undefined, "undefined"],
    [() => {}, "a function"],
    [Promise.resolve("a"), "a promise"],
    [new Map(), "a value of type Map"],
    [Object.create(null), "a value of type object"],
  ] as const) {
    assert.throws(() => checkChunk(bad), {
      message: `a chunk is a string or a Uint8Array, not ${what}. Encode the value first, for example with JSON.stringify.`,
    });
  }
});

test("checkChunk: a promise that fails is refused, and ends nothing", async () => {
  assert.throws(() => checkChunk(Promise.reject(new Error("lost"))), { code: "TSGI_BAD_CHUNK" });
  await new Promise((resolve) => setImmediate(resolve));
});

test("checkChunks: gives the length of all", () => {
  assert.equal(checkChunks([]), 0);
  assert.equal(checkChunks(["é", Uint8Array.of(1), ""]), 3);
});

test("checkChunks: one that is not a chunk is refused, and promises that fail end nothing", async () => {
  const lost = () => Promise.reject(new Error("lost"));
  assert.throws(() => checkChunks(["a", 1, lost()]), { code: "TSGI_BAD_CHUNK" });
  assert.throws(() => checkChunks([lost(), lost()]), { code: "TSGI_BAD_CHUNK" });
  await new Promise((resolve) => setImmediate(resolve));
});

test("piecesOf: the bytes of all chunks, none of the pieces longer than asked for", () => {
  const pieces = [...piecesOf(["abcde", new Uint8Array([1, 2]), ""], 2)].map((piece) => [...piece]);
  assert.deepEqual(pieces, [[97, 98], [99, 100], [101], [1, 2]]);
});
