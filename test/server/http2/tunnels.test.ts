import assert from "node:assert/strict";
import { connect, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { lint } from "../../../middleware/lint.ts";
import { toNode } from "../../../src/adapters/to-node.ts";
import type { App, HeaderList } from "../../../src/gateway.ts";
import type { ServeOptions } from "../../../src/server/serve.ts";
import { block, DATA, END_HEADERS, END_STREAM, frame, get, HEADERS, pseudo } from "../../support/frames.ts";
import { ask, startHttp2, WAYS, type Way } from "../../support/http2-client.ts";
import { aWhile, eventually, hello } from "../../support/raw-client.ts";
import { SWITCHED, shout, shouting } from "../../support/shout.ts";
import { openTunnel, type TunnelClient } from "../../support/tunnel-client.ts";
import { allOwned } from "../../support/unowned.ts";

/** A tunnel to an app, through lint. */
async function tunnel(t: TestContext, app: App, headers = {}, options: ServeOptions = {}, way?: Way) {
  const started = await startHttp2(t, lint(app), options, way);
  const session = started.connect();
  return { ...started, session, client: await openTunnel(session, headers) };
}

/** An app that takes the connection over. */
function taking(take: (connection: Duplex) => void): App {
  return (environ) => take(environ["tsgi.exchange"].upgrade?.() as Duplex);
}

for (const way of WAYS) {
  test(`tunnels over ${way}: the connection is the app's, in both directions`, async (t) => {
    const { client, log } = await tunnel(t, shouting, {}, {}, way);
    await client.send("early ").until("EARLY ");
    client.stream.end("late");
    await client.closed();
    const { status, headers, received, hasEnded, reset } = client;
    assert.deepEqual([status, headers, received, hasEnded, reset], [200, {}, "EARLY LATE", true, 0]);
    assert.deepEqual(log, []);
  });
}

test("tunnels: the app finds the opening of HTTP/1.1, with a key that nobody sent", async (t) => {
  let seen: Record<string, unknown> = {};
  let sent: HeaderList | undefined;
  const { client } = await tunnel(
    t,
    (environ, startResponse) => {
      seen = Object.fromEntries(
        Object.entries(environ).filter(([key]) => /^(?:REQUEST|HTTP|PATH|QUERY|SERVER_PROTOCOL|CONTENT)/.test(key)),
      );
      sent = environ["tsgi.exchange"].headers;
      return shouting(environ, startResponse);
    },
    { ":path": "/a//b?c", ":authority": "example.com", "sec-websocket-key": "x", origin: "https://example.com" },
  );
  await client.send("x").until("X");
  const { HTTP_SEC_WEBSOCKET_KEY: key, ...rest } = seen;
  assert.match(String(key), /^[+/0-9A-Za-z]{22}==$/);
  assert.deepEqual(rest, {
    REQUEST_METHOD: "GET",
    REQUEST_URI: "/a//b?c",
    PATH_INFO: "/a/b",
    QUERY_STRING: "c",
    SERVER_PROTOCOL: "HTTP/2.0",
    HTTP_HOST: "example.com",
    HTTP_CONNECTION: "Upgrade",
    HTTP_UPGRADE: "websocket",
    HTTP_ORIGIN: "https://example.com",
    HTTP_SEC_WEBSOCKET_VERSION: "13",
  });
  assert.deepEqual(sent?.map(([name]) => name).sort(), ["origin", "sec-websocket-version"]);
});

test("tunnels: what belongs to one connection is not in the head, however that is cut", async (t) => {
  const whole = [
    "HTTP/1.1 101 Switching Protocols",
    "connection: UPGRADE, X-Hop",
    "Upgrade: websocket",
    "X-Hop: 1",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "Content-Length: 5",
    "Sec-WebSocket-Protocol:  chat ",
    "Set-Cookie: a=\xe4",
    "Set-Cookie: b=2",
    "",
    "first",
  ].join("\r\n");
  for (const size of [1, 7, whole.length]) {
    const { client } = await tunnel(
      t,
      taking((connection) => {
        for (let at = 0; at < whole.length; at += size) connection.write(whole.slice(at, at + size), "latin1");
      }),
    );
    assert.equal(await client.until("first"), "first");
    assert.deepEqual(client.headers, { "sec-websocket-protocol": "chat", "set-cookie": ["a=\xe4", "b=2"] });
  }
});

test("tunnels: informational responses come before the head", async (t) => {
  const { client } = await tunnel(
    t,
    taking((connection) => connection.write(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${SWITCHED}x`)),
  );
  await client.until("x");
  assert.deepEqual([client.informational, client.status], [[103], 200]);
});

for (const [what, written, body] of [
  ["with a length", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno, and more", "no"],
  ["without a body", "HTTP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n", ""],
  ["in chunks", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", ""],
] as const) {
  test(`tunnels: a refusal ${what} arrives, though the app destroys the connection`, async (t) => {
    const { client, session } = await tunnel(
      t,
      taking((connection) => {
        for (const part of written.split(/(?=no)/)) connection.write(part);
        connection.destroy();
      }),
    );
    await eventually(() => client.hasEnded);
    client.stream.end();
    await client.closed();
    assert.deepEqual([client.status, client.received, client.hasEnded, client.reset], [403, body, true, 0]);
    assert.equal(client.headers.connection, undefined);
    assert.equal(session.destroyed, false);
  });
}

test("tunnels: a refusal ends with the connection where it has no length", async (t) => {
  const { client } = await tunnel(
    t,
    taking((connection) => connection.end("HTTP/1.1 403 Forbidden\r\n\r\nno")),
  );
  await client.closed();
  assert.deepEqual([client.status, client.received, client.hasEnded], [403, "no", true]);
});

for (const [what, written] of [
  ["that is none", "hello, world\r\n\r\n"],
  ["with a line that is none", "HTTP/1.1 101 Switching Protocols\r\nhello\r\n\r\n"],
  ["with a control in it", "HTTP/1.1 101 Switching Protocols\r\nX: a\nb\r\n\r\n"],
  ["with a name that is none", "HTTP/1.1 101 Switching Protocols\r\nX Y: a\r\n\r\n"],
  ["that is too large", `HTTP/1.1 101 Switching Protocols\r\nX: ${"x".repeat(70_000)}`],
] as const) {
  test(`tunnels: a head ${what} is reported once, and resets the stream alone`, async (t) => {
    await allOwned(async () => {
      const { client, session, log } = await tunnel(t, (environ, startResponse) => {
        const { upgrade } = environ["tsgi.exchange"];
        if (upgrade === undefined) return hello(environ, startResponse);
        const connection = upgrade() as Duplex;
        connection.write(written);
        connection.write("more");
      });
      await client.closed();
      assert.deepEqual([client.status, client.reset], [0, 2]);
      assert.match(log.join(""), /^GET \/: TsgiError: .*\n(?: {4}at .*\n)+$/);
      assert.equal((await ask(session)).body, "hello");
    });
  });
}

test("tunnels: an app that ends, cuts or fails without an answer resets the stream", async (t) => {
  await allOwned(async () => {
    for (const give of ["end", "destroy", "throw"] as const) {
      const { client } = await tunnel(
        t,
        taking((connection) => {
          if (give === "throw") throw new Error("no");
          connection[give]();
        }),
      );
      await client.closed();
      assert.deepEqual([client.status, client.reset], [0, 2]);
    }
  });
});

test("tunnels: an app may say no as to any request", async (t) => {
  const { client, session } = await tunnel(t, (_environ, startResponse) => {
    startResponse("403 Forbidden", [["X-Why", "so"]]);
    return ["n", "o"];
  });
  await client.answered();
  client.stream.end("bytes of a tunnel that is not there");
  await client.closed();
  const { status, headers, received, reset } = client;
  assert.deepEqual([status, headers, received, reset], [403, { "x-why": "so", "content-length": "2" }, "no", 0]);
  assert.equal((await ask(session)).status, 403);
});

test("tunnels: a client that goes on after a no is reset in the end", async (t) => {
  const { client } = await tunnel(
    t,
    (_environ, startResponse) => {
      startResponse("403 Forbidden", []);
      return "no";
    },
    {},
    { bodyTimeout: 50 },
  );
  await client.closed();
  assert.deepEqual([client.status, client.received, client.reset], [403, "no", 0]);
});

test("tunnels: a 2xx of an app that knows no tunnels is a 501, and its body is closed", async (t) => {
  let closed = 0;
  async function* endless() {
    try {
      for (;;) {
        yield "data";
        await aWhile();
      }
    } finally {
      closed++;
    }
  }
  for (const body of [() => "page", endless, () => undefined]) {
    const { client } = await tunnel(t, (_environ, startResponse) => {
      startResponse("200 OK", []);
      return body();
    });
    await client.answered();
    client.stream.end();
    await client.closed();
    assert.deepEqual([client.status, client.received], [501, "501 Not Implemented\n"]);
  }
  await eventually(() => closed === 1);
  const { client } = await tunnel(
    t,
    taking((connection) => connection.end("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage")),
  );
  await client.answered();
  client.stream.end();
  await client.closed();
  assert.deepEqual([client.status, client.received], [501, "501 Not Implemented\n"]);
});

const websocket = [":protocol", "websocket"] as const;
for (const [what, lines, expected] of [
  ["another protocol", [...pseudo("CONNECT"), [":protocol", "connect-udp"]], "501 Not Implemented\n"],
  ["the protocol in another case", [...pseudo("CONNECT"), [":protocol", "WebSocket"]], "tunnel"],
  ["a length", [...pseudo("CONNECT"), websocket, ["content-length", "1"]], "400 Bad Request\n"],
  ["another method", [...pseudo("GET"), websocket], { reset: 1 }],
  ["an empty protocol", [...pseudo("CONNECT"), [":protocol", ""]], { reset: 1 }],
  ["two protocols", [...pseudo("CONNECT"), websocket, websocket], { reset: 1 }],
  [
    "no path",
    pseudo("CONNECT")
      .filter(([name]) => name !== ":path")
      .concat([[...websocket]]),
    { reset: 1 },
  ],
  [
    "no scheme",
    pseudo("CONNECT")
      .filter(([name]) => name !== ":scheme")
      .concat([[...websocket]]),
    { reset: 1 },
  ],
  [
    "no authority",
    pseudo("CONNECT")
      .filter(([name]) => name !== ":authority")
      .concat([[...websocket]]),
    { reset: 1 },
  ],
  [
    "another scheme",
    [...pseudo("CONNECT").map(([name, value]) => [name, name === ":scheme" ? "wss" : value] as const), websocket],
    "400 Bad Request\n",
  ],
  ["a host that says something else", [...pseudo("CONNECT"), websocket, ["host", "b"]], "400 Bad Request\n"],
  ["a host that says the same", [...pseudo("CONNECT"), websocket, ["host", "a"]], "tunnel"],
  ["fields of HTTP/1.1", [...pseudo("CONNECT"), websocket, ["upgrade", "websocket"]], { reset: 1 }],
  ["a malformed path", [...pseudo("CONNECT", "/%zz"), websocket], "400 Bad Request\n"],
] as [string, [string, string][], string | { reset: number }][]) {
  test(`tunnels: ${what}`, async (t) => {
    const { frames } = await startHttp2(t, (environ, startResponse) => {
      const connection = environ["tsgi.exchange"].upgrade?.() as Duplex | undefined;
      if (connection === undefined) return hello(environ, startResponse);
      connection.end(`${SWITCHED}tunnel`);
    });
    const client = await frames();
    client.send(frame(HEADERS, END_HEADERS, 1, block(lines)));
    assert.deepEqual(await client.body(1), expected);
    assert.equal(await client.send(get(3)).body(3), "hello");
  });
}

test("tunnels: is absent where the client has ended its side, at once or by now", async (t) => {
  const app: App = async (environ, startResponse) => {
    if (environ.PATH_INFO === "/late") await eventually(() => environ["tsgi.exchange"].upgrade === undefined);
    assert.equal(environ["tsgi.exchange"].upgrade, undefined);
    assert.equal(environ["tsgi.exchange"].onUpgrade, undefined);
    startResponse("400 Bad Request", []);
    return "no";
  };
  const { frames, log } = await startHttp2(t, app);
  const client = await frames();
  client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block([...pseudo("CONNECT"), [...websocket]])));
  assert.equal(await client.body(1), "no");
  client.send(frame(HEADERS, END_HEADERS, 3, block([...pseudo("CONNECT", "/late"), [...websocket]])));
  await aWhile();
  client.send(frame(DATA, END_STREAM, 3, Buffer.from("bytes")));
  assert.equal(await client.body(3), "no");
  assert.deepEqual(log, []);
});

test("tunnels: can be taken once, late, and not after the client has left", async (t) => {
  const codes: unknown[] = [];
  const app: App = async (environ) => {
    const { upgrade, signal } = environ["tsgi.exchange"];
    if (environ.PATH_INFO === "/left") await eventually(() => signal?.aborted === true);
    else {
      await aWhile();
      shout(environ);
    }
    try {
      upgrade?.();
    } catch (error) {
      codes.push((error as { code: string }).code);
    }
  };
  const { client, session } = await tunnel(t, app);
  await client.send("x").until("X");
  const leaving = await openTunnel(session, { ":path": "/left" });
  await aWhile();
  leaving.leave();
  await eventually(() => codes.length === 2);
  assert.deepEqual(codes, ["TSGI_RESPONSE_OVER", "TSGI_CLIENT_GONE"]);
  await client.send("y").until("Y");
});

test("tunnels: a client that leaves is a reset, and ends nothing else", async (t) => {
  await allOwned(async () => {
    for (const isWriting of [false, true]) {
      const events: string[] = [];
      const { client, session } = await tunnel(
        t,
        taking((connection) => {
          connection.write(SWITCHED);
          connection.resume();
          connection.on("error", (error: Error & { code?: string }) => events.push(String(error.code)));
          connection.on("close", () => events.push("close"));
          const timer = setInterval(() => isWriting && connection.write("x".repeat(100_000)), 1);
          connection.on("close", () => clearInterval(timer));
        }),
      );
      await client.answered();
      const other = await openTunnel(session, { ":path": "/other" });
      await other.answered();
      if (isWriting) client.stream.pause();
      client.leave();
      await eventually(() => events.length === 2);
      assert.deepEqual(events, ["ECONNRESET", "close"]);
      session.destroy();
      await eventually(() => events.length === 4);
    }
  });
});

test("tunnels: the app cuts, and the client hears of it", async (t) => {
  const { client } = await tunnel(
    t,
    taking((connection) => connection.write(`${SWITCHED}x`, () => connection.destroy())),
  );
  await client.closed();
  assert.deepEqual([client.status, client.reset], [200, 8]);
});

test("tunnels: each side may end by itself", async (t) => {
  const { client } = await tunnel(t, async (environ) => {
    const connection = environ["tsgi.exchange"].upgrade?.() as Duplex;
    connection.end(`${SWITCHED}the end`);
    let text = "";
    for await (const bytes of connection) text += bytes;
    assert.equal(text, "goes on");
  });
  await eventually(() => client.hasEnded);
  client.stream.write("goes ");
  await aWhile();
  client.stream.end("on");
  await client.closed();
  assert.deepEqual([client.received, client.reset], ["the end", 0]);
});

test("tunnels: what has come is read, though both sides have ended", async (t) => {
  let text = "";
  const { client } = await tunnel(t, async (environ) => {
    const connection = environ["tsgi.exchange"].upgrade?.() as Duplex;
    connection.end(SWITCHED);
    await eventually(() => client.reset !== undefined);
    for await (const bytes of connection) text += bytes;
  });
  client.stream.end("not lost");
  await client.closed();
  await eventually(() => text === "not lost");
});

test("tunnels: an app that writes waits for its client, and one that does not read stops it", async (t) => {
  let connection: (Duplex & { bytesRead: number; bytesWritten: number }) | undefined;
  const { client } = await tunnel(
    t,
    taking((taken) => {
      connection = taken as typeof connection;
      taken.write(SWITCHED);
    }),
  );
  await client.answered();
  client.stream.pause();
  const bytes = Buffer.alloc(1 << 20, "x");
  assert.equal(connection?.write(bytes), false);
  let drained = false;
  connection?.on("drain", () => {
    drained = true;
  });
  client.stream.write(bytes);
  await aWhile();
  assert.equal(drained, false);
  assert.equal(connection?.writableLength, 1 << 20);
  assert.ok(client.stream.bufferSize > 900_000);
  client.stream.resume();
  await eventually(() => drained && client.received.length === 1 << 20);
  assert.equal(connection?.bytesWritten, SWITCHED.length + (1 << 20));
  let read = 0;
  for await (const piece of connection as Duplex) {
    read += piece.length;
    if (read === 1 << 20) break;
  }
  assert.equal(connection?.bytesRead, 1 << 20);
});

test("tunnels: time limits are the app's own", async (t) => {
  let connection: Duplex | undefined;
  let timeouts = 0;
  const limits = { headersTimeout: 40, requestTimeout: 40, bodyTimeout: 40, keepAliveTimeout: 40 };
  const { client, session } = await tunnel(
    t,
    (environ) => {
      connection = shout(environ);
      (connection as Duplex & { setTimeout(time: number): void }).setTimeout(30);
      connection.on("timeout", () => timeouts++);
    },
    {},
    limits,
  );
  await client.answered();
  client.stream.pause();
  connection?.write(Buffer.alloc(1 << 20, "y"));
  for (let wait = 0; wait < 5; wait++) await aWhile();
  assert.equal(session.destroyed, false);
  assert.equal(connection?.destroyed, false);
  assert.ok(timeouts > 0);
  client.stream.resume();
  await client.send("x").until("X");
});

test("tunnels: destroySoon sends what was written", async (t) => {
  const { client } = await tunnel(
    t,
    taking((connection) => {
      connection.write(SWITCHED);
      connection.write("x".repeat(200_000));
      (connection as Duplex & { destroySoon(): void }).destroySoon();
    }),
  );
  await client.closed();
  assert.equal(client.received.length, 200_000);
});

test("tunnels: a server that closes tells the app, and waits for its tunnels until the grace is over", async (t) => {
  let told = 0;
  const { client, server, session } = await tunnel(t, (environ) => {
    environ["tsgi.exchange"].onServerClose?.(() => told++);
    shout(environ);
  });
  await client.send("a").until("A");
  const stays = await openTunnel(session);
  await stays.send("a").until("A");
  let isClosed = false;
  const closing = server.close({ linger: 0, grace: 600 }).then(() => {
    isClosed = true;
  });
  await aWhile();
  assert.equal(told, 2);
  client.stream.end("b");
  await client.closed();
  assert.deepEqual([client.received, client.reset], ["AB", 0]);
  await stays.send("c").until("C");
  assert.equal(isClosed, false);
  await stays.closed();
  await closing;
});

test("tunnels: a server that closes is closed when its tunnels have ended", async (t) => {
  const { client, server } = await tunnel(t, shouting);
  await client.send("a").until("A");
  const closing = server.close({ grace: 60_000 });
  await aWhile();
  client.stream.end();
  await client.closed();
  await closing;
});

test("tunnels: a connection that takes no more requests keeps its tunnels", async (t) => {
  const { client, session } = await tunnel(t, shouting, {}, { maxRequestsPerConnection: 1 });
  await eventually(() => session.closed);
  await client.send("a").until("A");
  client.stream.end();
  await client.closed();
  assert.equal(client.reset, 0);
});

test("tunnels: on an http2 server of Node, which has to offer them", async (t) => {
  const server = createServer({ settings: { enableConnectProtocol: true } });
  server.on("stream", toNode(lint(shouting)).stream);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    server.close();
  });
  const client: TunnelClient = await openTunnel(session);
  client.stream.end("x");
  await client.closed();
  assert.deepEqual([client.status, client.received, client.reset], [200, "X", 0]);
});
