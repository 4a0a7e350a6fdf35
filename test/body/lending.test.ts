import assert from "node:assert/strict";
import { test } from "node:test";
import { Memory } from "../../src/body/lending.ts";

test("memory: what was lent and came back is taken again", () => {
  const memory = new Memory(8, 2);
  const piece = memory.take();
  memory.lend(piece);
  memory.takeBack(piece);
  assert.equal(memory.take().buffer, piece.buffer);
  assert.notEqual(memory.take().buffer, piece.buffer);
});

test("memory: a chunk that is shorter than its piece comes back as the whole piece", () => {
  const memory = new Memory(8, 2);
  const chunk = memory.take().subarray(0, 3);
  memory.lend(chunk);
  memory.takeBack(chunk);
  const again = memory.take();
  assert.equal(again.buffer, chunk.buffer);
  assert.equal(again.length, 8);
});

test("memory: what was not lent, came back already, or is part of what was lent is not taken again", () => {
  const memory = new Memory(8, 9);
  const kept = memory.take();
  memory.takeBack(kept);
  const piece = memory.take();
  memory.lend(piece);
  memory.takeBack(piece.subarray(1));
  memory.takeBack(piece.subarray(0, 3));
  memory.takeBack(piece);
  memory.takeBack(piece);
  const shared = Buffer.alloc(16).subarray(8);
  const other = Buffer.alloc(4);
  for (const chunk of [shared, other]) {
    memory.lend(chunk);
    memory.takeBack(chunk);
  }
  const taken = [memory.take(), memory.take(), memory.take()].map(({ buffer }) => buffer);
  assert.equal(taken[0], piece.buffer);
  assert.equal(new Set([...taken, kept.buffer, shared.buffer, other.buffer]).size, 6);
});

test("memory: no more pieces are kept than it was told", () => {
  const memory = new Memory(8, 1);
  const pieces = [memory.take(), memory.take()];
  for (const piece of pieces) {
    memory.lend(piece);
    memory.takeBack(piece);
  }
  assert.equal(memory.take().buffer, pieces[0]?.buffer);
  assert.notEqual(memory.take().buffer, pieces[1]?.buffer);
});
