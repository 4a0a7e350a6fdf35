import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { finished, PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { readBytes } from "../../src/body/input.ts";
import type { App } from "../../src/gateway.ts";
import { eventually, hello, RawClient, start } from "../support/raw-client.ts";

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

/** What happens to requests without a body in this use of them, on a plain Node server and on ours. */
async function bothDo(t: TestContext, use: (request: IncomingMessage, told: (what: string) => void) => void) {
  const plain = createServer((_request, response) => response.end("hello"));
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  t.after(() => plain.close());
  const { server } = await start(t, hello);
  let told: string[] = [];
  const listener = (message: unknown) => {
    const { request } = message as { request: IncomingMessage };
    use(request, (what) => told.push(what));
  };
  subscribe(CHANNEL, listener);
  const seen: string[][] = [];
  try {
    for (const port of [(plain.address() as AddressInfo).port, server.port]) {
      told = [];
      const client = await RawClient.open(connect(port));
      await client.get("/").until("hello");
      await client.get("/again", "Connection: close").all();
      seen.push(told.toSorted());
    }
  } finally {
    unsubscribe(CHANNEL, listener);
  }
  return seen;
}

for (const [what, use] of [
  ["nothing", () => {}],
  ["listening to its close", (request, told) => request.on("close", () => told(`close ${request.readableEnded}`))],
  ["listening to its end", (request, told) => request.on("end", () => told("end"))],
  ["resume", (request, told) => request.on("end", () => told("end")).resume()],
  ["data", (request, told) => request.on("data", () => told("data")).on("end", () => told("end"))],
  [
    "readable",
    (request, told) => request.on("readable", () => told(`read ${request.read()}`)).on("end", () => told("end")),
  ],
  [
    "for await",
    async (request, told) => {
      for await (const _chunk of request) told("chunk");
      told("over");
    },
  ],
  ["finished", (request, told) => finished(request.resume(), (error) => told(`finished ${error}`))],
  ["a pipe", (request, told) => request.pipe(new PassThrough().resume()).on("finish", () => told("piped"))],
] as [string, (request: IncomingMessage, told: (what: string) => void) => void][]) {
  test(`lean request: ${what} does to a request without a body what it does on a plain Node server`, async (t) => {
    const [plain, ours] = await bothDo(t, use);
    assert.deepEqual(ours, plain);
  });
}

test("lean request: a connection that waits keeps nothing of the requests it has carried", async (t) => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const app: App = async (environ, startResponse) => {
    await readBytes(environ);
    return hello(environ, startResponse);
  };
  const { connect } = await start(t, app, { keepAliveTimeout: 60_000 });
  const kept: WeakRef<object>[] = [];
  const listener = (message: unknown) => {
    const { request, response } = message as { request: IncomingMessage; response: object };
    kept.push(new WeakRef(request), new WeakRef(response));
  };
  subscribe(CHANNEL, listener);
  t.after(() => unsubscribe(CHANNEL, listener));
  for (const bytes of [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  ]) {
    const client = await connect();
    client.send(bytes);
    await client.until("hello");
  }
  assert.equal(kept.length, 6);
  await eventually(() => {
    collect();
    return kept.every((each) => each.deref() === undefined);
  });
});
