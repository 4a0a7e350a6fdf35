import assert from "node:assert/strict";
import { test } from "node:test";
import { cors } from "../../middleware/cors.ts";
import { type WebsocketHandlers, websocket } from "../../middleware/websocket.ts";
import { notFound } from "../../src/apps.ts";
import { duplexPair } from "../../src/testing/duplex-pair.ts";
import { webSocket } from "../../src/testing.ts";
import { aWhile, eventually } from "../support/raw-client.ts";
import { allOwned } from "../support/unowned.ts";

const echo: WebsocketHandlers = { message: (socket, data) => socket.send(data) };

test("webSocket: messages go both ways, and keep their kind and their order", async () => {
  const socket = await webSocket(websocket(echo), "/");
  socket.send("one");
  socket.send(Buffer.from([2]));
  socket.send("");
  assert.deepEqual(
    [await socket.receive(), await socket.receive(), await socket.receive()],
    ["one", Buffer.from([2]), ""],
  );
  assert.deepEqual(await socket.close(), { code: 1005, reason: "" });
});

test("webSocket: what the app sends at once is not lost", async () => {
  const app = websocket({
    open(socket, { PATH_INFO, QUERY_STRING, HTTP_HOST, HTTP_COOKIE, "tsgi.url_scheme": scheme }) {
      socket.send(`${scheme} ${HTTP_HOST} ${PATH_INFO} ${QUERY_STRING} ${HTTP_COOKIE}`);
      socket.close(4001, "done");
    },
  });
  const socket = await webSocket(app, "https://a.example//x/../%61?b", { headers: { Cookie: "c=1" } });
  await aWhile();
  assert.equal(await socket.receive(), "https a.example /a b c=1");
  await assert.rejects(socket.receive(), {
    code: "TSGI_WEBSOCKET_CLOSED",
    message: "the WebSocket was closed with 4001 done",
  });
  assert.deepEqual(await socket.closed, { code: 4001, reason: "done" });
});

test("webSocket: its messages can be iterated", async () => {
  const app = websocket({
    async open(socket) {
      for (const each of ["a", "b", "c"]) {
        socket.send(each);
        await aWhile();
      }
      socket.close();
    },
  });
  const all: unknown[] = [];
  for await (const message of await webSocket(app, "/")) all.push(message);
  assert.deepEqual(all, ["a", "b", "c"]);
});

test("webSocket: headers, protocol and compression of the handshake", async () => {
  const app = cors(websocket(echo, { protocols: ["b"], compress: true }));
  const socket = await webSocket(app, "/", { protocols: ["a", "b"], compress: true });
  assert.equal(socket.protocol, "b");
  assert.equal(socket.extensions, "permessage-deflate");
  assert.deepEqual(socket.headers.slice(-2), [
    ["Access-Control-Allow-Origin", "*"],
    ["Access-Control-Expose-Headers", "*"],
  ]);
  socket.send("x".repeat(100_000));
  assert.equal(await socket.receive(), "x".repeat(100_000));
  await socket.close();
});

for (const [what, app, headers, message] of [
  ["another response", notFound, {}, "the app answered 404: Not Found"],
  [
    "a wrong origin",
    websocket(echo),
    { Origin: "http://evil" },
    "the app answered 403: Pages of this origin may not connect",
  ],
] as const) {
  test(`webSocket: rejects for ${what}`, async () => {
    await allOwned(async () => {
      await assert.rejects(webSocket(app, "/", { headers }), { code: "TSGI_WEBSOCKET_REFUSED", message });
    });
  });
}

test("webSocket: rejects with the app's own error", async () => {
  await allOwned(async () => {
    const app = () => {
      throw new Error("no socket");
    };
    await assert.rejects(webSocket(app, "/"), { message: "no socket" });
  });
});

test("webSocket: rejects for a target that every server refuses", async () => {
  await assert.rejects(webSocket(websocket(echo), "/%zz"), { code: "TSGI_WEBSOCKET_REFUSED" });
});

test("webSocket: what the app fails with later is told", async () => {
  const app = websocket({
    message() {
      throw new Error("bad message");
    },
  });
  const socket = await webSocket(app, "/");
  socket.send("x");
  await assert.rejects(socket.receive(), (error: Error) => {
    assert.equal(error.message, "the WebSocket was closed with 1011");
    assert.equal((error.cause as Error).message, "bad message");
    return true;
  });
  assert.match(socket.errors, /^GET \/: Error: bad message/);
});

test("webSocket: a client that is lost", async () => {
  const codes: number[] = [];
  const socket = await webSocket(websocket({ close: (_socket, code) => codes.push(code) }), "/");
  assert.equal((await socket.terminate()).code, 1006);
  await eventually(() => codes.length === 1);
  assert.deepEqual(codes, [1006]);
});

test("webSocket: back-pressure holds", async () => {
  let waiting = 0;
  const app = websocket({
    open(socket) {
      for (let count = 0; count < 100; count++) socket.send("x".repeat(10_000));
      waiting = socket.bufferedAmount;
    },
  });
  const socket = await webSocket(app, "/");
  assert.ok(waiting > 500_000, `${waiting}`);
  for (let count = 0; count < 100; count++) assert.equal(String(await socket.receive()).length, 10_000);
  await socket.close();
});

test("duplexPair: each side reads what the other writes, and ends with it", async () => {
  const [one, other] = duplexPair();
  one.write("a");
  one.end("b");
  other.end("c");
  const read = async (side: AsyncIterable<Uint8Array>) => {
    let text = "";
    for await (const chunk of side) text += chunk;
    return text;
  };
  assert.deepEqual(await Promise.all([read(one), read(other)]), ["c", "ab"]);
});
