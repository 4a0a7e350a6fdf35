import assert from "node:assert/strict";
import { truncateSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileTree } from "../../support/file-tree.ts";
import { type Fixture, fixture } from "../../support/fixture.ts";

/** How many read at once. By hand: `TSGI_READERS=1000`. */
const READERS = Number(process.env.TSGI_READERS ?? 400);
const SIZE = 100 << 20;
/** What each stalled reader may keep in the server, in bytes: a chunk, and what the kernel has not taken of the one before. */
const EACH = 400 * 1024;

interface State {
  readonly rss: number;
  readonly open: number;
}

async function stateOf({ ask }: Fixture): Promise<State> {
  return JSON.parse(await ask("state")) as State;
}

/** A download that has begun, read no further than its first bytes. */
function begin(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => {
      socket.write("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    });
    socket.on("error", reject);
    socket.once("data", () => {
      socket.pause();
      resolve(socket);
    });
  });
}

async function readABit(socket: Socket): Promise<void> {
  socket.resume();
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
}

async function serveLarge(t: TestContext): Promise<{ server: Fixture; port: number }> {
  const folder = await fileTree({ "large.bin": "", "small.txt": "small" });
  truncateSync(join(folder, "large.bin"), SIZE);
  const server = await fixture(t, "files.ts", [folder]);
  return { server, port: Number(await server.line()) };
}

test(`static files: ${READERS} slow readers of 100 MiB hold a chunk each and one descriptor together`, {
  skip: process.platform !== "linux",
}, async (t) => {
  const { server, port } = await serveLarge(t);
  const sockets: Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const idle = await stateOf(server);
  for (let count = 0; count < READERS; count += 50) {
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => begin(port)))));
  }
  await sleep(200);
  const begun = await stateOf(server);
  const growth = begun.rss - idle.rss;
  t.diagnostic(`${(growth / 2 ** 20).toFixed(0)} MiB above idle`);
  assert.ok(growth < READERS * EACH, `${growth} bytes for ${READERS} readers`);
  assert.equal(begun.open, 1);
  // Slowly, not never.
  for (let round = 0; round < 6; round++) await Promise.all(sockets.map(readABit));
  const later = await stateOf(server);
  t.diagnostic(`${((later.rss - idle.rss) / 2 ** 20).toFixed(0)} MiB above idle later`);
  assert.ok(later.rss - idle.rss < READERS * EACH, "it grows");
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/small.txt`)).text(), "small");
  for (const socket of sockets) socket.destroy();
  while ((await stateOf(server)).open > 0) await sleep(50);
});
