import assert from "node:assert/strict";
import { test } from "node:test";
import { readBytes } from "../../src/body/input.ts";
import type { App } from "../../src/gateway.ts";
import { aWhile, eventually, HELLO, hello, lastAnswer, start, wire } from "../support/raw-client.ts";

function answer(body: string, connection = "Connection: keep-alive\nKeep-Alive: timeout=5"): string {
  return wire(`HTTP/1.1 200 OK\nContent-Length: ${body.length}\n${connection}\n\n`) + body;
}

/** Answers with the path, `/slow…` only when told to. */
function gated(): { app: App; open(): void; calls: string[] } {
  const calls: string[] = [];
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    calls,
    open: () => open(),
    async app(environ, startResponse) {
      calls.push(environ.PATH_INFO);
      if (environ.PATH_INFO.startsWith("/slow")) await opened;
      if (environ.PATH_INFO === "/echo") {
        const bytes = await readBytes(environ);
        startResponse("200 OK", []);
        return bytes;
      }
      startResponse("200 OK", []);
      return environ.PATH_INFO;
    },
  };
}

test("pipelining: a request waits until the one before it is answered", async (t) => {
  const { app, open, calls } = gated();
  const client = await (await start(t, app)).connect();
  client.get("/slow").get("/a").get("/b");
  await eventually(() => calls.length > 0);
  await aWhile();
  assert.deepEqual(calls, ["/slow"]);
  assert.equal(client.received, "");
  open();
  assert.equal(await client.until("/b"), answer("/slow") + answer("/a") + answer("/b"));
});

test("pipelining: bodies and heads that arrive in one piece are told apart", async (t) => {
  const { app } = gated();
  const client = await (await start(t, app)).connect();
  const post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
  const chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nghi\r\n0\r\n\r\n";
  client.send(`${post}abc${post}def${chunked}`).get("/last");
  assert.equal(await client.until("/last"), answer("abc") + answer("def") + answer("ghi") + answer("/last"));
});

test("pipelining: a request behind one whose body was not read is answered", async (t) => {
  const { app } = gated();
  const client = await (await start(t, app)).connect();
  client.send(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${"x".repeat(200_000)}`).get("/b");
  assert.equal(await client.until("/b"), answer("/a") + answer("/b"));
});

test("pipelining: a finished response leaves the body of the next request alone", async (t) => {
  const { app, open, calls } = gated();
  const client = await (await start(t, app)).connect();
  client.get("/slow").send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  await eventually(() => calls.length === 1);
  open();
  await client.until("/slow");
  await aWhile();
  assert.equal(await client.send("def").until("abcdef"), answer("/slow") + answer("abcdef"));
});

test("pipelining: garbage gets its 400 after the responses to what came before it", async (t) => {
  const { app, open, calls } = gated();
  const { log, connect } = await start(t, app);
  const client = await connect();
  client.get("/slow").get("/a").send("garbage\r\n\r\n");
  await eventually(() => calls.length === 1);
  await aWhile();
  assert.equal(client.received, "");
  client.send("more garbage\r\n\r\n");
  open();
  assert.equal(await client.all(), answer("/slow") + answer("/a") + lastAnswer("400 Bad Request"));
  assert.equal(client.end, "end");
  assert.deepEqual(log, []);
});

test("pipelining: a malformed target ends the connection after the responses before it", async (t) => {
  const { app, open, calls } = gated();
  const client = await (await start(t, app)).connect();
  client.get("/slow").get("/%zz").get("/never");
  await aWhile();
  open();
  assert.equal(await client.all(), answer("/slow") + lastAnswer("400 Bad Request"));
  assert.deepEqual(calls, ["/slow"]);
});

test("pipelining: CONNECT gets its 501 after the responses to what came before it", async (t) => {
  const { app, open, calls } = gated();
  const client = await (await start(t, app)).connect();
  client.get("/slow").send("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n");
  await eventually(() => calls.length === 1);
  await aWhile();
  open();
  assert.equal(await client.all(), answer("/slow") + lastAnswer("501 Not Implemented"));
});

test("pipelining: a client that resets after CONNECT does no harm", async (t) => {
  const { app, calls } = gated();
  const { connect } = await start(t, app);
  const client = await connect();
  client.get("/slow").send("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n");
  await eventually(() => calls.length === 1);
  client.socket.resetAndDestroy();
  await aWhile();
  assert.equal(await (await connect()).get("/a").until("/a"), answer("/a"));
});

test("pipelining: what follows `Connection: close` is neither run nor refused", async (t) => {
  const { app, open, calls } = gated();
  const { log, connect } = await start(t, app);
  const client = await connect();
  client.get("/slow", "Connection: close").get("/never").send("garbage\r\n\r\n");
  await aWhile();
  client.get("/never");
  await aWhile();
  open();
  assert.equal(await client.all(), answer("/slow", "Connection: close"));
  assert.equal(client.end, "end");
  assert.deepEqual(calls, ["/slow"]);
  assert.deepEqual(log, []);
});

test("pipelining: an error in a later response does not take the earlier one", async (t) => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { log, connect } = await start(t, async (environ, startResponse) => {
    startResponse("200 OK", []);
    if (environ.PATH_INFO === "/slow") {
      await opened;
      return "slow";
    }
    return (async function* () {
      yield "abc";
      throw new Error("midway");
    })();
  });
  const client = await connect();
  client.get("/slow").get("/broken");
  await aWhile();
  open();
  const broken =
    "HTTP/1.1 200 OK\nConnection: keep-alive\nKeep-Alive: timeout=5\nTransfer-Encoding: chunked\n\n3\nabc\n";
  assert.equal(await client.all(), answer("slow") + wire(broken));
  assert.equal(log.length, 1);
});

test("pipelining: a later response that has much to send waits without holding up or being cut", async (t) => {
  const { app, open } = gated();
  let sent = 0;
  const { connect } = await start(
    t,
    (environ, startResponse) => {
      if (environ.PATH_INFO !== "/large") return app(environ, startResponse);
      startResponse("200 OK", []);
      return (async function* () {
        for (; sent < 32; sent++) yield "x".repeat(1 << 16);
      })();
    },
    { bodyTimeout: 100 },
  );
  const client = await connect();
  client.get("/slow").get("/large");
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(sent, 0);
  open();
  await client.until("0\r\n\r\n");
  assert.equal(sent, 32);
});

test("pipelining: many requests at once are all answered", async (t) => {
  const client = await (await start(t, hello)).connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2000)).get("/", "Connection: close");
  const all = await client.all();
  assert.equal(all, HELLO.repeat(2000) + HELLO.replace("keep-alive\r\nKeep-Alive: timeout=5", "close"));
});

test("pipelining: informational responses come before the response that they belong to", async (t) => {
  const { app, open } = gated();
  const { connect } = await start(t, (environ, startResponse) => {
    environ["tsgi.exchange"].inform?.("103 Early Hints", [["Link", environ.PATH_INFO]]);
    return app(environ, startResponse);
  });
  const client = await connect();
  client.get("/slow").get("/a");
  await aWhile();
  open();
  const hint = (path: string) => wire(`HTTP/1.1 103 Early Hints\nLink: ${path}\n\n`);
  await client.until("/a\r\n\r\n");
  assert.equal(await client.until(answer("/a")), hint("/slow") + answer("/slow") + hint("/a") + answer("/a"));
});

test("pipelining: what waits behind a slow app waits in the socket", async (t) => {
  const { app, open, calls } = gated();
  const client = await (await start(t, app)).connect();
  client.get("/slow");
  await eventually(() => calls.length === 1);
  const request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
  const count = Math.ceil((32 << 20) / request.length);
  client.send(request.repeat(count));
  await aWhile();
  assert.ok(client.socket.writableLength > 0, "the client was held up");
  assert.deepEqual(calls, ["/slow"]);
  client.socket.resetAndDestroy();
  open();
});

for (const kind of ["synchronous", "asynchronous"]) {
  test(`pipelining: others have their turn among many requests that came at once (${kind})`, async (t) => {
    const calls: string[] = [];
    const app: App = (environ, startResponse) => {
      calls.push(environ.PATH_INFO);
      return hello(environ, startResponse);
    };
    const { connect } = await start(t, kind === "synchronous" ? app : async (...call) => app(...call));
    const [many, other] = [await connect(), await connect()];
    many.send("GET /many HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2000));
    other.get("/other");
    await other.until("hello");
    assert.ok(calls.indexOf("/other") < 1000, `after ${calls.indexOf("/other")}`);
    await eventually(() => calls.length === 2001);
    assert.equal(
      await many
        .get("/last", "Connection: close")
        .all()
        .then((text) => text.split("hello").length),
      2002,
    );
  });
}

test("pipelining: a client that does not read its answers gets no more requests run", async (t) => {
  let calls = 0;
  const { connect } = await start(t, (_environ, startResponse) => {
    calls++;
    startResponse("200 OK", []);
    return "x".repeat(100_000);
  });
  const client = await connect();
  client.socket.pause();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2000));
  await eventually(() => calls > 1);
  await aWhile();
  const before = calls;
  await aWhile();
  assert.equal(calls, before);
  assert.ok(calls < 200, `${calls} requests were run`);
});
