import assert from "node:assert/strict";
import { test } from "node:test";
import { query } from "../../src/http/query.ts";

test("query: names and values, decoded", () => {
  const found = query({ QUERY_STRING: "a=1&a=2&b=x+y%C3%A4&c=%&__proto__=d" } as never);
  assert.deepEqual(
    [...found],
    [
      ["a", "1"],
      ["a", "2"],
      ["b", "x yä"],
      ["c", "%"],
      ["__proto__", "d"],
    ],
  );
  assert.deepEqual([...query({ QUERY_STRING: "" } as never)], []);
});
