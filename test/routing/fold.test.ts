import assert from "node:assert/strict";
import { test } from "node:test";
import { foldCase } from "../../src/routing/fold.ts";

for (const [what, ...paths] of [
  ["letters", "/Admin", "/ADMIN", "/admin"],
  ["letters beyond ASCII", "/CAF%C3%89", "/caf%C3%A9"],
  ["the Kelvin sign and k", "/%E2%84%AA", "/K", "/k"],
  ["long s and s", "/%C5%BF", "/S", "/s"],
  ["dotless i and i", "/%C4%B1", "/I", "/i"],
  ["sharp s and ss", "/%C3%9F", "/SS", "/%E1%BA%9E"],
  ["Greek sigmas", "/%CF%82", "/%CE%A3", "/%CF%83"],
] as const) {
  test(`foldCase: ${what} are the same`, () => {
    assert.deepEqual(new Set(paths.map(foldCase)).size, 1);
  });
}

test("foldCase: escapes that are not letters stay what they are", () => {
  assert.equal(foldCase("/%2F%FF%20%E2%84%AA"), "/%2f%ff%20k");
  assert.equal(foldCase("/%C3%A9%FF"), "/%c3%a9%ff");
});
