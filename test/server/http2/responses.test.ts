import assert from "node:assert/strict";
import { constants } from "node:http2";
import { test } from "node:test";
import type { App, HeaderList } from "../../../src/gateway.ts";
import { isHopByHop } from "../../../src/http/field-rules.ts";
import { answerOf, ask, startHttp2, WAYS } from "../../support/http2-client.ts";
import { aWhile, eventually, hello } from "../../support/raw-client.ts";

const GOOD = { reset: 0, informational: [] };

for (const way of WAYS) {
  test(`responses over ${way}: status, headers, length and date`, async (t) => {
    const { connect } = await startHttp2(t, hello, {}, way);
    assert.deepEqual(await ask(connect()), {
      ...GOOD,
      status: 200,
      headers: { "content-type": "text/plain", "content-length": "5" },
      body: "hello",
    });
  });

  test(`responses over ${way}: names are lower-cased, repeats stay apart, whitespace around values goes`, async (t) => {
    const app: App = (_environ, startResponse) => {
      startResponse("200 OK", [
        ["X-A", " a\t"],
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
        ["X-B", "1"],
        ["X-B", "2"],
        ["__proto__", "p"],
        ["X-C", "\xe9"],
        ["X-D", ""],
      ]);
      return [];
    };
    const { connect } = await startHttp2(t, app, {}, way);
    const { headers } = await ask(connect());
    assert.deepEqual(Object.entries(headers), [
      ["x-a", "a"],
      ["set-cookie", ["a=1", "b=2"]],
      ["x-b", "1, 2"],
      ["__proto__", "p"],
      ["x-c", "\xe9"],
      ["x-d", ""],
      ["content-length", "0"],
    ]);
  });

  test(`responses over ${way}: a body in pieces has no length and arrives as it is made`, async (t) => {
    let go = () => {};
    const app: App = async function* (_environ, startResponse) {
      startResponse("200 OK", []);
      yield "one";
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      yield "two";
    };
    const { connect } = await startHttp2(t, app, {}, way);
    const stream = connect().request({});
    let received = "";
    stream.on("data", (chunk) => {
      received += chunk;
    });
    const answer = answerOf(stream);
    await eventually(() => received === "one");
    go();
    assert.deepEqual((await answer).headers, {});
    assert.equal(received, "onetwo");
  });

  test(`responses over ${way}: many streams at once`, async (t) => {
    const app: App = async (environ, startResponse) => {
      await aWhile();
      startResponse("200 OK", []);
      return environ.PATH_INFO.repeat(10_000);
    };
    const { connect } = await startHttp2(t, app, {}, way);
    const session = connect();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(session, { ":path": `/${index}` })));
    for (const [index, { body }] of answers.entries()) assert.equal(body, `/${index}`.repeat(10_000));
  });
}

/** Every field that Node knows by name, except those that belong to a connection or to HTTP/2 itself. */
const KNOWN_FIELDS = Object.entries(constants)
  .flatMap(([key, name]) => (key.startsWith("HTTP2_HEADER_") && !String(name).startsWith(":") ? [String(name)] : []))
  .filter((name) => !isHopByHop(name) && name !== "content-length");

test("responses: every line is sent, also a second one of a field that has one value", async (t) => {
  const { connect, log } = await startHttp2(t, (_environ, startResponse) => {
    startResponse("200 OK", [
      ["ETag", '"a"'],
      ["etag", '"b"'],
      ["X-Two", "1"],
      ["X-Two", "1"],
    ]);
    return "x";
  });
  const stream = connect().request({});
  const lines: string[] = [];
  stream.on("response", (...given: unknown[]) => lines.push(...(given[2] as string[])));
  await answerOf(stream);
  const date = lines.indexOf("date");
  assert.deepEqual(lines.toSpliced(date, 2), [
    ...[":status", "200", "etag", '"a"', "etag", '"b"', "x-two", "1", "x-two", "1", "content-length", "1"],
  ]);
  assert.deepEqual(log, []);
});

test("responses: no doubled field is an error", async (t) => {
  const { connect, log } = await startHttp2(t, (environ, startResponse) => {
    const name = environ.PATH_INFO.slice(1);
    startResponse("200 OK", [
      [name, "a"],
      [name, "b"],
    ]);
    return "x";
  });
  const session = connect();
  for (const name of KNOWN_FIELDS) {
    const { status, body } = await ask(session, { ":path": `/${name}` });
    assert.deepEqual([name, status, body], [name, 200, "x"]);
  }
  assert.deepEqual(log, []);
});

test("responses: of a doubled field of a 103 the first line is sent", async (t) => {
  const { connect } = await startHttp2(t, (environ, startResponse) => {
    environ["tsgi.exchange"].inform?.("103 Early Hints", [
      ["ETag", '"a"'],
      ["ETag", '"b"'],
    ]);
    startResponse("200 OK", []);
    return "x";
  });
  const { status, informational } = await ask(connect());
  assert.equal(status, 200);
  assert.deepEqual(informational, [{ ":status": 103, etag: '"a"' }]);
});

for (const method of ["HEAD", "GET"]) {
  for (const [status, length] of [
    ["204 No Content", undefined],
    ["304 Not Modified", undefined],
    ["205 Reset Content", "0"],
  ] as const) {
    test(`responses: ${method} with ${status} has no body`, async (t) => {
      const { connect } = await startHttp2(t, (_environ, startResponse) => {
        startResponse(status, []);
        return "body";
      });
      assert.deepEqual(await ask(connect(), { ":method": method }), {
        ...GOOD,
        status: Number(status.slice(0, 3)),
        headers: length === undefined ? {} : { "content-length": length },
        body: "",
      });
    });
  }
}

test("responses: HEAD has the length of GET and no body", async (t) => {
  const { connect } = await startHttp2(t, hello);
  assert.deepEqual(await ask(connect(), { ":method": "HEAD" }), {
    ...GOOD,
    status: 200,
    headers: { "content-type": "text/plain", "content-length": "5" },
    body: "",
  });
});

test("responses: an endless body is not asked for by HEAD", async (t) => {
  let closed = false;
  const { connect } = await startHttp2(t, async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    try {
      for (;;) yield "x";
    } finally {
      closed = true;
    }
  });
  assert.equal((await ask(connect(), { ":method": "HEAD" })).body, "");
  await eventually(() => closed);
});

test("responses: a body shorter than its length resets the stream", async (t) => {
  const { connect, log } = await startHttp2(t, (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Length", "9"]]);
    return ["12", "34"];
  });
  const session = connect();
  const { reset } = await ask(session);
  assert.equal(reset, 2);
  assert.match(log.join(""), /shorter/);
  assert.equal((await ask(session)).reset, 2);
});

test("responses: a body longer than its length is cut there", async (t) => {
  const { connect, log } = await startHttp2(t, (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Length", "3"]]);
    return ["12", "34"];
  });
  const { body, reset } = await ask(connect());
  assert.deepEqual([body, reset], ["123", 0]);
  assert.match(log.join(""), /longer/);
});

test("responses: an error before the head is a 500, one after it a reset", async (t) => {
  const { connect, log } = await startHttp2(t, function* (environ, startResponse) {
    if (environ.PATH_INFO === "/before") throw new Error("early");
    startResponse("200 OK", []);
    yield "a";
    throw new Error("late");
  });
  const session = connect();
  const early = await ask(session, { ":path": "/before" });
  assert.deepEqual([early.status, early.body, early.reset], [500, "500 Internal Server Error\n", 0]);
  const late = await ask(session, { ":path": "/after" });
  assert.deepEqual([late.status, late.reset], [200, 2]);
  assert.match(log.join(""), /early.*late/s);
});

test("responses: the development page shows the error", async (t) => {
  const { connect } = await startHttp2(
    t,
    () => {
      throw new Error("shown");
    },
    { development: true },
  );
  const { status, body } = await ask(connect(), { accept: "text/html" });
  assert.equal(status, 500);
  assert.match(body, /<p class="message">Error: shown/);
});

test("responses: informational ones come before the head", async (t) => {
  const { connect } = await startHttp2(t, (environ, startResponse) => {
    environ["tsgi.exchange"].inform?.("103 Early Hints", [["Link", "</a.css>; rel=preload"]]);
    return hello(environ, startResponse);
  });
  const { informational, body } = await ask(connect());
  assert.deepEqual(informational, [{ ":status": 103, link: "</a.css>; rel=preload" }]);
  assert.equal(body, "hello");
});

test("responses: flush sends the head", async (t) => {
  const { connect } = await startHttp2(t, async (environ, startResponse) => {
    startResponse("200 OK", []);
    environ["tsgi.exchange"].flush?.();
    await new Promise(() => {});
  });
  const stream = connect().request({});
  let status: unknown;
  stream.on("response", (headers) => {
    status = headers[":status"];
  });
  stream.on("error", () => {});
  await eventually(() => status === 200);
});

test("responses: write, before and after the head", async (t) => {
  const { connect } = await startHttp2(t, (_environ, startResponse) => {
    const write = startResponse("200 OK", []);
    write("a");
    write("");
    write(Buffer.from("b"));
    return "c";
  });
  assert.equal((await ask(connect())).body, "abc");
});

test("responses: a client that reads slowly keeps the body waiting", async (t) => {
  let made = 0;
  const { connect } = await startHttp2(t, async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    for (; made < 1000; made++) yield Buffer.alloc(10_000);
  });
  const stream = connect().request({});
  stream.pause();
  await aWhile();
  await aWhile();
  assert.ok(made < 200, `${made} chunks`);
  const { body } = await answerOf(stream.resume());
  assert.equal(body.length, 10_000_000);
});

test("responses: no upgrade", async (t) => {
  const { connect } = await startHttp2(t, (environ, startResponse) => {
    startResponse("200 OK", []);
    return String(environ["tsgi.exchange"].upgrade);
  });
  assert.equal((await ask(connect())).body, "undefined");
});

for (const way of WAYS) {
  test(`responses over ${way}: trailers follow the body, of any length`, async (t) => {
    const { connect } = await startHttp2(
      t,
      (environ, startResponse) => {
        const { addTrailers } = environ["tsgi.exchange"];
        const announced: HeaderList = environ.QUERY_STRING === "announced" ? [["Trailer", "X-Sum"]] : [];
        startResponse(environ.PATH_INFO === "/204" ? "204 No Content" : "200 OK", announced);
        return (async function* () {
          if (environ.PATH_INFO === "/long") yield "x".repeat(300_000);
          if (environ.PATH_INFO === "/short") yield "x";
          addTrailers?.([
            ["X-Sum", "1"],
            ["X-More", "2"],
          ]);
        })();
      },
      {},
      way,
    );
    const session = connect();
    for (const [path, method, length] of [
      ["/short", "GET", 1],
      ["/long", "GET", 300_000],
      ["/empty?announced", "GET", 0],
      ["/short?announced", "HEAD", 0],
      ["/204?announced", "GET", 0],
    ] as const) {
      const stream = session.request({ ":path": path, ":method": method });
      let trailers: unknown;
      stream.on("trailers", (fields) => {
        trailers = Object.fromEntries(Object.entries(fields));
      });
      const { body, headers, reset } = await answerOf(stream);
      assert.deepEqual([path, body.length, reset], [path, length, 0]);
      const hasThem = method === "GET" && path !== "/204?announced";
      assert.deepEqual(trailers, hasThem ? { "x-sum": "1", "x-more": "2" } : undefined);
      assert.equal(headers.trailer, hasThem && path.includes("?") ? "X-Sum" : undefined);
    }
  });
}
