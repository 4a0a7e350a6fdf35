import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type TestContext, test } from "node:test";
import { hello, RawClient, start } from "./raw-client.ts";

const CHANNEL = "http.server.request.start";

/** What `look` sees of a request's headers: of a plain Node server's, and of ours. */
async function bothSee(t: TestContext, lines: string[], look: (headers: IncomingHttpHeaders) => unknown) {
  const plain = createServer((_request, response) => response.end());
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  t.after(() => plain.close());
  const { server } = await start(t, hello);
  const seen: unknown[] = [];
  const listener = (message: unknown) => seen.push(look((message as { request: IncomingMessage }).request.headers));
  subscribe(CHANNEL, listener);
  try {
    for (const port of [(plain.address() as AddressInfo).port, server.port]) {
      const client = await RawClient.open(connect(port));
      await client.get("/", ...lines, "Connection: close").all();
    }
  } finally {
    unsubscribe(CHANNEL, listener);
  }
  return seen;
}

const LINES = [
  "Accept: a",
  "accept: b",
  "Cookie: a=1",
  "Cookie: b=2",
  "Set-Cookie: a",
  "Set-Cookie: b",
  "Host: second",
  "User-Agent: a",
  "User-Agent: b",
  "__proto__: a",
];

for (const [what, look] of [
  ["a spread", (headers) => ({ ...headers })],
  ["Object.keys", (headers) => Object.keys(headers)],
  ["Object.entries", (headers) => Object.entries(headers)],
  ["JSON", (headers) => JSON.stringify(headers)],
  ["in", (headers) => ["host", "Host", "accept", "nothing", "toString"].map((name) => name in headers)],
  ["hasOwn", (headers) => ["host", "nothing", "toString"].map((name) => Object.hasOwn(headers, name))],
  [
    "for in",
    (headers) => {
      const names = [];
      for (const name in headers) names.push(name);
      return names;
    },
  ],
  [
    "each name",
    (headers) =>
      ["host", "expect", "accept", "cookie", "set-cookie", "user-agent", "nothing"].map((name) => headers[name]),
  ],
  ["a descriptor", (headers) => Object.getOwnPropertyDescriptor(headers, "host")],
  ["the prototype", (headers) => Object.getPrototypeOf(headers) === Object.prototype],
  [
    "a change",
    (headers) => {
      headers.accept = "c";
      headers.own = "d";
      delete headers.cookie;
      return { ...headers };
    },
  ],
] as [string, (headers: IncomingHttpHeaders) => unknown][]) {
  test(`lean request: ${what} shows the headers that a plain Node server shows`, async (t) => {
    const [plain, ours] = await bothSee(t, LINES, look);
    assert.deepEqual(ours, plain);
  });
}

for (const lines of [
  ["Expect: 100-continue"],
  ["EXPECT: 100-Continue"],
  ["Expect: tea"],
  ["Expect: tea", "Expect: 100-continue"],
  ["Expect: 100-continue", "Expect: tea"],
  [],
]) {
  test(`lean request: ${JSON.stringify(lines)} is what a plain Node server sees`, async (t) => {
    const [plain, ours] = await bothSee(t, lines, (headers) => [headers.expect, "expect" in headers]);
    assert.deepEqual(ours, plain);
  });
}

test("lean request: headers that were replaced stay so", async (t) => {
  const [plain, ours] = await bothSee(t, LINES, () => undefined);
  assert.deepEqual(ours, plain);
  const { connect: open } = await start(t, hello);
  const seen: unknown[] = [];
  const listener = (message: unknown) => {
    const { request } = message as { request: IncomingMessage };
    request.headers = { own: "1" };
    seen.push({ ...request.headers });
  };
  subscribe(CHANNEL, listener);
  try {
    await (await open()).get("/").until("hello");
  } finally {
    unsubscribe(CHANNEL, listener);
  }
  assert.deepEqual(seen, [{ own: "1" }]);
});
