import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type TestContext, test } from "node:test";
import express from "express";
import { Server as SocketServer } from "socket.io";
import { io } from "socket.io-client";
import { WebSocket, WebSocketServer } from "ws";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { lint } from "../../../middleware/lint.ts";
import { type WebsocketConnection, type WebsocketOptions, websocket } from "../../../middleware/websocket.ts";
import { fromNode } from "../../../src/adapters/from-node.ts";
import { notFound, text } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import type { ServeOptions } from "../../../src/server/serve.ts";
import { stack } from "../../../src/stack.ts";
import { startBridge } from "../../support/http2-bridge.ts";
import { startHttp2, type Way } from "../../support/http2-client.ts";
import { eventually } from "../../support/raw-client.ts";
import { openTunnel } from "../../support/tunnel-client.ts";
import { CLOSE, frame, framesIn, TEXT } from "../../support/websocket-frames.ts";

/** Serves an app over HTTP/2, through lint, and opens WebSockets of `ws` on it. */
async function served(t: TestContext, app: App, options?: ServeOptions, way?: Way) {
  const started = await startHttp2(t, lint(app), options, way);
  const session = started.connect();
  const url = await startBridge(t, session);
  return {
    ...started,
    session,
    url,
    async open(path: string, protocols: string[] = [], options: object = {}) {
      const client = new WebSocket(url.replace("http", "ws") + path, protocols, options);
      t.after(() => client.terminate());
      const seen = { client, received: [] as string[], closed: "", headers: {} as Record<string, unknown> };
      client.on("upgrade", ({ headers }) => {
        seen.headers = headers;
      });
      client.on("message", (data) => seen.received.push(String(data)));
      client.on("close", (code, reason) => {
        seen.closed = `${code} ${reason}`;
      });
      await new Promise((resolve, reject) => client.on("open", resolve).on("error", reject));
      return seen;
    },
  };
}

/** An app that echoes, and what became of its sockets. */
function echoing(options?: WebsocketOptions) {
  const sockets: WebsocketConnection[] = [];
  const closed: string[] = [];
  const app = websocket(
    {
      open: (socket) => sockets.push(socket),
      message: (socket, data) => socket.send(data),
      close: (_socket, code, reason) => closed.push(`${code} ${reason}`.trim()),
    },
    options,
  );
  return { app, sockets, closed };
}

test("websocket over HTTP/2: mounted, with a protocol, compression and what layers add", async (t) => {
  const { app, sockets, closed } = echoing({ protocols: ["chat"], compress: true });
  const site = stack()
    .use(
      (app) => (environ, startResponse) =>
        app(environ, (status, headers, error) => startResponse(status, [...headers, ["Set-Cookie", "a=1"]], error)),
    )
    .use(dispatcher, { "/rooms/:room": app })
    .run(notFound);
  const { open, log } = await served(t, site);
  const { client, headers, received } = await open("/rooms/blue/x?y=1", ["chat"]);
  const message = "grüße ".repeat(50_000);
  client.send(message);
  await eventually(() => received.length === 1);
  assert.equal(received[0], message);
  assert.deepEqual(headers["set-cookie"], ["a=1"]);
  assert.equal(client.protocol, "chat");
  assert.match(client.extensions, /permessage-deflate/);
  const { SCRIPT_NAME, PATH_INFO, QUERY_STRING, "tsgi.params": params } = sockets[0]?.environ ?? assert.fail();
  assert.deepEqual([SCRIPT_NAME, PATH_INFO, QUERY_STRING, params], ["/rooms/blue", "/x", "y=1", { room: "blue" }]);
  client.close(3001, "bye");
  await eventually(() => closed.length === 1);
  assert.deepEqual([closed, log], [["3001 bye"], []]);
});

test("websocket over HTTP/2: what it refuses is an answer as any other", async (t) => {
  const guard =
    (app: App): App =>
    (environ, startResponse) =>
      environ.PATH_INFO === "/guarded"
        ? text("no\n", { status: "401 Unauthorized" })(environ, startResponse)
        : app(environ, startResponse);
  const { session, log } = await served(t, guard(echoing().app));
  for (const [headers, status, body, own] of [
    [{ ":path": "/guarded" }, 401, "no\n", {}],
    [{ origin: "https://evil.example" }, 403, "Pages of this origin may not connect\n", {}],
    [{ "sec-websocket-version": "8" }, 426, "Only version 13 is spoken here\n", { "sec-websocket-version": "13" }],
    [{ "sec-websocket-protocol": "a,,b" }, 400, "The WebSocket handshake is malformed\n", {}],
    [{ "sec-websocket-extensions": "permessage-deflate; x=" }, 200, "", {}],
  ] as const) {
    const client = await (await openTunnel(session, headers)).answered();
    client.stream.end();
    if (status !== 200) await client.closed();
    const { "content-type": _type, "content-length": _length, ...rest } = client.headers;
    assert.deepEqual([client.status, client.received, rest], [status, body, own]);
  }
  assert.deepEqual(log, []);
});

test("websocket over HTTP/2: clients that ask for extensions in a malformed way are a 400", async (t) => {
  const { session } = await served(t, echoing({ compress: true }).app);
  const client = await openTunnel(session, { "sec-websocket-extensions": "permessage-deflate; x=" });
  await client.answered();
  client.stream.end();
  await client.closed();
  assert.equal(client.status, 400);
});

test("websocket over HTTP/2: a client that leaves is 1006, one that answers no ping is cut", async (t) => {
  const { app, closed } = echoing({ ping: 40 });
  const { session } = await served(t, app);
  const leaving = await (await openTunnel(session)).answered();
  leaving.leave();
  await eventually(() => closed.length === 1);
  const silent = await openTunnel(session);
  await silent.closed();
  assert.deepEqual([closed, silent.reset], [["1006", "1006"], 8]);
});

test("websocket over HTTP/2: a client that does not read is cut once too much waits for it", async (t) => {
  const { app, sockets, closed } = echoing({ backpressure: 100_000 });
  const { session } = await served(t, app);
  const client = await (await openTunnel(session)).answered();
  client.stream.pause();
  await eventually(() => sockets.length === 1);
  for (let count = 0; closed.length === 0 && count < 100; count++) {
    sockets[0]?.send("x".repeat(10_000));
    await new Promise(setImmediate);
  }
  await eventually(() => closed.length === 1);
  assert.deepEqual(closed, ["1006"]);
});

for (const way of ["prior knowledge", "ALPN"] as const) {
  test(`websocket over HTTP/2, ${way}: a server that closes ends its sockets with 1001, and is closed when they are`, async (t) => {
    const { app, closed } = echoing();
    const { server, session, open, log } = await served(t, app, {}, way);
    const { client } = await open("/");
    const raw = await (await openTunnel(session)).answered();
    client.send("x");
    const closing = server.close({ grace: 60_000 });
    await eventually(() => raw.received.length > 0);
    assert.deepEqual(
      framesIn(Buffer.from(raw.received, "latin1")).map(({ opcode, payload }) => [opcode, payload.readUInt16BE(0)]),
      [[CLOSE, 1001]],
    );
    raw.stream.end(frame(CLOSE, Buffer.from([3, 233])));
    await closing;
    assert.deepEqual(closed.sort(), ["1001", "1001 The server is closing"]);
    assert.equal(raw.reset, 0);
    assert.deepEqual(log, []);
  });
}

test("fromNode over HTTP/2: an Express app with ws, under a mount", async (t) => {
  const app = express().get("/hello", (_request, response) => void response.send("from express"));
  const server = createServer(app);
  const sockets = new WebSocketServer({ server, path: "/chat" });
  sockets.on("connection", (socket, { url }) => socket.on("message", (data) => socket.send(`${url}: ${data}`)));
  const { open, session, log } = await served(t, dispatcher(notFound, { "/site": fromNode(server) }));
  const { client, received } = await open("/site/chat");
  client.send("hi");
  await eventually(() => received.length === 1);
  assert.equal(received[0], "/chat: hi");
  await assert.rejects(open("/site/other"), /Unexpected server response: 400/);
  const early = await openTunnel(session, { ":path": "/site/chat" });
  await early.send(frame(TEXT, "early")).until("/chat: early");
  assert.deepEqual(early.headers, {});
  assert.deepEqual(log, []);
});

for (const transports of [["websocket"], ["polling", "websocket"]]) {
  test(`fromNode over HTTP/2: Socket.IO by ${transports.join(" and ")}, under a mount`, async (t) => {
    const server = createServer();
    const sockets = new SocketServer(server);
    t.after(() => sockets.close());
    sockets.on("connection", (socket) => {
      socket.on("greet", (name: string, answer: (text: string) => void) => answer(`hello, ${name}`));
    });
    const { url, session, log } = await served(t, dispatcher(notFound, { "/site": fromNode(server) }));
    const client = io(url, { path: "/site/socket.io", transports, forceNew: true });
    t.after(() => client.close());
    await new Promise<void>((resolve, reject) => {
      client.on("connect", () => resolve());
      client.on("connect_error", reject);
    });
    await eventually(() => client.io.engine.transport.name === "websocket");
    const big = "x".repeat(200_000);
    assert.equal(await client.emitWithAck("greet", big), `hello, ${big}`);
    const refused = await (
      await openTunnel(session, { ":path": "/site/socket.io/?transport=pigeons&EIO=4" })
    ).answered();
    assert.equal(refused.status, 400);
    client.close();
    await eventually(() => sockets.engine.clientsCount === 0);
    assert.deepEqual(log, []);
  });
}
