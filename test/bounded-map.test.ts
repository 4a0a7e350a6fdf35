import assert from "node:assert/strict";
import { test } from "node:test";
import { BoundedMap } from "../src/bounded-map.ts";

test("bounded map: what was used last stays, and what was not goes", () => {
  const map = new BoundedMap<number, string>(3);
  for (let key = 0; key < 100; key++) {
    map.set(key, `value ${key}`);
    assert.equal(map.get(0), "value 0");
  }
  assert.equal(map.get(99), "value 99");
  const left = Array.from({ length: 100 }, (_, key) => map.get(key)).filter((value) => value !== undefined);
  assert.ok(left.length >= 3 && left.length <= 6, String(left.length));
});

test("bounded map: a value is replaced", () => {
  const map = new BoundedMap<string, number>(2);
  map.set("a", 1);
  map.set("a", 2);
  assert.equal(map.get("a"), 2);
  assert.equal(map.get("b"), undefined);
});
