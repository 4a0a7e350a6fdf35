import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { fixture } from "../support/fixture.ts";

/** How much is streamed each way, in MiB. By hand, 1 GiB: `TSGI_STREAM_MIB=1024`. */
const SIZE = Number(process.env.TSGI_STREAM_MIB ?? 256) << 20 || 2 ** 30;
/** What a stream may add to an idle server. */
const GROWTH = 64 << 20;

interface State {
  rss: number;
  peak: number;
}

const CHUNK = Buffer.alloc(65_536, "x");

async function grown(run: (port: number) => Promise<void>, t: Parameters<typeof fixture>[0]): Promise<number> {
  const { line, ask } = await fixture(t, "streams.ts");
  const port = Number(await line());
  const idle = JSON.parse(await ask("reset")) as State;
  await run(port);
  const after = JSON.parse(await ask("state")) as State;
  return after.peak - idle.rss;
}

function report(t: { diagnostic(text: string): void }, what: string, growth: number): void {
  t.diagnostic(`${what} of ${SIZE >> 20} MiB: ${(growth / 2 ** 20).toFixed(1)} MiB above idle`);
}

test("memory: a large response holds it flat", async (t) => {
  const growth = await grown(
    (port) =>
      new Promise((resolve, reject) => {
        let received = 0;
        const socket = connect({ port }, () =>
          socket.write(`GET /${SIZE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
        );
        socket.on("data", (chunk) => {
          received += chunk.length;
        });
        socket.on("error", reject);
        socket.on("end", () => {
          if (received > SIZE) resolve();
          else reject(new Error(`${received} bytes`));
        });
      }),
    t,
  );
  report(t, "response", growth);
  assert.ok(growth < GROWTH, `${growth} bytes`);
});

for (const framing of ["declared", "chunked"] as const) {
  test(`memory: a large request body holds it flat (${framing})`, async (t) => {
    const growth = await grown(
      (port) =>
        new Promise((resolve, reject) => {
          let received = "";
          let left = SIZE;
          const socket = connect({ port });
          const piece =
            framing === "declared" ? CHUNK : Buffer.concat([Buffer.from("10000\r\n"), CHUNK, Buffer.from("\r\n")]);
          const head = framing === "declared" ? `Content-Length: ${SIZE}` : "Transfer-Encoding: chunked";
          const pump = () => {
            while (left > 0) {
              left -= CHUNK.length;
              if (!socket.write(piece)) return;
            }
            if (left === 0 && framing === "chunked") socket.write("0\r\n\r\n");
            left = -1;
          };
          socket.write(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${head}\r\n\r\n`);
          pump();
          socket.on("drain", pump);
          socket.on("error", reject);
          socket.on("data", (chunk) => {
            received += chunk;
          });
          socket.on("end", () => (received.endsWith(`${SIZE} bytes.`) ? resolve() : reject(new Error(received))));
        }),
      t,
    );
    report(t, "request", growth);
    assert.ok(growth < GROWTH, `${growth} bytes`);
  });
}

test("memory: a client that does not read holds it flat", async (t) => {
  const growth = await grown(
    (port) =>
      new Promise((resolve, reject) => {
        const socket = connect({ port }, () => {
          socket.write(`GET /${SIZE} HTTP/1.1\r\nHost: a\r\n\r\n`);
          socket.pause();
          setTimeout(() => {
            socket.destroy();
            resolve();
          }, 1000);
        });
        socket.on("error", reject);
      }),
    t,
  );
  report(t, "unread response", growth);
  assert.ok(growth < GROWTH, `${growth} bytes`);
});
