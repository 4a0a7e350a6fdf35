import assert from "node:assert/strict";
import { test } from "node:test";
import type { App, Body, Chunk, Exchange, HeaderList, Write } from "../../src/gateway.ts";
import { aWhile, eventually, HELLO, hello, start, wire } from "../support/raw-client.ts";

const KEPT = "Connection: keep-alive\nKeep-Alive: timeout=5";

/** An app that answers 200 with this body. */
function answers(body: () => Body, headers: HeaderList = []): App {
  return (_environ, startResponse) => {
    startResponse("200 OK", headers);
    return body();
  };
}

async function* stream(...chunks: Chunk[]): AsyncGenerator<Chunk> {
  yield* chunks;
}

test("responses: Date is added, once", async (t) => {
  const { connect } = await start(t, (environ, startResponse) => {
    const given: HeaderList = environ.PATH_INFO === "/given" ? [["date", "Thu, 01 Jan 1970 00:00:00 GMT"]] : [];
    startResponse("200 OK", given);
    return "hello";
  });
  const client = await connect();
  let bytes = "";
  client.socket.on("data", (chunk) => {
    bytes += chunk;
  });
  await client.get("/").until("hello");
  assert.match(bytes, /^HTTP\/1\.1 200 OK\r\nContent-Length: 5\r\nDate: [A-Z][a-z]{2}, \d\d [^\r]* GMT\r\nConnection:/);
  bytes = "";
  client.clear();
  await client.get("/given").until("hello");
  assert.deepEqual(bytes.match(/^date: .*$/gim), ["date: Thu, 01 Jan 1970 00:00:00 GMT"]);
});

for (const [what, body, sent] of [
  ["text", () => "h\u00e9", "Content-Length: 3\nKEPT\n\nh\u00c3\u00a9"],
  ["bytes", () => Buffer.from("abc"), "Content-Length: 3\nKEPT\n\nabc"],
  ["nothing", () => undefined, "Content-Length: 0\nKEPT\n\n"],
  ["an array", () => ["ab", "", Buffer.from("c")], "Content-Length: 3\nKEPT\n\nabc"],
  ["a stream", () => stream("ab", "", "c"), "KEPT\nTransfer-Encoding: chunked\n\n2\nab\n1\nc\n0\n\n"],
  ["an empty stream", () => stream(), "Content-Length: 0\nKEPT\n\n"],
  ["a set", () => new Set(["ab", "c"]), "KEPT\nTransfer-Encoding: chunked\n\n2\nab\n1\nc\n0\n\n"],
] as const) {
  test(`responses: ${what} is sent as it is, and the connection kept`, async (t) => {
    const { connect } = await start(t, (environ, startResponse) =>
      environ.PATH_INFO === "/next"
        ? hello(environ, startResponse)
        : answers(body as () => Body)(environ, startResponse),
    );
    const client = await connect();
    client.get("/").get("/next");
    // From Node 26 on, what is written in one turn is one chunk.
    const received = (await client.until("hello")).replace("3\r\nabc\r\n0", "2\r\nab\r\n1\r\nc\r\n0");
    assert.equal(received, wire(`HTTP/1.1 200 OK\n${sent.replace("KEPT", KEPT)}`) + HELLO);
  });
}

test("responses: a head beyond ASCII is Latin-1, whatever the body is", async (t) => {
  let body: Body;
  const flushed: App = (environ, startResponse) => {
    startResponse("200 OK", [["X-Name", "\u00e9"]]);
    if (environ.PATH_INFO === "/flush") environ["tsgi.exchange"].flush?.();
    return body;
  };
  const { connect } = await start(t, flushed);
  const client = await connect();
  for (const [path, each, end] of [
    ["/", "\u00e9.", "\u00c3\u00a9."],
    ["/", Buffer.from("."), "."],
    ["/", stream("\u00e9"), "2\r\n\u00c3\u00a9\r\n0\r\n\r\n"],
    ["/flush", stream("\u00e9"), "2\r\n\u00c3\u00a9\r\n0\r\n\r\n"],
    ["/", undefined, "timeout=5\r\n\r\n"],
  ] as const) {
    body = each;
    client.clear();
    assert.match(await client.get(path).until(end), /^HTTP\/1\.1 200 OK\r\nX-Name: \u00e9\r\n/);
  }
});

for (const version of ["1.0", "1.1"] as const) {
  test(`responses: to HTTP/${version} that closes, a length and then the end`, async (t) => {
    const client = await (await start(t, hello)).connect();
    client.send(`GET / HTTP/${version}\r\nHost: a\r\n${version === "1.1" ? "Connection: close\r\n" : ""}\r\n`);
    const expected = "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 5\nConnection: close\n\nhello";
    assert.equal(await client.all(), wire(expected));
    assert.equal(client.end, "end");
  });
}

test("responses: HTTP/1.0 with keep-alive is kept where the length is known", async (t) => {
  const client = await (await start(t, hello)).connect();
  const request = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  assert.equal(await client.send(request).until("hello"), HELLO);
  client.clear();
  assert.equal(await client.send(request).until("hello"), HELLO);
});

test("responses: to HTTP/1.0 without a length, everything until the end", async (t) => {
  const client = await (
    await start(
      t,
      answers(() => stream("ab", "c")),
    )
  ).connect();
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assert.equal(await client.all(), wire("HTTP/1.1 200 OK\nConnection: close\n\nabc"));
  assert.equal(client.end, "end");
});

test("responses: an HTTP/1.0 response that fails midway is reset", async (t) => {
  const app = answers(async function* () {
    yield "abc";
    await aWhile();
    throw new Error("midway");
  });
  const { log, connect } = await start(t, app);
  const client = await connect();
  client.send("GET / HTTP/1.0\r\n\r\n");
  await client.all();
  assert.equal(client.end, "reset");
  assert.match(log.join(""), /^GET \/: Error: midway\n/);
});

for (const [what, path, head] of [
  ["HEAD of a text", "/text", "200 OK\nContent-Type: text/plain\nContent-Length: 5\nKEPT\n\n"],
  ["HEAD of a stream", "/stream", "200 OK\nKEPT\n\n"],
  ["HEAD of a declared length", "/declared", "200 OK\nContent-Length: 100\nKEPT\n\n"],
  ["HEAD of nothing", "/nothing", "200 OK\nKEPT\n\n"],
] as const) {
  test(`responses: ${what} is a head alone`, async (t) => {
    let finished = 0;
    const endless = async function* () {
      try {
        for (;;) yield "x";
      } finally {
        finished++;
      }
    };
    const { connect } = await start(t, (environ, startResponse) => {
      if (environ.PATH_INFO === "/text") return hello(environ, startResponse);
      startResponse("200 OK", environ.PATH_INFO === "/declared" ? [["Content-Length", "100"]] : []);
      const body = endless();
      if (environ.PATH_INFO === "/stream") void body.next();
      return environ.PATH_INFO === "/stream" ? body : undefined;
    });
    const client = await connect();
    client.send(`HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).get("/text");
    assert.equal(await client.until("hello"), wire(`HTTP/1.1 ${head.replace("KEPT", KEPT)}`) + HELLO);
    assert.equal(finished, path === "/stream" ? 1 : 0);
  });
}

for (const [status, headers, head] of [
  ["204 No Content", [["Content-Length", "3"]], "204 No Content\nKEPT\n\n"],
  ["304 Not Modified", [["ETag", '"1"']], '304 Not Modified\nETag: "1"\nKEPT\n\n'],
  ["304 Not Modified", [["Content-Length", "3"]], "304 Not Modified\nContent-Length: 3\nKEPT\n\n"],
] as const) {
  test(`responses: ${status} with ${headers[0][0]} has no body`, async (t) => {
    const { connect } = await start(t, (environ, startResponse) => {
      if (environ.PATH_INFO === "/next") return hello(environ, startResponse);
      startResponse(
        status,
        headers.map(([name, value]) => [name, value]),
      );
      return environ.PATH_INFO === "/stream" ? stream("abc") : "abc";
    });
    const client = await connect();
    const whole = wire(`HTTP/1.1 ${head.replace("KEPT", KEPT)}`);
    assert.equal(await client.get("/").get("/stream").get("/next").until("hello"), whole + whole + HELLO);
  });
}

test("responses: a body shorter than declared ends the connection", async (t) => {
  const { log, connect } = await start(
    t,
    answers(() => stream("abc"), [["Content-Length", "5"]]),
  );
  const client = await connect();
  const expected = wire(`HTTP/1.1 200 OK\nContent-Length: 5\n${KEPT}\n\nabc`);
  assert.equal(await client.get("/").get("/").all(), expected);
  assert.match(log.join(""), /shorter than its Content-Length of 5/);
});

test("responses: a body longer than declared is cut there, and the connection kept", async (t) => {
  let finished = 0;
  const { log, connect } = await start(t, (environ, startResponse) => {
    if (environ.PATH_INFO === "/next") return hello(environ, startResponse);
    startResponse("200 OK", [["Content-Length", "4"]]);
    return (async function* () {
      try {
        yield "abc";
        yield "\u00e9\u00e9";
        yield "never";
      } finally {
        finished++;
      }
    })();
  });
  const client = await connect();
  const first = wire(`HTTP/1.1 200 OK\nContent-Length: 4\n${KEPT}\n\nabc\u00c3`);
  assert.equal(await client.get("/").get("/next").until("hello"), first + HELLO);
  assert.match(log.join(""), /longer than its Content-Length of 4/);
  assert.equal(finished, 1);
});

test("responses: chunks go out as they come", async (t) => {
  const steps: (() => void)[] = [];
  const { connect } = await start(
    t,
    answers(async function* () {
      for (const chunk of ["one", "two"]) {
        yield chunk;
        await new Promise<void>((resolve) => steps.push(resolve));
      }
    }),
  );
  const client = await connect();
  const first = wire(`HTTP/1.1 200 OK\n${KEPT}\nTransfer-Encoding: chunked\n\n3\none\n`);
  assert.equal(await client.get("/").until("one\r\n"), first);
  steps[0]?.();
  assert.equal(await client.until("two\r\n"), `${first}3\r\ntwo\r\n`);
  steps[1]?.();
  assert.equal(await client.until("0\r\n\r\n"), `${first}3\r\ntwo\r\n0\r\n\r\n`);
});

test("responses: the head goes alone where the app flushes it", async (t) => {
  let go = () => {};
  const { connect } = await start(t, (environ, startResponse) => {
    environ["tsgi.exchange"].flush?.();
    startResponse("200 OK", []);
    return new Promise((resolve) => {
      go = () => resolve("abc");
    });
  });
  const client = await connect();
  const head = wire(`HTTP/1.1 200 OK\n${KEPT}\nTransfer-Encoding: chunked\n\n`);
  assert.equal(await client.get("/").until("\r\n\r\n"), head);
  go();
  assert.equal(await client.until("0\r\n\r\n"), `${head}3\r\nabc\r\n0\r\n\r\n`);
});

test("responses: what an app does to its headers after startResponse desynchronises no connection", async (t) => {
  const { connect, log } = await start(t, (environ, startResponse) => {
    if (environ.PATH_INFO === "/hello") return hello(environ, startResponse);
    const headers: [name: string, value: string][] = [["Content-Type", "text/plain"]];
    startResponse("200 OK", headers);
    headers.push(["X", "a\r\nb: c"], ["Content-Length", "50"], ["Transfer-Encoding", "chunked"]);
    return "hello";
  });
  const client = await connect();
  const received = await client.get("/").get("/hello").until(HELLO);
  assert.match(received, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
  assert.ok(received.endsWith(`500 Internal Server Error\n${HELLO}`), received);
  assert.match(log.join(""), /TsgiError: header X cannot hold "a\\r\\nb: c"/);
});

test("responses: informational ones come first, as they were given", async (t) => {
  const errors: unknown[] = [];
  const app: App = (environ, startResponse) => {
    const inform = environ["tsgi.exchange"].inform as NonNullable<Exchange["inform"]>;
    inform("103 Early Hints", [
      ["Link", "</a.css>; rel=preload; as=style"],
      ["Link", "</b.css>;rel=preload"],
      ["X-Any", "1"],
    ]);
    inform("102 Processing", []);
    for (const [status, name, value] of [
      ["200 OK", "X", "a"],
      ["101 Switching Protocols", "X", "a"],
      ["103 Early Hints", "X", "a\r\nX-Injected: 1"],
      ["103 Early Hints", "Content-Length", "1"],
    ] as const) {
      try {
        inform(status, [[name, value]]);
      } catch (error) {
        errors.push((error as { code: string }).code);
      }
    }
    return hello(environ, startResponse);
  };
  const { connect } = await start(t, app);
  const client = await connect();
  const expected = `HTTP/1.1 103 Early Hints
Link: </a.css>; rel=preload; as=style
Link: </b.css>;rel=preload
X-Any: 1

HTTP/1.1 102 Processing

`;
  assert.equal(await client.get("/").until("hello"), wire(expected) + HELLO);
  assert.deepEqual(errors, ["TSGI_BAD_STATUS", "TSGI_BAD_STATUS", "TSGI_BAD_HEADER", "TSGI_BAD_HEADER"]);
  client.clear();
  client.send("GET / HTTP/1.0\r\n\r\n");
  assert.match(await client.all(), /^HTTP\/1\.1 200 OK\r\n/);
});

test("responses: write sends at once, and gives a promise while the client has no room", async (t) => {
  const results: (undefined | Promise<void>)[] = [];
  const { connect } = await start(t, async (_environ, startResponse) => {
    const write = startResponse("200 OK", []);
    results.push(write("first") as undefined);
    for (let index = 0; index < 20; index++) {
      const room = write(Buffer.alloc(1 << 20)) as undefined | Promise<void>;
      results.push(room);
      if (index === 19) await room;
    }
    return "last";
  });
  const client = await connect();
  client.socket.pause();
  client.get("/");
  await eventually(() => results.length === 21);
  assert.equal(results[0], undefined);
  assert.ok(results[20] instanceof Promise);
  client.socket.resume();
  assert.ok((await client.until("last\r\n0\r\n\r\n")).length > 20 << 20);
});

test("responses: the app is not asked for more than the client reads", async (t) => {
  let asked = 0;
  const chunk = Buffer.alloc(1 << 20);
  const { connect } = await start(
    t,
    answers(function* () {
      for (; asked < 64; asked++) yield chunk;
    }),
  );
  const client = await connect();
  client.socket.pause();
  client.get("/");
  await eventually(() => asked > 0);
  let before = 0;
  do {
    before = asked;
    await aWhile();
  } while (asked > before);
  assert.ok(asked < 32, `${asked} chunks were asked for`);
  client.socket.resume();
  await eventually(() => client.socket.bytesRead > 64 << 20);
  assert.equal(asked, 64);
});

test("responses: an array of many large chunks waits without a listener for each", async (t) => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on("warning", warned);
  t.after(() => process.off("warning", warned));
  const { connect } = await start(
    t,
    answers(() => Array.from({ length: 64 }, () => Buffer.alloc(1 << 20, "x"))),
  );
  const client = await connect();
  client.socket.pause();
  client.get("/");
  await aWhile();
  client.socket.resume();
  await eventually(() => client.socket.bytesRead > 64 << 20);
  assert.deepEqual(warnings, []);
});

for (const [what, app, status = "500 Internal Server Error"] of [
  ["throws an error", () => assert.fail("secret")],
  [
    "throws a string",
    () => {
      throw "secret";
    },
  ],
  [
    "throws undefined",
    () => {
      throw undefined;
    },
  ],
  [
    "throws an object that has no text",
    () => {
      throw Object.create(null);
    },
  ],
  ["rejects with undefined", () => Promise.reject(undefined)],
  [
    "rejects with an error that is its own cause",
    () => {
      const error = new Error("secret");
      error.cause = error;
      return Promise.reject(error);
    },
  ],
  [
    "returns a thenable that throws",
    () =>
      ({
        // biome-ignore lint/suspicious/noThenProperty: it is the point.
        then() {
          throw new Error("secret");
        },
      }) as never,
  ],
  ["never calls startResponse", () => "secret"],
  [
    "returns what is not a body",
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return 5 as never;
    },
  ],
  [
    "returns an array with what is not a chunk",
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return ["a", 5] as never;
    },
  ],
  [
    "starts twice",
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      startResponse("200 OK", []);
      return "secret";
    },
  ],
  [
    "fails in the first step of its body",
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return (async function* () {
        yield* [];
        throw new Error("secret");
      })();
    },
  ],
] as [string, App, string?][]) {
  test(`responses: an app that ${what} is a bare 500, and the connection goes on`, async (t) => {
    const { log, connect } = await start(t, (environ, startResponse) =>
      environ.PATH_INFO === "/next" ? hello(environ, startResponse) : app(environ, startResponse),
    );
    const client = await connect();
    const expected = wire(`HTTP/1.1 ${status}
Content-Type: text/plain; charset=utf-8
Content-Length: 26
${KEPT}

500 Internal Server Error`).concat("\n", HELLO);
    assert.equal(await client.get("/").get("/next").until("hello"), expected);
    assert.equal(log.length, 1);
    assert.match(log[0] as string, /^GET \/: /);
  });
}

test("responses: an error after the first chunk cuts the connection without a last chunk", async (t) => {
  const { log, connect } = await start(
    t,
    answers(async function* () {
      yield "abc";
      throw new Error("midway");
    }),
  );
  const client = await connect();
  const expected = wire(`HTTP/1.1 200 OK\n${KEPT}\nTransfer-Encoding: chunked\n\n3\nabc\n`);
  assert.equal(await client.get("/").get("/").all(), expected);
  assert.match(log.join(""), /^GET \/: Error: midway\n {4}at /);
});

test("responses: onError is told each error that is reported, and may fail itself", async (t) => {
  const told: unknown[] = [];
  const { log, connect } = await start(t, () => assert.fail("app"), {
    onError(error, environ) {
      told.push((error as Error).message, environ.PATH_INFO);
      if (environ.PATH_INFO === "/async") return Promise.reject(new Error("hook")) as never;
      throw new Error("hook");
    },
  });
  const client = await connect();
  for (const path of ["/sync", "/async"]) {
    client.clear();
    await client.get(path).until("500 Internal Server Error\n");
    await aWhile();
    assert.match(
      log.splice(0).join(""),
      new RegExp(`^GET ${path}: AssertionError.*: app\n.*\nonError: Error: hook\n`, "s"),
    );
  }
  assert.deepEqual(told, ["app", "/sync", "app", "/async"]);
});

test("responses: a log that fails does not", async (t) => {
  const { connect } = await start(t, () => assert.fail("app"), {
    errors: {
      write() {
        throw new Error("closed");
      },
    },
  });
  const client = await connect();
  await client.get("/").until("500 Internal Server Error\n");
  client.clear();
  await client.get("/").until("500 Internal Server Error\n");
});

test("responses: write after the end throws, and nothing is sent", async (t) => {
  let write: Write | undefined;
  const { log, connect } = await start(t, (_environ, startResponse) => {
    write = startResponse("200 OK", []);
    return "hello";
  });
  const client = await connect();
  await client.get("/").until("hello");
  client.clear();
  assert.throws(() => write?.("more"), { code: "TSGI_RESPONSE_OVER" });
  await aWhile();
  assert.equal(client.received, "");
  assert.deepEqual(log, []);
});

test("responses: a body that fails while it is finished is whole, and reported", async (t) => {
  const bodies: Record<string, () => Body> = {
    "/close": () => Object.assign(stream("abc"), { close: () => assert.fail("finish") }),
    "/async": () => Object.assign(stream("abc"), { close: () => Promise.reject(new Error("finish")) }),
  };
  const { log, connect } = await start(t, (environ, startResponse) => {
    startResponse("200 OK", []);
    return bodies[environ.PATH_INFO]?.();
  });
  const client = await connect();
  for (const path of Object.keys(bodies)) {
    client.clear();
    await client.get(path).until("3\r\nabc\r\n0\r\n\r\n");
    await aWhile();
    assert.match(log.splice(0).join(""), /: finish\n/);
  }
});

test("responses: a body whose return() throws is reported where it is cut short", async (t) => {
  const { log, connect } = await start(t, (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Length", "1"]]);
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false as const, value: "ab" }),
        return: () => assert.fail("in return"),
      }),
    };
  });
  const client = await connect();
  assert.match(await client.get("/").until("\r\n\r\na"), /\r\n\r\na$/);
  await eventually(() => log.length === 2);
  assert.match(log.join(""), /longer.*in return/s);
});

/** An app that adds trailers at the end of its body; `headers` are those of its response. */
function withTrailers(headers: HeaderList): App {
  return function* (environ, startResponse) {
    startResponse("200 OK", headers);
    yield "a";
    environ["tsgi.exchange"].addTrailers?.([
      ["X-Sum", "1"],
      ["X-Sum", "\u00e9"],
    ]);
  };
}

const CHUNKED = `HTTP/1.1 200 OK\n${KEPT}\nTransfer-Encoding: chunked\n\n1\na\n0\n`;

for (const [what, headers, request, sent] of [
  [
    "are sent to a client that asks for them",
    [],
    "GET / HTTP/1.1\nTE: trailers",
    `${CHUNKED}X-Sum: 1\nX-Sum: \u00e9\n\n`,
  ],
  [
    "are announced where the app has done so",
    [["Trailer", "X-Sum"]],
    "GET / HTTP/1.1\nTE: gzip, trailers",
    `${CHUNKED.replace("Conn", "Trailer: X-Sum\nConn")}X-Sum: 1\nX-Sum: \u00e9\n\n`,
  ],
  ["are dropped with their announcement where nobody asks", [["Trailer", "X-Sum"]], "GET / HTTP/1.1", `${CHUNKED}\n`],
  [
    "are dropped where the length is declared",
    [
      ["Content-Length", "1"],
      ["trailer", "X-Sum"],
    ],
    "GET / HTTP/1.1\nTE: trailers",
    `HTTP/1.1 200 OK\nContent-Length: 1\n${KEPT}\n\na`,
  ],
  ["are dropped for HEAD", [["Trailer", "X-Sum"]], "HEAD / HTTP/1.1\nTE: trailers", `HTTP/1.1 200 OK\n${KEPT}\n\n`],
  [
    "are dropped for HTTP/1.0",
    [["Trailer", "X-Sum"]],
    "GET / HTTP/1.0\nTE: trailers",
    "HTTP/1.1 200 OK\nConnection: close\n\na",
  ],
] as const) {
  test(`responses: trailers ${what}`, async (t) => {
    const { connect } = await start(t, (environ, startResponse) =>
      environ.PATH_INFO === "/next" ? hello(environ, startResponse) : withTrailers(headers)(environ, startResponse),
    );
    const client = await connect();
    client.send(wire(`${request}\nHost: a\n\n`));
    const isLast = request.includes("1.0");
    const received = isLast ? await client.all() : await client.get("/next").until("hello");
    assert.equal(received, wire(sent) + (isLast ? "" : HELLO));
  });
}

for (const [what, headers] of [
  ["named", []],
  ["announced", [["Trailer", "X-Sum"]]],
] as const) {
  test(`responses: a whole body whose trailers are ${what} before its head goes out in chunks`, async (t) => {
    const { connect } = await start(t, ({ "tsgi.exchange": exchange, PATH_INFO }, startResponse) => {
      startResponse("200 OK", headers);
      exchange.addTrailers?.([["X-Sum", "1"]]);
      return PATH_INFO === "/empty" ? undefined : "a";
    });
    const client = await connect();
    client.get("/", "TE: trailers").get("/empty", "TE: trailers");
    const line = headers.length === 0 ? "" : "Trailer: X-Sum\n";
    const head = `HTTP/1.1 200 OK\n${line}${KEPT}\nTransfer-Encoding: chunked\n\n`;
    const both = wire(`${head}1\na\n0\nX-Sum: 1\n\n${head}0\nX-Sum: 1\n\n`);
    await eventually(() => client.received.length >= both.length, client);
    assert.equal(client.received, both);
  });
}
