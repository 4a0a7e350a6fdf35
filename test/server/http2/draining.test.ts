import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "../../../src/gateway.ts";
import { fixture } from "../../support/fixture.ts";
import {
  block,
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  get,
  HEADERS,
  MOST_STREAMS,
  PING,
  post,
  pseudo,
} from "../../support/frames.ts";
import { ask, startHttp2, WAYS } from "../../support/http2-client.ts";
import { Http2Load } from "../../support/http2-load.ts";
import { http2Loops } from "../../support/loops.ts";
import { aWhile, eventually, hello } from "../../support/raw-client.ts";

/** How many times the server is replaced. By hand: `TSGI_RELOADS=100`. */
const RELOADS = Number(process.env.TSGI_RELOADS ?? 2);
/** How many requests each server answers at least. */
const REQUESTS = 300;
const FOREVER = { linger: 60_000, grace: 60_000 };

for (const way of ["plain", "tls"]) {
  test(`draining: no request is lost while servers of HTTP/2 replace each other under load, ${way}`, async (t) => {
    let server = await fixture(t, "restarted.ts", [way]);
    await server.line();
    const port = await server.ask("listen 0");
    const clients = await http2Loops(t, port, way);
    let served = 0;
    for (let reload = 0; reload < RELOADS; reload++) {
      const next = await fixture(t, "restarted.ts", [way]);
      await next.line();
      await clients.more(REQUESTS);
      const exited = once(server.child, "exit");
      const closed = server.ask('close {"grace":60000}');
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
}

/** How many times a server is closed while requests are sent without a pause. By hand: `TSGI_CLOSE=100`. */
const CLOSES = Number(process.env.TSGI_CLOSE ?? 2);

for (const way of WAYS) {
  test(`draining over ${way}: what is sent until the client has read the GOAWAY is answered, close after close`, async (t) => {
    let [served, later] = [0, 0];
    let isClosing = false;
    const app: App = async (_environ, startResponse) => {
      served++;
      if (isClosing) later++;
      // Some are answered at once, some after the GOAWAY.
      if (served % 3 !== 0) await sleep(served % 8);
      startResponse("200 OK", []);
    };
    const first = await startHttp2(t, app, {}, way);
    const { port } = first.server;
    const load = new Http2Load(port, way === "ALPN", 4);
    let { server } = first;
    for (let close = 0; close <= CLOSES; close++) {
      const before = served;
      await eventually(() => served > before + 100);
      if (close === CLOSES) break;
      isClosing = true;
      await server.close(FOREVER);
      isClosing = false;
      server = (await startHttp2(t, app, { port }, way)).server;
    }
    await load.stop();
    t.diagnostic(`${load.sent} requests over ${CLOSES} closes, ${later} of them amid a close`);
    assert.deepEqual([load.answered, served], [load.sent, load.sent]);
    assert.ok(load.connections >= 4 * (CLOSES + 1));
    assert.ok(later > 0);
  });
}

/** The last stream and the error of each GOAWAY. */
function goaways(payloads: readonly { readonly payload: Buffer }[]): [number, number][] {
  return payloads.map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]);
}

for (const way of WAYS) {
  test(`draining over ${way}: GOAWAY comes twice, and what was sent between them is answered`, async (t) => {
    const { server, frames } = await startHttp2(t, hello, {}, way);
    const client = await frames();
    assert.equal(await client.send(get(1)).body(1), "hello");
    const closing = server.close(FOREVER);
    await client.until(GOAWAY);
    const ping = await client.until(PING);
    assert.equal(await client.send(get(3)).body(3), "hello");
    assert.deepEqual(goaways(client.of(GOAWAY)), [[MOST_STREAMS, 0]]);
    client.send(get(5), frame(PING, 1, 0, ping.payload));
    assert.equal(await client.body(5), "hello");
    assert.equal(await client.ended(), 0);
    const [first, ...others] = goaways(client.of(GOAWAY));
    assert.deepEqual(first, [MOST_STREAMS, 0]);
    // Node repeats the last one.
    for (const other of others) assert.deepEqual(other, [5, 0]);
    assert.ok(others.length > 0);
    client.socket.destroy();
    await closing;
  });
}

test("draining: streams under way finish, also bodies that are still being sent", async (t) => {
  const { server, frames } = await startHttp2(t, (environ, startResponse) => {
    startResponse("200 OK", []);
    return environ["tsgi.input"];
  });
  const client = await frames();
  client.send(post(1), frame(DATA, 0, 1, Buffer.from("a")));
  await client.until(DATA, 1);
  const closing = server.close(FOREVER);
  client.send(frame(PING, 1, 0, (await client.until(PING)).payload));
  await client.until(GOAWAY, 0, 2);
  await aWhile();
  client.send(frame(DATA, END_STREAM, 1, Buffer.from("b")));
  assert.equal(await client.body(1), "ab");
  assert.equal(await client.ended(), 0);
  client.socket.destroy();
  await closing;
});

test("draining: a client that does not answer the ping is waited for until the linger time", async (t) => {
  const { server, frames } = await startHttp2(t, hello);
  const client = await frames();
  assert.equal(await client.send(get(1)).body(1), "hello");
  const closing = server.close({ linger: 50, grace: 60_000 });
  assert.equal(await client.ended(), 0);
  client.socket.destroy();
  await closing;
});

test("draining: a client that answers no ping gets no further, though it has always asked for more", async (t) => {
  const { frames } = await startHttp2(
    t,
    async (environ, startResponse) => {
      await aWhile();
      return hello(environ, startResponse);
    },
    { maxRequestsPerConnection: 1, keepAliveTimeout: 100 },
  );
  const client = await frames();
  for (let id = 1; client.of(GOAWAY).length < 2; id += 2) {
    client.send(get(id));
    await sleep(20);
    assert.ok(id < 1000);
  }
});

test("draining: a new connection that says nothing ends after the linger time", async (t) => {
  const { server, frames } = await startHttp2(t, hello);
  const [silent, greeting] = [await frames(false), await frames()];
  await aWhile();
  await server.close({ linger: 50, grace: 60_000 });
  await silent.ended();
  assert.equal(await greeting.ended(), 0);
});

test("draining: a new connection is answered once while the server lingers", async (t) => {
  const { server, frames } = await startHttp2(t, hello);
  const client = await frames();
  await aWhile();
  const closing = server.close(FOREVER);
  await aWhile();
  assert.equal(await client.send(get(1)).body(1), "hello");
  client.send(frame(PING, 1, 0, (await client.until(PING)).payload));
  assert.equal(await client.ended(), 0);
  client.socket.destroy();
  await closing;
});

test("draining: a client that goes on without closing is cut in the end", async (t) => {
  const { server, frames } = await startHttp2(t, hello);
  const client = await frames();
  client.socket.allowHalfOpen = true;
  await client.send(get(1)).body(1);
  const closing = server.close({ linger: 0, grace: 60_000 });
  await client.ended();
  await closing;
});

test("draining: an event stream that was asked for meanwhile ends as well", async (t) => {
  const app: App = async function* (environ, startResponse) {
    if (environ.PATH_INFO === "/") {
      startResponse("200 OK", []);
      return;
    }
    startResponse("200 OK", [["Content-Type", "text/event-stream"]]);
    yield "data: 1\n\n";
    await new Promise(() => {});
  };
  const { server, frames } = await startHttp2(t, app);
  const client = await frames();
  await client.send(get(1)).body(1);
  const closing = server.close(FOREVER);
  await client.until(GOAWAY);
  client.send(frame(HEADERS, 5, 3, block(pseudo("GET", "/events"))));
  assert.equal(await client.body(3), "data: 1\n\n");
  client.send(frame(PING, 1, 0, (await client.until(PING)).payload));
  assert.equal(await client.ended(), 0);
  client.socket.destroy();
  await closing;
});

for (const way of WAYS) {
  test(`draining over ${way}: event streams end, and their clients are told`, async (t) => {
    let aborted = false;
    const app: App = async function* (environ, startResponse) {
      environ["tsgi.exchange"].onAbort?.(() => {
        aborted = true;
      });
      startResponse("200 OK", [["Content-Type", "text/event-stream"]]);
      yield "data: 1\n\n";
      await new Promise(() => {});
    };
    const { server, connect } = await startHttp2(t, app, {}, way);
    const session = connect();
    const stream = session.request({});
    let received = "";
    stream.on("data", (chunk) => {
      received += chunk;
    });
    let ended = false;
    stream.on("end", () => {
      ended = true;
    });
    await eventually(() => received !== "");
    await server.close(FOREVER);
    assert.deepEqual([received, ended, aborted], ["data: 1\n\n", true, true]);
  });

  test(`draining over ${way}: the grace cuts what is left`, async (t) => {
    let aborted = false;
    const app: App = async function* (environ, startResponse) {
      environ["tsgi.exchange"].onAbort?.(() => {
        aborted = true;
      });
      startResponse("200 OK", []);
      yield "x";
      await new Promise(() => {});
    };
    const { server, connect } = await startHttp2(t, app, {}, way);
    const answer = ask(connect());
    await aWhile();
    await server.close({ linger: 0, grace: 50 });
    await answer;
    await eventually(() => aborted);
  });

  test(`draining over ${way}: an idle session ends at once when its client has heard of it`, async (t) => {
    const { server, connect } = await startHttp2(t, hello, {}, way);
    const session = connect();
    assert.equal((await ask(session)).body, "hello");
    await server.close(FOREVER);
    await eventually(() => session.destroyed);
  });
}
