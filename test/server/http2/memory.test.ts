import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../../../src/gateway.ts";
import { startHttp2, WAYS } from "../../support/http2-client.ts";

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
