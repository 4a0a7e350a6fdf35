import assert from "node:assert/strict";
import { test } from "node:test";
import { readBytes } from "../../src/body/input.ts";
import type { App, Environ } from "../../src/gateway.ts";
import { aWhile, eventually, HELLO, hello, lastAnswer, start, wire } from "../support/raw-client.ts";

/** Answers with the request body. */
const echo: App = async (environ, startResponse) => {
  const bytes = await readBytes(environ);
  startResponse("200 OK", []);
  return bytes;
};

function echoed(body: string): string {
  return wire(`HTTP/1.1 200 OK
Content-Length: ${body.length}
Connection: keep-alive
Keep-Alive: timeout=5

`).concat(body);
}

test("requests: a head that comes byte by byte is one request", async (t) => {
  const client = await (await start(t, hello)).connect();
  for (const byte of "GET /x HTTP/1.1\r\nHost: a\r\n\r") {
    client.send(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(client.received, "");
  assert.equal(await client.send("\n").until("hello"), HELLO);
});

test("requests: a body that comes in pieces is one body", async (t) => {
  const client = await (await start(t, echo)).connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab");
  await aWhile();
  client.send("c");
  await aWhile();
  assert.equal(client.received, "");
  assert.equal(await client.send("def").until("abcdef"), echoed("abcdef"));
});

test("requests: a body that came in pieces before it is read is whole", async (t) => {
  const client = await (
    await start(t, async (environ, startResponse) => {
      await aWhile();
      return echo(environ, startResponse);
    })
  ).connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab");
  setTimeout(() => client.send("cd"), 10);
  setTimeout(() => client.send("ef"), 20);
  assert.equal(await client.until("abcdef"), echoed("abcdef"));
});

test("requests: a chunked body, with chunk extensions, ends by itself", async (t) => {
  const client = await (await start(t, echo)).connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n");
  await aWhile();
  assert.equal(await client.send("3\r\ndef\r\n0\r\n\r\n").until("abcdef"), echoed("abcdef"));
});

test("requests: the connection carries one request after the other", async (t) => {
  const client = await (await start(t, echo)).connect();
  for (const body of ["one", "three", ""]) {
    client.clear();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    assert.equal(await client.until(`\r\n\r\n${body}`), echoed(body));
  }
});

test("requests: the environ tells the peer, the server and the request", async (t) => {
  let environ: Environ | undefined;
  const { server, connect } = await start(t, (given, startResponse) => {
    environ = given;
    return hello(given, startResponse);
  });
  const client = await connect();
  const port = String(client.socket.localPort);
  client.get("/a%20b//./c%41?x=%41", "X-One: 1", "x-one: 2", "Cookie: a=1", "Cookie: b=2", "X_Spoof: 1");
  await client.until("hello");
  const strings = Object.fromEntries(
    Object.entries(environ as Environ).filter(([, value]) => typeof value === "string"),
  );
  assert.deepEqual(strings, {
    REQUEST_METHOD: "GET",
    SCRIPT_NAME: "",
    PATH_INFO: "/a%20b/cA",
    QUERY_STRING: "x=%41",
    REQUEST_URI: "/a%20b//./c%41?x=%41",
    SERVER_NAME: "127.0.0.1",
    SERVER_PORT: String(server.port),
    SERVER_PROTOCOL: "HTTP/1.1",
    REMOTE_ADDR: "127.0.0.1",
    REMOTE_PORT: port,
    "tsgi.url_scheme": "http",
    "tsgi.route": "",
    HTTP_HOST: "a",
    HTTP_X_ONE: "1, 2",
    HTTP_COOKIE: "a=1; b=2",
  });
  assert.deepEqual(environ?.["tsgi.exchange"].headers, [
    ["Host", "a"],
    ["X-One", "1"],
    ["x-one", "2"],
    ["Cookie", "a=1"],
    ["Cookie", "b=2"],
    ["X_Spoof", "1"],
  ]);
});

/** A request with this many header lines. */
function withLines(count: number): string {
  return `GET / HTTP/1.1\r\n${"a:\r\n".repeat(count - 1)}Host: a\r\n\r\n`;
}

test("requests: a hundred header lines are answered, one more is a 431", async (t) => {
  const { connect } = await start(t, hello);
  const client = await connect();
  await client.send(withLines(100)).until(HELLO);
  client.clear();
  assert.equal(await client.send(withLines(101)).all(), lastAnswer("431 Request Header Fields Too Large"));
});

test("requests: maxHeadersCount 0 means no limit, and the app gets every line", async (t) => {
  let environ: Environ | undefined;
  const { connect } = await start(
    t,
    (given, startResponse) => {
      environ = given;
      return hello(given, startResponse);
    },
    { maxHeadersCount: 0 },
  );
  const client = await connect();
  await client.send(withLines(3000)).until(HELLO);
  assert.equal(environ?.HTTP_HOST, "a");
});

test("requests: trailers are there once the body has ended", async (t) => {
  const seen: unknown[] = [];
  const { connect } = await start(t, async (environ, startResponse) => {
    const exchange = environ["tsgi.exchange"];
    seen.push(exchange.trailers);
    await readBytes(environ);
    seen.push(exchange.trailers);
    return hello(environ, startResponse);
  });
  const client = await connect();
  client.send(
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n",
  );
  await client.until("hello");
  assert.deepEqual(seen, [
    [],
    [
      ["X-Sum", "1"],
      ["x-sum", "2"],
    ],
  ]);
});

test("requests: an upgrade that nobody takes is a plain request", async (t) => {
  const client = await (await start(t, hello)).connect();
  client.get("/", "Connection: Upgrade", "Upgrade: websocket");
  assert.equal(await client.until("hello"), HELLO);
  client.clear();
  assert.equal(await client.get("/").until("hello"), HELLO);
});

test("requests: OPTIONS * reaches the app", async (t) => {
  const client = await (
    await start(t, (environ, startResponse) => {
      startResponse("200 OK", []);
      return `${environ.SCRIPT_NAME}|${environ.PATH_INFO}`;
    })
  ).connect();
  client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(await client.until("|*"), /\r\n\r\n\|\*$/);
});

test("requests: an absolute target names the host and the path", async (t) => {
  const client = await (
    await start(t, (environ, startResponse) => {
      startResponse("200 OK", []);
      return `${environ.HTTP_HOST} ${environ.PATH_INFO} ${environ.QUERY_STRING}.`;
    })
  ).connect();
  client.send("GET http://b.example:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(await client.until("."), /\r\n\r\nb\.example:81 \/x y\.$/);
});

for (const [what, bytes, status = "400 Bad Request"] of [
  ["no request line", "hello\r\n\r\n"],
  ["a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a version to come", "GET / HTTP/7.1\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported"],
  ["a method that is not a token", "G\u00c4T / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a header name with a space", "GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n"],
  ["a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"],
  ["a control in a header", "GET / HTTP/1.1\r\nHost: a\r\nX: \u0001\r\n\r\n"],
  ["a folded header", "GET / HTTP/1.1\r\nX: 1\r\n 2\r\nHost: a\r\n\r\n"],
  ["a bare line feed", "GET / HTTP/1.1\nHost: a\n\n"],
  ["two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na"],
  ["a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"],
  [
    "a length and chunks",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  [
    "chunks and a length",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
  ],
  ["a coding after chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n"],
  ["chunks twice", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"],
  [
    "a head beyond the limit",
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
    "431 Request Header Fields Too Large",
  ],
  ["a target beyond the limit", `GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, "414 URI Too Long"],
  ["CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "501 Not Implemented"],
] as const) {
  test(`requests: ${what} is answered with ${status}`, async (t) => {
    const { log, connect } = await start(t, () => assert.fail("the app was called"));
    const client = await connect();
    assert.equal(await client.send(bytes).all(), lastAnswer(status));
    assert.equal(client.end, "end");
    assert.deepEqual(log, []);
  });
}

for (const [what, bytes, status = "400 Bad Request"] of [
  ["no Host", "GET / HTTP/1.1\r\n\r\n"],
  ["no Host beside an absolute target", "GET http://a/ HTTP/1.1\r\n\r\n"],
  ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"],
  ["a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"],
  ["a Host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"],
  ["a Host that is not an address", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"],
  ["a Host of bytes beyond ASCII", "GET / HTTP/1.1\r\nHost: \u00e9\r\n\r\n"],
  ["a target with a user", "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n"],
  ["a malformed Host beside an absolute target", "GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["a malformed Host of HTTP/1.0", "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n"],
  ["GET *", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a target of another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a malformed escape", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["an escaped NUL", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  [
    "a coding besides chunked",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "501 Not Implemented",
  ],
  [
    "another expectation",
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 2\r\n\r\n",
    "417 Expectation Failed",
  ],
] as const) {
  test(`requests: ${what} is answered with ${status}, and what follows is not read`, async (t) => {
    const { log, connect } = await start(t, () => assert.fail("the app was called"));
    const client = await connect();
    client.send(`${bytes}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal(await client.all(), lastAnswer(status));
    assert.equal(client.end, "end");
    assert.deepEqual(log, []);
  });
}

test("requests: a client that still sends reads why it was refused", async (t) => {
  const client = await (await start(t, hello)).connect();
  client.send("no http\r\n\r\n");
  client.socket.on("error", () => {});
  for (let sent = 0; sent < 20 && client.end === undefined; sent++) {
    client.send("x".repeat(1000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await client.all(), lastAnswer("400 Bad Request"));
  assert.equal(client.end, "end");
});

test("requests: a malformed chunk fails the read, and the client gets 400", async (t) => {
  const errors: unknown[] = [];
  const { log, connect } = await start(t, async (environ, startResponse) => {
    try {
      return await echo(environ, startResponse);
    } catch (error) {
      errors.push(error);
      throw error;
    }
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  await aWhile();
  client.send("zz\r\nabc\r\n");
  assert.equal(await client.all(), lastAnswer("400 Bad Request"));
  assert.equal(client.end, "end");
  assert.deepEqual(
    errors.map((error) => (error as { code: string }).code),
    ["TSGI_BAD_REQUEST"],
  );
  assert.deepEqual(log, []);
});

test("requests: a client that ends its side after a malformed chunk reads the answer, however late it comes", async (t) => {
  const { connect } = await start(t, async (environ, startResponse) => {
    await readBytes(environ).catch(() => {});
    await aWhile();
    startResponse("400 Bad Request", []);
    return "malformed";
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n").socket.end();
  assert.equal(await client.all(), wire("HTTP/1.1 400 Bad Request\nContent-Length: 9\nConnection: close\n\nmalformed"));
  assert.equal(client.end, "end");
});

test("requests: a malformed chunk after a body that is not read does not touch the answer", async (t) => {
  const { connect } = await start(t, async (environ, startResponse) => {
    await aWhile();
    return hello(environ, startResponse);
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  const expected = HELLO.replace("Connection: keep-alive\r\nKeep-Alive: timeout=5", "Connection: close");
  assert.equal(await client.all(), expected);
});

test("requests: bytes left over from a whole body do not spoil that body", async (t) => {
  const { connect } = await start(t, async (environ, startResponse) => {
    await aWhile();
    return echo(environ, startResponse);
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\u0001 no http\r\n\r\n");
  assert.equal(await client.all(), echoed("abc") + lastAnswer("400 Bad Request"));
});

test("requests: the head may be as large as the options say", async (t) => {
  const { connect } = await start(t, hello, { maxHeaderSize: 100_000 });
  const client = await connect();
  client.get("/", `X: ${"x".repeat(90_000)}`);
  assert.equal(await client.until("hello"), HELLO);
});

test("requests: a maxHeaderSize of 0 means no limit", async (t) => {
  const { connect } = await start(t, hello, { maxHeaderSize: 0 });
  const client = await connect();
  client.get("/", `X: ${"x".repeat(200_000)}`);
  assert.equal(await client.until("hello"), HELLO);
});

test("requests: 100 Continue comes when the app reads, not before", async (t) => {
  let read = () => {};
  const mayRead = new Promise<void>((resolve) => {
    read = resolve;
  });
  const { connect } = await start(t, async (environ, startResponse) => {
    await mayRead;
    return echo(environ, startResponse);
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  await aWhile();
  assert.equal(client.received, "");
  read();
  assert.equal(await client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.clear();
  assert.equal(await client.send("abc").until("abc"), echoed("abc"));
});

test("requests: a final answer instead of 100 Continue ends the connection", async (t) => {
  const { connect } = await start(t, (_environ, startResponse) => {
    startResponse("403 Forbidden", []);
    return "no";
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  assert.equal(await client.all(), wire("HTTP/1.1 403 Forbidden\nContent-Length: 2\nConnection: close\n\nno"));
  assert.equal(client.end, "end");
});

test("requests: an expectation in HTTP/1.0 is not an expectation", async (t) => {
  const { connect } = await start(t, echo);
  const client = await connect();
  client.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
  assert.equal(await client.all(), wire("HTTP/1.1 200 OK\nContent-Length: 3\nConnection: close\n\nabc"));
});

test("requests: a body that nobody reads leaves the connection usable", async (t) => {
  const { connect } = await start(t, hello);
  const client = await connect();
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 600000\r\n\r\n${"x".repeat(1000)}`);
  assert.equal(await client.until("hello"), HELLO);
  client.clear();
  client.send("x".repeat(599_000)).get("/");
  assert.equal(await client.until("hello"), HELLO);
});

test("requests: a body over the limit of its reader is a 413, and the connection stays usable", async (t) => {
  const { log, connect } = await start(t, async (environ, startResponse) => {
    if (environ.REQUEST_METHOD === "GET") return hello(environ, startResponse);
    startResponse("200 OK", []);
    return readBytes(environ, { limit: 1000 });
  });
  const client = await connect();
  for (const head of ["Content-Length: 2000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n7d0\r\n"]) {
    client.clear();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${head}${"x".repeat(1999)}`);
    assert.equal(
      await client.until("413 Content Too Large\n"),
      wire(`HTTP/1.1 413 Content Too Large
Content-Type: text/plain; charset=utf-8
Content-Length: 22
Connection: keep-alive
Keep-Alive: timeout=5

413 Content Too Large`).concat("\n"),
    );
    client.clear();
    client.send(head.startsWith("C") ? "x" : "x\r\n0\r\n\r\n").get("/");
    assert.equal(await client.until("hello"), HELLO);
  }
  assert.deepEqual(log, []);
});

for (const [version, connection] of [
  ["1.1", "Connection: close\r\n"],
  ["1.0", ""],
] as const) {
  test(`requests: an HTTP/${version} client that still uploads reads the last answer of its connection`, async (t) => {
    const { connect } = await start(t, async (environ, startResponse) => {
      startResponse("200 OK", []);
      return readBytes(environ, { limit: 1000 });
    });
    const client = await connect();
    client.send(`POST / HTTP/${version}\r\nHost: a\r\n${connection}Content-Length: 1000000\r\n\r\n`);
    for (let sent = 0; sent < 100; sent++) {
      client.send("x".repeat(9_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.match(await client.all(), /^HTTP\/1\.1 413 .*Connection: close.*\r\n\r\n413 Content Too Large\n$/s);
    assert.equal(client.end, "end");
  });
}

test("requests: what is uploaded beyond a mebibyte that nobody reads is cut, the answer having been read", async (t) => {
  const { connect } = await start(t, async (environ, startResponse) => {
    startResponse("200 OK", []);
    return readBytes(environ, { limit: 1000 });
  });
  const client = await connect();
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${1 << 30}\r\n\r\n`);
  let sent = 0;
  const chunk = "x".repeat(65_536);
  while (client.end === undefined && sent < 1 << 26) {
    if (client.socket.writableLength < 1 << 20) {
      client.send(chunk);
      sent += chunk.length;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(await client.all(), /^HTTP\/1\.1 413 .*\r\n\r\n413 Content Too Large\n$/s);
  assert.ok(sent < 1 << 26, "the upload was stopped");
});

test("requests: an answer before the end of a long upload tells that the connection ends", async (t) => {
  const { connect } = await start(t, hello);
  for (const [length, closes] of [
    [1_000_000, false],
    [2_000_000, true],
  ] as const) {
    const client = await connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nabc`);
    assert.equal(/\r\nConnection: close\r\n/.test(await client.until("hello")), closes, String(length));
  }
});

test("requests: the app is asked for, and takes, one piece of the body at a time", async (t) => {
  let pull: (() => Promise<number>) | undefined;
  const { connect } = await start(t, async (environ, startResponse) => {
    const input = environ["tsgi.input"][Symbol.asyncIterator]();
    await new Promise<void>((resolve) => {
      pull = async () => {
        const step = await input.next();
        if (step.done) resolve();
        return step.done ? -1 : step.value.length;
      };
    });
    return hello(environ, startResponse);
  });
  const client = await connect();
  const total = 32 << 20;
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
  await eventually(() => pull !== undefined);
  client.send(Buffer.alloc(total));
  let left = total - ((await pull?.()) as number);
  await aWhile();
  // What neither side's kernel takes stays with the client.
  assert.ok(client.socket.writableLength > 0, "the client was held up");
  while (left > 0) left -= (await pull?.()) as number;
  assert.equal(await pull?.(), -1);
  assert.equal(await client.until("hello"), HELLO);
});

test("requests: reading again after the end of the body ends at once", async (t) => {
  const { connect } = await start(t, async (environ, startResponse) => {
    const first = await readBytes(environ);
    const second = await readBytes({ ...environ, CONTENT_LENGTH: undefined } as unknown as Environ);
    startResponse("200 OK", []);
    return `${first.length} ${second.length}.`;
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  assert.match(await client.until("."), /\r\n\r\n3 0\.$/);
});

test("requests: a client that uploads slowly, and reads slowly, gets the whole of a large last answer", async (t) => {
  const size = 32 << 20;
  const { connect } = await start(t, (_environ, startResponse) => {
    startResponse("200 OK", []);
    return Buffer.alloc(size);
  });
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100\r\n\r\n");
  for (let left = 25; left > 0; left--) {
    client.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.send("x");
    client.socket.resume();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => client.end !== undefined);
  assert.equal(client.end, "end");
  assert.ok(client.socket.bytesRead > size);
});
