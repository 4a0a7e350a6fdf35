import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../../../src/gateway.ts";
import { openRequests } from "../../../src/server/serve.ts";
import { DATA, END_STREAM, frame, get, HEADERS, post, RST_STREAM, settings, uint32 } from "../../support/frames.ts";
import { ask, startHttp2, WAYS } from "../../support/http2-client.ts";
import { aWhile, eventually, hello } from "../../support/raw-client.ts";

const CANCEL = 8;

for (const way of WAYS) {
  for (const how of ["resets its stream", "closes its connection"] as const) {
    test(`departures over ${way}: an app is told when its client ${how}`, async (t) => {
      const told: string[] = [];
      const app: App = async (environ, startResponse) => {
        const exchange = environ["tsgi.exchange"];
        exchange.onAbort?.(() => told.push("onAbort"));
        exchange.signal?.addEventListener("abort", () => told.push("signal"));
        startResponse("200 OK", []);
        return (async function* () {
          try {
            yield "x";
            await new Promise((resolve) => exchange.signal?.addEventListener("abort", resolve));
          } finally {
            told.push("closed");
          }
        })();
      };
      const { connect, server, log } = await startHttp2(t, app, {}, way);
      const session = connect();
      const stream = session.request({ ":path": "/left" });
      stream.on("error", () => {});
      await new Promise((resolve) => stream.once("data", resolve));
      assert.deepEqual(openRequests(server), ["GET /left"]);
      if (how === "resets its stream") stream.close(CANCEL);
      else session.destroy();
      await eventually(() => told.length === 3);
      assert.deepEqual(told.toSorted(), ["closed", "onAbort", "signal"]);
      await eventually(() => openRequests(server).length === 0);
      assert.deepEqual(log, []);
    });
  }

  test(`departures over ${way}: what has come of a body stays readable`, async (t) => {
    let go = () => {};
    let read: unknown[] = [];
    const app: App = async (environ) => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      try {
        for await (const chunk of environ["tsgi.input"]) read.push(Buffer.from(chunk).toString());
      } catch (error) {
        read = [...read, (error as { code: string }).code];
      }
    };
    const { connect } = await startHttp2(t, app, {}, way);
    const stream = connect().request({ ":method": "POST" });
    stream.on("error", () => {});
    stream.write("some");
    await aWhile();
    stream.close(CANCEL);
    await aWhile();
    go();
    await eventually(() => read.length === 2);
    assert.deepEqual(read, ["some", "TSGI_CLIENT_GONE"]);
  });
}

test("departures: a client may leave at every moment", async (t) => {
  let running = 0;
  const app: App = async (environ, startResponse) => {
    running++;
    try {
      if (environ.PATH_INFO !== "/") await aWhile();
      startResponse("200 OK", []);
      let length = 0;
      for await (const chunk of environ["tsgi.input"]) length += chunk.length;
      return [String(length), "x".repeat(200_000)];
    } finally {
      running--;
    }
  };
  const { frames, server, log } = await startHttp2(t, app);
  const steps = [
    "PRI * HTTP/2.0\r\n",
    "\r\nSM\r\n\r\n",
    settings([4, 10]),
    post(1).subarray(0, 12),
    post(1).subarray(12),
    frame(DATA, 0, 1, Buffer.from("ab")).subarray(0, 10),
    frame(DATA, 0, 1, Buffer.from("ab")).subarray(10),
    frame(DATA, END_STREAM, 1),
    get(3),
    frame(RST_STREAM, 0, 1, uint32(CANCEL)),
  ];
  for (let count = 0; count <= steps.length; count++) {
    for (const wait of [0, 1, 20]) {
      const client = await frames(false);
      client.send(...steps.slice(0, count));
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (wait === 1) client.socket.resetAndDestroy();
      else client.socket.destroy();
    }
  }
  await eventually(() => running === 0 && openRequests(server).length === 0);
  assert.deepEqual(log, []);
});

test("departures: a stream that is reset amid its last chunk is let go of", async (t) => {
  const { frames, server } = await startHttp2(
    t,
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return "x".repeat(1_000_000);
    },
    { keepAliveTimeout: 40 },
  );
  const client = await frames();
  client.send(get(1));
  await client.until(DATA, 1);
  assert.deepEqual(openRequests(server), ["GET /"]);
  client.send(frame(RST_STREAM, 0, 1, uint32(CANCEL)));
  await eventually(() => openRequests(server).length === 0);
});

test("departures: 1000 sessions that are dropped leave nothing behind", async (t) => {
  const { frames, server } = await startHttp2(t, (environ, startResponse) =>
    environ.PATH_INFO === "/" ? hello(environ, startResponse) : new Promise(() => {}),
  );
  for (let round = 0; round < 20; round++) {
    const clients = await Promise.all(Array.from({ length: 50 }, () => frames()));
    for (const client of clients) client.send(get(1), post(3));
    await Promise.all(clients.map((client) => client.until(HEADERS, 1)));
    for (const client of clients) client.socket.destroy();
  }
  await eventually(() => openRequests(server).length === 0);
});

test("departures: other streams of the session go on", async (t) => {
  const { connect } = await startHttp2(t, hello);
  const session = connect();
  const gone = session.request({ ":method": "POST" });
  gone.on("error", () => {});
  gone.close(CANCEL);
  assert.equal((await ask(session)).body, "hello");
});
