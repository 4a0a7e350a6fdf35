import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readBytes } from "../../src/body/input.ts";
import type { App } from "../../src/gateway.ts";
import { aWhile, eventually, HELLO, hello, lastAnswer, start, wire } from "../support/raw-client.ts";

const echo: App = async (environ, startResponse) => {
  const bytes = await readBytes(environ);
  startResponse("200 OK", []);
  return bytes;
};

test("limits: a head that takes too long is answered with 408", async (t) => {
  const { log, connect } = await start(t, hello, { headersTimeout: 200 });
  const client = await connect();
  client.send("GET / HTTP/1.1\r\nHo");
  assert.equal(await client.all(), lastAnswer("408 Request Timeout"));
  assert.equal(client.end, "end");
  assert.deepEqual(log, []);
});

test("limits: a connection that says nothing is answered with 408", async (t) => {
  const { connect } = await start(t, hello, { headersTimeout: 200 });
  assert.equal(await (await connect()).all(), lastAnswer("408 Request Timeout"));
});

test("limits: a request that takes too long as a whole is answered with 408", async (t) => {
  const { log, connect } = await start(t, echo, { requestTimeout: 300 });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  const drip = setInterval(() => client.send("x"), 20);
  t.after(() => clearInterval(drip));
  assert.equal(await client.all(), lastAnswer("408 Request Timeout"));
  assert.deepEqual(log, []);
});

for (const head of ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]) {
  test(`limits: a body that stands still is answered with 408 (${head.split(":", 1)})`, async (t) => {
    const { log, connect } = await start(t, echo, { bodyTimeout: 100 });
    const client = await connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${head}`);
    assert.equal(await client.all(), lastAnswer("408 Request Timeout"));
    assert.equal(client.end, "end");
    assert.deepEqual(log, []);
  });
}

test("limits: of what is sent after a body was given up, a mebibyte is taken from the client", async (t) => {
  let answer: (() => void) | undefined;
  const { connect } = await start(
    t,
    async (environ, startResponse) => {
      await readBytes(environ).catch(() => {});
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return hello(environ, startResponse);
    },
    { bodyTimeout: 50 },
  );
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
  await eventually(() => answer !== undefined);
  let sent = 0;
  const send = () => client.socket.write(Buffer.alloc(1 << 20), (error) => !error && ++sent < 64 && send());
  send();
  for (let before = -1; before !== sent; await aWhile()) before = sent;
  assert.ok(sent < 64);
  answer?.();
  assert.match(await client.all(), /\r\nConnection: close\r\n\r\nhello$/);
});

test("limits: a body that moves, however slowly, is read", async (t) => {
  const { connect } = await start(t, echo, { bodyTimeout: 200 });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
  for (const byte of "0123456789") {
    await sleep(80);
    client.send(byte);
  }
  assert.match(await client.until("0123456789"), /^HTTP\/1\.1 200 OK\r\n/);
});

test("limits: an app that reads late is not the client's fault", async (t) => {
  const { connect } = await start(
    t,
    async (environ, startResponse) => {
      await sleep(350);
      return echo(environ, startResponse);
    },
    { bodyTimeout: 100 },
  );
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  await client.until("100 Continue\r\n\r\n");
  client.clear();
  assert.match(await client.send("abc").until("abc"), /^HTTP\/1\.1 200 OK\r\n/);
});

test("limits: an app that takes its time is left alone", async (t) => {
  const { connect } = await start(
    t,
    async (environ, startResponse) => {
      if (environ.PATH_INFO === "/slow") await sleep(700);
      return hello(environ, startResponse);
    },
    { bodyTimeout: 100, headersTimeout: 100, keepAliveTimeout: 100, requestTimeout: 200 },
  );
  const client = await connect();
  client.get("/");
  client.get("/slow");
  assert.match(await client.until("hello"), /hello/);
  await eventually(
    () => client.received.length === 2 * HELLO.length - 32 || client.received.split("hello").length === 3,
  );
  assert.equal(client.end, undefined);
});

for (const [what, app] of [
  [
    "a stream",
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return (async function* () {
        for (;;) yield Buffer.alloc(1 << 20);
      })();
    },
  ],
  [
    "one chunk",
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return Buffer.alloc(64 << 20);
    },
  ],
  [
    "a response that failed midway",
    (_environ, startResponse) => {
      void startResponse("200 OK", [])(Buffer.alloc(64 << 20));
      throw new Error("midway");
    },
  ],
] as [string, App][]) {
  test(`limits: a client that stopped reading is cut (${what})`, async (t) => {
    let aborted = 0;
    const { connect } = await start(
      t,
      (environ, startResponse) => {
        environ["tsgi.exchange"].onAbort?.(() => aborted++);
        return app(environ, startResponse);
      },
      { bodyTimeout: 150 },
    );
    const client = await connect();
    client.socket.pause();
    client.get("/");
    await sleep(700);
    client.socket.resume();
    await eventually(() => client.end !== undefined);
    assert.ok(client.socket.bytesRead < 64 << 20);
    assert.equal(aborted, what === "a stream" ? 1 : 0);
  });
}

test("limits: a client that reads slowly is not idle: it is served to the end, and then its next request", async (t) => {
  const size = 24 << 20;
  const { connect } = await start(
    t,
    (environ, startResponse) => {
      if (environ.PATH_INFO === "/next") return hello(environ, startResponse);
      startResponse("200 OK", []);
      return Buffer.alloc(size);
    },
    { bodyTimeout: 600, keepAliveTimeout: 300 },
  );
  const client = await connect();
  client.get("/").get("/next", "Connection: close");
  for (let read = 0; read < size && client.end === undefined; read = client.socket.bytesRead) {
    client.socket.pause();
    await sleep(100);
    client.socket.resume();
    await eventually(() => client.end !== undefined || client.socket.bytesRead >= Math.min(read + (1 << 20), size));
  }
  assert.match((await client.all()).slice(size), /\r\n\r\nhello$/);
  assert.equal(client.end, "end");
});

test("limits: an idle connection is closed", async (t) => {
  const { connect } = await start(t, hello, { keepAliveTimeout: 50 });
  const client = await connect();
  const expected = HELLO.replace("timeout=5", "timeout=0");
  assert.equal(await client.get("/").all(), expected);
});

test("limits: the last request that a connection may carry says so", async (t) => {
  const { connect } = await start(t, hello, { maxRequestsPerConnection: 2 });
  const client = await connect();
  assert.equal(await client.get("/").until("hello"), HELLO);
  const last = wire("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 5\nConnection: close\n\nhello");
  assert.equal(await client.get("/").get("/never").all(), HELLO + last);
});

test("limits: 0 means no limit", async (t) => {
  const { connect } = await start(t, echo, {
    headersTimeout: 0,
    requestTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 0,
    maxRequestsPerConnection: 0,
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
  await aWhile();
  assert.match(await client.send("abc").until("abc"), /\r\nConnection: keep-alive\r\n\r\nabc$/);
});
