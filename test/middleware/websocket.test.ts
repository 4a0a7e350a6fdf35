import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { cors } from "../../middleware/cors.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { lint } from "../../middleware/lint.ts";
import { router } from "../../middleware/router.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import {
  type WebsocketConnection,
  type WebsocketHandlers,
  type WebsocketOptions,
  websocket,
} from "../../middleware/websocket.ts";
import { toNode } from "../../src/adapters/to-node.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import type { ServeOptions } from "../../src/server/serve.ts";
import { request } from "../../src/testing.ts";
import { certificate } from "../support/certificate.ts";
import { aWhile, eventually, type RawClient, type Started, start } from "../support/raw-client.ts";
import { allOwned } from "../support/unowned.ts";
import {
  ACCEPTED,
  BINARY,
  CLOSE,
  closeCodeIn,
  frame,
  HANDSHAKE,
  PING,
  PONG,
  TEXT,
  textsIn,
} from "../support/websocket-frames.ts";

const echo: WebsocketHandlers = { message: (socket, data) => socket.send(data) };

interface Served extends Started {
  /** A socket that is open, and the messages that it has received. */
  open(path?: string, protocols?: string[], headers?: Record<string, string>): Promise<Client>;
  /** A client of bytes whose handshake was accepted. */
  raw(): Promise<RawClient>;
}

class Client extends WebSocket {
  readonly received: (string | Buffer)[] = [];
  lines: readonly string[] = [];
  code: number | undefined;
  reason = "";
}

/** Serves an app through lint. */
async function served(t: TestContext, app: App, options?: ServeOptions): Promise<Served> {
  const started = await start(t, lint(app), options);
  return {
    ...started,
    open: (path = "/", protocols = [], headers = {}) => open(t, `${started.server.url}${path}`, protocols, headers),
    async raw() {
      const client = await started.connect();
      client.get("/", ...HANDSHAKE);
      await client.until("\r\n\r\n");
      return client;
    },
  };
}

function open(
  t: TestContext,
  url: string,
  protocols: string[] = [],
  headers: Record<string, string> = {},
): Promise<Client> {
  const client = new Client(url.replace(/^http/, "ws"), protocols, { headers });
  t.after(() => client.terminate());
  client.on("upgrade", ({ rawHeaders }) => {
    client.lines = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : []));
  });
  client.on("message", (data: Buffer, isBinary) => client.received.push(isBinary ? data : String(data)));
  client.on("close", (code, reason) => {
    client.code = code;
    client.reason = String(reason);
  });
  return new Promise((resolve, reject) => {
    client.on("open", () => resolve(client));
    client.on("error", reject);
  });
}

/** The sockets of an app, as its handlers see them. */
function observed(handlers: WebsocketHandlers = {}, options: WebsocketOptions = {}) {
  const sockets: WebsocketConnection[] = [];
  const closed: string[] = [];
  const errors: string[] = [];
  const app = websocket(
    {
      ...handlers,
      open(socket, environ) {
        sockets.push(socket);
        return handlers.open?.(socket, environ);
      },
      close(socket, code, reason) {
        closed.push(`${code} ${reason}`.trim());
        return handlers.close?.(socket, code, reason);
      },
      error(socket, error) {
        errors.push((error as Error & { code?: string }).code ?? error.message);
        return handlers.error?.(socket, error);
      },
    },
    options,
  );
  return { app, sockets, closed, errors };
}

test("websocket: text comes as a string, anything else as bytes", async (t) => {
  const got: unknown[] = [];
  const { open: connect } = await served(
    t,
    websocket({
      message: (socket, data, isBinary) => {
        got.push([data, isBinary]);
        socket.send(data);
      },
    }),
  );
  const client = await connect();
  client.send("grüße");
  client.send(Buffer.from([1, 2, 255]));
  await eventually(() => client.received.length === 2);
  assert.deepEqual(client.received, ["grüße", Buffer.from([1, 2, 255])]);
  assert.deepEqual(got, [
    ["grüße", false],
    [Buffer.from([1, 2, 255]), true],
  ]);
});

test("websocket: the answer to a handshake", async (t) => {
  const { connect } = await served(t, websocket(echo));
  const asking = await connect();
  asking.get("/", ...HANDSHAKE, "Sec-WebSocket-Extensions: permessage-deflate");
  assert.equal(await asking.until("\r\n\r\n"), `${ACCEPTED}\r\n`);
});

test("websocket: open sees the environ of the request, mount, parameters and query", async (t) => {
  const app = websocket({
    open(socket, { SCRIPT_NAME, PATH_INFO, QUERY_STRING, "tsgi.params": params }) {
      assert.equal(socket.environ.SCRIPT_NAME, SCRIPT_NAME);
      socket.send(JSON.stringify({ SCRIPT_NAME, PATH_INFO, QUERY_STRING, params }));
    },
  });
  const { open: connect, log } = await served(
    t,
    staticFiles(dispatcher(notFound, { "/rooms/:room": app }), { "/static": import.meta.dirname }),
  );
  const client = await connect("/rooms/blue/chat?user=1");
  await eventually(() => client.received.length === 1);
  assert.deepEqual(JSON.parse(String(client.received[0])), {
    SCRIPT_NAME: "/rooms/blue",
    PATH_INFO: "/chat",
    QUERY_STRING: "user=1",
    params: { room: "blue" },
  });
  assert.deepEqual(log, []);
});

test("websocket: layers add to the 101, in Latin-1 and without what it cannot have", async (t) => {
  const layer =
    (app: App): App =>
    (environ, startResponse) =>
      app(environ, (status, headers, error) =>
        startResponse(
          status,
          [
            ...headers,
            ["Set-Cookie", "a=1"],
            ["Set-Cookie", "b=2"],
            ["X-Town", "K\xf6ln"],
            ["Content-Length", "0"],
            ["sec-websocket-accept", "x"],
          ],
          error,
        ),
      );
  const { connect } = await served(t, cors(layer(router(notFound, { "GET /{*path}": websocket(echo) }))));
  const asking = await connect();
  asking.get("/", ...HANDSHAKE);
  assert.equal(
    await asking.until("\r\n\r\n"),
    `${ACCEPTED}Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Town: K\xf6ln\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n\r\n`,
  );
});

test("websocket: a guard refuses it", async (t) => {
  const guard =
    (app: App): App =>
    (environ, startResponse) =>
      environ.HTTP_AUTHORIZATION === "Bearer x"
        ? app(environ, startResponse)
        : text("no\n", { status: "401 Unauthorized" })(environ, startResponse);
  const { open: connect } = await served(t, guard(websocket(echo)));
  await assert.rejects(connect(), /Unexpected server response: 401/);
  const client = await connect("/", [], { Authorization: "Bearer x" });
  client.send("in");
  await eventually(() => client.received[0] === "in");
});

const ASK = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** A refusal as a client sees it. */
async function refusal(
  headers: Record<string, string>,
  options: WebsocketOptions = {},
  method = "GET",
): Promise<string> {
  const response = await request(websocket(echo, options), "/", { headers, method });
  const names = [...response.headers.keys()].filter((name) => !name.startsWith("content-"));
  return [
    String(response.status),
    ...names.map((name) => `${name}: ${response.headers.get(name)}`),
    await response.text(),
  ].join(" ");
}

for (const [what, headers, answer, method] of [
  ["a plain request", {}, "426 upgrade: websocket This is a WebSocket\n"],
  ["another protocol", { ...ASK, Upgrade: "h2c" }, "426 upgrade: websocket This is a WebSocket\n"],
  [
    "a request without Connection: upgrade",
    { ...ASK, Connection: "close" },
    "426 upgrade: websocket This is a WebSocket\n",
  ],
  ["another method", ASK, "405 allow: GET A WebSocket begins with GET\n", "POST"],
  [
    "another version",
    { ...ASK, "Sec-WebSocket-Version": "8" },
    "426 sec-websocket-version: 13 upgrade: websocket Only version 13 is spoken here\n",
  ],
  ["no key", { ...ASK, "Sec-WebSocket-Key": "" }, "400 The WebSocket handshake is malformed\n"],
  ["a key of the wrong length", { ...ASK, "Sec-WebSocket-Key": "dGhl" }, "400 The WebSocket handshake is malformed\n"],
  [
    "protocols with an empty one",
    { ...ASK, "Sec-WebSocket-Protocol": "a,,b" },
    "400 The WebSocket handshake is malformed\n",
  ],
  ["a protocol twice", { ...ASK, "Sec-WebSocket-Protocol": "a, a" }, "400 The WebSocket handshake is malformed\n"],
  [
    "a protocol that is not a token",
    { ...ASK, "Sec-WebSocket-Protocol": "a b" },
    "400 The WebSocket handshake is malformed\n",
  ],
  [
    "a page of another origin",
    { ...ASK, Origin: "https://evil.example" },
    "403 Pages of this origin may not connect\n",
  ],
  ["a server that cannot", ASK, "501 This server does not switch protocols\n"],
] as const) {
  test(`websocket: ${what} is refused`, async () => {
    assert.equal(await refusal(headers, {}, method), answer);
  });
}

/** 501 is what comes after all else was accepted. */
for (const [origin, host, option, status] of [
  ["http://a", "a", undefined, 501],
  ["http://A", "a", undefined, 501],
  ["https://a", "a", undefined, 501],
  ["https://a", "a:443", undefined, 501],
  ["http://a:80", "a", undefined, 501],
  ["http://a:8080", "a:8080", undefined, 501],
  ["http://[::1]:8080", "[::1]:8080", undefined, 501],
  ["http://a:8081", "a:8080", undefined, 403],
  ["https://a", "a:80", undefined, 403],
  ["http://a.evil", "a", undefined, 403],
  ["http://evil/a", "a", undefined, 403],
  ["http://a@evil", "a", undefined, 403],
  ["null", "a", undefined, 403],
  ["file://", "a", undefined, 403],
  ["", "a", undefined, 403],
  ["http://b", "a", ["https://a", "http://b"], 501],
  ["http://B", "a", ["http://b"], 501],
  ["http://a", "a", ["http://b"], 403],
  ["http://a", "a", [], 403],
  ["null", "a", ["null"], 501],
  ["https://a", "b", ["https://A:443"], 501],
  ["chrome-extension://abc", "a", ["chrome-extension://abc"], 501],
  ["http://anything", "a", "*", 501],
  [undefined, "a", [], 501],
] as const) {
  test(`websocket: a page of ${origin} at ${host} with origin ${JSON.stringify(option)}: ${status}`, async () => {
    const headers = { ...ASK, Host: host, ...(origin === undefined ? {} : { Origin: origin }) };
    assert.equal((await refusal(headers, { origin: option })).slice(0, 3), String(status));
  });
}

test("websocket: the first protocol that the client offers and the list has is chosen", async (t) => {
  const { open: connect } = await served(
    t,
    websocket({ open: ({ protocol, send }) => void [protocol, send] }, { protocols: ["a", "b"] }),
  );
  assert.equal((await connect("/", ["c", "b", "a"])).protocol, "b");
  await assert.rejects(connect("/", ["c"]), /Server sent no subprotocol/);
  assert.equal((await connect()).protocol, "");
});

test("websocket: a function chooses among the protocols that are offered", async (t) => {
  const offers: unknown[] = [];
  const { app, sockets } = observed(
    {},
    {
      protocols: (offered, { PATH_INFO }) => {
        offers.push([offered, PATH_INFO]);
        return offered.at(-1);
      },
    },
  );
  const { open: connect } = await served(t, app);
  assert.equal((await connect("/x", ["a", "b"])).protocol, "b");
  assert.equal(sockets[0]?.protocol, "b");
  assert.deepEqual(offers, [[["a", "b"], "/x"]]);
});

test("websocket: a function that chooses what was not offered is an error, and injects nothing", async (t) => {
  const { connect, log } = await served(t, websocket(echo, { protocols: () => "a\r\nX-Evil: 1" }));
  const asking = await connect();
  asking.get("/", ...HANDSHAKE, "Sec-WebSocket-Protocol: a");
  const answer = await asking.until("\r\n\r\n");
  assert.match(answer, /^HTTP\/1\.1 500 /);
  assert.doesNotMatch(answer, /Evil/);
  assert.match(log.join(""), /TSGI_BAD_OPTION|protocols of websocket chose/);
});

test("websocket: options and handlers are checked when it is built", () => {
  const code = (code: string) => ({ code });
  assert.throws(() => websocket({ massage: () => {} } as WebsocketHandlers), code("TSGI_BAD_OPTION"));
  assert.throws(() => websocket({ open: 1 } as unknown as WebsocketHandlers), code("TSGI_BAD_OPTION"));
  assert.throws(() => websocket({}, { maxPayload: 0 }), code("TSGI_BAD_OPTION"));
  assert.throws(() => websocket({}, { origin: "http://a" as "*" }), code("TSGI_BAD_OPTION"));
  for (const origin of [
    "a.example",
    "https://a.example/",
    "https://*.example",
    "*",
    "https://a.example, https://b.example",
    "",
  ]) {
    assert.throws(() => websocket({}, { origin: [origin] }), code("TSGI_BAD_OPTION"), origin);
  }
});

test("websocket: an open that takes its time is waited for", async (t) => {
  const order: string[] = [];
  const { raw } = await served(
    t,
    websocket({
      async open() {
        await aWhile();
        order.push("open");
      },
      message: (socket, data) => {
        order.push(String(data));
        socket.send(data);
      },
    }),
  );
  const client = await raw();
  client.send(frame(TEXT, "one")).send(frame(TEXT, "two"));
  await client.until("two");
  assert.deepEqual(order, ["open", "one", "two"]);
});

test("websocket: a client waits while too many of its messages are being handled", async (t) => {
  let handled = 0;
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const { raw } = await served(
    t,
    websocket({
      async message(socket) {
        handled++;
        await gate;
        if (handled === 3_000) socket.send("all");
      },
    }),
  );
  const client = await raw();
  // More than one read of the socket, so that most of it comes after the pause.
  const message = frame(TEXT, "x".repeat(1000));
  for (let count = 0; count < 3_000; count++) client.send(message);
  await eventually(() => handled >= 16);
  await aWhile();
  assert.ok(handled < 300, `${handled}`);
  go();
  await client.until("all");
});

for (const [what, send, code, error] of [
  ["a message that is too large", () => frame(TEXT, "x".repeat(1001)), 1009, "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"],
  [
    "a frame that says it is giant",
    () => frame(BINARY, "x", { length: 2 ** 52 }),
    1009,
    "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
  ],
  [
    "fragments that are too large together",
    () => Buffer.concat([frame(TEXT, "x".repeat(600), { isFinal: false }), frame(0, "x".repeat(600))]),
    1009,
    "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
  ],
  [
    "a message in too many pieces",
    () => Buffer.concat([frame(TEXT, "x", { isFinal: false }), ...Array(5000).fill(frame(0, "", { isFinal: false }))]),
    1008,
    "WS_ERR_TOO_MANY_BUFFERED_PARTS",
  ],
  ["a frame without a mask", () => frame(TEXT, "x", { isMasked: false }), 1002, "WS_ERR_EXPECTED_MASK"],
  ["a reserved bit", () => frame(TEXT, "x", { reserved: 4 }), 1002, "WS_ERR_UNEXPECTED_RSV_1"],
  ["an opcode that means nothing", () => frame(3, "x"), 1002, "WS_ERR_INVALID_OPCODE"],
  ["a ping of more than 125 bytes", () => frame(PING, "x".repeat(126)), 1002, "WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH"],
  ["a control frame in fragments", () => frame(PING, "x", { isFinal: false }), 1002, "WS_ERR_EXPECTED_FIN"],
  ["text that is not UTF-8", () => frame(TEXT, Buffer.from([0xc3, 0x28])), 1007, "WS_ERR_INVALID_UTF8"],
  [
    "a close code that may not be sent",
    () => frame(CLOSE, Buffer.from([0x03, 0xed])),
    1002,
    "WS_ERR_INVALID_CLOSE_CODE",
  ],
  ["HTTP in place of frames", () => Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 1002, undefined],
] as const) {
  test(`websocket: ${what} closes the socket with ${code}`, async (t) => {
    const { app, closed, errors } = observed(echo, { maxPayload: 1000 });
    const { raw, log } = await served(t, app);
    const client = await raw();
    client.send(send());
    await eventually(() => closeCodeIn(client.received) !== undefined, client);
    assert.equal(closeCodeIn(client.received), code);
    client.socket.end();
    await eventually(() => closed.length === 1);
    if (error !== undefined) assert.deepEqual(errors, [error]);
    assert.deepEqual(log, []);
  });
}

test("websocket: without a handler for errors of the client, these end nothing", async (t) => {
  await allOwned(async () => {
    const { raw, log } = await served(t, websocket(echo));
    const client = await raw();
    client.send(frame(TEXT, "x", { isMasked: false }));
    await eventually(() => closeCodeIn(client.received) === 1002, client);
    assert.deepEqual(log, []);
  });
});

test("websocket: a flood of pings from a client that reads nothing is bounded", async (t) => {
  const { app, sockets, closed } = observed();
  const { raw } = await served(t, app);
  const client = await raw();
  client.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(PING, "x".repeat(125))));
  let most = 0;
  for (let count = 0; count < 100 && closed.length === 0; count++) {
    client.send(pings);
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, sockets[0]?.bufferedAmount ?? 0);
  }
  await aWhile();
  most = Math.max(most, sockets[0]?.bufferedAmount ?? 0);
  assert.ok(most < 1024 * 1024, `${most} bytes wait`);
});

test("websocket: a client that does not read is cut once too much waits for it", async (t) => {
  const { app, sockets, closed } = observed({}, { backpressure: 100_000 });
  const { raw } = await served(t, app);
  const client = await raw();
  client.socket.pause();
  await eventually(() => sockets.length === 1);
  const [socket] = sockets as [WebsocketConnection];
  let most = 0;
  for (let count = 0; count < 10_000 && closed.length === 0; count++) {
    socket.send("x".repeat(10_000));
    // What is sent to a socket that is closed is counted, but not kept.
    if (socket.readyState === 1) most = Math.max(most, socket.bufferedAmount);
    if (count % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => closed.length === 1);
  assert.deepEqual(closed, ["1006"]);
  assert.ok(most > 100_000 && most < 120_000, `${most}`);
});

test("websocket: one message may be larger than what may wait", async (t) => {
  const { open: connect } = await served(
    t,
    websocket({ open: (socket) => socket.send("x".repeat(1_000_000)) }, { backpressure: 1000 }),
  );
  const client = await connect();
  await eventually(() => client.received.length === 1);
  assert.equal(String(client.received[0]).length, 1_000_000);
});

test("websocket: drain tells that there is room again", async (t) => {
  let drained = 0;
  const { open: connect } = await served(
    t,
    websocket({
      open: (socket) => socket.send(Buffer.alloc(8_000_000)),
      drain: (socket) => {
        assert.equal(socket.bufferedAmount, 0);
        drained++;
      },
    }),
  );
  const client = await connect();
  await eventually(() => client.received.length === 1);
  await eventually(() => drained === 1);
});

test("websocket: a client that answers no ping is cut, one that does stays", async (t) => {
  const { app, closed } = observed(echo, { ping: 50 });
  const { raw, open: connect } = await served(t, app);
  const silent = await raw();
  const client = await connect();
  let pings = 0;
  client.on("ping", () => pings++);
  await silent.all();
  assert.deepEqual(closed, ["1006"]);
  await eventually(() => pings > 3);
  client.send("still here");
  await eventually(() => client.received[0] === "still here");
});

test("websocket: a client that sends something else counts as there", async (t) => {
  const { app, closed } = observed({}, { ping: 50 });
  const { raw } = await served(t, app);
  const client = await raw();
  for (let count = 0; count < 30; count++) {
    client.send(frame(TEXT, "no pong"));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual(closed, []);
});

test("websocket: no pings where the interval is 0", async (t) => {
  const { raw } = await served(t, websocket(echo, { ping: 0 }));
  const client = await raw();
  await aWhile();
  assert.equal(client.received, `${ACCEPTED}\r\n`);
  client.send(frame(PING, "?"));
  await client.until("?");
});

test("websocket: compression is off by default", async (t) => {
  const plain = await served(t, websocket(echo));
  assert.equal((await plain.open()).extensions, "");
  const compressing = await served(t, websocket(echo, { compress: true }));
  const client = await compressing.open();
  assert.equal(client.extensions, "permessage-deflate");
  client.send("x".repeat(5000));
  await eventually(() => client.received.length === 1);
  assert.equal(client.received[0], "x".repeat(5000));
});

test("websocket: a small message that is inflated beyond the limit closes the socket", async (t) => {
  const { open: connect } = await served(t, websocket(echo, { compress: true, maxPayload: 10_000 }));
  const client = await connect();
  client.on("error", () => {});
  client.send("x".repeat(5_000_000));
  await eventually(() => client.code !== undefined);
  assert.equal(client.code, 1009);
});

test("websocket: extensions that are malformed are a 400", async (t) => {
  const { connect, log } = await served(t, websocket(echo, { compress: true }));
  const asking = await connect();
  asking.get("/", ...HANDSHAKE, "Sec-WebSocket-Extensions: permessage-deflate; =");
  assert.match(await asking.all(), /^HTTP\/1\.1 400 /);
  assert.deepEqual(log, []);
});

for (const handler of ["open", "message", "close", "error", "drain"] as const) {
  for (const how of ["throws", "rejects"] as const) {
    test(`websocket: ${handler} that ${how} is reported once, and closes the socket with 1011`, async (t) => {
      await allOwned(async () => {
        const fail = (): unknown => {
          const error = new Error("from a handler");
          if (how === "throws") throw error;
          return aWhile().then(() => Promise.reject(error));
        };
        const big = { open: (socket: WebsocketConnection) => socket.send(Buffer.alloc(8_000_000)) };
        const { raw, log } = await served(t, websocket({ ...(handler === "drain" ? big : {}), [handler]: fail }));
        const client = await raw();
        if (handler === "message") client.send(frame(TEXT, "x"));
        if (handler === "error") client.send(frame(TEXT, "x", { isMasked: false }));
        if (handler === "close") client.send(frame(CLOSE, Buffer.from([0x03, 0xe8])));
        await eventually(() => log.length > 0, client);
        assert.equal(log.join("").match(/Error: from a handler/g)?.length, 1);
        const code = handler === "close" ? 1000 : handler === "error" ? 1002 : 1011;
        await eventually(() => closeCodeIn(client.received) === code, client);
        client.socket.destroy();
        await aWhile();
        assert.equal(log.length, 1);
      });
    });
  }
}

test("websocket: a socket keeps its request without the headers, and what layers have added", async (t) => {
  const reported: unknown[] = [];
  const { app, sockets } = observed({
    message() {
      throw new Error("kept");
    },
  });
  const named = (inner: App): App => {
    return (environ, startResponse) => inner({ ...environ, "auth.user": { name: "ada" } }, startResponse);
  };
  const { open: connect } = await served(t, named(dispatcher(notFound, { "/rooms/:room": app })), {
    onError: (error, environ) => reported.push([(error as Error).message, environ]),
  });
  const client = await connect("/rooms/a-long-name-of-a-room/and-its-door?key=a-long-value", [], {
    "X-Token": "secret",
  });
  client.send("x");
  await eventually(() => reported.length === 1);
  const { environ } = sockets[0] as WebsocketConnection;
  assert.deepEqual(reported, [["kept", environ]]);
  assert.equal(environ.SCRIPT_NAME, "/rooms/a-long-name-of-a-room");
  assert.equal(environ.PATH_INFO, "/and-its-door");
  assert.equal(environ.REQUEST_URI, "/rooms/a-long-name-of-a-room/and-its-door?key=a-long-value");
  assert.deepEqual(environ["tsgi.params"], { room: "a-long-name-of-a-room" });
  assert.deepEqual(environ["auth.user"], { name: "ada" });
  assert.deepEqual(
    Object.keys(environ).filter((key) => key.startsWith("HTTP_")),
    [],
  );
});

test("websocket: after a failure no further message is handled", async (t) => {
  let handled = 0;
  const { raw, log } = await served(
    t,
    websocket({
      message() {
        handled++;
        throw new Error("bad");
      },
    }),
  );
  const client = await raw();
  client.send(Buffer.concat([frame(TEXT, "1"), frame(TEXT, "2"), frame(TEXT, "3")]));
  await eventually(() => closeCodeIn(client.received) === 1011, client);
  assert.equal(handled, 1);
  assert.equal(log.length, 1);
});

test("websocket: a client may leave at each moment", async (t) => {
  await allOwned(async () => {
    const { app, closed, sockets } = observed({ ...echo, open: () => aWhile() });
    const { raw, connect, log } = await served(t, app);
    const leave: readonly ((client: RawClient) => void)[] = [
      ({ socket }) => socket.destroy(),
      ({ socket }) => socket.resetAndDestroy(),
      ({ socket }) => socket.end(),
      (client) => client.send(frame(TEXT, "half", { isFinal: false })).socket.end(),
      (client) => client.send(frame(TEXT, "x".repeat(100)).subarray(0, 20)).socket.resetAndDestroy(),
      (client) => client.send(frame(TEXT, "x".repeat(1000))).socket.destroy(),
      (client) => client.send(frame(CLOSE)).socket.destroy(),
    ];
    for (const go of leave) {
      go(await raw());
      // Before the handshake is answered, and amid it.
      const early = await connect();
      go(early.get("/", ...HANDSHAKE));
      const amid = await connect();
      go(amid.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websoc"));
    }
    await eventually(() => closed.length === sockets.length && sockets.length >= leave.length);
    assert.deepEqual(log, []);
  });
});

test("websocket: a client closes, and hears its own code", async (t) => {
  const { app, closed } = observed();
  const { open: connect } = await served(t, app);
  const client = await connect();
  client.close(4000, "enough");
  await eventually(() => client.code !== undefined && closed.length === 1);
  assert.equal(client.code, 4000);
  assert.deepEqual(closed, ["4000 enough"]);
});

test("websocket: a server that closes ends its sockets with 1001, and is closed when they are", async (t) => {
  const { app, closed } = observed();
  const { open: connect, server } = await served(t, app);
  const clients = await Promise.all([connect(), connect(), connect()]);
  await server.close({ grace: 60_000 });
  await eventually(() => clients.every(({ code }) => code !== undefined));
  assert.deepEqual(
    clients.map(({ code, reason }) => `${code} ${reason}`),
    Array(3).fill("1001 The server is closing"),
  );
  assert.equal(closed.length, 3);
});

test("websocket: a client that does not answer the 1001 is cut when the grace is over", async (t) => {
  const { app, closed } = observed();
  const { raw, server } = await served(t, app);
  const client = await raw();
  await server.close({ linger: 0, grace: 100 });
  await client.all();
  assert.equal(closeCodeIn(client.received), 1001);
  await eventually(() => closed.length === 1);
});

test("websocket: a server that closes takes no further ones", async (t) => {
  const { open: connect, connect: raw, server } = await served(t, websocket(echo));
  await connect();
  const asking = await raw();
  asking.get("/");
  await asking.until("426");
  asking.clear();
  const closing = server.close({ delay: 100, grace: 10_000 });
  asking.get("/", ...HANDSHAKE);
  assert.match(await asking.all(), /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  await closing;
});

test("websocket: over TLS, from pages of its host", async (t) => {
  const tls = await certificate();
  const { server, log } = await served(t, websocket(echo), { tls });
  const client = new WebSocket(`wss://localhost:${server.port}`, {
    ca: tls.cert,
    origin: `https://localhost:${server.port}`,
  });
  t.after(() => client.terminate());
  const answer = new Promise((resolve) => client.on("message", (data) => resolve(String(data))));
  client.on("open", () => client.send("in secret"));
  assert.equal(await answer, "in secret");
  const code = new Promise((resolve) => client.on("close", resolve));
  await server.close();
  assert.equal(await code, 1001);
  assert.deepEqual(log, []);
});

/** A Node server with an app. */
async function onNode(t: TestContext, app: App) {
  const log: string[] = [];
  const listener = toNode(lint(app), { errors: { write: (line) => log.push(line) } });
  const server = createServer(listener).on("upgrade", listener.upgrade);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return { log, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("websocket: on a Node server, with layers, and closed when it no longer listens", async (t) => {
  const { app, closed } = observed(echo);
  const { url, server, log } = await onNode(t, cors(dispatcher(notFound, { "/chat": app })));
  const client = await open(t, `${url}/chat`);
  assert.ok(client.lines.includes("Access-Control-Allow-Origin: *"));
  client.send("on node");
  await eventually(() => client.received[0] === "on node");
  await new Promise((resolve) => server.close(resolve));
  await eventually(() => client.code !== undefined);
  assert.equal(client.code, 1001);
  assert.deepEqual(closed, ["1001 The server is closing"]);
  assert.deepEqual(log, []);
});

test("websocket: what it refuses on a Node server is an answer as any other", async (t) => {
  const { url } = await onNode(t, cors(websocket(echo, { origin: [] })));
  await assert.rejects(open(t, url, [], { Origin: "http://a" }), /Unexpected server response: 403/);
});

test("websocket: a thousand messages keep their order", async (t) => {
  const { raw } = await served(t, websocket(echo));
  const client = await raw();
  const sent = Array.from({ length: 1000 }, (_, index) => `message ${index}`);
  for (const each of sent) client.send(frame(TEXT, each));
  await eventually(() => textsIn(client.received).length === 1000, client);
  assert.deepEqual(textsIn(client.received), sent);
});

test("websocket: a pong that nobody asked for is ignored", async (t) => {
  const { raw } = await served(t, websocket(echo));
  const client = await raw();
  client.send(frame(PONG, "x")).send(frame(TEXT, "after"));
  await client.until("after");
});
