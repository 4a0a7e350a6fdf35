/** Frames in every form that the sections of Autobahn's test suite have, against `ws` by itself on `node:http`. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { WebSocketServer } from "ws";
import { websocket } from "../../../middleware/websocket.ts";
import { type Server, serve } from "../../../src/server/serve.ts";
import { BINARY, CLOSE, frame, HANDSHAKE, PING, PONG, TEXT } from "../../support/websocket-frames.ts";

const CONTINUED = 0;

/** A close frame with a code and a reason. */
function close(code: number, reason: string | Uint8Array = ""): Buffer {
  return frame(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason as string)]));
}

/** A message in fragments, with something between them. */
function fragments(opcode: number, parts: readonly (string | Uint8Array)[], between: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat(
    parts.flatMap((part, index) => [
      frame(index === 0 ? opcode : CONTINUED, part, { isFinal: index === parts.length - 1 }),
      between,
    ]),
  );
}

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** Autobahn 6.*: text that is UTF-8, and text that is not. */
const TEXTS = [
  "ce ba e1 bd b9 cf 83 ce bc ce b5",
  "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64",
  "ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80 65 64",
  "00",
  "c2 80",
  "e0 a0 80",
  "f0 90 80 80",
  "f8 88 80 80 80",
  "7f",
  "df bf",
  "ef bf bf",
  "f4 8f bf bf",
  "f7 bf bf bf",
  "ed 9f bf",
  "ee 80 80",
  "80",
  "bf",
  "80 bf 80",
  "c0 20",
  "c3",
  "e0 80",
  "fe",
  "ff",
  "c0 af",
  "e0 80 af",
  "f0 80 80 af",
  "c1 bf",
  "ed a0 80",
  "ed a0 80 ed b0 80",
  "ef bf be",
].map(bytes);

const cases: Record<string, Buffer> = {};

for (const size of [0, 1, 125, 126, 127, 128, 65_535, 65_536, 200_000]) {
  cases[`1.1 text of ${size} bytes`] = frame(TEXT, "*".repeat(size));
  cases[`1.2 binary of ${size} bytes`] = frame(BINARY, Buffer.alloc(size, 0xfe));
}
for (const size of [0, 1, 125, 126]) cases[`2 ping of ${size} bytes`] = frame(PING, "p".repeat(size));
cases["2.7 pong without a ping"] = Buffer.concat([frame(PONG, "x"), frame(PING, "y")]);
cases["2.10 ten pings"] = Buffer.concat(Array.from({ length: 10 }, (_, index) => frame(PING, `ping ${index}`)));
for (const reserved of [1, 2, 3, 4, 5, 6, 7]) {
  for (const opcode of [TEXT, BINARY, PING, CLOSE]) {
    cases[`3 reserved bits ${reserved} with opcode ${opcode}`] = Buffer.concat([
      frame(TEXT, "before"),
      frame(opcode, "", { reserved }),
      frame(PING, "after"),
    ]);
  }
}
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  cases[`4 opcode ${opcode}`] = Buffer.concat([frame(TEXT, "before"), frame(opcode, "x"), frame(PING, "after")]);
}
const ping = frame(PING, "amid");
cases["5.1 ping in fragments"] = fragments(PING, ["a", "b"]);
cases["5.2 pong in fragments"] = fragments(PONG, ["a", "b"]);
cases["5.3 two fragments"] = fragments(TEXT, ["fragment1", "fragment2"]);
cases["5.6 two fragments with a ping between"] = fragments(TEXT, ["fragment1", "fragment2"], ping);
cases["5.9 a continuation of nothing"] = Buffer.concat([frame(CONTINUED, "x"), frame(TEXT, "after")]);
cases["5.12 a continuation of nothing that goes on"] = frame(CONTINUED, "x", { isFinal: false });
cases["5.15 a continuation after the end"] = Buffer.concat([
  fragments(TEXT, ["a", "b"]),
  frame(CONTINUED, "c"),
  frame(TEXT, "d"),
]);
cases["5.18 a message amid another"] = Buffer.concat([frame(TEXT, "a", { isFinal: false }), frame(TEXT, "b")]);
cases["5.19 five fragments with pings"] = fragments(TEXT, ["1", "2", "3", "4", "5"], ping);
cases["6.1 empty fragments"] = fragments(TEXT, ["", "", ""]);
cases["6.1 empty fragments around one"] = fragments(TEXT, ["", "middle", ""]);
for (const text of TEXTS) {
  const name = text.toString("hex");
  cases[`6 text ${name}`] = Buffer.concat([frame(TEXT, text), frame(PING, "after")]);
  cases[`6 text ${name} in fragments of a byte`] = fragments(
    TEXT,
    [...text].map((byte) => Buffer.from([byte])),
  );
  cases[`7.5 close with the reason ${name}`] = close(1000, text);
}
cases["7.1.1 message after close"] = Buffer.concat([close(1000), frame(TEXT, "after")]);
cases["7.1.2 two closes"] = Buffer.concat([close(1000), close(1001)]);
cases["7.1.3 ping after close"] = Buffer.concat([close(1000), frame(PING)]);
cases["7.1.5 close amid a message"] = Buffer.concat([
  frame(TEXT, "a", { isFinal: false }),
  close(1000),
  frame(CONTINUED, "b"),
]);
cases["7.3.1 close without a code"] = frame(CLOSE);
cases["7.3.2 close with one byte"] = frame(CLOSE, "a");
cases["7.3.5 close with the longest reason"] = close(1000, "*".repeat(123));
cases["7.3.6 close with a reason too long"] = close(1000, "*".repeat(124));
for (const code of [
  0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1014, 1015, 1016, 1100, 2000, 2999, 3000, 3999,
  4000, 4999, 5000, 65_535,
]) {
  cases[`7.7 close with ${code}`] = close(code);
}
cases["9 a message of 1 MiB"] = frame(BINARY, Buffer.alloc(1_048_576, 1));
cases["9 a message of 1 MiB and a byte"] = frame(BINARY, Buffer.alloc(1_048_577, 1));
cases["9 a thousand messages"] = Buffer.concat(
  Array.from({ length: 1000 }, (_, index) => frame(TEXT, `message ${index}`)),
);

let own: Server;
let ownPort = 0;
const reference = createServer();
let referencePort = 0;

before(async () => {
  own = await serve(websocket({ message: (socket, data) => socket.send(data) }), { port: 0 });
  ownPort = own.port;
  const sockets = new WebSocketServer({ server: reference, maxPayload: 1024 * 1024 });
  sockets.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => socket.readyState === 1 && socket.send(data, { binary: isBinary }));
  });
  await new Promise<void>((resolve) => reference.listen(0, "127.0.0.1", resolve));
  referencePort = (reference.address() as AddressInfo).port;
});

after(async () => {
  await own.close({ grace: 0 });
  reference.close();
});

/** All that a server sends, the frames after its head, until it ends; a last close frame makes it end. */
function transcript(port: number, sent: Buffer, size: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const received: Buffer[] = [];
    socket.write(["GET / HTTP/1.1", "Host: a", ...HANDSHAKE, "", ""].join("\r\n"));
    const all = Buffer.concat([sent, frame(PING, "last"), close(1000, "bye")]);
    for (let at = 0; at < all.length; at += size) socket.write(all.subarray(at, at + size));
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      const whole = Buffer.concat(received);
      const start = whole.indexOf("\r\n\r\n") + 4;
      resolve(whole.subarray(start).toString("latin1"));
    });
    socket.on("error", reject);
  });
}

for (const [name, sent] of Object.entries(cases)) {
  test(`websocket, as ws by itself: ${name}`, async () => {
    for (const size of sent.length < 1000 ? [Number.POSITIVE_INFINITY, 7, 1] : [Number.POSITIVE_INFINITY]) {
      const [expected, actual] = await Promise.all([
        transcript(referencePort, sent, size),
        transcript(ownPort, sent, size),
      ]);
      assert.ok(expected.length > 0);
      // Bytes are compared as a whole; a difference of a mebibyte is not to be printed.
      assert.ok(
        actual === expected,
        `${JSON.stringify(actual.slice(0, 200))} is not ${JSON.stringify(expected.slice(0, 200))}`,
      );
    }
  });
}
