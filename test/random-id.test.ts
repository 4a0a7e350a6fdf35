import assert from "node:assert/strict";
import { test } from "node:test";
import { randomId } from "../src/random-id.ts";

test("randomId: ids of both lengths, none twice", () => {
  const ids = new Set<string>();
  for (let count = 0; count < 2000; count++) ids.add(randomId(count % 3 === 0 ? 16 : 8));
  assert.equal(ids.size, 2000);
  for (const id of ids) assert.match(id, /^([\da-f]{16}|[\da-f]{32})$/);
});
