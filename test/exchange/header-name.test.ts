import assert from "node:assert/strict";
import { test } from "node:test";
import { headerName } from "../../src/exchange/header-name.ts";

for (const [key, name] of [
  ["HTTP_USER_AGENT", "User-Agent"],
  ["HTTP_X__A", "X--A"],
  ["CONTENT_TYPE", "Content-Type"],
  ["CONTENT_LENGTH", "Content-Length"],
] as const) {
  // The second time it is remembered.
  test(`headerName: ${key}`, () => assert.deepEqual([headerName(key), headerName(key)], [name, name]));
}
