import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { type TestContext, test } from "node:test";
import express from "express";
import { lint } from "../../middleware/lint.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { websocket } from "../../middleware/websocket.ts";
import { fromFetch } from "../../src/adapters/from-fetch.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { parseProgramHead } from "../../src/adapters/program/program-head.ts";
import { toFetch } from "../../src/adapters/to-fetch.ts";
import { toNode } from "../../src/adapters/to-node.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { checkHeaders, prepareHeaders } from "../../src/http/field-rules.ts";
import { request } from "../../src/testing.ts";
import { ask, startHttp2 } from "../support/http2-client.ts";
import { RawClient, start, wire } from "../support/raw-client.ts";
import { transcript } from "../support/transcript.ts";

/** The endpoint of a WebSocket, for who does not ask for one. */
const endpoint = websocket({});

const ANSWER = `426 Upgrade Required
content-length: 20
content-type: text/plain; charset=utf-8
upgrade: websocket

This is a WebSocket
`;

function sorted(answer: string): string {
  const [first = "", ...rest] = answer.split("\n");
  const end = rest.indexOf("");
  return [first, ...rest.slice(0, end).sort(), ...rest.slice(end)].join("\n");
}

test("426: a test sees what is asked for, also behind layers", async () => {
  const layers: App = lint(transform(lint(endpoint), (response) => response));
  for (const app of [
    endpoint,
    layers,
    transform(
      endpoint,
      mapText("text/plain", (page) => page),
    ),
  ]) {
    assert.equal(sorted(await transcript(app, "/")), ANSWER);
  }
});

for (const [what, app] of [
  ["Node", fromNode((_request, response) => void response.writeHead(426, { Upgrade: "websocket" }).end("no"))],
  [
    "Node, headers that were set",
    fromNode((_request, response) => {
      response.setHeader("Upgrade", "websocket");
      response.setHeader("Connection", "Upgrade");
      response.statusCode = 426;
      response.end("no");
    }),
  ],
  [
    "Express",
    fromNode(express().use((_request, response) => void response.status(426).set("Upgrade", "websocket").end("no"))),
  ],
  [
    "Fetch",
    fromFetch(() => new Response("no", { status: 426, headers: { Upgrade: "websocket", Connection: "upgrade" } })),
  ],
] as const) {
  test(`426: a handler of ${what} says what it asks for`, async () => {
    const response = await request(lint(app), "/");
    const { status, headers } = response;
    assert.deepEqual([status, headers.get("upgrade"), headers.get("connection")], [426, "websocket", null]);
  });
}

test("426: a program says what it asks for", () => {
  const lines = "Status: 426\nUpgrade: a\nConnection: upgrade\nX: 1";
  assert.deepEqual(parseProgramHead(lines), {
    status: "426 Upgrade Required",
    headers: [
      ["Upgrade", "a"],
      ["X", "1"],
    ],
  });
  assert.deepEqual(parseProgramHead("Upgrade: a\nX: 1").headers, [["X", "1"]]);
});

test("426: other responses cannot have it, and a 426 nothing else of the connection", async () => {
  const upgrade = (): [string, string][] => [["Upgrade", "websocket"]];
  const code = { code: "TSGI_HOP_BY_HOP" };
  assert.equal(checkHeaders(upgrade(), 426), -1);
  assert.throws(() => checkHeaders(upgrade()), code);
  assert.throws(() => checkHeaders(upgrade(), 200), code);
  assert.throws(() => checkHeaders([["Connection", "upgrade"]], 426), code);
  assert.throws(() => prepareHeaders(upgrade()), code);
  const prepared = prepareHeaders(upgrade(), 426);
  assert.equal(checkHeaders(prepared, 426), -1);
  assert.throws(() => checkHeaders(prepared, 200), code);
  assert.throws(() => text("x", { headers: upgrade() }), code);
  const wrong: App = (_environ, startResponse) => {
    startResponse("200 OK", upgrade());
    return "";
  };
  await assert.rejects(request(wrong, "/"), { code: "TSGI_LINT_RESPONSE" });
});

test("426: toFetch leaves it to its host", async () => {
  const { status, headers } = await toFetch(endpoint)(new Request("http://a/"));
  assert.deepEqual([status, headers.get("upgrade"), headers.get("content-length")], [426, null, "20"]);
});

const head = (connection: string) =>
  wire(`HTTP/1.1 426 Upgrade Required
Content-Type: text/plain; charset=utf-8
Upgrade: websocket
Content-Length: 20
${connection}

This is a WebSocket
`).replace(/\r\n$/, "\n");

test("426: over HTTP/1.1 the connection says so too, and stays or ends as any other", async (t) => {
  const { connect } = await start(t, lint(endpoint));
  const client = await connect();
  assert.equal(
    await client.get("/").until("WebSocket\n"),
    head("Connection: upgrade, keep-alive\nKeep-Alive: timeout=5"),
  );
  client.clear();
  assert.equal(await client.get("/", "Connection: close").all(), head("Connection: upgrade, close"));
});

test("426: over HTTP/2 it is left out", async (t) => {
  const { connect } = await startHttp2(t, lint(endpoint));
  const { status, headers } = await ask(connect());
  assert.deepEqual([status, headers], [426, { "content-type": "text/plain; charset=utf-8", "content-length": "20" }]);
});

/** A server of Node. */
async function listening(t: TestContext, server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

for (const [what, prepare] of [
  ["", () => {}],
  [
    ", with headers of the host",
    (response: { setHeader(name: string, value: string): void }) => response.setHeader("X-Host", "1"),
  ],
] as const) {
  test(`426: on a Node server${what} as on ours`, async (t) => {
    const listener = toNode(lint(endpoint));
    const server = createServer((request, response) => {
      prepare(response);
      listener(request, response);
    });
    const client = await RawClient.open(connect(await listening(t, server), "127.0.0.1"));
    t.after(() => client.socket.destroy());
    assert.match(
      await client.get("/").until("WebSocket\n"),
      /\r\nUpgrade: websocket\r\n[\s\S]*\r\nConnection: upgrade, keep-alive\r\n/,
    );
    client.clear();
    assert.match(await client.get("/", "Connection: close").all(), /\r\nConnection: upgrade, close\r\n/);
    assert.equal(client.end, "end");
  });
}

test("426: for a request of the upgrade event, as the last response of its connection", async (t) => {
  const listener = toNode(endpoint);
  const port = await listening(t, createServer(listener).on("upgrade", listener.upgrade));
  const client = await RawClient.open(connect(port, "127.0.0.1"));
  t.after(() => client.socket.destroy());
  assert.match(
    await client.get("/", "Connection: Upgrade", "Upgrade: h2c").all(),
    /\r\nConnection: upgrade, close\r\n/,
  );
});

test("426: on an http2 server of Node it is left out", async (t) => {
  const listener = toNode(endpoint);
  const server = createHttp2Server((request, response) => listener(request as never, response as never));
  const port = await listening(t, server as never);
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const { status, headers } = await ask(session);
  assert.deepEqual([status, headers], [426, { "content-type": "text/plain; charset=utf-8", "content-length": "20" }]);
});
