import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { App } from "../../../src/gateway.ts";
import {
  ACK,
  block,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  type FrameClient,
  frame,
  GOAWAY,
  get,
  HEADERS,
  MOST_STREAMS,
  PING,
  PREFACE,
  PRIORITY,
  PUSH_PROMISE,
  post,
  pseudo,
  RST_STREAM,
  SETTINGS,
  settings,
  uint32,
  WINDOW_UPDATE,
} from "../../support/frames.ts";
import { ask, type Started, startHttp2 } from "../../support/http2-client.ts";
import { aWhile, eventually, hello } from "../../support/raw-client.ts";

/** A server, and how many requests its app has seen. */
async function served(t: TestContext): Promise<Started & { seen(): number }> {
  let seen = 0;
  const app: App = (environ, startResponse) => {
    seen++;
    return hello(environ, startResponse);
  };
  return { ...(await startHttp2(t, app)), seen: () => seen };
}

/** The server serves others. */
async function isAlive({ frames }: Started): Promise<void> {
  assert.equal(await (await frames()).send(get(1)).body(1), "hello");
}

type Lines = readonly (readonly [name: string, value: string])[];

const NOTHING = Buffer.alloc(0);
const BLOCK = block(pseudo());
const HEAD = END_HEADERS | END_STREAM;
const METHOD: Lines = [[":method", "GET"]];
const SCHEME: Lines = [[":scheme", "http"]];
const PATH: Lines = [[":path", "/"]];
const AUTHORITY: Lines = [[":authority", "a"]];

/** A request that is not one. */
function bad(lines: Lines): Buffer {
  return frame(HEADERS, HEAD, 1, block(lines));
}

/** What is malformed (RFC 9113 §8.1.1). */
const MALFORMED: Record<string, Buffer> = {
  "an upper-case name": bad([...pseudo(), ["X-A", "1"]]),
  "a pseudo-header after a field": bad([...METHOD, ["x", "1"], ...SCHEME, ...PATH, ...AUTHORITY]),
  "a pseudo-header of responses": bad([...pseudo(), [":status", "200"]]),
  "an unknown pseudo-header": bad([...pseudo(), [":x", "1"]]),
  "no method": bad([...SCHEME, ...PATH, ...AUTHORITY]),
  "no scheme": bad([...METHOD, ...PATH, ...AUTHORITY]),
  "no path": bad([...METHOD, ...SCHEME, ...AUTHORITY]),
  "an empty path": bad([...METHOD, ...SCHEME, [":path", ""], ...AUTHORITY]),
  "two methods": bad([...METHOD, ...pseudo()]),
  "two paths": bad([...PATH, ...pseudo()]),
  Connection: bad([...pseudo(), ["connection", "close"]]),
  "Keep-Alive": bad([...pseudo(), ["keep-alive", "1"]]),
  "Transfer-Encoding": bad([...pseudo(), ["transfer-encoding", "chunked"]]),
  Upgrade: bad([...pseudo(), ["upgrade", "x"]]),
  "TE other than trailers": bad([...pseudo(), ["te", "gzip"]]),
  "two lengths": bad([...pseudo(), ["content-length", "0"], ["content-length", "0"]]),
  "a list of lengths": bad([...pseudo(), ["content-length", "0, 0"]]),
  "a length without a body": bad([...pseudo(), ["content-length", "1"]]),
  "a protocol without CONNECT": bad([...pseudo(), [":protocol", "websocket"]]),
  "an empty name": bad([...pseudo(), ["", "1"]]),
  "a name that is not a token": bad([...pseudo(), ["x y", "1"]]),
  "a line break in a value": bad([...pseudo(), ["x", "1\r\ny: 2"]]),
  "a NUL in a value": bad([...pseudo(), ["x", "1\0"]]),
  "whitespace around a value": bad([...pseudo(), ["x", " 1"]]),
  "a method that is not a token": bad([[":method", "G T"], ...SCHEME, ...PATH, ...AUTHORITY]),
  "a length that is not a number": bad([...pseudo(), ["content-length", "+1"]]),
  "Proxy-Connection": bad([...pseudo(), ["proxy-connection", "keep-alive"]]),
};

for (const [what, bytes] of Object.entries(MALFORMED)) {
  test(`frames: ${what} resets the stream, and never reaches the app`, async (t) => {
    const server = await served(t);
    const client = await server.frames();
    assert.deepEqual(await client.send(bytes).body(1), { reset: 1 });
    assert.equal(server.seen(), 0);
    assert.equal(await client.send(get(3)).body(3), "hello");
  });
}

/** The error that a connection ends with. */
async function failure(client: FrameClient): Promise<number> {
  return (await client.until(GOAWAY)).payload.readUInt32BE(4);
}

const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const STREAM_CLOSED = 5;
const FRAME_SIZE_ERROR = 6;
const COMPRESSION_ERROR = 9;

/** Errors of the connection (RFC 9113 §5.4.1). */
const ERRORS: Record<string, [pieces: Buffer[], code?: number]> = {
  "DATA on stream 0": [[frame(DATA, 0, 0, Buffer.from("x"))]],
  "DATA on a stream that was never opened": [[frame(DATA, 0, 1, Buffer.from("x"))]],
  "DATA padded beyond its end": [[post(1), frame(DATA, 8, 1, Buffer.from([5, 0]))]],
  "HEADERS on stream 0": [[frame(HEADERS, HEAD, 0, BLOCK)]],
  "HEADERS on an even stream": [[frame(HEADERS, HEAD, 2, BLOCK)]],
  "HEADERS padded beyond their end": [[frame(HEADERS, HEAD | 8, 1, Buffer.from([200]))]],
  "HEADERS that depend on themselves": [
    [
      frame(HEADERS, HEAD | 32, 1, Buffer.concat([uint32(1), Buffer.from([0]), BLOCK])),
      frame(PING, 0, 1, Buffer.alloc(8)),
    ],
  ],
  "a block that is not HPACK": [[frame(HEADERS, HEAD, 1, Buffer.from([0x80]))], COMPRESSION_ERROR],
  "a block that ends amid a line": [[frame(HEADERS, HEAD, 1, BLOCK.subarray(0, -1))], COMPRESSION_ERROR],
  "a block whose table grows beyond the limit": [
    [frame(HEADERS, HEAD, 1, Buffer.from([0x3f, 0xe1, 0xff, 0xff, 0x0f]))],
    COMPRESSION_ERROR,
  ],
  "CONTINUATION without HEADERS": [[frame(CONTINUATION, END_HEADERS, 1, BLOCK)]],
  "CONTINUATION of another stream": [
    [frame(HEADERS, END_STREAM, 1, BLOCK), frame(CONTINUATION, END_HEADERS, 3, NOTHING)],
  ],
  "CONTINUATION after END_HEADERS": [[get(1), frame(CONTINUATION, END_HEADERS, 1, NOTHING)]],
  "another frame amid a head": [[frame(HEADERS, END_STREAM, 1, BLOCK), frame(PING, 0, 0, Buffer.alloc(8))]],
  "PUSH_PROMISE of a client": [[frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32(2), BLOCK]))]],
  "PING of another length": [[frame(PING, 0, 0, Buffer.alloc(6))], FRAME_SIZE_ERROR],
  "PING on a stream": [[frame(PING, 0, 1, Buffer.alloc(8))]],
  "RST_STREAM on stream 0": [[frame(RST_STREAM, 0, 0, uint32(8))]],
  "RST_STREAM on a stream that was never opened": [[frame(RST_STREAM, 0, 1, uint32(8))]],
  "RST_STREAM of another length": [[post(1), frame(RST_STREAM, 0, 1, Buffer.alloc(3))], FRAME_SIZE_ERROR],
  "SETTINGS on a stream": [[frame(SETTINGS, 0, 1)]],
  "SETTINGS of another length": [[frame(SETTINGS, 0, 0, Buffer.alloc(3))], FRAME_SIZE_ERROR],
  "an acknowledgement of SETTINGS that is not empty": [[frame(SETTINGS, ACK, 0, Buffer.alloc(6))], FRAME_SIZE_ERROR],
  "ENABLE_PUSH of 2": [[settings([2, 2])]],
  "an initial window beyond 2^31-1": [[settings([4, 2 ** 31])], FLOW_CONTROL_ERROR],
  "a frame size below 2^14": [[settings([5, 16_383])]],
  "a frame size beyond 2^24-1": [[settings([5, 2 ** 24])]],
  "a frame larger than allowed": [[frame(DATA, 0, 1, Buffer.alloc(16_385))], FRAME_SIZE_ERROR],
  "WINDOW_UPDATE of 0 on the connection": [[frame(WINDOW_UPDATE, 0, 0, uint32(0))]],
  "WINDOW_UPDATE beyond 2^31-1 on the connection": [
    [frame(WINDOW_UPDATE, 0, 0, uint32(MOST_STREAMS))],
    FLOW_CONTROL_ERROR,
  ],
  "WINDOW_UPDATE of another length": [[frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(3))], FRAME_SIZE_ERROR],
  "WINDOW_UPDATE on a stream that was never opened": [[frame(WINDOW_UPDATE, 0, 1, uint32(1))]],
  "GOAWAY on a stream": [[frame(GOAWAY, 0, 1, Buffer.alloc(8))]],
};

for (const [what, [pieces, code = PROTOCOL_ERROR]] of Object.entries(ERRORS)) {
  test(`frames: ${what} ends the connection with an error`, async (t) => {
    const server = await served(t);
    const client = await server.frames();
    client.send(...pieces);
    assert.equal(await failure(client), code);
    await client.ended();
    await isAlive(server);
  });
}

test("frames: what follows a good preface has to be SETTINGS", async (t) => {
  const server = await served(t);
  const client = await server.frames(false);
  client.send(PREFACE, get(1));
  assert.equal(await failure(client), PROTOCOL_ERROR);
  assert.equal(server.seen(), 0);
});

/** What a server has to take (RFC 9113 §4.1, §5.1, §6). */
const TAKEN: Record<string, Buffer[]> = {
  "a frame of an unknown type": [frame(0x16, 255, 0, Buffer.alloc(9)), get(1)],
  "an unknown setting": [settings([0xff, 1]), get(1)],
  "PRIORITY of a stream that is not there": [frame(PRIORITY, 0, 9, Buffer.alloc(5)), get(1)],
  "a head in pieces": [
    frame(HEADERS, END_STREAM, 1, BLOCK.subarray(0, 5)),
    frame(CONTINUATION, 0, 1, BLOCK.subarray(5, 9)),
    frame(CONTINUATION, END_HEADERS, 1, BLOCK.subarray(9)),
  ],
  "a padded head": [frame(HEADERS, HEAD | 8, 1, Buffer.concat([Buffer.from([3]), BLOCK, Buffer.alloc(3)]))],
  "padded DATA": [post(1), frame(DATA, END_STREAM | 8, 1, Buffer.from([2, 65, 0, 0]))],
  "TE: trailers": [get(1, ["te", "trailers"])],
};

for (const [what, pieces] of Object.entries(TAKEN)) {
  test(`frames: ${what} is taken`, async (t) => {
    const server = await served(t);
    const client = await server.frames();
    assert.equal(await client.send(...pieces).body(1), "hello");
  });
}

test("frames: a PING comes back as it was sent", async (t) => {
  const { frames } = await served(t);
  const client = await frames();
  client.send(frame(PING, 0, 0, Buffer.from("12345678")));
  const { flags, payload } = await client.until(PING);
  assert.deepEqual([flags, payload.toString()], [ACK, "12345678"]);
});

test("frames: a window of 0 holds the body back, and a larger one lets it go", async (t) => {
  const { frames } = await served(t);
  const client = await frames();
  client.send(settings([4, 0]), get(1));
  await client.until(HEADERS, 1);
  assert.deepEqual(client.of(DATA, 1), []);
  client.send(settings([4, 2]));
  assert.equal((await client.until(DATA, 1)).payload.toString(), "he");
  client.send(settings([4, 0]), frame(WINDOW_UPDATE, 0, 1, uint32(5)));
  assert.equal(await client.body(1), "hello");
});

test("frames: a window beyond 2^31-1 resets the stream", async (t) => {
  const { frames } = await startHttp2(t, (_environ, startResponse) => {
    startResponse("200 OK", []);
    return "x".repeat(100_000);
  });
  const client = await frames();
  client.send(get(1));
  await client.until(DATA, 1);
  client.send(frame(WINDOW_UPDATE, 0, 1, uint32(MOST_STREAMS)), frame(WINDOW_UPDATE, 0, 1, uint32(MOST_STREAMS)));
  assert.deepEqual(await client.body(1), { reset: FLOW_CONTROL_ERROR });
});

test("frames: DATA after the end of a stream is an error", async (t) => {
  const { frames } = await served(t);
  const client: FrameClient = await frames();
  client.send(settings([4, 0]), get(1));
  await client.until(HEADERS, 1);
  client.send(frame(DATA, 0, 1, Buffer.from("x")));
  assert.equal(await failure(client), STREAM_CLOSED);
});

test("frames: a stream below one that was opened never reaches the app", async (t) => {
  const server = await served(t);
  const client = await server.frames();
  assert.equal(await client.send(get(5)).body(5), "hello");
  client.send(get(3));
  await aWhile();
  assert.equal(server.seen(), 1);
});

test("frames: a connection that had an error is closed, and what is under way on it given up", async (t) => {
  let running = false;
  let aborted = false;
  const { frames } = await startHttp2(
    t,
    (environ) => {
      running = true;
      environ["tsgi.exchange"].onAbort?.(() => {
        aborted = true;
      });
      return new Promise(() => {});
    },
    { bodyTimeout: 100 },
  );
  const client = await frames();
  client.send(get(1));
  await eventually(() => running);
  client.send(frame(CONTINUATION, END_HEADERS, 1, NOTHING));
  assert.equal(await failure(client), PROTOCOL_ERROR);
  await client.ended();
  await eventually(() => aborted);
});

test("frames: a connection that had an error is read for a while, so that its client hears of it", async (t) => {
  const { frames } = await startHttp2(t, () => new Promise(() => {}));
  const client = await frames();
  client.socket.allowHalfOpen = true;
  client.send(post(1), frame(DATA, 0, 1, Buffer.alloc(5)));
  await aWhile();
  client.send(frame(WINDOW_UPDATE, 0, 0, uint32(0)));
  await client.until(GOAWAY);
  for (let more = 0; more < 5; more++) {
    client.send(frame(PING, 0, 0, Buffer.alloc(8)));
    await aWhile();
  }
  assert.deepEqual([client.end, client.socket.destroyed], ["end", false]);
});

test("frames: nothing follows a reset", async (t) => {
  const { frames } = await startHttp2(t, (environ, startResponse) =>
    environ.REQUEST_METHOD === "GET" ? hello(environ, startResponse) : new Promise(() => {}),
  );
  const client = await frames();
  client.send(post(1, ["content-length", "5"]), frame(DATA, 0, 1, Buffer.alloc(5)), frame(DATA, 0, 1, Buffer.alloc(1)));
  await client.send(get(3)).body(3);
  assert.deepEqual(
    client.frames.filter(({ id }) => id === 1).map(({ type }) => type),
    [RST_STREAM],
  );
});

test("frames: an idle connection that had an error is closed", async (t) => {
  const { frames } = await startHttp2(t, hello, { headersTimeout: 100 });
  const client = await frames();
  client.send(frame(PING, 0, 0, Buffer.alloc(6)));
  assert.equal(await failure(client), FRAME_SIZE_ERROR);
  await client.ended();
});

test("frames: GOAWAY of a client lets its streams finish", async (t) => {
  let go = () => {};
  const { frames } = await startHttp2(t, async (environ, startResponse) => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    return hello(environ, startResponse);
  });
  const client = await frames();
  client.send(get(1), frame(GOAWAY, 0, 0, Buffer.alloc(8)));
  await client.until(GOAWAY);
  go();
  assert.equal(await client.body(1), "hello");
  assert.equal(await client.ended(), 0);
});

/** A POST whose body is not read before `go`. */
async function unread(t: TestContext) {
  let go = () => {};
  const started = await startHttp2(t, async (environ, startResponse) => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    startResponse("200 OK", []);
    return environ["tsgi.input"];
  });
  return { ...started, go: () => go() };
}

test("frames: more than the window of a stream resets it", async (t) => {
  const { frames } = await unread(t);
  const client = await frames();
  client.send(post(1));
  for (let sent = 0; sent < 65_536; sent += 16_384) client.send(frame(DATA, 0, 1, Buffer.alloc(16_384)));
  assert.deepEqual(await client.body(1), { reset: FLOW_CONTROL_ERROR });
});

test("frames: more than the window of the connection ends it", async (t) => {
  const { frames } = await served(t);
  const client = await frames();
  // On a stream that is over, all the same.
  await client.send(get(1)).body(1);
  const window = 65_535 + (await client.until(WINDOW_UPDATE, 0)).payload.readUInt32BE(0);
  const flood: Buffer[] = [];
  for (let sent = 0; sent <= 3 * window; sent += 16_384) flood.push(frame(DATA, 0, 1, Buffer.alloc(16_384)));
  client.send(Buffer.concat(flood));
  await aWhile();
  // What is taken at once is given back at once.
  assert.equal(client.end, undefined);
  assert.equal(await client.send(get(3)).body(3), "hello");
});

test("frames: what waits for one app keeps nobody else from sending", async (t) => {
  const { frames, go } = await unread(t);
  const client = await frames();
  let id = 1;
  for (; id < 61; id += 2) {
    client.send(post(id));
    for (let sent = 0; sent < 4; sent++) client.send(frame(DATA, 0, id, Buffer.alloc(16_000)));
  }
  await aWhile();
  client.send(post(id), frame(DATA, END_STREAM, id, Buffer.from("read")));
  await aWhile();
  go();
  assert.equal(await client.body(id), "read");
});

test("frames: an app that reads lets its client be ahead", async (t) => {
  const { frames } = await startHttp2(t, async (environ, startResponse) => {
    let length = 0;
    for await (const chunk of environ["tsgi.input"]) length += chunk.length;
    startResponse("200 OK", []);
    return String(length);
  });
  const client = await frames();
  client.send(post(1), frame(DATA, 0, 1, Buffer.alloc(1000)));
  const more = (await client.until(WINDOW_UPDATE, 1)).payload.readUInt32BE(0);
  assert.ok(more > 400_000, `${more} more`);
  for (let sent = 0; sent < 20; sent++) client.send(frame(DATA, 0, 1, Buffer.alloc(16_000)));
  client.send(frame(DATA, END_STREAM, 1));
  assert.equal(await client.body(1), "321000");
});

test("frames: trailers that are not trailers reset the stream", async (t) => {
  const { frames } = await served(t);
  for (const [flags, lines] of [
    [END_HEADERS, [["x-sum", "1"]]],
    [HEAD, [[":method", "GET"]]],
    [HEAD, [["X-Sum", "1"]]],
    [HEAD, [["connection", "close"]]],
  ] as [number, [string, string][]][]) {
    const client = await frames();
    client.send(settings([4, 0]), post(1), frame(HEADERS, flags, 1, block(lines)));
    assert.deepEqual(await client.body(1), { reset: PROTOCOL_ERROR });
  }
});

test("frames: HEADERS after the end of a stream that is not over end the connection", async (t) => {
  const { frames } = await served(t);
  const client = await frames();
  client.send(settings([4, 0]), get(1));
  await client.until(HEADERS, 1);
  client.send(get(1));
  assert.equal(await failure(client), STREAM_CLOSED);
});

test("frames: what was on its way to a stream that is over is nobody's business", async (t) => {
  const { frames } = await served(t);
  const client = await frames();
  assert.equal(await client.send(get(1)).body(1), "hello");
  client.send(
    frame(WINDOW_UPDATE, 0, 1, uint32(1)),
    frame(RST_STREAM, 0, 1, uint32(8)),
    frame(PRIORITY, 0, 1, Buffer.alloc(5)),
    frame(HEADERS, HEAD, 1, block([["x-late", "1"]])),
  );
  assert.equal(await client.send(get(3)).body(3), "hello");
});

test("frames: streams with much to send take turns", async (t) => {
  const { frames } = await startHttp2(t, (_environ, startResponse) => {
    startResponse("200 OK", []);
    return "x".repeat(200_000);
  });
  const client = await frames();
  client.send(settings([4, 1 << 20]), get(1), get(3), frame(WINDOW_UPDATE, 0, 0, uint32(1 << 20)));
  await Promise.all([client.body(1), client.body(3)]);
  const ids = client.of(DATA).map(({ id }) => id);
  const first = ids.slice(0, ids.length / 2);
  assert.ok(Math.abs(first.filter((id) => id === 1).length - first.length / 2) < 6, ids.join(" "));
});

test("frames: a head larger than a frame goes on in others, and tables of any size are kept", async (t) => {
  const value = "v".repeat(10_000);
  const { connect } = await startHttp2(t, (environ, startResponse) => {
    startResponse("200 OK", [
      ["X-A", value],
      ["X-B", value],
      ["X-C", environ.PATH_INFO],
      ["Cache-Control", "no-store"],
    ]);
    return "x";
  });
  const session = connect();
  for (const size of [4096, 0, 100, 70, 65_536]) {
    session.settings({ headerTableSize: size });
    for (const path of ["/1", "/1", "/2"]) {
      const { headers } = await ask(session, { ":path": path });
      assert.deepEqual(headers, {
        "x-a": value,
        "x-b": value,
        "x-c": path,
        "cache-control": "no-store",
        "content-length": "1",
      });
    }
  }
});

test("frames: the end of a response comes before a reset that says that the body is not wanted", async (t) => {
  const { frames } = await startHttp2(t, async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "hello";
  });
  const client = await frames();
  client.send(settings([4, 0]), post(1, ["expect", "100-continue"]));
  await client.until(HEADERS, 1);
  await aWhile();
  assert.deepEqual(client.of(RST_STREAM, 1), []);
  client.send(settings([4, 100]));
  assert.equal(await client.body(1), "hello");
  assert.equal((await client.until(RST_STREAM, 1)).payload.readUInt32BE(0), 0);
});
