import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { connect as connectSecurely } from "node:tls";
import type { App } from "../../src/gateway.ts";
import { certificate } from "../support/certificate.ts";
import { fixture } from "../support/fixture.ts";
import { loops } from "../support/loops.ts";
import { aWhile, HELLO, hello, RawClient, start, wire } from "../support/raw-client.ts";

/** How many times the server is replaced. By hand: `TSGI_RELOADS=100`, with the options of `close` in `TSGI_CLOSE`. */
const RELOADS = Number(process.env.TSGI_RELOADS ?? 2);
/** How many requests each server answers at least. */
const REQUESTS = 500;
/** What the servers are closed with, in JSON; a slow machine may need some time for the last bodies. */
const OPTIONS = process.env.TSGI_CLOSE ?? '{"grace":60000}';

test("draining: no request is lost while servers replace each other under load", async (t) => {
  let server = await fixture(t, "restarted.ts");
  await server.line();
  const port = await server.ask("listen 0");
  const clients = await loops(t, port);
  let served = 0;
  for (let reload = 0; reload < RELOADS; reload++) {
    const next = await fixture(t, "restarted.ts");
    await next.line();
    await clients.more(REQUESTS);
    const exited = once(server.child, "exit");
    const closed = server.ask(`close ${OPTIONS}`);
    // The next server comes at once, or when the last one is gone.
    if (reload % 2 === 1) await exited;
    await next.ask(`listen ${port}`);
    served += Number(await closed);
    assert.deepEqual(await exited, [0, null]);
    server = next;
  }
  await clients.more(REQUESTS);
  const { requests, answered, toldToClose, refused, lost } = await clients.stop();
  served += Number(await server.ask("close {}"));
  t.diagnostic(
    `${requests} requests over ${RELOADS} closes: ${requests - answered} lost, ${toldToClose} told to close, ${refused} refused to connect`,
  );
  assert.deepEqual(lost, {});
  assert.equal(answered, requests);
  assert.equal(served, requests);
});

/** What `hello` answers as the last thing on a connection. */
const LAST_HELLO = wire("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 5\nConnection: close\n\nhello");

test("draining: a request that comes while the server lingers is answered, and is told that the connection ends", async (t) => {
  const { server, connect } = await start(t, hello);
  const used = await connect();
  const fresh = await connect();
  await used.get("/").until("hello");
  const closing = server.close({ linger: 60_000, grace: 60_000 });
  await aWhile();
  assert.deepEqual([used.end, fresh.end], [undefined, undefined]);
  assert.equal(await used.get("/").all(), HELLO + LAST_HELLO);
  assert.equal(await fresh.get("/").all(), LAST_HELLO);
  assert.deepEqual([used.end, fresh.end], ["end", "end"]);
  await closing;
});

test("draining: idle connections end after the linger time", async (t) => {
  const { server, connect } = await start(t, hello);
  const used = await connect();
  const fresh = await connect();
  await used.get("/").until("hello");
  await server.close({ linger: 100, grace: 60_000 });
  assert.deepEqual([await used.all(), used.end], [HELLO, "end"]);
  assert.deepEqual([await fresh.all(), fresh.end], ["", "end"]);
});

test("draining: without a linger time idle connections end at once", async (t) => {
  const { server, connect } = await start(t, hello);
  const client = await connect();
  await client.get("/").until("hello");
  await server.close({ linger: 0, grace: 60_000 });
  assert.deepEqual([await client.all(), client.end], [HELLO, "end"]);
});

test("draining: the grace also ends the linger time", async (t) => {
  const { server, connect } = await start(t, hello);
  const client = await connect();
  await client.get("/").until("hello");
  await server.close({ linger: 60_000, grace: 50 });
  assert.equal(await client.all(), HELLO);
});

test("draining: nobody connects any more while the server lingers", async (t) => {
  const { server, connect } = await start(t, hello);
  const client = await connect();
  await client.get("/").until("hello");
  const closing = server.close({ linger: 60_000, grace: 60_000 });
  let refusal: unknown;
  for (let count = 0; count < 100 && refusal === undefined; count++) {
    await aWhile();
    await connect().then(
      ({ socket }) => socket.destroy(),
      ({ code }) => {
        refusal = code;
      },
    );
  }
  assert.equal(refusal, "ECONNREFUSED");
  await client.get("/").all();
  await closing;
});

test("draining: a request whose head has begun is not idle", async (t) => {
  const { server, connect } = await start(t, hello);
  const client = await connect();
  client.send("GET / HTTP/1.1\r\nHo");
  await aWhile();
  const closing = server.close({ linger: 0, grace: 60_000 });
  await aWhile();
  assert.equal(await client.send("st: a\r\n\r\n").all(), LAST_HELLO);
  await closing;
});

test("draining: the client of a response that promised to keep the connection may send once more", async (t) => {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { server, connect } = await start(t, (environ, startResponse) => {
    if (environ.PATH_INFO === "/") return hello(environ, startResponse);
    startResponse("200 OK", []);
    return (async function* () {
      yield "abc";
      await finished;
    })();
  });
  const client = await connect();
  await client.get("/stream").until("abc");
  const closing = server.close({ linger: 60_000, grace: 60_000 });
  finish();
  await client.until("\r\n0\r\n\r\n");
  client.clear();
  await aWhile();
  assert.equal(client.end, undefined);
  assert.equal(await client.get("/").all(), LAST_HELLO);
  await closing;
});

test("draining: a kept TLS connection is answered while the server lingers", async (t) => {
  const { server } = await start(t, hello, { tls: await certificate() });
  const client = await RawClient.open(connectSecurely({ port: server.port, rejectUnauthorized: false }));
  t.after(() => client.socket.destroy());
  await client.get("/").until("hello");
  const closing = server.close({ linger: 60_000, grace: 60_000 });
  await aWhile();
  assert.equal(await client.get("/").all(), HELLO + LAST_HELLO);
  assert.equal(client.end, "end");
  await closing;
});

test("draining: what becomes idle after the linger time is kept as long again", async (t) => {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const stream: App = (environ, startResponse) => {
    if (environ.PATH_INFO === "/") return hello(environ, startResponse);
    startResponse("200 OK", []);
    return (async function* () {
      yield "abc";
      await finished;
    })();
  };
  // The server looks at its connections often, as the shortest of its limits asks for it.
  const { server, connect } = await start(t, stream, { bodyTimeout: 40 });
  const idle = await connect();
  const [first, second] = [await connect(), await connect()];
  for (const client of [first, second]) await client.get("/stream").until("abc");
  const closing = server.close({ linger: 1000, grace: 60_000 });
  await idle.all();
  finish();
  for (const client of [first, second]) await client.until("\r\n0\r\n\r\n");
  await aWhile();
  first.clear();
  assert.equal(await first.get("/").all(), LAST_HELLO);
  assert.match(await second.all(), /\r\n0\r\n\r\n$/);
  assert.equal(second.end, "end");
  await closing;
});

/** Keeps the process busy, so that nothing is accepted. */
function block(duration: number): void {
  const end = performance.now() + duration;
  while (performance.now() < end);
}

test("draining: a connection that waits to be accepted while the server is busy is answered", async (t) => {
  const { server } = await start(t, hello);
  const closing = server.close({ linger: 50, grace: 60_000 });
  const opening = RawClient.open(connect(server.port, "127.0.0.1"));
  block(50);
  const client = await opening;
  t.after(() => client.socket.destroy());
  assert.equal(await client.get("/").all(), LAST_HELLO);
  await closing;
});

test("draining: a connection that is accepted after the grace is cut, too", async (t) => {
  const { server } = await start(t, () => new Promise(() => {}));
  const closing = server.close({ grace: 0 });
  const socket = connect(server.port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  block(50);
  await closing;
});

test("draining: a TLS handshake that comes while the server lingers is made, and its request answered", async (t) => {
  const { server } = await start(t, hello, { tls: await certificate() });
  const { socket } = await RawClient.open(connect(server.port, "127.0.0.1"));
  t.after(() => socket.destroy());
  await aWhile();
  const closing = server.close({ linger: 60_000, grace: 60_000 });
  await aWhile();
  const client = new RawClient(connectSecurely({ socket, rejectUnauthorized: false }));
  assert.equal(await client.get("/").all(), LAST_HELLO);
  await closing;
});

test("draining: event streams end at once, without waiting for the linger time", async (t) => {
  const { server, connect } = await start(t, async function* (environ, startResponse) {
    const { signal } = environ["tsgi.exchange"];
    startResponse("200 OK", [["Content-Type", "text/event-stream"]]);
    yield "data: 1\n\n";
    await new Promise((resolve) => signal?.addEventListener("abort", resolve));
  });
  const client = await connect();
  await client.get("/").until("data: 1");
  await server.close({ linger: 60_000, grace: 60_000 });
  assert.match(await client.all(), /\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n$/);
});

test("draining: during the delay, who connects is answered and told that the connection ends", async (t) => {
  const { server, connect } = await start(t, hello);
  const used = await connect();
  await used.get("/").until("hello");
  const closing = server.close({ delay: 1000, linger: 60_000, grace: 60_000 });
  await aWhile();
  const fresh = await connect();
  assert.equal(await fresh.get("/").all(), LAST_HELLO);
  assert.equal(await used.get("/").all(), HELLO + LAST_HELLO);
  await closing;
  await assert.rejects(connect(), { code: "ECONNREFUSED" });
});

test("draining: the linger time begins after the delay", async (t) => {
  const { server, connect } = await start(t, hello);
  const client = await connect();
  await client.get("/").until("hello");
  const closing = server.close({ delay: 300, linger: 0, grace: 60_000 });
  await aWhile();
  assert.equal(client.end, undefined);
  await closing;
  assert.deepEqual([await client.all(), client.end], [HELLO, "end"]);
});

for (const option of ["delay", "linger", "grace"] as const) {
  test(`draining: ${option} is checked`, async (t) => {
    const { server } = await start(t, hello);
    assert.throws(() => server.close({ [option]: -1 }), { code: "TSGI_BAD_OPTION" });
    assert.throws(() => server.close({ [option]: 0.5 }), { code: "TSGI_BAD_OPTION" });
  });
}
