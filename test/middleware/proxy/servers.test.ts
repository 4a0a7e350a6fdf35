/** Servers that people put behind a proxy, as they are. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createServer as createVite } from "vite";
import { WebSocket, WebSocketServer } from "ws";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { proxy } from "../../../middleware/proxy.ts";
import { sse } from "../../../middleware/sse.ts";
import { notFound } from "../../../src/apps.ts";
import { eventually, start } from "../../support/raw-client.ts";

/** A WebSocket whose messages are kept. */
async function opened(t: TestContext, url: string, protocol?: string) {
  const socket = new WebSocket(url, protocol);
  t.after(() => socket.terminate());
  const messages: string[] = [];
  socket.on("message", (data) => messages.push(String(data)));
  await once(socket, "open");
  return { socket, messages };
}

test("proxy: a server of ws, with what was agreed on and what it closes with", async (t) => {
  const sockets = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    perMessageDeflate: { threshold: 0 },
    handleProtocols: () => "chat",
  });
  t.after(() => {
    for (const client of sockets.clients) client.terminate();
    sockets.close();
  });
  await once(sockets, "listening");
  let pongs = 0;
  sockets.on("connection", (socket, { url, headers }) => {
    socket.send(`${url} ${headers["x-forwarded-prefix"]}`);
    socket.on("pong", () => pongs++);
    socket.on("message", (data, isBinary) => {
      socket.send(data, { binary: isBinary });
      socket.ping();
      if (String(data) === "bye") socket.close(4001, "as asked");
    });
  });
  const { port } = sockets.address() as AddressInfo;
  const { server } = await start(t, dispatcher(notFound, { "/m": proxy(`http://127.0.0.1:${port}`) }));
  const { socket, messages } = await opened(t, `ws://127.0.0.1:${server.port}/m/room?x=1`, "chat");
  assert.deepEqual([socket.protocol, socket.extensions], ["chat", "permessage-deflate"]);
  const large = "\u00e9".repeat(300_000);
  socket.send(large);
  socket.send("bye");
  const [code, reason] = await once(socket, "close");
  assert.deepEqual([messages, code, String(reason)], [["/room?x=1 /m", large, "bye"], 4001, "as asked"]);
  assert.ok(pongs > 0);
  await eventually(() => sockets.clients.size === 0);
});

test("proxy: event streams, which go on where they were", async (t) => {
  let open = 0;
  const clock = sse(async function* (last, { "tsgi.exchange": { signal } }) {
    open++;
    try {
      for (let tick = Number(last ?? 0) + 1; ; tick++) {
        yield { id: String(tick), data: "tick" };
        await new Promise((resolve, reject) => {
          const timer = setTimeout(resolve, tick % 2 === 0 ? 60_000 : 1);
          signal?.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(signal.reason);
          });
        });
      }
    } finally {
      open--;
    }
  });
  const { server: inner } = await start(t, clock);
  const { connect, log } = await start(t, proxy(`http://127.0.0.1:${inner.port}`));
  for (const [last, first] of [
    ["", 1],
    ["Last-Event-ID: 2", 3],
  ] as const) {
    const client = await connect();
    client.get("/", "Accept: text/event-stream", ...(last === "" ? [] : [last]));
    const received = await client.until(`id: ${first + 1}`);
    assert.ok(received.includes(`id: ${first}\n`), received);
    client.socket.destroy();
    await eventually(() => open === 0);
  }
  assert.deepEqual(log, []);
});

test("proxy: a development server of Vite, its modules and its updates", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-vite-"));
  writeFileSync(join(folder, "index.html"), '<script type="module" src="/main.ts"></script>\n');
  writeFileSync(join(folder, "main.ts"), "export const answer: number = 41;\nimport.meta.hot?.accept();\n");
  const vite = await createVite({
    root: folder,
    configFile: false,
    logLevel: "silent",
    cacheDir: join(folder, ".vite"),
    optimizeDeps: { noDiscovery: true },
    server: { port: 0, host: "127.0.0.1", watch: { usePolling: true, interval: 20 } },
  });
  t.after(async () => {
    await vite.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await vite.listen();
  const { port } = (vite.httpServer as Server).address() as AddressInfo;
  const { server } = await start(t, proxy(`http://127.0.0.1:${port}`));
  const get = async (path: string): Promise<string> => (await fetch(server.url + path)).text();
  assert.match(await get("/"), /\/@vite\/client/);
  assert.match(await get("/main.ts"), /const answer = 41/);
  const [, token] = /wsToken = "([^"]+)"/.exec(await get("/@vite/client")) ?? [];
  const { messages } = await opened(t, `ws://127.0.0.1:${server.port}/?token=${token}`, "vite-hmr");
  await eventually(() => messages.length > 0);
  assert.equal(messages[0], '{"type":"connected"}');
  writeFileSync(join(folder, "main.ts"), "export const answer: number = 42;\nimport.meta.hot?.accept();\n");
  await eventually(() => messages.some((message) => /"type":"update".*\/main\.ts/.test(message)));
  assert.match(await get("/main.ts?t=1"), /const answer = 42/);
});
