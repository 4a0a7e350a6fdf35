import assert from "node:assert/strict";
import { test } from "node:test";
import { Framing } from "../../../src/server/engine/framing.ts";

/** What is read of field lines, and the status where they are refused. */
function read(framing: Framing, lines: readonly string[], isHttp10 = false): string | undefined {
  return framing.read(lines, isHttp10, { lines, bytes: new Uint8Array(0) });
}

for (const [what, blank] of [
  ["a no-break space", "\xa0"],
  ["a byte 0x85", "\x85"],
]) {
  test(`framing: ${what} is not whitespace around a transfer coding`, () => {
    const lines = ["Host", "a", "Transfer-Encoding", `${blank}chunked`];
    assert.equal(read(new Framing(), lines), "501 Not Implemented");
  });

  test(`framing: ${what} is not whitespace around a connection option`, () => {
    const framing = new Framing();
    assert.equal(read(framing, ["Connection", `${blank}keep-alive`], true), undefined);
    assert.equal(framing.keepsAlive, false);
  });
}

test("framing: spaces and tabs around the members of a list are not part of them", () => {
  const framing = new Framing();
  const lines = ["Host", "a", "Upgrade", "x", "Connection", "foo \t,\t Upgrade ,close"];
  assert.equal(read(framing, lines), undefined);
  assert.deepEqual([framing.keepsAlive, framing.isUpgrade], [false, true]);
});
