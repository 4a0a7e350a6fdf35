import assert from "node:assert/strict";
import { test } from "node:test";
import { readBytes } from "../../../src/body/input.ts";
import type { App } from "../../../src/gateway.ts";
import {
  block,
  CONTINUATION,
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
  RST_STREAM,
  settings,
  uint32,
  WINDOW_UPDATE,
} from "../../support/frames.ts";
import { ask, startHttp2, WAYS } from "../../support/http2-client.ts";
import { aWhile, eventually, hello } from "../../support/raw-client.ts";

const forever: App = () => new Promise(() => {});

const echo: App = async (environ, startResponse) => {
  const body = await readBytes(environ);
  startResponse("200 OK", []);
  return body;
};

/** Sends until the server has had enough, or the client. */
async function flood(client: { end?: unknown; socket: { destroyed: boolean } }, send: (round: number) => void) {
  for (let round = 0; round < 2000 && client.end === undefined && !client.socket.destroyed; round++) {
    send(round);
    if (round % 10 === 0) await new Promise(setImmediate);
  }
}

test("limits: as many streams at once as are allowed", async (t) => {
  const { frames } = await startHttp2(t, forever, { maxConcurrentStreams: 3 });
  const client = await frames();
  for (const id of [1, 3, 5, 7]) client.send(get(id));
  assert.equal((await client.until(RST_STREAM, 7)).payload.readUInt32BE(0), 7);
  assert.deepEqual(
    [1, 3, 5].map((id) => client.of(RST_STREAM, id).length),
    [0, 0, 0],
  );
});

test("limits: what is announced", async (t) => {
  const { connect } = await startHttp2(t, hello, { maxConcurrentStreams: 3 });
  const session = connect();
  await ask(session);
  assert.deepEqual(
    [session.remoteSettings.maxConcurrentStreams, session.remoteSettings.maxHeaderListSize],
    [3, 65_536],
  );
});

test("limits: a head far beyond the limit is a 431, and the connection goes on", async (t) => {
  const { frames } = await startHttp2(t, hello);
  const client = await frames();
  const bytes = block([
    ...pseudo(),
    ...Array.from({ length: 80 }, (_, index) => [`x${index}`, "y".repeat(1000)] as const),
  ]);
  client.send(frame(HEADERS, END_STREAM, 1, bytes.subarray(0, 16_000)));
  for (let at = 16_000; at < bytes.length; at += 16_000) {
    client.send(frame(CONTINUATION, at + 16_000 >= bytes.length ? 4 : 0, 1, bytes.subarray(at, at + 16_000)));
  }
  assert.equal(await client.body(1), "431 Request Header Fields Too Large\n");
  assert.equal(await client.send(get(3)).body(3), "hello");
});

test("limits: a table that makes a large head of few bytes is a 431 as well", async (t) => {
  const { frames } = await startHttp2(t, hello);
  const client = await frames();
  // A line that is learned, and named again and again (RFC 7541 §6.1, §6.2.1).
  const learned = Buffer.concat([Buffer.from([0x40, 1, 120, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, "y")]);
  const again = Buffer.alloc(12_000, 0xbe);
  client.send(frame(HEADERS, END_STREAM | 4, 1, Buffer.concat([block(pseudo()), learned, again])));
  assert.equal(await client.body(1), "431 Request Header Fields Too Large\n");
});

test("limits: streams that are reset make room, also for a client whose requests are answered", async (t) => {
  const { frames } = await startHttp2(t, hello);
  const client = await frames();
  for (let round = 0; round < 30; round++) {
    const pieces = Array.from({ length: 50 }, (_, index) => {
      const id = 1 + 4 * (50 * round + index);
      return Buffer.concat([post(id), frame(RST_STREAM, 0, id, uint32(8)), get(id + 2)]);
    });
    client.send(Buffer.concat(pieces));
    assert.equal(await client.body(3 + 4 * (50 * round + 49)), "hello");
  }
  assert.equal(client.end, undefined);
});

test("limits: CONTINUATION without an end ends the connection", async (t) => {
  const { frames } = await startHttp2(t, hello);
  const client = await frames();
  client.send(frame(HEADERS, END_STREAM, 1, block(pseudo())));
  await flood(client, () => client.send(frame(CONTINUATION, 0, 1, block([["x", "y"]]))));
  assert.notEqual(await client.ended(), 0);
});

test("limits: empty CONTINUATION without an end ends the connection", async (t) => {
  const { frames } = await startHttp2(t, hello);
  const client = await frames();
  client.send(frame(HEADERS, END_STREAM, 1, block(pseudo())));
  await flood(client, () => client.send(frame(CONTINUATION, 0, 1)));
  assert.notEqual(await client.ended(), 0);
});

test("limits: a flood of resets ends the connection, and most of them never reach the app", async (t) => {
  let seen = 0;
  const app: App = () => {
    seen++;
    return new Promise(() => {});
  };
  const { frames } = await startHttp2(t, app, { keepAliveTimeout: 200 });
  const client = await frames();
  await flood(client, (round) => {
    const pairs = Array.from({ length: 10 }, (_, index) => {
      const id = 1 + 2 * (10 * round + index);
      return Buffer.concat([get(id), frame(RST_STREAM, 0, id, uint32(8))]);
    });
    client.send(Buffer.concat(pairs));
  });
  assert.equal(await client.ended(), 11);
  assert.ok(seen < 2500, `${seen} requests`);
});

/** What makes room for another stream, while the app of the one before goes on: it is told, but may not listen. */
const MADE_RESETS: Record<string, (id: number) => Buffer[]> = {
  "a byte and a reset": (id) => [post(id), frame(DATA, 0, id, Buffer.alloc(1)), frame(RST_STREAM, 0, id, uint32(8))],
  "a window that grows by nothing": (id) => [get(id), frame(WINDOW_UPDATE, 0, id, uint32(0))],
  "a window that grows too large": (id) => [get(id), frame(WINDOW_UPDATE, 0, id, uint32(MOST_STREAMS))],
  "a body longer than its length": (id) => [post(id, ["content-length", "1"]), frame(DATA, 0, id, Buffer.alloc(2))],
  "trailers that are not the end": (id) => [post(id), frame(HEADERS, 4, id, block([["x", "y"]]))],
  "a malformed head": (id) => [frame(HEADERS, END_STREAM | 4, id, block([["X", "y"]]))],
};
for (const [what, stream] of Object.entries(MADE_RESETS)) {
  test(`limits: a flood of streams with ${what} ends the connection`, async (t) => {
    let seen = 0;
    const app: App = () => {
      seen++;
      return new Promise(() => {});
    };
    const { frames } = await startHttp2(t, app);
    const client = await frames();
    await flood(client, (round) => {
      client.send(Buffer.concat(Array.from({ length: 10 }, (_, index) => stream(1 + 2 * (10 * round + index))).flat()));
    });
    assert.equal(await client.ended(), 11);
    assert.ok(seen < 2500, `${seen} requests`);
  });
}

test("limits: a client that reads no heads is not read either, and gets all of them in the end", async (t) => {
  let seen = 0;
  const app: App = (_environ, startResponse) => {
    seen++;
    startResponse("200 OK", [["X", "y".repeat(16_000)]]);
    return "hello";
  };
  const { frames } = await startHttp2(t, app);
  const client = await frames();
  client.socket.pause();
  const count = 1000;
  for (let index = 0; index < count; index++) {
    const lines = block([...pseudo("HEAD"), ["x", "z".repeat(1000)]]);
    client.send(frame(HEADERS, END_STREAM | 4, 2 * index + 1, lines));
    if (index % 50 === 0) await new Promise(setImmediate);
  }
  await aWhile();
  assert.ok(seen < 800, `${seen} requests`);
  client.socket.resume();
  await eventually(() => client.of(HEADERS).length === count);
});

test("limits: a flood of PING whose answers are not read ends the connection", async (t) => {
  const { frames, server } = await startHttp2(t, hello);
  const client = await frames();
  client.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(PING, 0, 0, Buffer.alloc(8))));
  await flood(client, () => client.send(pings));
  client.socket.resume();
  await eventually(() => client.end !== undefined);
  assert.ok(server.port > 0);
});

test("limits: a flood of SETTINGS whose answers are not read ends the connection", async (t) => {
  const { frames } = await startHttp2(t, hello);
  const client = await frames();
  client.socket.pause();
  const many = Buffer.concat(Array.from({ length: 1000 }, () => settings([4, 1])));
  await flood(client, () => client.send(many));
  client.socket.resume();
  await eventually(() => client.end !== undefined);
});

test("limits: a flood of empty DATA ends the connection", async (t) => {
  const { frames } = await startHttp2(t, forever);
  const client = await frames();
  client.send(post(1));
  await flood(client, () => client.send(frame(DATA, 0, 1)));
  await eventually(() => client.end !== undefined);
});

test("limits: a new connection that asks for nothing is closed", async (t) => {
  const { frames } = await startHttp2(t, hello, { headersTimeout: 100 });
  const [silent, greeting] = [await frames(false), await frames()];
  await silent.ended();
  assert.equal(await greeting.ended(), 0);
});

test("limits: a head that never ends is closed", async (t) => {
  const { frames } = await startHttp2(t, hello, { headersTimeout: 100 });
  const client = await frames();
  client.send(frame(HEADERS, END_STREAM, 1, block(pseudo())));
  await client.ended();
});

for (const way of WAYS) {
  test(`limits over ${way}: an idle session is closed, a busy one is not`, async (t) => {
    let go = () => {};
    const app: App = async (environ, startResponse) => {
      if (environ.PATH_INFO === "/slow") {
        await new Promise<void>((resolve) => {
          go = resolve;
        });
      }
      return hello(environ, startResponse);
    };
    const { connect } = await startHttp2(t, app, { keepAliveTimeout: 60 }, way);
    const [idle, busy] = [connect(), connect()];
    await ask(idle);
    const answer = ask(busy, { ":path": "/slow" });
    await eventually(() => idle.destroyed);
    await aWhile();
    assert.equal(busy.destroyed, false);
    go();
    assert.equal((await answer).body, "hello");
  });

  test(`limits over ${way}: a body that stands still is a 408`, async (t) => {
    const { connect } = await startHttp2(t, echo, { bodyTimeout: 60 }, way);
    const session = connect();
    const stream = session.request({ ":method": "POST" });
    stream.write("some");
    stream.on("error", () => {});
    let status: unknown;
    stream.on("response", (headers) => {
      status = headers[":status"];
    });
    await eventually(() => status === 408);
    assert.equal((await ask(session, { ":method": "POST" }, "b")).body, "b");
  });

  test(`limits over ${way}: a request that takes too long is a 408`, async (t) => {
    const { connect } = await startHttp2(t, echo, { requestTimeout: 150 }, way);
    const stream = connect().request({ ":method": "POST" });
    const timer = setInterval(() => stream.write("x"), 20);
    t.after(() => clearInterval(timer));
    stream.on("error", () => {});
    stream.on("close", () => clearInterval(timer));
    let status: unknown;
    stream.on("response", (headers) => {
      status = headers[":status"];
    });
    await eventually(() => status === 408);
  });
}

for (const [what, lines] of [
  ["of a stream", [settings([4, 0])]],
  ["of the connection", [settings([4, MOST_STREAMS])]],
] as const) {
  test(`limits: a response that is not read is cut, by the window ${what}`, async (t) => {
    let aborted = false;
    const app: App = (environ, startResponse) => {
      if (environ.REQUEST_METHOD === "GET")
        environ["tsgi.exchange"].onAbort?.(() => {
          aborted = true;
        });
      startResponse("200 OK", []);
      return (async function* () {
        for (let index = 0; index < 100; index++) yield Buffer.alloc(10_000);
      })();
    };
    const { frames } = await startHttp2(t, app, { bodyTimeout: 100 });
    const client = await frames();
    client.answersPings = true;
    client.send(...lines, get(1));
    await client.until(RST_STREAM, 1);
    await eventually(() => aborted);
  });
}

test("limits: a response that is read slowly is not cut", async (t) => {
  const { frames } = await startHttp2(
    t,
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return "x".repeat(40);
    },
    { bodyTimeout: 150 },
  );
  const client = await frames();
  client.answersPings = true;
  client.send(settings([4, 0]), get(1));
  for (let index = 0; index < 20; index++) {
    client.send(frame(WINDOW_UPDATE, 0, 1, uint32(2)));
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.equal(await client.body(1), "x".repeat(40));
});

test("limits: a connection carries as many requests as it may, and what is on its way", async (t) => {
  const { frames } = await startHttp2(t, hello, { maxRequestsPerConnection: 2 });
  const client = await frames();
  client.send(get(1), get(3), get(5));
  for (const id of [1, 3, 5]) assert.equal(await client.body(id), "hello");
  client.send(frame(PING, 1, 0, (await client.until(PING)).payload));
  assert.equal(await client.ended(), 0);
  assert.equal(client.of(GOAWAY)[0]?.payload.readUInt32BE(0), MOST_STREAMS);
});

test("limits: a client that answers no PING is given up, however long the app takes", async (t) => {
  let aborted = false;
  const app: App = (environ) => {
    environ["tsgi.exchange"].onAbort?.(() => {
      aborted = true;
    });
    return new Promise(() => {});
  };
  const { frames } = await startHttp2(t, app, { bodyTimeout: 60 });
  const [deaf, hearing] = [await frames(), await frames()];
  hearing.answersPings = true;
  deaf.send(get(1));
  await eventually(() => aborted);
  hearing.send(get(1));
  await hearing.until(PING, 0, 3);
  assert.equal(hearing.end, undefined);
});
