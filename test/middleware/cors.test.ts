import assert from "node:assert/strict";
import { test } from "node:test";
import { cors } from "../../middleware/cors.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { seen } from "../support/file-tree.ts";

const ORIGIN = ["Origin", "https://elsewhere.example"] as const;
const READABLE = { "access-control-allow-origin": "*", "access-control-expose-headers": "*" };
const TEXT = { "content-type": "text/plain; charset=utf-8" };
const app = cors(text("hello"));

test("cors: a response may be read by pages of every origin", async () => {
  for (const headers of [[], [ORIGIN]]) {
    assert.deepEqual(await seen(await request(app, "/", { headers })), {
      status: 200,
      headers: { ...TEXT, ...READABLE, "content-length": "5" },
      body: "hello",
    });
  }
});

test("cors: an error may be read, too", async () => {
  assert.deepEqual(await seen(await request(cors(notFound), "/", { headers: [ORIGIN] })), {
    status: 404,
    headers: { ...TEXT, ...READABLE, "content-length": "10" },
    body: "Not Found\n",
  });
});

test("cors: a response that replaces another is readable as well", async () => {
  const failing: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    startResponse("503 Service Unavailable", [], new Error("too late"));
    return "sorry";
  };
  const response = await request(cors(failing), "/");
  assert.deepEqual([response.status, response.headers.get("access-control-allow-origin")], [503, "*"]);
});

test("cors: a preflight is answered without the app", async () => {
  const unasked = cors(() => {
    throw new Error("asked");
  });
  const headers = [ORIGIN, ["Access-Control-Request-Method", "GET"]] as const;
  assert.deepEqual(await seen(await request(unasked, "/", { method: "OPTIONS", headers })), {
    status: 204,
    headers: {
      "access-control-allow-headers": "*, Authorization",
      "access-control-allow-methods": "GET, HEAD",
      "access-control-allow-origin": "*",
      "access-control-max-age": "7200",
    },
    body: "",
  });
});

for (const [what, method, headers] of [
  ["OPTIONS without an origin", "OPTIONS", [["Access-Control-Request-Method", "GET"]]],
  ["OPTIONS without a method that is asked for", "OPTIONS", [ORIGIN]],
  ["GET with the headers of a preflight", "GET", [ORIGIN, ["Access-Control-Request-Method", "GET"]]],
] as const) {
  test(`cors: ${what} goes to the app`, async () => {
    assert.equal(await (await request(app, "/", { method, headers })).text(), "hello");
  });
}

test("cors: headers of the app stay", async () => {
  const own = cors(text("hello", { headers: [["X-Own", "own"]] }));
  assert.equal((await request(own, "/")).headers.get("x-own"), "own");
});
