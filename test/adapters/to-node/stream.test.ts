import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { type ToNodeOptions, toNode } from "../../../src/adapters/to-node.ts";
import { readBytes } from "../../../src/body/input.ts";
import type { App } from "../../../src/gateway.ts";
import { answerOf, ask } from "../../support/http2-client.ts";

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
