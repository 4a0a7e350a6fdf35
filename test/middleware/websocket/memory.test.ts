import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { fixture } from "../../support/fixture.ts";
import { frame, HANDSHAKE, TEXT } from "../../support/websocket-frames.ts";

/** How many WebSockets are opened. By hand: `TSGI_WEBSOCKETS=10000`. */
const COUNT = Number(process.env.TSGI_WEBSOCKETS ?? 0);

const REQUEST = ["GET / HTTP/1.1", "Host: a", "User-Agent: test", "Cookie: a=1; b=2", ...HANDSHAKE, "", ""].join(
  "\r\n",
);

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(REQUEST));
    socket.once("error", reject);
    let received = "";
    socket.on("data", (chunk) => {
      const before = received.length;
      received += chunk.toString("latin1");
      if (before === 0) socket.write(frame(TEXT, "one message"));
      if (received.endsWith("one message")) resolve(socket);
    });
  });
}

async function openAll(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Math.min(100, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: some }, () => open(port)))));
  }
  return sockets;
}

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** What each idle WebSocket adds, in KiB. */
async function each(t: TestContext, which: string): Promise<Memory> {
  const { line, ask, child } = await fixture(t, "websockets.ts", [which]);
  const port = Number(await line());
  for (const socket of await openAll(port, 500)) socket.destroy();
  const before = JSON.parse(await ask("state")) as Memory;
  const sockets = await openAll(port, COUNT);
  const after = JSON.parse(await ask("state")) as Memory;
  for (const socket of sockets) socket.destroy();
  child.kill("SIGKILL");
  const grown = (kind: keyof Memory) => (after[kind] - before[kind]) / COUNT / 1024;
  return { rss: grown("rss"), heapUsed: grown("heapUsed"), external: grown("external") };
}

test("websocket: idle ones cost at most a tenth more than those of ws on node:http", {
  skip: COUNT === 0,
}, async (t) => {
  const ratios: number[] = [];
  for (let round = 0; round < 3; round++) {
    const reference = await each(t, "ws");
    const own = await each(t, "tsgi");
    ratios.push(own.rss / reference.rss);
    t.diagnostic(`KiB each: ws ${JSON.stringify(reference)}, websocket ${JSON.stringify(own)}`);
  }
  const [, median] = ratios.sort((one, other) => one - other) as [number, number, number];
  t.diagnostic(`ratio ${median.toFixed(2)}`);
  assert.ok(median <= 1.1, `${median}`);
});
