import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import express from "express";
import { Server as SocketServer } from "socket.io";
import { io } from "socket.io-client";
import { createServer as createVite } from "vite";
import { WebSocket, WebSocketServer } from "ws";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { lint } from "../../../middleware/lint.ts";
import { fromNode, type UpgradeListener } from "../../../src/adapters/from-node.ts";
import { toNode } from "../../../src/adapters/to-node.ts";
import { notFound } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { aWhile, eventually, RawClient, start } from "../../support/raw-client.ts";
import { allOwned } from "../../support/unowned.ts";
import { ACCEPTED, frame, HANDSHAKE, TEXT } from "../../support/websocket-frames.ts";

const ASK = ["Connection: Upgrade", "Upgrade: shout"] as const;
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n";

/** Serves an app at /site, through lint. */
function mounted(t: TestContext, app: App) {
  return start(t, lint(dispatcher(notFound, { "/site": lint(app) })));
}

const hello = (_request: IncomingMessage, response: { end(text: string): void }): void => response.end("hello");

function shout(_request: IncomingMessage, socket: Duplex): void {
  socket.write(SWITCHED);
  socket.on("data", (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
  socket.on("end", () => socket.end());
}

test("fromNode, upgrade: a listener gets the request below the mount, and the connection with what has come", async (t) => {
  let seen: unknown;
  const listener: UpgradeListener = (request, socket, head) => {
    const { method, url, originalUrl, baseUrl, headers, rawHeaders } = request as IncomingMessage &
      Record<string, unknown>;
    const { remoteAddress, remotePort, server } = request.socket as typeof request.socket & { server?: object };
    seen = {
      method,
      url,
      originalUrl,
      baseUrl,
      upgrade: headers.upgrade,
      count: rawHeaders.length,
      remoteAddress,
      head: head.length,
    };
    assert.equal(typeof remotePort, "number");
    assert.notEqual(server, undefined);
    shout(request, socket);
  };
  const { connect, log } = await mounted(t, fromNode(hello, { upgrade: listener }));
  const asking = await connect();
  asking.get("/site/a%20b?c", ...ASK).send("early ");
  await asking.until("EARLY ");
  asking.send("late").socket.end();
  assert.equal(await asking.all(), `${SWITCHED}EARLY LATE`);
  assert.deepEqual(seen, {
    method: "GET",
    url: "/a%20b?c",
    originalUrl: "/site/a%20b?c",
    baseUrl: "/site",
    upgrade: "shout",
    count: 6,
    remoteAddress: "127.0.0.1",
    head: 0,
  });
  assert.deepEqual(log, []);
});

test("fromNode, upgrade: the full URL where the handler has it", async (t) => {
  const { connect } = await mounted(
    t,
    fromNode(hello, { url: "full", upgrade: ({ url }, socket) => void socket.end(`${url}`) }),
  );
  const asking = await connect();
  assert.equal(await asking.get("/site/x", ...ASK).all(), "/site/x");
});

test("fromNode, upgrade: other requests go to the handler", async (t) => {
  const { connect } = await mounted(t, fromNode(hello, { upgrade: () => assert.fail() }));
  const asking = await connect();
  await asking.get("/site").until("hello");
});

test("fromNode, upgrade: as on Node's own server, such requests go to the handler where nobody listens", async (t) => {
  const server = createServer(hello);
  const { connect } = await mounted(t, fromNode(server));
  const asking = await connect();
  await asking.get("/site", ...ASK).until("hello");
  asking.clear();
  server.on("upgrade", shout);
  await asking
    .get("/site", ...ASK)
    .send("x")
    .until("X");
});

test("fromNode, upgrade: any emitter will do", async (t) => {
  const upgrade = new EventEmitter().on("upgrade", shout);
  const { connect } = await mounted(t, fromNode(hello, { upgrade }));
  const asking = await connect();
  assert.equal(
    await asking
      .get("/site", ...ASK)
      .send("x")
      .until("X"),
    `${SWITCHED}X`,
  );
});

for (const [how, fail] of [
  [
    "throws",
    () => {
      throw new Error("no upgrade");
    },
  ],
  [
    "rejects",
    async () => {
      await aWhile();
      throw new Error("no upgrade");
    },
  ],
] as const) {
  test(`fromNode, upgrade: a listener that ${how} is reported once, and its client does not wait`, async (t) => {
    await allOwned(async () => {
      for (const upgrade of [fail, ...(how === "throws" ? [new EventEmitter().on("upgrade", fail)] : [])]) {
        const { connect, log } = await mounted(t, fromNode(hello, { upgrade }));
        const asking = await connect();
        assert.equal(await asking.get("/site", ...ASK).all(), "");
        assert.equal(log.join("").match(/Error: no upgrade/g)?.length, 1);
      }
    });
  });
}

test("fromNode, upgrade: the socket of the request leads to the connection", async (t) => {
  let closed = 0;
  const { connect, log } = await mounted(
    t,
    fromNode(hello, {
      upgrade(request) {
        request.socket.on("close", () => closed++);
        request.socket.write("written ");
        request.socket.write("7468656e", "hex");
        request.socket.end(" ended");
      },
    }),
  );
  const asking = await connect();
  assert.equal(await asking.get("/site", ...ASK).all(), "written then ended");
  asking.socket.end();
  await eventually(() => closed === 1);
  assert.deepEqual(log, []);
});

test("fromNode, upgrade: what a listener of the request's socket throws is reported", async (t) => {
  await allOwned(async () => {
    const { connect, log } = await mounted(
      t,
      fromNode(hello, {
        upgrade(request, socket) {
          request.socket.on("close", () => {
            throw new Error("in a listener");
          });
          socket.destroy();
        },
      }),
    );
    const asking = await connect();
    await asking.get("/site", ...ASK).all();
    await eventually(() => log.length > 0);
    assert.equal(log.join("").match(/Error: in a listener/g)?.length, 1);
  });
});

test("fromNode, upgrade: is a listener or an emitter", () => {
  assert.throws(() => fromNode(hello, { upgrade: {} as EventEmitter }), { code: "TSGI_BAD_OPTION" });
});

/** A client of `ws`, once it is open. */
function open(t: TestContext, url: string): Promise<WebSocket> {
  const client = new WebSocket(url);
  t.after(() => client.terminate());
  return new Promise((resolve, reject) => client.on("open", () => resolve(client)).on("error", reject));
}

test("fromNode: an Express app with ws, under a mount", async (t) => {
  const app = express().get("/hello", (_request, response) => void response.send("from express"));
  const server = createServer(app);
  const sockets = new WebSocketServer({ server, path: "/chat" });
  sockets.on("connection", (socket, { url }) => socket.on("message", (data) => socket.send(`${url}: ${data}`)));
  const {
    server: { url },
    connect,
    log,
  } = await mounted(t, fromNode(server));
  assert.equal(await (await fetch(`${url}/site/hello`)).text(), "from express");
  const client = await open(t, `${url.replace("http", "ws")}/site/chat`);
  const answer = new Promise((resolve) => client.on("message", (data) => resolve(String(data))));
  client.send("hi");
  assert.equal(await answer, "/chat: hi");
  await assert.rejects(open(t, `${url.replace("http", "ws")}/site/other`), /Unexpected server response: 400/);
  const asking = await connect();
  asking.get("/site/chat", ...HANDSHAKE).send(frame(TEXT, "early"));
  assert.ok((await asking.until("/chat: early")).startsWith(ACCEPTED));
  assert.deepEqual(log, []);
});

for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
  test(`fromNode: Socket.IO by ${transports.join(" and ")}, under a mount beside Express`, async (t) => {
    const app = express().get("/hello", (_request, response) => void response.send("from express"));
    const server = createServer(app);
    const sockets = new SocketServer(server);
    t.after(() => sockets.close());
    const addresses: string[] = [];
    sockets.on("connection", (socket) => {
      addresses.push(socket.handshake.address);
      socket.on("greet", (name: string, answer: (text: string) => void) => answer(`hello, ${name}`));
    });
    const {
      server: { url },
      log,
    } = await mounted(t, fromNode(server));
    assert.equal(await (await fetch(`${url}/site/hello`)).text(), "from express");
    const client = io(url, { path: "/site/socket.io", transports, forceNew: true });
    t.after(() => client.close());
    await new Promise<void>((resolve, reject) => {
      client.on("connect", () => resolve());
      client.on("connect_error", reject);
    });
    const last = transports.at(-1) as string;
    await eventually(() => client.io.engine.transport.name === last);
    assert.equal(await client.emitWithAck("greet", "you"), "hello, you");
    const big = "x".repeat(200_000);
    assert.equal(await client.emitWithAck("greet", big), `hello, ${big}`);
    assert.deepEqual(addresses, ["127.0.0.1"]);
    client.close();
    await eventually(() => sockets.engine.clientsCount === 0);
    assert.deepEqual(log, []);
  });
}

test("fromNode: Vite's middlewares with their hot reload, under a mount", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "tsgi-vite-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "index.html"), '<script type="module" src="/main.js"></script>');
  await writeFile(join(folder, "main.js"), "export const value = 1;\nimport.meta.hot?.accept();\n");
  const server = new EventEmitter();
  const vite = await createVite({
    root: folder,
    base: "/site/",
    configFile: false,
    logLevel: "silent",
    appType: "spa",
    cacheDir: join(folder, ".vite"),
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, hmr: { server: server as never }, watch: { usePolling: true, interval: 20 } },
  });
  t.after(() => vite.close());
  const app = fromNode(vite.middlewares, { url: "full", upgrade: server });
  const {
    server: { url },
    log,
  } = await mounted(t, app);
  const page = await (await fetch(`${url}/site/`)).text();
  assert.match(page, /\/site\/@vite\/client/);
  assert.match(await (await fetch(`${url}/site/main.js`)).text(), /value = 1/);
  const script = await (await fetch(`${url}/site/@vite/client`)).text();
  const token = /const wsToken = "([^"]+)"/.exec(script)?.[1];
  const client = new WebSocket(`${url.replace("http", "ws")}/site/?token=${token}`, "vite-hmr");
  t.after(() => client.terminate());
  const messages: { type: string; updates?: { path: string }[] }[] = [];
  client.on("message", (data) => messages.push(JSON.parse(String(data))));
  await eventually(() => messages.some(({ type }) => type === "connected"));
  await writeFile(join(folder, "main.js"), "export const value = 2;\nimport.meta.hot?.accept();\n");
  await eventually(() => messages.some(({ type }) => type === "update"));
  assert.equal(messages.find(({ type }) => type === "update")?.updates?.[0]?.path, "/main.js");
  assert.deepEqual(log, []);
});

test("fromNode, upgrade: through toNode, the listeners of a Node server get what Node's own give", async (t) => {
  const inner = createServer(hello).on("upgrade", shout);
  const listener = toNode(dispatcher(notFound, { "/site": fromNode(inner) }));
  const server = createServer(listener).on("upgrade", listener.upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const asking = await RawClient.open(connect(port, "127.0.0.1"));
  asking.get("/site", ...ASK).send("x");
  await asking.until("X");
  asking.socket.end();
  assert.equal(await asking.all(), `${SWITCHED}X`);
});
