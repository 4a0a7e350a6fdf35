import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { Output } from "../../../src/server/engine/output.ts";
import { eventually } from "../../support/raw-client.ts";

/** The output to a client, the client, and what each write to the kernel was. */
async function outputTo(
  t: TestContext,
): Promise<{ output: Output; socket: Socket; client: Socket; sent: string[]; received: () => string }> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const client = connect((server.address() as AddressInfo).port);
  const socket = await accepted;
  t.after(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  const sent: string[] = [];
  const { _write, _writev } = socket;
  socket._write = (chunk: Buffer | string, encoding, callback) => {
    sent.push(Buffer.from(chunk as string, encoding).toString("latin1"));
    _write.call(socket, chunk, encoding, callback);
  };
  socket._writev = (chunks, callback) => {
    sent.push(chunks.map(({ chunk, encoding }) => Buffer.from(chunk, encoding).toString("latin1")).join(""));
    _writev?.call(socket, chunks, callback);
  };
  let text = "";
  client.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  return { output: new Output(socket), socket, client, sent, received: () => text };
}

test("output: what is added waits until it is sent, in one packet", async (t) => {
  const { output, sent, received } = await outputTo(t);
  output.addText("HTTP/1.1 200 OK\r\n\r\n");
  output.addChunk("text ");
  output.addChunk(new Uint8Array([98, 121, 116, 101, 115]));
  assert.equal(output.length, 29);
  assert.deepEqual(sent, []);
  output.flush();
  assert.deepEqual(sent, ["HTTP/1.1 200 OK\r\n\r\ntext bytes"]);
  await eventually(() => received() === sent[0]);
  assert.equal(output.length, 0);
});

test("output: a head and a large chunk leave in one packet, the chunk without a copy", async (t) => {
  const { output, socket, sent } = await outputTo(t);
  const written = t.mock.method(socket, "write");
  const chunk = Buffer.alloc(5000, "y");
  output.addText("head");
  output.addChunk(chunk);
  output.addText("tail");
  output.flush();
  assert.deepEqual(sent, [`head${chunk}tail`]);
  assert.equal(written.mock.calls[1]?.arguments[0], chunk);
});

test("output: what is flushed soon leaves at the end of the turn, once", async (t) => {
  const { output, sent } = await outputTo(t);
  output.addText("a");
  output.flushSoon();
  output.addText("b");
  output.flushSoon();
  await Promise.resolve();
  output.addText("c");
  assert.deepEqual(sent, []);
  await new Promise(setImmediate);
  assert.deepEqual(sent, ["abc"]);
  output.addText("d");
  output.flushSoon();
  await new Promise(setImmediate);
  assert.deepEqual(sent, ["abc", "d"]);
});

test("output: nothing is sent where nothing was added", async (t) => {
  const { output, sent } = await outputTo(t);
  output.flush();
  output.flushSoon();
  await new Promise(setImmediate);
  assert.deepEqual(sent, []);
});

test("output: text beyond ASCII is sent as UTF-8, that of heads as bytes", async (t) => {
  const { output, received } = await outputTo(t);
  output.addText("\u00e4\u00ff");
  output.addChunk("\u00e4\u20ac");
  output.addChunk("plain");
  output.flush();
  const expected = `\u00e4\u00ff${Buffer.from("\u00e4\u20ac").toString("latin1")}plain`;
  await eventually(() => received() === expected);
});

test("output: bytes may change after they were added, if they are few", async (t) => {
  const { output, received } = await outputTo(t);
  const bytes = Buffer.from("before");
  output.addChunk(bytes.subarray(0, 3));
  bytes.fill("x");
  output.flush();
  await eventually(() => received() === "bef");
});

test("output: much text does not wait for the end of the turn", async (t) => {
  const { output, sent } = await outputTo(t);
  for (let count = 0; count < 70; count++) output.addText("y".repeat(1000));
  assert.equal(sent.join("").length, 66_000);
  output.flush();
  assert.equal(sent.join("").length, 70_000);
});

test("output: whoever fills it waits for room, in one promise for all", async (t) => {
  const { output, client, received } = await outputTo(t);
  client.pause();
  let room = output.untilRoom();
  let size = 0;
  for (; room === undefined && size < 100_000_000; size += 1_000_000) {
    output.addChunk(Buffer.alloc(1_000_000, "y"));
    room = output.untilRoom();
  }
  assert.ok(room instanceof Promise);
  assert.equal(output.isFull, true);
  assert.equal(output.untilRoom(), room);
  let hasRoom = false;
  void room.then(() => {
    hasRoom = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(hasRoom, false);
  client.resume();
  await room;
  assert.equal(output.isFull, false);
  await eventually(() => received().length === size);
});

test("output: whoever waits for room is let go where the connection closes", async (t) => {
  const { output, socket, client } = await outputTo(t);
  client.pause();
  let room = output.untilRoom();
  while (room === undefined) {
    output.addChunk(Buffer.alloc(1_000_000));
    room = output.untilRoom();
  }
  socket.destroy();
  output.release();
  await room;
  assert.equal(output.untilRoom(), undefined);
});
