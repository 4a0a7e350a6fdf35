import assert from "node:assert/strict";
import { test } from "node:test";
import { environBuilders } from "../../src/exchange/environ-builders.ts";

test("environBuilders: each origin has its own name, port and scheme", () => {
  const builderOf = environBuilders({ write() {} });
  const origins = [
    builderOf("http", "a", undefined),
    builderOf("https", "[::1]", ""),
    builderOf("http", "a", "8080"),
  ].map((build) => build("GET", "/", "HTTP/1.1", [], { address: "", port: "" }, {}));
  assert.deepEqual(
    origins.map((environ) => [environ?.["tsgi.url_scheme"], environ?.SERVER_NAME, environ?.SERVER_PORT]),
    [
      ["http", "a", "80"],
      ["https", "::1", "443"],
      ["http", "a", "8080"],
    ],
  );
});
