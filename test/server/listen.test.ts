import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { App } from "../../src/gateway.ts";
import { type ServeOptions, type Server, serve } from "../../src/server/serve.ts";
import { certificate } from "../support/certificate.ts";
import { NODE_FLAGS, pathToRun } from "../support/compiled.ts";
import { eventually, HELLO, hello, RawClient, start } from "../support/raw-client.ts";

/** Says where the server thinks it is. */
const where: App = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  const { SERVER_NAME, SERVER_PORT, "tsgi.url_scheme": scheme } = environ;
  return `${scheme}|${SERVER_NAME}|${SERVER_PORT}`;
};

async function serving(t: TestContext, app: App, options: ServeOptions): Promise<Server> {
  const server = await serve(app, options);
  t.after(() => server.close({ linger: 0, grace: 0 }));
  return server;
}

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "tsgi-"));
  t.after(() => rm(made, { recursive: true }));
  return made;
}

async function asked(t: TestContext, to: { port: number; host?: string } | { path: string }): Promise<string> {
  const client = await RawClient.open(connect(to));
  t.after(() => client.socket.destroy());
  const answer = await client.get("/", "Connection: close").all();
  return answer.slice(answer.indexOf("\r\n\r\n") + 4);
}

test("listen: several places, each of which knows itself", async (t) => {
  const unix = join(await folder(t), "socket");
  const server = await serving(t, where, { listen: [{ port: 0 }, { unix }, { host: "127.0.0.2", port: 0 }] });
  const [first, second, third] = server.urls as [string, string, string];
  assert.equal(server.urls.length, 3);
  assert.deepEqual([server.url, server.port], [first, Number(new URL(first).port)]);
  assert.equal(second, `unix:${unix}`);
  const port = Number(new URL(third).port);
  assert.equal(third, `http://127.0.0.2:${port}`);
  assert.equal(await asked(t, { port: server.port }), `http|127.0.0.1|${server.port}`);
  assert.equal(await asked(t, { path: unix }), "http|localhost|80");
  assert.equal(await asked(t, { port, host: "127.0.0.2" }), `http|127.0.0.2|${port}`);
});

test("listen: closing closes every place, and the connections of each", async (t) => {
  const unix = join(await folder(t), "socket");
  const server = await serving(t, hello, { listen: [{ port: 0 }, { unix }] });
  const clients = await Promise.all([RawClient.open(connect(server.port)), RawClient.open(connect({ path: unix }))]);
  for (const client of clients) assert.equal(await client.get("/").until("hello"), HELLO);
  await server.close({ linger: 0 });
  for (const client of clients) assert.equal(await client.all(), HELLO);
  assert.equal(existsSync(unix), false);
  await assert.rejects(RawClient.open(connect(server.port)), { code: "ECONNREFUSED" });
});

test("listen: where one place fails, the others are closed", async (t) => {
  const unix = join(await folder(t), "socket");
  const other = await serving(t, hello, { port: 0 });
  await assert.rejects(serve(hello, { listen: [{ unix }, { port: other.port }, { port: 0 }] }), {
    code: "TSGI_PORT_IN_USE",
  });
  assert.equal(existsSync(unix), false);
  // The place is free again.
  await serving(t, hello, { unix });
});

test("listen: over TLS, in several places", async (t) => {
  const tls = await certificate();
  const server = await serving(t, hello, { tls, listen: [{ port: 0 }, { host: "localhost", port: 0 }] });
  assert.match(server.urls.join(" "), /^https:\/\/127\.0\.0\.1:\d+ https:\/\/localhost:\d+$/);
});

for (const [what, options] of [
  ["no place", { listen: [] }],
  ["a place that is not one", { listen: [{ prot: 1 }] }],
  ["a port out of range", { listen: [{ port: 0 }, { port: 65_536 }] }],
  ["a port beside places", { port: 0, listen: [{ port: 0 }] }],
  ["a host beside places", { host: "::", listen: [{ port: 0 }] }],
  ["a Unix socket beside places", { unix: "/x", listen: [{ port: 0 }] }],
  ["a descriptor beside places", { fd: 3, listen: [{ port: 0 }] }],
  ["a Unix socket and a descriptor", { unix: "/x", fd: 3 }],
  ["both in a place", { listen: [{ unix: "/x", fd: 3 }] }],
  ["permissions without a Unix socket", { port: 0, mode: 0o660 }],
  ["permissions beside places", { mode: 0o660, listen: [{ unix: "/x" }] }],
  ["permissions that are not", { unix: "/x", mode: 0o1000 }],
  ["a descriptor that is not a number", { fd: "3" }],
  ["a backlog of 0", { port: 0, backlog: 0 }],
  ["a negative number of connections", { port: 0, maxConnections: -1 }],
] as const) {
  test(`listen: ${what} is refused`, async () => {
    await assert.rejects(serve(hello, options as unknown as ServeOptions), { code: "TSGI_BAD_OPTION" });
  });
}

test("listen: a Unix socket has the permissions that it is given", async (t) => {
  const base = await folder(t);
  const [group, own] = ["group", "own"].map((name) => join(base, name)) as [string, string];
  const umask = process.umask();
  await serving(t, hello, {
    listen: [
      { unix: group, mode: 0o660 },
      { unix: own, mode: 0o600 },
    ],
  });
  assert.deepEqual(
    [group, own].map((path) => (statSync(path).mode & 0o777).toString(8)),
    ["660", "600"],
  );
  assert.equal(process.umask(), umask);
});

test("listen: the backlog is handed to the kernel", async (t) => {
  const listening = t.mock.method(NetServer.prototype, "listen");
  const unix = join(await folder(t), "socket");
  await serving(t, hello, { backlog: 7, listen: [{ port: 0 }, { unix }] });
  await serving(t, hello, { port: 0 });
  const given = listening.mock.calls.map(({ arguments: [options] }) => (options as { backlog?: number }).backlog);
  assert.deepEqual(given, [7, 7, 1024]);
});

test("listen: beyond maxConnections a connection is closed, until another one ends", async (t) => {
  const { connect: open } = await start(t, hello, { maxConnections: 2 });
  const first = await open();
  assert.equal(await first.get("/").until("hello"), HELLO);
  const second = await open();
  assert.equal(await second.get("/").until("hello"), HELLO);
  const third = await open();
  assert.equal(await third.all(), "");
  first.socket.destroy();
  let answer = "";
  for (let count = 0; answer === "" && count < 100; count++)
    answer = await (await open()).get("/", "Connection: close").all();
  assert.match(answer, /hello$/);
  assert.equal(await second.get("/").until("hello"), HELLO);
});

/** A program that serves on a socket which it inherits as descriptor 3. */
function heir(t: TestContext, descriptor: number) {
  const file = pathToRun(fileURLToPath(new URL("../support/fixtures/inherit.ts", import.meta.url)));
  const child = spawn(process.execPath, [...NODE_FLAGS, file, "3"], {
    stdio: ["pipe", "pipe", "inherit", descriptor],
  });
  t.after(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value as string };
}

/** The descriptor of a server of Node's. */
function descriptorOf(server: NetServer): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}

test("listen: on a socket of another process", async (t) => {
  const parent = createServer();
  await new Promise<void>((resolve) => parent.listen(0, "127.0.0.1", resolve));
  const { port } = parent.address() as AddressInfo;
  const { child, line } = heir(t, descriptorOf(parent));
  parent.close();
  assert.equal(await line(), `http://127.0.0.1:${port} ${port}`);
  assert.equal(await asked(t, { port }), `127.0.0.1|${port}|127.0.0.1`);
  child.stdin?.end();
  await new Promise((resolve) => child.once("exit", resolve));
  await assert.rejects(RawClient.open(connect(port)), { code: "ECONNREFUSED" });
});

test("listen: on a Unix socket of another process", async (t) => {
  const path = join(await folder(t), "socket");
  const parent = createServer();
  await new Promise<void>((resolve) => parent.listen(path, resolve));
  const { child, line } = heir(t, descriptorOf(parent));
  assert.equal(await line(), "fd:3 0");
  // It is the child that is to accept; to close the parent's would remove the file.
  parent.on("connection", (socket) => socket.destroy());
  let answer = "";
  await eventually(() => {
    void asked(t, { path }).then(
      (text) => {
        answer ||= text;
      },
      () => {},
    );
    return answer !== "";
  });
  assert.equal(answer, "localhost|80|");
  child.stdin?.end();
  await new Promise((resolve) => child.once("exit", resolve));
  parent.close();
});

test("listen: a descriptor that is not a socket is refused", async (t) => {
  const file = await open(fileURLToPath(import.meta.url));
  t.after(() => file.close());
  await assert.rejects(serve(hello, { fd: file.fd }), { code: "TSGI_CANNOT_LISTEN" });
});

test("listen: a descriptor that is not open is refused", async () => {
  await assert.rejects(serve(hello, { fd: 1_000_000 }), { code: "TSGI_CANNOT_LISTEN" });
});
