import assert from "node:assert/strict";
import { test } from "node:test";
import { cors } from "../../middleware/cors.ts";
import { notFound, text } from "../../src/apps.ts";
import { transcript } from "../support/transcript.ts";

const READABLE = "access-control-allow-origin: *\naccess-control-expose-headers: *\n";
const preflight = { Origin: "https://a.test", "Access-Control-Request-Method": "PUT" };

test("cors: every response may be read, one that says 404 too", async () => {
  const type = "content-type: text/plain; charset=utf-8\n";
  assert.equal(await transcript(cors(text("hi")), "/"), `200 OK\n${READABLE}content-length: 2\n${type}\nhi`);
  assert.equal(
    await transcript(cors(notFound), "/"),
    `404 Not Found\n${READABLE}content-length: 10\n${type}\nNot Found\n`,
  );
});

test("cors: a preflight is answered without the app", async () => {
  const never = () => assert.fail("the app was called");
  assert.equal(
    await transcript(cors(never), "/", { method: "OPTIONS", headers: preflight }),
    "204 No Content\naccess-control-allow-headers: *, Authorization\naccess-control-allow-methods: GET, HEAD\n" +
      "access-control-allow-origin: *\naccess-control-max-age: 7200\n\n",
  );
});

for (const [what, method, headers] of [
  ["another method", "GET", preflight],
  ["OPTIONS without an origin", "OPTIONS", { "Access-Control-Request-Method": "PUT" }],
  ["OPTIONS without a method to come", "OPTIONS", { Origin: "https://a.test" }],
] as const) {
  test(`cors: ${what} is no preflight`, async () => {
    assert.match(await transcript(cors(text("hi")), "/", { method, headers }), /^200 OK\n[\s\S]*\nhi$/);
  });
}
