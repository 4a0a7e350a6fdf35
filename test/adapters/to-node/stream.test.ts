import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type ToNodeOptions, toNode } from "../../../src/adapters/to-node.ts";
import { readBytes } from "../../../src/body/input.ts";
import type { App } from "../../../src/gateway.ts";
import { FrameClient, get, HEADERS, post, RST_STREAM, settings } from "../../support/frames.ts";
import { answerOf, ask } from "../../support/http2-client.ts";
import { aWhile } from "../../support/raw-client.ts";

async function serveStreams(t: TestContext, app: App, options: ToNodeOptions = {}, prepare = (_: Http2Server) => {}) {
  const server = createServer();
  prepare(server);
  server.on("stream", toNode(app, options).stream);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    server.close();
  });
  return { server, session };
}

test("toNode stream: the environ, the body and the trailers", async (t) => {
  let seen: unknown;
  const { session, server } = await serveStreams(t, async (environ, startResponse) => {
    const { SERVER_PROTOCOL: protocol, HTTP_HOST: host, PATH_INFO: path, "tsgi.exchange": exchange } = environ;
    const body = await readBytes(environ);
    seen = [protocol, host, path, exchange.headers, exchange.trailers, exchange.server === server];
    startResponse("200 OK", [["X-A", "1"]]);
    return body;
  });
  const stream = session.request({ ":method": "POST", ":path": "/%61", "x-b": "2" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "3" }));
  stream.end("body");
  const { status, headers, body } = await answerOf(stream);
  assert.deepEqual([status, headers, body], [200, { "x-a": "1", "content-length": "4" }, "body"]);
  const { port } = server.address() as AddressInfo;
  assert.deepEqual(seen, ["HTTP/2.0", `127.0.0.1:${port}`, "/a", [["x-b", "2"]], [["x-sum", "3"]], true]);
});

test("toNode stream: refusals, and canonicalOnly", async (t) => {
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    return "";
  };
  const { session } = await serveStreams(t, app, { canonicalOnly: true });
  assert.equal((await ask(session, { ":path": "/a" })).status, 200);
  assert.equal((await ask(session, { ":path": "/%61" })).status, 400);
  assert.equal((await ask(session, { ":path": "/%zz" })).status, 400);
});

test("toNode stream: an error is reported, and cuts what has begun", async (t) => {
  const errors: string[] = [];
  const { session } = await serveStreams(
    t,
    function* (_environ, startResponse) {
      startResponse("200 OK", []);
      yield "a";
      throw new Error("late");
    },
    { errors: { write: (text) => errors.push(text) } },
  );
  assert.equal((await ask(session)).reset, 2);
  assert.match(errors.join(""), /late/);
});

test("toNode stream: what the host has answered is left to it", async (t) => {
  let called = false;
  const app: App = (_environ, startResponse) => {
    called = true;
    startResponse("200 OK", []);
    return "";
  };
  const { session } = await serveStreams(t, app, {}, (server) => {
    server.on("stream", (stream) => {
      stream.respond({ ":status": 403 });
      stream.end("host");
    });
  });
  const { status, body } = await ask(session);
  assert.deepEqual([status, body, called], [403, "host", false]);
});

test("toNode stream: a client is told to keep its body once it has all of the response", async (t) => {
  const { server } = await serveStreams(t, async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "hello";
  });
  const client = await FrameClient.open((server.address() as AddressInfo).port);
  t.after(() => client.socket.destroy());
  client.send(settings([4, 0]), post(1, ["expect", "100-continue"]));
  await client.until(HEADERS, 1);
  await aWhile();
  assert.deepEqual(client.of(RST_STREAM, 1), []);
  client.send(settings([4, 100]));
  assert.equal(await client.body(1), "hello");
  assert.equal((await client.until(RST_STREAM, 1)).payload.readUInt32BE(0), 0);
  assert.equal(await client.send(get(3)).body(3), "hello");
});
