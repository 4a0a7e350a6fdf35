import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectTo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect as connectSecurely } from "node:tls";
import { promisify } from "node:util";
import type { App } from "../../src/gateway.ts";
import { type ServeOptions, serve } from "../../src/server/serve.ts";
import { certificate } from "../support/certificate.ts";
import { aWhile, HELLO, hello, lastAnswer, RawClient, start } from "../support/raw-client.ts";

const LINE = "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443\r\n";
const BINARY = Buffer.from("0d0a0d0a000d0a515549540a2111000cc0000207c6336401d9f601bb", "hex");
const LOCAL = Buffer.from("0d0a0d0a000d0a515549540a20000000", "hex");
const fromHere = { from: ["127.0.0.1"] };

/** Says who asks and what was asked. */
const who: App = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  const { REMOTE_ADDR, REMOTE_PORT, SERVER_NAME, SERVER_PORT } = environ;
  return `${REMOTE_ADDR} ${REMOTE_PORT} ${SERVER_NAME} ${SERVER_PORT} ${environ["tsgi.url_scheme"]}${environ.PATH_INFO}\n`;
};

function started(t: TestContext, options: ServeOptions = {}, app: App = who) {
  return start(t, app, { proxyProtocol: fromHere, ...options });
}

for (const [version, header] of [
  ["1", LINE],
  ["2", BINARY],
] as const) {
  test(`proxied: a header of version ${version} says who the client is, for each request`, async (t) => {
    const { server, connect } = await started(t);
    const client = await connect();
    client.send(header).get("/a");
    await client.until("/a\n");
    client.get("/b");
    const said = await client.until("/b\n");
    assert.match(said, new RegExp(`\n192.0.2.7 55798 127.0.0.1 ${server.port} http/a\n`));
    assert.match(said, new RegExp(`\n192.0.2.7 55798 127.0.0.1 ${server.port} http/b\n`));
  });

  test(`proxied: a header of version ${version}, byte by byte`, async (t) => {
    const { connect } = await started(t);
    const client = await connect();
    for (const byte of Buffer.concat([Buffer.from(header), Buffer.from("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")])) {
      client.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.match(await client.until("/a\n"), /\n192\.0\.2\.7 55798 /);
  });

  test(`proxied: a header of version ${version} before TLS`, async (t) => {
    const tls = await certificate();
    const { server } = await started(t, { tls });
    for (const split of [false, true]) {
      const plain = connectTo(server.port);
      t.after(() => plain.destroy());
      if (split) await bytewise(plain, header);
      const client = await secured(plain, tls.cert, split ? "" : header);
      client.get("/a");
      await client.until("/a\n");
      client.clear();
      client.get("/b");
      assert.match(await client.until("/b\n"), new RegExp(`\n192.0.2.7 55798 127.0.0.1 ${server.port} https/b\n`));
    }
  });

  test(`proxied: a header of version ${version} cut in two anywhere, with the request after it`, async (t) => {
    const { connect } = await started(t);
    for (let at = 1; at < header.length; at++) {
      const client = await connect();
      client.send(Buffer.from(header.slice(0, at)));
      await new Promise((resolve) => setTimeout(resolve, 2));
      client.send(Buffer.concat([Buffer.from(header.slice(at)), Buffer.from("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")]));
      assert.match(await client.until("/a\n"), /\n192\.0\.2\.7 55798 /);
      client.socket.destroy();
    }
  });
}

async function bytewise(socket: Socket, bytes: string | Uint8Array): Promise<void> {
  for (const byte of Buffer.from(bytes as string)) {
    socket.write(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** TLS on a socket; what is to come before it goes into the same packet. */
function secured(socket: Socket, ca: string, before: string | Uint8Array): Promise<RawClient> {
  socket.cork();
  if (before.length > 0) socket.write(before);
  return new Promise((resolve, reject) => {
    const secure = connectSecurely({ socket, ca, servername: "localhost" }, () => resolve(new RawClient(secure)));
    secure.once("error", reject);
    setImmediate(() => socket.uncork());
  });
}

test("proxied: many connections with TLS at once keep their clients apart", async (t) => {
  const tls = await certificate();
  const { server } = await started(t, { tls });
  const all = Array.from({ length: 30 }, async (_, index) => {
    const plain = connectTo(server.port);
    t.after(() => plain.destroy());
    const client = await secured(plain, tls.cert, `PROXY TCP4 192.0.2.${index} 198.51.100.1 ${index} 443\r\n`);
    return client.get("/").until("https/\n");
  });
  for (const [index, said] of (await Promise.all(all)).entries()) {
    assert.match(said, new RegExp(`\n192.0.2.${index} ${index} `));
  }
});

for (const [what, header] of [
  ["an unknown kind", "PROXY UNKNOWN\r\n"],
  ["a connection of the proxy's own", LOCAL],
] as const) {
  test(`proxied: ${what} has the address of its socket`, async (t) => {
    const { connect } = await started(t);
    const client = await connect();
    assert.match(
      await client.send(header).get("/").until("/\n"),
      new RegExp(`\n127.0.0.1 ${client.socket.localPort} `),
    );
  });
}

test("proxied: IPv6", async (t) => {
  const { connect } = await started(t);
  const client = await connect();
  client.send("PROXY TCP6 2001:DB8:0::1 ::1 1 2\r\n").get("/");
  assert.match(await client.until("/\n"), /\n2001:db8::1 1 /);
});

test("proxied: a socket of both families knows IPv4", async (t) => {
  const { server } = await started(t, { host: "::" });
  const client = await RawClient.open(connectTo(server.port, "127.0.0.1"));
  t.after(() => client.socket.destroy());
  assert.match(await client.send(LINE).get("/").until("/\n"), /\n192\.0\.2\.7 55798 :: /);
});

test("proxied: a connection from elsewhere is closed, whatever it sends", async (t) => {
  const { log, connect } = await started(t, { proxyProtocol: { from: ["10.0.0.0/8", "::1", "fd00::/8"] } });
  for (const bytes of [LINE, BINARY, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"]) {
    const client = await connect();
    assert.equal(await client.send(bytes).get("/").all(), "");
  }
  assert.deepEqual(log, ["tsgi: closed a connection from 127.0.0.1: it is not from a network of proxyProtocol\n"]);
});

for (const [what, bytes] of [
  ["a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a request with a header in its fields", `GET / HTTP/1.1\r\nHost: a\r\n${LINE}\r\n`],
  ["a request with a header after it", `GET / HTTP/1.1\r\nHost: a\r\n\r\n${LINE}`],
  ["an empty line before the header", `\r\n${LINE}GET / HTTP/1.1\r\nHost: a\r\n\r\n`],
  ["a line whose end is missing", `${LINE.slice(0, -2)}\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`],
  ["a line that never ends", `PROXY UNKNOWN ${"x".repeat(200)}`],
  ["a reserved family", Buffer.from("0d0a0d0a000d0a515549540a2141000cc0000207c6336401d9f601bb", "hex")],
] as const) {
  test(`proxied: ${what} is closed without an answer`, async (t) => {
    let calls = 0;
    const { log, connect } = await started(t, {}, (environ, startResponse) => {
      calls++;
      return hello(environ, startResponse);
    });
    assert.equal(await (await connect()).send(bytes).all(), "");
    assert.equal(calls, 0);
    assert.deepEqual(log, ["tsgi: closed a connection from 127.0.0.1: it does not begin with a PROXY header\n"]);
  });
}

test("proxied: a second header is not a request", async (t) => {
  for (const second of [LINE, BINARY]) {
    const { connect } = await started(t, {}, hello);
    assert.equal(await (await connect()).send(LINE).send(second).get("/").all(), lastAnswer("400 Bad Request"));
  }
});

test("proxied: a header before a later request is not one", async (t) => {
  const { connect } = await started(t, {}, hello);
  const client = await connect();
  await client.send(LINE).get("/").until("hello");
  client.send("PROXY TCP4 203.0.113.9 198.51.100.1 1 2\r\n").get("/");
  assert.equal(await client.all(), HELLO + lastAnswer("400 Bad Request"));
});

test("proxied: a header among the fields of a request is not one", async (t) => {
  const { connect } = await started(t, {}, hello);
  const client = await connect();
  client.send(`${LINE}GET / HTTP/1.1\r\nHost: a\r\nPROXY TCP4 203.0.113.9 198.51.100.1 1 2\r\n\r\n`);
  assert.equal(await client.all(), lastAnswer("400 Bad Request"));
});

test("proxied: a header within TLS is not one", async (t) => {
  const tls = await certificate();
  const { server } = await started(t, { tls }, hello);
  const plain = connectTo(server.port);
  t.after(() => plain.destroy());
  const client = await secured(plain, tls.cert, LINE);
  assert.equal(await client.send(LINE).get("/").all(), lastAnswer("400 Bad Request"));
});

test("proxied: TLS without a header is closed", async (t) => {
  const tls = await certificate();
  const { server, log } = await started(t, { tls });
  const socket = connectSecurely({ port: server.port, ca: tls.cert, servername: "localhost" });
  await assert.rejects(new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject)));
  assert.deepEqual(log, ["tsgi: closed a connection from 127.0.0.1: it does not begin with a PROXY header\n"]);
});

test("proxied: a header that is late", async (t) => {
  const { log, connect } = await started(t, { handshakeTimeout: 50 });
  assert.equal(await (await connect()).send(LINE.slice(0, 10)).all(), "");
  assert.deepEqual(log, ["tsgi: closed a connection from 127.0.0.1: its PROXY header is late\n"]);
});

test("proxied: what connects and leaves is not reported", async (t) => {
  const { server, log, connect } = await started(t);
  const client = await connect();
  client.socket.end();
  assert.equal(await client.all(), "");
  // Reset while nothing can be accepted here.
  const program = `const socket = require("net").connect(${server.port}, "127.0.0.1", () => socket.resetAndDestroy())`;
  execFileSync(process.execPath, ["-e", program]);
  await aWhile();
  assert.deepEqual(log, []);
});

test("proxied: closing waits for a header, and cuts one that does not come", async (t) => {
  const { server, connect } = await started(t);
  const [client, silent] = [await connect(), await connect()];
  client.send(LINE.slice(0, 10));
  await aWhile();
  const closed = server.close({ linger: 50, grace: 500 });
  client.send(LINE.slice(10)).get("/");
  assert.match(await client.all(), /Connection: close\r\n\r\n192\.0\.2\.7 55798 /);
  assert.equal(await silent.all(), "");
  await closed;
});

test("proxied: a client that sends nothing after the header is given the usual time", async (t) => {
  const { connect } = await started(t, { headersTimeout: 50 });
  assert.equal(await (await connect()).send(LINE).all(), lastAnswer("408 Request Timeout"));
});

test("proxied: a request body that comes in the same packet", async (t) => {
  const app: App = async (environ, startResponse) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of environ["tsgi.input"]) chunks.push(chunk);
    startResponse("200 OK", []);
    return `${environ.REMOTE_ADDR} ${Buffer.concat(chunks).length}\n`;
  };
  const { connect } = await started(t, {}, app);
  const client = await connect();
  client.send(`${LINE}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${"x".repeat(200_000)}`);
  assert.match(await client.until("200000\n"), /\n192\.0\.2\.7 200000\n$/);
});

test("proxied: a Unix socket", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "tsgi-"));
  t.after(() => rm(folder, { recursive: true }));
  const { connect } = await started(t, { unix: join(folder, "socket"), proxyProtocol: { from: [] } });
  assert.match(await (await connect()).send(LINE).get("/").until("/\n"), /\n192\.0\.2\.7 55798 localhost 80 /);
  assert.match(await (await connect()).send(LOCAL).get("/").until("/\n"), /\n {2}localhost 80 /);
});

test("proxied: as curl sends it", async (t) => {
  const tls = await certificate();
  for (const options of [{}, { tls }]) {
    const { server } = await started(t, options);
    const { stdout } = await promisify(execFile)("curl", ["-sk", "--haproxy-protocol", `${server.url}/`]);
    assert.match(stdout, /^127\.0\.0\.1 \d+ /);
  }
});

for (const [options, message] of [
  [{ proxyProtocol: true }, /^proxyProtocol of serve is true\. Give { from: \["10\.0\.0\.0\/8"\] }\.$/],
  [{ proxyProtocol: {} }, /^proxyProtocol has no from\./],
  [{ proxyProtocol: { form: [] } }, /Did you mean from\?$/],
  [{ proxyProtocol: { from: "10.0.0.0/8" } }, /^from of proxyProtocol is "10\.0\.0\.0\/8"\. Give a list/],
  [{ proxyProtocol: { from: ["10.0.0.0/33"] } }, /^"10\.0\.0\.0\/33" of proxyProtocol is not a network\./],
  [{ proxyProtocol: { from: ["localhost"] } }, /^"localhost" of proxyProtocol is not a network\./],
  [{ proxyProtocol: { from: ["::1/129"] } }, /is not a network\./],
  [{ proxyProtocol: { from: [""] } }, /is not a network\./],
  [{ proxyProtocol: { from: ["10.0.0.0/"] } }, /is not a network\./],
  [{ proxyProtocol: { from: ["fe80::1%eth0"] } }, /is not a network\./],
  [{ proxyProtocol: fromHere, tls: { key: "", cert: "" }, unix: "/x" }, /do not go together on a Unix socket/],
] as const) {
  test(`proxied: ${JSON.stringify(options)} is refused`, async () => {
    await assert.rejects(serve(hello, { port: undefined, ...options } as never), { code: "TSGI_BAD_OPTION", message });
  });
}
