import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { compress } from "../../../middleware/compress.ts";
import { proxy } from "../../../middleware/proxy.ts";
import { fromNode } from "../../../src/adapters/from-node.ts";
import { toNode } from "../../../src/adapters/to-node.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { startHttp2 } from "../../support/http2-client.ts";
import { type RawClient, start, wire } from "../../support/raw-client.ts";
import { HI, rawTarget, sendTo } from "../../support/raw-target.ts";

const KEPT = "Connection: keep-alive\nKeep-Alive: timeout=5";
const TRAILING =
  "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTrailer: X-T, Content-Length\n\n2\nhi\n0\nX-T: 1\nX-T: 2\nSet-Cookie: a=b\n\n";

/** A proxy of a server, to a target that sends this. */
async function served(t: TestContext, answer: string, layer: (app: App) => App = (app) => app) {
  const target = await rawTarget(t, answer);
  const { connect } = await start(t, layer(proxy(target.url, { via: false })));
  return { target, connect };
}

/** What a client gets of its first request, by way of the answer to a second one. */
async function received(client: RawClient, ...headers: string[]): Promise<string> {
  client.get("/", ...headers, "Connection: close");
  return client.all();
}

test("proxy: trailers reach a client that asks for them, except those that may not be any", async (t) => {
  const { target, connect } = await served(t, TRAILING);
  for (let index = 0; index < 2; index++) {
    const client = await connect();
    assert.equal(
      await received(client, "TE: trailers"),
      wire(
        "HTTP/1.1 200 OK\nTrailer: X-T\nConnection: close\nTransfer-Encoding: chunked\n\n2\nhi\n0\nX-T: 1\nX-T: 2\n\n",
      ),
    );
  }
  assert.match(target.heads[0] ?? "", /^TE: trailers\r$/m);
  assert.equal(target.connections, 1);
});

test("proxy: trailers are dropped for a client that does not ask, and so is what announces them", async (t) => {
  const { target, connect } = await served(t, TRAILING);
  assert.equal(
    await received(await connect(), "TE: gzip"),
    wire("HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nhi"),
  );
  assert.doesNotMatch(target.heads[0] ?? "", /^TE:/m);
});

test("proxy: trailers that come long after the head follow the body", async (t) => {
  const { target, connect } = await served(t, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n");
  const client = await connect();
  await client.get("/", "TE: trailers").until("hi\r\n");
  for (const socket of target.open) sendTo(socket, "0\nX-T: 1\n\n");
  assert.equal(
    await client.until("X-T: 1\r\n\r\n"),
    wire(`HTTP/1.1 200 OK\n${KEPT}\nTransfer-Encoding: chunked\n\n2\nhi\n0\nX-T: 1\n\n`),
  );
});

test("proxy: trailers pass through a layer that changes the body, and through handlers of Node", async (t) => {
  for (const layer of [compress, (app: App) => fromNode(toNode(app))]) {
    const { connect } = await served(t, TRAILING, layer);
    const answer = await received(await connect(), "TE: trailers", "Accept-Encoding: gzip");
    assert.ok(answer.endsWith("0\r\nX-T: 1\r\nX-T: 2\r\n\r\n"), answer);
  }
});

test("proxy: an answer of gRPC-web with trailers works", async (t) => {
  const message = "\0\0\0\0\x02hi";
  const inBody = "\x80\0\0\0\x10grpc-status: 0\r\n";
  const body = message + inBody;
  const target = await rawTarget(t, (socket) => {
    const head = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web+proto\r\nTransfer-Encoding: chunked\r\n\r\n";
    const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\ngrpc-status: 0\r\ngrpc-message: fine\r\n\r\n`;
    socket.write(Buffer.from(head + chunks, "latin1"));
  });
  const response = await request(proxy(target.url, { via: false }), "/greeter/hello", {
    method: "POST",
    headers: { "Content-Type": "application/grpc-web+proto", TE: "trailers" },
    body: Buffer.from(message, "latin1"),
  });
  assert.equal(Buffer.from(await response.arrayBuffer()).toString("latin1"), body);
  assert.equal(response.headers.get("Content-Type"), "application/grpc-web+proto");
  assert.deepEqual(response.trailers, [
    ["grpc-status", "0"],
    ["grpc-message", "fine"],
  ]);
  assert.ok(target.received.endsWith(message));
});

test("proxy: trailers of a request reach the target where they are announced", async (t) => {
  const { target, connect } = await served(t, HI);
  const client = await connect();
  client.send(
    wire(
      "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTrailer: X-Sum, Host\n\n5\nhello\n0\nX-Sum: 1\nHost: b\n\n",
    ),
  );
  await client.until("hi");
  assert.match(target.heads[0] ?? "", /^Trailer: X-Sum\r$/m);
  assert.ok(target.received.endsWith("\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), target.received);
});

test("proxy: trailers of a request tell nothing of clients", async (t) => {
  const { target, connect } = await served(t, HI);
  const client = await connect();
  const names = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"];
  const lines = names.map((name) => `${name}: 9.9.9.9\n`).join("");
  const head = `POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTrailer: ${names.join(", ")}, X-Sum\n\n`;
  client.send(wire(`${head}2\nhi\n0\n${lines}X-Sum: 1\n\n`));
  await client.until("hi");
  assert.match(target.heads[0] ?? "", /^Trailer: X-Sum\r$/m);
  assert.ok(target.received.endsWith("\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n"), target.received);
});

test("proxy: trailers of a request that nothing announces are dropped", async (t) => {
  const { target, connect } = await served(t, HI);
  const client = await connect();
  client.send(wire("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n5\nhello\n0\nX-Sum: 1\n\n"));
  await client.until("hi");
  assert.ok(target.received.endsWith("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), target.received);
});

test("proxy: a response that is cut has no trailers", async (t) => {
  const target = await rawTarget(t, (socket) => {
    sendTo(socket, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n");
    setTimeout(() => socket.end("0\r\nX-T: 1\r\n"), 5);
  });
  const { connect } = await start(t, proxy(target.url, { via: false }));
  const client = await connect();
  const answer = await client.get("/", "TE: trailers").all();
  assert.ok(answer.endsWith("\r\n\r\n2\r\nhi\r\n"), answer);
});

test("proxy: trailers reach every client of HTTP/2", async (t) => {
  const target = await rawTarget(t, TRAILING);
  const { connect } = await startHttp2(t, proxy(target.url, { via: false }));
  const stream = connect().request({ ":path": "/" });
  const trailers = once(stream, "trailers");
  let body = "";
  for await (const part of stream) body += part;
  const [{ "x-t": sum, "set-cookie": cookie }] = await trailers;
  assert.deepEqual([body, sum, cookie], ["hi", "1, 2", undefined]);
});
