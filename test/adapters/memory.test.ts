import assert from "node:assert/strict";
import { request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { fixture } from "../support/fixture.ts";

/** How much is streamed each way, in MiB. By hand, 1 GiB: `TSGI_STREAM_MIB=1024`. */
const SIZE = (Number(process.env.TSGI_STREAM_MIB) || 256) * 2 ** 20;
/** What a stream may add to an idle server, in bytes. */
const GROWTH = 80 * 2 ** 20;

async function download(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/${SIZE}`);
  let length = 0;
  for await (const chunk of response.body as ReadableStream<Uint8Array>) length += chunk.length;
  return length;
}

async function upload(port: number): Promise<number> {
  const chunk = Buffer.alloc(65_536, "x");
  const outgoing = request({ port, method: "POST" });
  const answer = new Promise<number>((resolve, reject) => {
    outgoing.on("error", reject).on("response", async (response) => {
      let body = "";
      for await (const part of response) body += part;
      resolve(Number(body));
    });
  });
  await pipeline(Readable.from(Array.from({ length: SIZE / chunk.length }, () => chunk)), outgoing);
  return answer;
}

for (const kind of ["node", "fetch"]) {
  for (const [what, run] of [
    ["response", download],
    ["request", upload],
  ] as const) {
    test(`adapters: a large ${what} of a ${kind} handler holds the memory flat`, { timeout: 120_000 }, async (t) => {
      const { line, ask } = await fixture(t, "adapted.ts", [kind]);
      const port = Number(await line());
      const idle = Number(await ask("reset"));
      assert.equal(await run(port), SIZE);
      const growth = Number(await ask("peak")) - idle;
      t.diagnostic(`${(growth / 2 ** 20).toFixed(1)} MiB above idle`);
      assert.ok(growth < GROWTH, `${growth} bytes`);
    });
  }
}
