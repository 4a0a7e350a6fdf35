/** What a connection to a target reads into is used again: no response may get what belongs to another. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { proxy } from "../../../middleware/proxy.ts";
import { transform } from "../../../middleware/transform.ts";
import type { App, Body, Chunk } from "../../../src/gateway.ts";
import { start } from "../../support/raw-client.ts";

/** As many bytes as the path says, unlike those of any other path; 31 in turn, so that no two reads are alike. */
function bytesOf(path: string): Buffer {
  return Buffer.alloc(Number(/\d+$/.exec(path)?.[0]), createHash("sha256").update(path).digest().subarray(1));
}

/** Answers with a body of known length, with one of unknown length, and with one in pieces of all sizes. */
const target: App = async function* target(environ, startResponse) {
  const path = environ.PATH_INFO ?? "";
  const bytes = bytesOf(path);
  startResponse("200 OK", path.startsWith("/known/") ? [["Content-Length", String(bytes.length)]] : []);
  const step = path.includes("/pieces/") ? 9973 : bytes.length;
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
};

/** Asks for a path, and reads the answer once `asked` has settled. */
async function read(port: number, path: string, asked?: Promise<unknown>): Promise<Buffer> {
  const client = connect(port, "127.0.0.1");
  client.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await asked;
  const chunks: Buffer[] = [];
  for await (const chunk of client) chunks.push(chunk as Buffer);
  const all = Buffer.concat(chunks);
  const body = all.subarray(all.indexOf("\r\n\r\n") + 4);
  return /^transfer-encoding: chunked/im.test(all.toString("latin1", 0, 300)) ? unchunked(body) : body;
}

function unchunked(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = body.indexOf("\r\n", at);
    const length = Number.parseInt(body.toString("latin1", at, end), 16);
    if (length === 0) return Buffer.concat(parts);
    parts.push(body.subarray(end + 2, end + 2 + length));
    at = end + 4 + length;
  }
}

/** Gives the body when all of it has come. */
async function* kept(body: Body): AsyncGenerator<Chunk> {
  const chunks: Chunk[] = [];
  for await (const chunk of body as AsyncIterable<Chunk>) chunks.push(chunk);
  yield* chunks;
}

const late = (app: App): App => transform(app, (response) => ({ ...response, body: kept(response.body) }));

const SIZES = [0, 1, 1024, 8_000, 8_192, 32_767, 32_768, 65_536, 65_537, 100_000, 300_000, 1_000_000];
const KINDS = ["/known", "/unknown", "/known/pieces", "/unknown/pieces"];

for (const [name, layer] of [
  ["sent as they come", (app: App) => app],
  ["kept by a layer", late],
] as const) {
  test(`proxy: many bodies at once, ${name}, stay what the target has sent`, async (t) => {
    const { server: origin } = await start(t, target);
    const app = proxy(origin.url);
    const { server } = await start(t, layer(app));
    const paths = KINDS.flatMap((kind) => SIZES.map((size) => `${kind}/${size}`));
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        paths.map(async (path) => {
          const body = await read(server.port, path);
          assert.ok(body.equals(bytesOf(path)), `${path} is not what the target has sent`);
        }),
      );
    }
    await app.close();
  });
}

test("proxy: bodies that wait for their clients stay what the target has sent", async (t) => {
  const { server: origin } = await start(t, target);
  const app = proxy(origin.url);
  const { server } = await start(t, app);
  const sizes = Array.from({ length: 6 }, (_, index) => 8_000_000 + index);
  const others = Promise.all(sizes.map((size) => read(server.port, `/known/other/${size - 7_000_000}`)));
  const late = await Promise.all(sizes.map((size) => read(server.port, `/known/${size}`, others)));
  for (const [index, size] of sizes.entries()) assert.ok(late[index]?.equals(bytesOf(`/known/${size}`)));
  await app.close();
});

/** Fails at each chunk, where nobody catches it: `tsgi` lives on. */
async function* failing(body: Body): AsyncGenerator<Chunk> {
  for await (const chunk of body as AsyncIterable<Chunk>) {
    process.nextTick(() => {
      throw new Error("of nobody");
    });
    yield chunk;
  }
}

test("proxy: bodies stay what the target has sent where something throws as they come", async (t) => {
  process.setUncaughtExceptionCaptureCallback(() => {});
  t.after(() => process.setUncaughtExceptionCaptureCallback(null));
  const { server: origin } = await start(t, target);
  const app = proxy(origin.url);
  const { server } = await start(
    t,
    transform(app, (response) => ({ ...response, body: failing(response.body) })),
  );
  const paths = Array.from({ length: 6 }, (_, index) => `/known/${1_000_000 + index}`);
  const bodies = await Promise.all(paths.map((path) => read(server.port, path)));
  for (const [index, path] of paths.entries()) assert.ok(bodies[index]?.equals(bytesOf(path)), path);
  await app.close();
});

test("proxy: a body without a length that ends, or is reset, before it is read ends nothing else", async (t) => {
  const bytes = bytesOf("/100000");
  let ends = true;
  const origin = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write("HTTP/1.0 200 OK\r\n\r\n");
      socket.write(bytes);
      setTimeout(() => (ends ? socket.end() : socket.resetAndDestroy()), 20);
    });
  }).listen(0, "127.0.0.1");
  t.after(() => origin.close());
  await once(origin, "listening");
  const app = proxy(`http://127.0.0.1:${(origin.address() as AddressInfo).port}`);
  const { server } = await start(
    t,
    transform(app, async (response) => {
      await sleep(60);
      return response;
    }),
  );
  assert.ok((await read(server.port, "/")).equals(bytes));
  ends = false;
  await assert.rejects(async () => (await fetch(server.url)).text());
  await app.close();
});
