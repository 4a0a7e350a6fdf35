import assert from "node:assert/strict";
import { test } from "node:test";
import { Framing } from "../../../src/server/engine/framing.ts";

for (const [what, blank] of [
  ["a no-break space", "\xa0"],
  ["a byte 0x85", "\x85"],
]) {
  test(`framing: ${what} is not whitespace around a transfer coding`, () => {
    const lines = ["Host", "a", "Transfer-Encoding", `${blank}chunked`];
    assert.equal(new Framing().read(lines, false, false), "501 Not Implemented");
  });

  test(`framing: ${what} is not whitespace around a connection option`, () => {
    const framing = new Framing();
    assert.equal(framing.read(["Connection", `${blank}keep-alive`], true, false), undefined);
    assert.equal(framing.keepsAlive, false);
  });
}

test("framing: spaces and tabs around the members of a list are not part of them", () => {
  const framing = new Framing();
  const lines = ["Host", "a", "Upgrade", "x", "Connection", "foo \t,\t Upgrade ,close"];
  assert.equal(framing.read(lines, false, false), undefined);
  assert.deepEqual([framing.keepsAlive, framing.isUpgrade], [false, true]);
});
