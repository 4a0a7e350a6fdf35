import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { App } from "../../../src/gateway.ts";
import { DATA, frame, get, PING, post, RST_STREAM, uint32, WINDOW_UPDATE } from "../../support/frames.ts";
import { startHttp2, WAYS } from "../../support/http2-client.ts";
import { eventually } from "../../support/raw-client.ts";

const MIB = 1 << 20;
const SIZE = 128 * MIB;

/** How much more memory than before the buffers of the process take at most while something runs. */
async function growthDuring(run: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().arrayBuffers;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }, 5);
  await run();
  clearInterval(timer);
  return most - before;
}

for (const way of WAYS) {
  test(`memory over ${way}: a large body passes through, either way`, async (t) => {
    const app: App = async (environ, startResponse) => {
      let length = 0;
      for await (const chunk of environ["tsgi.input"]) length += chunk.length;
      startResponse("200 OK", [["X-Length", String(length)]]);
      return (function* () {
        for (let sent = 0; sent < SIZE; sent += MIB) yield Buffer.alloc(MIB);
      })();
    };
    const started = await startHttp2(t, app, {}, way);
    const session = started.connect();
    const growth = await growthDuring(async () => {
      const stream = session.request({ ":method": "POST" });
      const chunk = Buffer.alloc(MIB);
      for (let sent = 0; sent < SIZE; sent += MIB) {
        if (!stream.write(chunk)) await new Promise((resolve) => stream.once("drain", resolve));
      }
      stream.end();
      let length = 0;
      for await (const received of stream) length += (received as Buffer).length;
      assert.equal(length, SIZE);
    });
    assert.ok(growth < 96 * MIB, `${growth / MIB} MiB more`);
  });
}

/** How much memory is in use, without what nobody holds. */
function inUse(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const BYTES: Record<string, [count: number, one: Buffer]> = {
  "one by one": [50_000, frame(DATA, 0, 3, Buffer.alloc(1))],
  "each with much that serves nobody": [
    300,
    Buffer.concat([
      ...Array.from({ length: 5000 }, () => frame(WINDOW_UPDATE, 0, 1, uint32(1))),
      frame(DATA, 0, 3, Buffer.alloc(1)),
    ]),
  ],
};
for (const [how, [count, one]] of Object.entries(BYTES)) {
  test(`memory: bytes that wait for an app take little, though they are sent ${how}`, async (t) => {
    const { frames } = await startHttp2(t, () => new Promise(() => {}));
    const client = await frames();
    client.send(get(1), frame(RST_STREAM, 0, 1, uint32(8)), post(3), frame(PING, 0, 0, Buffer.alloc(8)));
    await client.until(PING);
    const before = inUse();
    for (let index = 0; index < count; index++) {
      if (!client.socket.write(one)) await new Promise((resolve) => client.socket.once("drain", resolve));
    }
    client.send(frame(PING, 0, 0, Buffer.alloc(8)));
    await client.until(PING, 0, 2);
    // What was read last may still be held by the sockets.
    await eventually(() => inUse() - before < 2 * MIB);
  });
}
