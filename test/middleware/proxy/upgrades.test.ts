/** Connections that switch protocols on their way through a proxy. */

import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { cors } from "../../../middleware/cors.ts";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { lint } from "../../../middleware/lint.ts";
import { type ProxyOptions, proxy } from "../../../middleware/proxy.ts";
import { websocket } from "../../../middleware/websocket.ts";
import { notFound, text } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { eventually, type RawClient, type Started, start, wire } from "../../support/raw-client.ts";
import { type Answer, HI, type RawTarget, rawTarget, sendTo } from "../../support/raw-target.ts";
import { allOwned } from "../../support/unowned.ts";

const SWITCHED = "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\nX-A: b\n\n";
const ASKED =
  "GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n";

interface Served extends Started {
  readonly target: RawTarget;
  ask(request?: string): Promise<RawClient>;
}

async function served(
  t: TestContext,
  answer: Answer,
  options: ProxyOptions = {},
  wrap: (app: App) => App = (app) => app,
): Promise<Served> {
  const target = await rawTarget(t, answer);
  const started = await start(t, wrap(lint(proxy(target.url, { via: false, ...options }))));
  return { ...started, target, ask: async (asked = ASKED) => (await started.connect()).send(asked) };
}

test("proxy: a connection switches protocols as both sides say", async (t) => {
  const { ask, target } = await served(t, (socket) => {
    sendTo(socket, `${SWITCHED}early `);
    socket.on("data", (data) => socket.write(data));
  });
  const client = await ask(`${ASKED}hello`);
  await client.until("early hello");
  await client.send(" again").until("again");
  assert.equal(
    client.received,
    wire("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\nX-A: b\n\nearly hello again"),
  );
  assert.equal(
    target.heads[0]?.replace(/^X-Forwarded.*\r\n/gm, ""),
    wire(
      `GET /x HTTP/1.1\nhost: 127.0.0.1:${target.port}\nSec-WebSocket-Version: 13\nconnection: Upgrade\nupgrade: websocket\n\n`,
    ),
  );
});

test("proxy: layers add to a 101, or refuse it", async (t) => {
  const added = await served(t, SWITCHED, {}, cors);
  assert.match(
    await (await added.ask()).until("\r\n\r\n"),
    /101 Switching[\s\S]*\r\nAccess-Control-Allow-Origin: \*\r\n/,
  );
  const refusing =
    (app: App): App =>
    async (environ, startResponse) => {
      let line = "";
      const body = await app(environ, (status) => {
        line = status;
        return () => {};
      });
      (body as { close?(): void }).close?.();
      return text(`refused ${line}`, { status: "403 Forbidden" })(environ, startResponse);
    };
  const { ask, target } = await served(t, SWITCHED, {}, refusing);
  await (await ask()).until("refused 101 Switching Protocols");
  await target.untilLeft();
});

test("proxy: a target that does not switch answers as usual", async (t) => {
  const { ask } = await served(t, "HTTP/1.1 426 Upgrade Required\nUpgrade: other\nContent-Length: 2\n\nno");
  assert.equal(
    await (await ask()).until("no"),
    wire("HTTP/1.1 426 Upgrade Required\nContent-Length: 2\nConnection: keep-alive\nKeep-Alive: timeout=5\n\nno"),
  );
});

test("proxy: a target that switches to another protocol than was asked for is a 502", async (t) => {
  const { ask, target } = await served(t, SWITCHED.replace("Upgrade: websocket", "Upgrade: h2c"));
  await (await ask()).until("502 Bad Gateway\n");
  await target.untilLeft();
});

test("proxy: a protocol that may not be spoken is not asked for", async (t) => {
  const { ask, target } = await served(t, HI);
  await (await ask(ASKED.replace("websocket", "h2c"))).until("hi");
  await (await ask(ASKED.replace("GET", "POST"))).until("hi");
  for (const head of target.heads) assert.doesNotMatch(head, /upgrade|h2c/i);
  const other = await served(t, SWITCHED.replaceAll("websocket", "echo"), { upgrade: ["Echo"] });
  await (await other.ask(ASKED.replace("websocket", "echo"))).until("Upgrade: echo");
});

test("proxy: a host that cannot switch protocols makes it a plain request", async (t) => {
  const target = await rawTarget(t, HI);
  const headers = { Connection: "Upgrade", Upgrade: "websocket" };
  const environ = { "tsgi.exchange": {} };
  const response = await request(proxy(target.url), "/", { headers, environ });
  assert.equal(await response.text(), "hi");
  assert.doesNotMatch(target.heads[0] as string, /upgrade/i);
});

const DEATHS: Readonly<Record<string, (socket: Socket) => unknown>> = {
  ends: (socket) => socket.end(),
  "is reset": (socket) => socket.resetAndDestroy(),
};

for (const [how, die] of Object.entries(DEATHS)) {
  test(`proxy: when the target's side ${how}, the client's ends`, async (t) => {
    await allOwned(async () => {
      const { ask, target } = await served(t, `${SWITCHED}last words`);
      const client = await ask();
      await client.until("last words");
      for (const socket of target.open) die(socket);
      await client.all();
      await target.untilLeft();
    });
  });

  test(`proxy: when the client's side ${how}, the target's ends`, async (t) => {
    await allOwned(async () => {
      const { ask, target, log } = await served(t, SWITCHED);
      const client = await ask();
      await client.until("X-A");
      die(client.socket);
      await target.untilLeft();
      assert.deepEqual(log, []);
    });
  });

  test(`proxy: when the target ${how} before it has switched, that is a 502`, async (t) => {
    await allOwned(async () => {
      const { ask, target } = await served(t, (socket) => void die(socket));
      const client = await ask();
      await client.until("502 Bad Gateway\r\n");
      assert.equal(target.heads.length, 1);
      await target.untilLeft();
    });
  });
}

test("proxy: a client that leaves before the target has switched ends the request", async (t) => {
  const { ask, target } = await served(t, () => {});
  const client = await ask();
  await eventually(() => target.heads.length === 1);
  client.socket.destroy();
  await target.untilLeft();
});

test("proxy: a target that takes too long to switch is a 504", async (t) => {
  const { ask, target } = await served(t, () => {}, { headTimeout: 50 });
  await (await ask()).until("504 Gateway Timeout\r\n");
  await target.untilLeft();
});

test("proxy: a connection on which nobody says anything is closed where that is asked for", async (t) => {
  const { ask, target } = await served(t, SWITCHED, { upgradeTimeout: 50 });
  const client = await ask();
  await client.until("X-A");
  await client.all();
  await target.untilLeft();
});

test("proxy: who reads slowly makes the other side wait, and loses nothing", async (t) => {
  const size = 20_000_000;
  let isWaiting = false;
  const { ask } = await served(t, (socket) => {
    sendTo(socket, SWITCHED);
    isWaiting = !socket.write(Buffer.alloc(size, "x"), () => {
      isWaiting = false;
    });
  });
  const client = await ask();
  await client.until("X-A");
  client.socket.pause();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(isWaiting);
  client.socket.resume();
  await eventually(() => client.received.length > size);
});

test("proxy: a target that reads slowly makes the client wait, and loses nothing", async (t) => {
  const size = 20_000_000;
  const { ask, target } = await served(t, (socket) => {
    sendTo(socket, SWITCHED);
    socket.pause();
  });
  const client = await ask();
  await client.until("X-A");
  let isWaiting = !client.socket.write(Buffer.alloc(size), () => {
    isWaiting = false;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(isWaiting);
  const [socket] = target.open as unknown as [Socket];
  socket
    .removeAllListeners("data")
    .on("data", () => {})
    .resume();
  await eventually(() => !isWaiting && socket.bytesRead > size);
});

test("proxy: a client that ends its side leaves its place to others, though the target does not end its own", async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => sendTo(socket, SWITCHED)).on("data", () => {});
    t.after(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { connect } = await start(t, proxy(url, { connections: 1, queueTimeout: 4000 }));
  for (let index = 0; index < 2; index++) {
    const client = (await connect()).send(ASKED);
    await client.until("X-A");
    client.socket.end();
  }
});

test("proxy: a connection that has switched counts among those that are under way, until it is closed", async (t) => {
  const { ask, target } = await served(t, SWITCHED, { connections: 1, queueTimeout: 50 });
  const client = await ask();
  await client.until("X-A");
  await (await ask()).until("503 Service Unavailable\r\n");
  client.socket.destroy();
  await target.untilLeft();
  await (await ask()).until("X-A");
});

test("proxy: the server's closing ends it with the rest", async (t) => {
  const { ask, target, server } = await served(t, SWITCHED);
  const client = await ask();
  await client.until("X-A");
  await server.close({ grace: 0 });
  await client.all();
  await target.untilLeft();
});

test("proxy: WebSockets of an app elsewhere work below a mount", async (t) => {
  const echo = websocket({ message: (socket, data) => socket.send(data) }, { origin: "*" });
  const { server: inner } = await start(t, dispatcher(notFound, { "/chat": echo }));
  const { server } = await start(t, dispatcher(notFound, { "/m": proxy(`http://127.0.0.1:${inner.port}`) }));
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/m/chat`);
  t.after(() => socket.terminate());
  const received: string[] = [];
  socket.on("message", (data) => received.push(String(data)));
  await new Promise((resolve) => socket.once("open", resolve));
  const large = "x".repeat(500_000);
  socket.send("hello");
  socket.send(large);
  await eventually(() => received.length === 2);
  assert.deepEqual(received, ["hello", large]);
  const closed = new Promise((resolve) => socket.once("close", (code) => resolve(code)));
  socket.close(4000);
  assert.equal(await closed, 4000);
});
