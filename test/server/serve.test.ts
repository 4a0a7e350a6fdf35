import assert from "node:assert/strict";
import type { EventEmitter } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { connect as connectTo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect as connectSecurely } from "node:tls";
import type { App, Environ } from "../../src/gateway.ts";
import { type ServeOptions, serve } from "../../src/server/serve.ts";
import { certificate } from "../support/certificate.ts";
import { fixture } from "../support/fixture.ts";
import { aWhile, HELLO, hello, lastAnswer, RawClient, start, wire } from "../support/raw-client.ts";

async function socketPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tsgi-"));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, "socket");
}

/** The strings of the environ that a request gives. */
function recorder(): { app: App; seen: Environ[] } {
  const seen: Environ[] = [];
  return {
    seen,
    app(environ, startResponse) {
      seen.push(environ);
      return hello(environ, startResponse);
    },
  };
}

test("serve: url and port say where it answers", async (t) => {
  const { server } = await start(t, hello);
  assert.ok(server.port > 0);
  assert.equal(server.url, `http://127.0.0.1:${server.port}`);
  assert.equal(await (await fetch(server.url)).text(), "hello");
});

test("serve: an IPv6 host stands in brackets, and an IPv4 peer as itself", async (t) => {
  const { app, seen } = recorder();
  const { server } = await start(t, app, { host: "::" });
  assert.equal(server.url, `http://[::]:${server.port}`);
  await (await fetch(`http://127.0.0.1:${server.port}/`)).text();
  assert.equal(seen[0]?.REMOTE_ADDR, "127.0.0.1");
});

test("serve: a Unix socket", async (t) => {
  const unix = await socketPath(t);
  const { app, seen } = recorder();
  const { server, connect } = await start(t, app, { unix });
  assert.deepEqual([server.url, server.port], [`unix:${unix}`, 0]);
  const client = await connect();
  assert.equal(await client.get("/").until("hello"), HELLO);
  const [environ] = seen as [Environ];
  assert.deepEqual([environ.SERVER_NAME, environ.SERVER_PORT], ["localhost", "80"]);
  assert.deepEqual([environ.REMOTE_ADDR, environ.REMOTE_PORT], ["", ""]);
  await server.close();
  assert.equal(existsSync(unix), false);
});

test("serve: an HTTP/1.0 response that fails midway ends the connection of a Unix socket", async (t) => {
  const { connect } = await start(
    t,
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return (async function* () {
        yield "abc";
        await aWhile();
        throw new Error("midway");
      })();
    },
    { unix: await socketPath(t) },
  );
  const client = await connect();
  assert.match(await client.send("GET / HTTP/1.0\r\n\r\n").all(), /abc$/);
  assert.equal(await (await connect()).send("garbage\r\n\r\n").all(), lastAnswer("400 Bad Request"));
});

test("serve: the socket file of a server that died is replaced", async (t) => {
  const unix = await socketPath(t);
  const { line, child } = await fixture(t, "hello.ts", [unix]);
  assert.equal(await line(), "0");
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  assert.equal(existsSync(unix), true);
  const { connect } = await start(t, hello, { unix });
  assert.equal(await (await connect()).get("/").until("hello"), HELLO);
});

test("serve: the socket of a server that lives is not replaced", async (t) => {
  const unix = await socketPath(t);
  const { connect } = await start(t, hello, { unix });
  await assert.rejects(serve(hello, { unix }), { code: "TSGI_PORT_IN_USE" });
  assert.equal(await (await connect()).get("/").until("hello"), HELLO);
});

test("serve: a file that is not a socket stays", async (t) => {
  const unix = await socketPath(t);
  await writeFile(unix, "precious");
  await assert.rejects(serve(hello, { unix }), { code: "TSGI_PORT_IN_USE" });
  assert.equal(await readFile(unix, "utf8"), "precious");
});

test("serve: TLS", async (t) => {
  const tls = await certificate();
  const { app, seen } = recorder();
  const { server } = await start(t, app, { tls, host: "localhost" });
  assert.equal(server.url, `https://localhost:${server.port}`);
  const text = await new Promise<string>((resolve, reject) => {
    get(`${server.url}/x`, { ca: tls.cert, agent: false }, async (response) => {
      let all = "";
      for await (const chunk of response) all += chunk;
      resolve(all);
    }).once("error", reject);
  });
  assert.equal(text, "hello");
  assert.equal(seen[0]?.["tsgi.url_scheme"], "https");
  assert.equal(seen[0]?.SERVER_PORT, String(server.port));
  assert.match(seen[0]?.REMOTE_ADDR as string, /^(127\.0\.0\.1|::1)$/);
});

test("serve: TLS refuses, times out and cuts as plain TCP does", async (t) => {
  const tls = await certificate();
  const app: App = async (environ, startResponse) => {
    for await (const _ of environ["tsgi.input"]);
    startResponse("200 OK", []);
    return (async function* () {
      yield "abc";
      await aWhile();
      throw new Error("midway");
    })();
  };
  const { server } = await start(t, app, { tls, bodyTimeout: 100 });
  const connect = () =>
    new Promise<RawClient>((resolve) => {
      const socket = connectSecurely({ port: server.port, ca: tls.cert, servername: "localhost" }, () => {
        resolve(new RawClient(socket));
      });
      t.after(() => socket.destroy());
    });
  assert.equal(await (await connect()).send("garbage\r\n\r\n").all(), lastAnswer("400 Bad Request"));
  const stalled = (await connect()).send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
  assert.match(await stalled.all(), /^HTTP\/1\.1 408 /);
  assert.match(await (await connect()).send("GET / HTTP/1.0\r\n\r\n").all(), /abc$/);
});

test("serve: plain HTTP to a TLS port does no harm", async (t) => {
  const { server, log } = await start(t, hello, { tls: await certificate() });
  const client = await RawClient.open(connectTo(server.port));
  client.get("/");
  assert.doesNotMatch(await client.all(), /HTTP/);
  assert.deepEqual(log, []);
});

test("serve: a port in use", async (t) => {
  const { server } = await start(t, hello);
  await assert.rejects(serve(hello, { port: server.port }), { code: "TSGI_PORT_IN_USE" });
});

test("serve: a host that is not here", async () => {
  await assert.rejects(serve(hello, { port: 0, host: "192.0.2.1" }), { code: "TSGI_CANNOT_LISTEN" });
});

for (const [options, code] of [
  [{ port: -1 }, "TSGI_BAD_OPTION"],
  [{ port: 65_536 }, "TSGI_BAD_OPTION"],
  [{ port: 1.5 }, "TSGI_BAD_OPTION"],
  [{ port: "80" as never }, "TSGI_BAD_OPTION"],
  [{ headersTimeout: -1 }, "TSGI_BAD_OPTION"],
  [{ requestTimeout: Number.NaN }, "TSGI_BAD_OPTION"],
  [{ bodyTimeout: 2 ** 31 }, "TSGI_BAD_OPTION"],
  [{ keepAliveTimeout: Number.POSITIVE_INFINITY }, "TSGI_BAD_OPTION"],
  [{ maxHeaderSize: 0.5 }, "TSGI_BAD_OPTION"],
  [{ maxRequestsPerConnection: "1" as never }, "TSGI_BAD_OPTION"],
  [{ maxHeadersCount: -1 }, "TSGI_BAD_OPTION"],
  [{ handshakeTimeout: -1 }, "TSGI_BAD_OPTION"],
  [{ host: "" }, "TSGI_BAD_OPTION"],
  [{ unix: "" }, "TSGI_BAD_OPTION"],
  [{ development: "yes" as never }, "TSGI_BAD_OPTION"],
  [{ errors: {} as never }, "TSGI_BAD_OPTION"],
  [{ tls: {} as never }, "TSGI_BAD_OPTION"],
  [{ tls: { key: "a key alone" } as never }, "TSGI_BAD_OPTION"],
  [{ tls: { key: "no key", cert: "no certificate" } }, "TSGI_BAD_TLS"],
] as [ServeOptions, string][]) {
  test(`serve: ${JSON.stringify(options)} is ${code}`, async () => {
    await assert.rejects(serve(hello, { ...options, ...("port" in options ? {} : { port: 0 }) }), { code });
  });
}

test("serve: an option that it does not know is refused with the nearest one", async () => {
  await assert.rejects(serve(hello, { hosts: "::" } as never), { code: "TSGI_BAD_OPTION", hint: "Did you mean host?" });
});

test("serve: tls without a certificate says what to give", async () => {
  await assert.rejects(serve(hello, { port: 0, tls: {} as never }), {
    message: "tls has no key. Give { key, cert }: the contents of a PEM private key and of its certificate.",
  });
});

test("serve: a client that does not make its TLS handshake is disconnected", async (t) => {
  const { server } = await start(t, hello, { tls: await certificate(), handshakeTimeout: 50 });
  const client = await RawClient.open(connectTo(server.port));
  t.after(() => client.socket.destroy());
  assert.equal(await client.all(), "");
});

test("serve: a socket in a folder that does not exist", async (t) => {
  const unix = join(await socketPath(t), "socket");
  await assert.rejects(serve(hello, { unix }), {
    code: "TSGI_CANNOT_LISTEN",
    message: `cannot listen on ${unix}: there is no folder ${dirname(unix)}. Make the folder, or choose another path.`,
  });
});

test("serve: a socket in a folder that is not this user's", {
  skip: process.getuid?.() === 0 && "root may write everywhere",
}, async () => {
  await assert.rejects(serve(hello, { unix: "/proc/socket" }), { code: "TSGI_PORT_DENIED" });
});

test("serve: what is not an app is TSGI_NO_APP", async () => {
  for (const app of [undefined, null, {}, "app"]) {
    await assert.rejects(serve(app as never, { port: 0 }), { code: "TSGI_NO_APP" });
  }
});

test("serve: a short time for requests is one for their heads as well", async (t) => {
  const { connect } = await start(t, hello, { requestTimeout: 200 });
  assert.equal(await (await connect()).all(), lastAnswer("408 Request Timeout"));
});

test("serve: paths keep their inner slashes where they are asked to", async (t) => {
  const { app, seen } = recorder();
  const { connect } = await start(t, app, { mergeSlashes: false });
  await (await connect()).get("//a//b").until("hello");
  assert.equal(seen[0]?.PATH_INFO, "/a//b");
});

test("serve: the options that an app learns", async (t) => {
  const { app, seen } = recorder();
  const { log, connect } = await start(t, app, { multiprocess: true });
  await (await connect()).get("/").until("hello");
  assert.equal(seen[0]?.["tsgi.multiprocess"], true);
  seen[0]?.["tsgi.errors"].write("noted");
  assert.deepEqual(log, ["noted"]);
});

test("serve: a log that fails while a connection cannot be accepted ends nothing", async (t) => {
  const fail = () => {
    throw new Error("the log is closed");
  };
  const app: App = (environ, startResponse) => {
    (environ["tsgi.exchange"].server as EventEmitter).emit("error", new Error("accept EMFILE"));
    return hello(environ, startResponse);
  };
  const { connect } = await start(t, app, { errors: { write: fail } });
  const client = await connect();
  assert.equal(await client.get("/").until("hello"), HELLO);
});

test("serve: running out of descriptors does not end the process", async (t) => {
  const { child, line } = await fixture(t, "hello.ts", [], 48);
  const port = Number(await line());
  const clients: RawClient[] = [];
  for (let count = 0; count < 60; count++) clients.push(await RawClient.open(connectTo(port)));
  await aWhile();
  for (const client of clients) client.socket.destroy();
  await aWhile();
  const client = await RawClient.open(connectTo(port));
  assert.equal(
    await client.get("/", "Connection: close").all(),
    wire("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 5\nConnection: close\n\nhello"),
  );
  assert.equal(child.exitCode, null);
});
