import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAnswer, checkPredicate } from "../src/predicate.ts";

test("checkAnswer: gives true and false, and refuses everything else", () => {
  assert.deepEqual([checkAnswer("when", true), checkAnswer("when", false)], [true, false]);
  for (const answer of [1, 0, "", "yes", null, undefined, {}, []]) {
    assert.throws(() => checkAnswer("when", answer), { code: "TSGI_BAD_OPTION" });
  }
});

test("checkPredicate: refuses what is not a function", () => {
  checkPredicate("when", () => true);
  for (const predicate of ["/path", true, undefined, /x/]) {
    assert.throws(() => checkPredicate("when", predicate), { code: "TSGI_BAD_OPTION" });
  }
});
