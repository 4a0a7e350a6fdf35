import assert from "node:assert/strict";
import { truncate, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import { type Server, serve } from "../../../src/server/serve.ts";
import { allClosed, fileTree, LAST_MODIFIED, openBelow, tagOf } from "../../support/file-tree.ts";

const LARGE = 20_000_000;
const pattern = Buffer.from("0123456789abcdefghijklmnopqrstuvwxyz");
const root = await fileTree({
  "hello.txt": "hello\n",
  "docs/index.html": "docs",
  "large.bin": Buffer.alloc(LARGE, pattern),
});
const app = staticFiles(notFound, { "/static": root });
const linuxOnly = { skip: process.platform !== "linux" };

interface Site {
  readonly server: Server;
  readonly errors: string[];
  connect(): Socket;
  /** Sends requests on one connection, and gives all that came until it was closed, without dates. */
  exchange(...requests: string[]): Promise<string>;
}

async function serveFiles(t: TestContext): Promise<Site> {
  const errors: string[] = [];
  const server = await serve(app, { port: 0, errors: { write: (text) => errors.push(text) } });
  t.after(() => server.close({ grace: 0 }));
  const open = () => connect(server.port, "127.0.0.1").on("error", () => {});
  return {
    server,
    errors,
    connect: open,
    async exchange(...requests) {
      const socket = open();
      socket.write(requests.join(""), "latin1");
      let received = "";
      for await (const chunk of socket) received += (chunk as Buffer).toString("latin1");
      return received.replaceAll(/^Date: .*\r\n/gm, "");
    },
  };
}

function get(target: string, ...headers: string[]): string {
  return [`GET ${target} HTTP/1.1`, "Host: a", ...headers, "", ""].join("\r\n");
}

const LAST = "Connection: close";

function lines(...text: string[]): string {
  return text.join("\r\n");
}

test("static files: a file on the wire", async (t) => {
  const site = await serveFiles(t);
  assert.equal(
    await site.exchange(get("/static/hello.txt", LAST)),
    lines(
      "HTTP/1.1 200 OK",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Length: 6",
      `Last-Modified: ${LAST_MODIFIED}`,
      `ETag: ${tagOf("hello\n")}`,
      "Accept-Ranges: bytes",
      "Cache-Control: no-cache",
      "X-Content-Type-Options: nosniff",
      "Connection: close",
      "",
      "hello\n",
    ),
  );
});

test("static files: 304, 206, HEAD and 404 on one connection", async (t) => {
  const site = await serveFiles(t);
  const received = await site.exchange(
    get("/static/hello.txt", "If-None-Match: *"),
    get("/static/hello.txt", "Range: bytes=1-2"),
    get("/static/hello.txt").replace("GET", "HEAD"),
    get("/static/none.txt"),
    get("/static/docs", LAST),
  );
  const statuses = [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);
  assert.deepEqual(statuses, ["304", "206", "200", "404", "301"]);
  assert.match(received, /\r\n\r\nelHTTP/);
  assert.match(received, /\r\nLocation: \/static\/docs\/\r\n/);
});

test("static files: a large file arrives as it is, by fetch and in ranges", async (t) => {
  const { server } = await serveFiles(t);
  const whole = Buffer.from(await (await fetch(`${server.url}/static/large.bin`)).arrayBuffer());
  assert.ok(whole.equals(Buffer.alloc(LARGE, pattern)));
  const parts: Buffer[] = [];
  for (let first = 0; first < LARGE; first += 7_000_000) {
    const range = `bytes=${first}-${first + 6_999_999}`;
    const response = await fetch(`${server.url}/static/large.bin`, { headers: { Range: range } });
    assert.equal(response.status, 206);
    parts.push(Buffer.from(await response.arrayBuffer()));
  }
  assert.ok(Buffer.concat(parts).equals(whole));
});

for (const target of [
  "/static/../../etc/passwd",
  "/static/..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
  "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
  "/static/..\\..\\..\\etc\\passwd",
  "/static//etc/passwd",
  "/static/%2Fetc%2Fpasswd",
  "/static/%00",
  "/static/\xff\xfe",
  "//etc/passwd",
  "http://a/static/../../etc/passwd",
]) {
  test(`static files: ${JSON.stringify(target)} gives nothing away`, async (t) => {
    const site = await serveFiles(t);
    assert.match(await site.exchange(get(target, LAST)), /^HTTP\/1\.1 40[04] /);
  });
}

test("static files: a file that is cut short while it is being sent cuts the connection", async (t) => {
  const site = await serveFiles(t);
  const path = join(root, "shrinking.bin");
  await writeFile(path, Buffer.alloc(LARGE));
  const socket = site.connect();
  socket.write(get("/static/shrinking.bin", LAST));
  let length = 0;
  socket.once("data", () => {
    socket.pause();
    void truncate(path, 1000).then(() => socket.resume());
  });
  socket.on("data", (chunk) => {
    length += chunk.length;
  });
  await new Promise((resolve) => socket.once("close", resolve));
  assert.ok(length < LARGE, `${length} bytes look like a whole file`);
  assert.match(site.errors.join(""), /^GET \/static\/shrinking\.bin: TsgiError: the file was changed/);
  await allClosed(root);
});

test("static files: clients that leave at any moment leave no descriptor", linuxOnly, async (t) => {
  const site = await serveFiles(t);
  const leaving = Array.from({ length: 200 }, async (_, index) => {
    const socket = site.connect();
    socket.write(get(index % 3 === 0 ? "/static/hello.txt" : "/static/large.bin"));
    if (index % 4 > 0) await new Promise((resolve) => socket.once(index % 4 > 1 ? "data" : "connect", resolve));
    await new Promise((resolve) => setTimeout(resolve, index % 17));
    socket.destroy();
  });
  await Promise.all(leaving);
  await allClosed(root);
  assert.deepEqual(site.errors, []);
});

test(
  "static files: readers that do not read share one descriptor, and hold a few chunks each",
  linuxOnly,
  async (t) => {
    const site = await serveFiles(t);
    const before = process.memoryUsage().rss;
    const started = Array.from({ length: 50 }, async () => {
      const socket = site.connect();
      socket.write(get("/static/large.bin"));
      await new Promise<void>((resolve) => {
        socket.once("data", () => {
          socket.pause();
          resolve();
        });
      });
      return socket;
    });
    const sockets = await Promise.all(started);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(process.memoryUsage().rss - before < 300_000_000, "50 stalled downloads of 20 MB fill the memory");
    assert.equal(openBelow(root), 1);
    for (const socket of sockets) socket.destroy();
    await allClosed(root);
  },
);

test("static files: a server that closes at once leaves no descriptor", linuxOnly, async (t) => {
  const site = await serveFiles(t);
  const socket = site.connect();
  socket.write(get("/static/large.bin"));
  await new Promise((resolve) => socket.once("data", resolve));
  await site.server.close({ grace: 0 });
  await allClosed(root);
});

test("static files: a mixed load ends with every descriptor closed", linuxOnly, async (t) => {
  const { server } = await serveFiles(t);
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.url}${path}`, { headers, redirect: "manual" });
    await response.arrayBuffer();
    return response.status;
  };
  for (let round = 0; round < 20; round++) {
    const statuses = await Promise.all([
      ask("/static/hello.txt"),
      ask("/static/hello.txt", { "If-None-Match": "*" }),
      ask("/static/hello.txt", { Range: "bytes=9-" }),
      ask("/static/hello.txt", { "If-Match": '"x"' }),
      ask("/static/large.bin", { Range: "bytes=100000-400000" }),
      ask("/static/docs"),
      ask("/static/docs/"),
      ask("/static/none"),
    ]);
    assert.deepEqual(statuses, [200, 304, 416, 412, 206, 301, 200, 404]);
  }
  await allClosed(root);
});
