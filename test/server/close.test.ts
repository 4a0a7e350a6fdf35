import assert from "node:assert/strict";
import { connect as connectTo } from "node:net";
import { test } from "node:test";
import type { App } from "../../src/gateway.ts";
import { certificate } from "../support/certificate.ts";
import { aWhile, eventually, HELLO, hello, RawClient, start, wire } from "../support/raw-client.ts";

function gate(): { opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

const CLOSING = wire("HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 5\nConnection: close\n\nhello");

test("close: idle connections end after the linger, and nobody connects any more", async (t) => {
  const { server, connect } = await start(t, hello);
  const fresh = await connect();
  const used = await connect();
  await used.get("/").until("hello");
  await server.close({ linger: 50, grace: 60_000 });
  assert.equal(await used.all(), HELLO);
  assert.equal(await fresh.all(), "");
  await assert.rejects(connect(), { code: "ECONNREFUSED" });
});

test("close: a second call gives the same promise", async (t) => {
  const { server } = await start(t, hello);
  const closed = server.close();
  assert.equal(server.close({ grace: 0 }), closed);
  await closed;
});

test("close: what runs finishes, and says that the connection ends", async (t) => {
  const { opened, open } = gate();
  let running = 0;
  const { server, connect } = await start(t, async (environ, startResponse) => {
    running++;
    await opened;
    return hello(environ, startResponse);
  });
  const client = await connect();
  client.get("/");
  await eventually(() => running === 1);
  let closed = false;
  const closing = server.close({ grace: 60_000 }).then(() => {
    closed = true;
  });
  await aWhile();
  assert.equal(closed, false);
  open();
  assert.equal(await client.all(), CLOSING);
  assert.equal(client.end, "end");
  await closing;
});

test("close: a response that has begun is sent to its end", async (t) => {
  const { opened, open } = gate();
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    return (async function* () {
      yield "abc";
      await opened;
      yield "def";
    })();
  };
  const { server, connect } = await start(t, app);
  const client = await connect();
  await client.get("/").until("abc");
  const closing = server.close({ grace: 60_000 });
  await aWhile();
  open();
  assert.match(await client.all(), /3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n$/);
  await closing;
});

test("close: a request that has begun to come is answered", async (t) => {
  const { server, connect } = await start(t, hello);
  const client = await connect();
  client.send("GET / HT");
  await aWhile();
  const closing = server.close({ linger: 0, grace: 60_000 });
  await aWhile();
  client.send("TP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(await client.all(), CLOSING);
  await closing;
});

test("close: the response under way is the last of its connection", async (t) => {
  const { opened, open } = gate();
  const calls: string[] = [];
  const { server, connect } = await start(t, async (environ, startResponse) => {
    calls.push(environ.PATH_INFO);
    await opened;
    return hello(environ, startResponse);
  });
  const client = await connect();
  client.get("/a").get("/b");
  await eventually(() => calls.length === 1);
  const closing = server.close({ grace: 60_000 });
  await aWhile();
  open();
  assert.equal(await client.all(), CLOSING);
  assert.deepEqual(calls, ["/a"]);
  await closing;
});

test("close: a body that is still uploaded is read to its end", async (t) => {
  const { server, connect } = await start(t, async (environ, startResponse) => {
    let length = 0;
    for await (const chunk of environ["tsgi.input"]) length += chunk.length;
    startResponse("200 OK", []);
    return `${length} bytes`;
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  await aWhile();
  const closing = server.close({ grace: 60_000 });
  await aWhile();
  client.send("def");
  assert.match(await client.all(), /\r\nConnection: close\r\n\r\n6 bytes$/);
  await closing;
});

test("close: what is left after the grace is cut, and its exchange aborted", async (t) => {
  let aborted = false;
  let running = 0;
  const { server, log, connect } = await start(t, async (environ) => {
    running++;
    environ["tsgi.exchange"].signal?.addEventListener("abort", () => {
      aborted = true;
    });
    await new Promise(() => {});
  });
  const client = await connect();
  client.get("/");
  await eventually(() => running === 1);
  await server.close({ grace: 50 });
  assert.equal(await client.all(), "");
  assert.equal(aborted, true);
  assert.deepEqual(log, []);
});

test("close: a client that does not read its answer is cut after the grace", async (t) => {
  const { server, connect } = await start(t, (_environ, startResponse) => {
    startResponse("200 OK", []);
    return Buffer.alloc(64 << 20);
  });
  const client = await connect();
  client.socket.pause();
  client.get("/");
  await aWhile();
  await server.close({ grace: 50 });
});

test("close: a TLS handshake that does not come is cut after the grace", async (t) => {
  const { server } = await start(t, hello, { tls: await certificate() });
  const client = await RawClient.open(connectTo(server.port));
  t.after(() => client.socket.destroy());
  await aWhile();
  await server.close({ grace: 50 });
  assert.equal(await client.all(), "");
});

test("close: a client that was refused and stays is cut after the grace", async (t) => {
  const { server, connect } = await start(t, hello);
  const client = await connect();
  client.socket.pause();
  client.send("garbage\r\n\r\n");
  await aWhile();
  await server.close({ grace: 50 });
});

/** An event stream of one event; `events` says what happens to it. */
function eventStream(events: string[], type = "text/event-stream"): App {
  return async function* eventStream(environ, startResponse) {
    const { signal } = environ["tsgi.exchange"];
    signal?.addEventListener("abort", () => events.push("aborted"));
    startResponse("200 OK", [["Content-Type", type]]);
    try {
      yield "data: 1\n\n";
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    } finally {
      events.push("finished");
    }
  };
}

test("close: an event stream ends at once, whole, and its signal is aborted", async (t) => {
  const events: string[] = [];
  const { server, log, connect } = await start(t, eventStream(events, "text/event-stream; charset=utf-8"));
  const client = await connect();
  await client.get("/").until("data: 1");
  await server.close({ grace: 60_000 });
  assert.match(await client.all(), /\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n$/);
  assert.deepEqual(events, ["aborted", "finished"]);
  assert.deepEqual(log, []);
});

test("close: an event stream that has not sent anything is cut at once", async (t) => {
  let waiting = 0;
  const { server, connect } = await start(t, async function* (environ, startResponse) {
    const { signal } = environ["tsgi.exchange"];
    startResponse("200 OK", [["Content-Type", "text/event-stream"]]);
    waiting++;
    await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    yield "";
  });
  const client = await connect();
  client.get("/", "Accept: text/event-stream");
  await eventually(() => waiting === 1);
  await server.close({ grace: 60_000 });
  assert.equal(await client.all(), "");
});

test("close: an event stream that begins meanwhile ends as well", async (t) => {
  const events: string[] = [];
  let go = () => {};
  const { server, connect } = await start(t, async (environ, startResponse) => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    return eventStream(events)(environ, startResponse);
  });
  const client = await connect();
  client.get("/");
  await aWhile();
  const closed = server.close({ grace: 60_000 });
  go();
  await closed;
  assert.match(await client.all(), /\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n$/);
  assert.deepEqual(events, ["aborted", "finished"]);
});

test("close: any other stream goes on", async (t) => {
  const events: string[] = [];
  const { server, connect } = await start(t, eventStream(events, "text/plain"));
  const client = await connect();
  await client.get("/").until("data: 1");
  const closed = server.close({ grace: 100 });
  assert.deepEqual(events, []);
  await closed;
  assert.doesNotMatch(await client.all(), /\r\n0\r\n\r\n$/);
});

test("close: options are checked", async (t) => {
  const { server } = await start(t, hello);
  assert.throws(() => server.close({ grace: -1 }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => server.close({ gracee: 1 } as never), { code: "TSGI_BAD_OPTION", hint: "Did you mean grace?" });
});
