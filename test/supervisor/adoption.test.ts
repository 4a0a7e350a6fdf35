import assert from "node:assert/strict";
import { test } from "node:test";
import { type Adopter, Adoption } from "../../src/supervisor/adoption.ts";

interface Sibling extends Adopter {
  readonly told: string[];
  isHanging: boolean;
  serves: boolean;
  state: Adopter["state"];
}

/** A worker that may adopt each of three slots so often; undefined where it inherits no sockets. */
function sibling(times?: number): Sibling {
  const told: string[] = [];
  return {
    told,
    adopted: new Set(),
    spares: new Map(times === undefined ? [] : [0, 1, 2].map((slot) => [slot, times])),
    isHanging: false,
    serves: true,
    state: "ready",
    send: (order) => told.push(`${order.type} ${"slot" in order ? order.slot : ""}`),
  };
}

for (const times of [undefined, 2]) {
  const how = times === undefined ? "handed connections" : "inherited sockets";

  test(`Adoption: with ${how} a sibling takes a slot until a worker serves there again`, () => {
    const [first, second, third] = [sibling(times), sibling(times), sibling(times)];
    const adoption = new Adoption<Sibling>();
    adoption.cover([first, second, third]);
    adoption.cover([undefined, second, third]);
    assert.deepEqual([second.told, third.told, adoption.adopterOf(0)], [["adopt 0"], [], second]);
    // Who has adopted least takes the next one.
    adoption.cover([undefined, second, undefined]);
    adoption.cover([undefined, undefined, third]);
    adoption.cover([first, second, third]);
    assert.deepEqual(
      [second.told, third.told, adoption.adopterOf(0)],
      [["adopt 0", "adopt 2", "release 2", "release 0"], ["adopt 1", "release 1"], undefined],
    );
  });

  test(`Adoption: with ${how} a slot whose adopter hangs as well has no other one`, () => {
    const [first, second, third] = [sibling(times), sibling(times), sibling(times)];
    const adoption = new Adoption<Sibling>();
    adoption.cover([first, second, third]);
    first.serves = false;
    adoption.cover([first, second, third]);
    second.serves = false;
    adoption.cover([first, second, third]);
    assert.deepEqual([second.told, third.told], [["adopt 0"], ["adopt 1"]]);
    assert.deepEqual(
      [0, 1].map((slot) => adoption.adopterOf(slot)),
      [undefined, third],
    );
    // Nor when that was killed for it, until a worker of its own has served.
    Object.assign(second, { state: "gone", isHanging: true });
    adoption.cover([first, undefined, third]);
    assert.equal(adoption.adopterOf(0), undefined);
    first.serves = true;
    adoption.cover([first, undefined, third], 1_000);
    adoption.cover([undefined, undefined, third], 10_999);
    assert.equal(adoption.adopterOf(0), undefined);
    // One that does not hang soon has read what waited.
    adoption.cover([undefined, undefined, third], 11_000);
    assert.equal(adoption.adopterOf(0), third);
  });
}

test("Adoption: an adopter that is heard of again, or goes for another reason, is no loss", () => {
  const [first, second, third] = [sibling(2), sibling(2), sibling(2)];
  const adoption = new Adoption<Sibling>();
  adoption.cover([first, second, third]);
  adoption.cover([undefined, second, third]);
  second.serves = false;
  adoption.cover([undefined, second, third]);
  second.serves = true;
  adoption.cover([undefined, second, third]);
  assert.equal(adoption.adopterOf(0), second);
  second.serves = false;
  second.state = "draining";
  adoption.cover([undefined, undefined, third]);
  assert.equal(adoption.adopterOf(0), third);
});
