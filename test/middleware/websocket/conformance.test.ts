/**
 * Frames in every form that the sections of Autobahn's test suite have, against `ws` by itself on `node:http`: over HTTP/1.1, over
 * HTTP/2, and with compression.
 */

import assert from "node:assert/strict";
import { createServer, type Server as HttpServer } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { WebSocketServer } from "ws";
import { websocket } from "../../../middleware/websocket.ts";
import { type Server, serve } from "../../../src/server/serve.ts";
import { openTunnel } from "../../support/tunnel-client.ts";
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
cases["5.1 ping in fragments amid a message"] = Buffer.concat([
  frame(TEXT, "a", { isFinal: false }),
  frame(PING, "b", { isFinal: false }),
  frame(CONTINUED, "c"),
]);
cases["5.3 two fragments"] = fragments(TEXT, ["fragment1", "fragment2"]);
cases["5.6 two fragments with a ping between"] = fragments(TEXT, ["fragment1", "fragment2"], ping);
cases["5.9 a continuation of nothing"] = Buffer.concat([frame(CONTINUED, "x"), frame(TEXT, "after")]);
cases["5.12 a continuation of nothing that goes on"] = frame(CONTINUED, "x", { isFinal: false });
cases["5.15 a continuation after the end"] = Buffer.concat([
  fragments(TEXT, ["a", "b"]),
  frame(CONTINUED, "c"),
  frame(TEXT, "d"),
]);
cases["5.10 a continuation of nothing, after a message"] = Buffer.concat([
  frame(TEXT, "before"),
  frame(CONTINUED, "x"),
]);
cases["5.20 two messages in fragments, one after the other"] = Buffer.concat([
  fragments(TEXT, ["a", "b", "c"], ping),
  fragments(BINARY, ["d", "e"], ping),
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
cases["6.2 a character cut by fragments, with a ping between"] = fragments(
  TEXT,
  [bytes("f0 90"), bytes("80 80")],
  ping,
);
cases["6.4 text that fails before its end"] = Buffer.concat([
  frame(TEXT, bytes("ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90"), { isFinal: false }),
  frame(CONTINUED, bytes("80 80 65 64"), { isFinal: false }),
  frame(CONTINUED, ""),
]);
cases["6 text with a byte-order mark"] = frame(TEXT, bytes("ef bb bf 61"));
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
cases["7.1.6 256 KiB, then close and ping"] = Buffer.concat([
  frame(TEXT, "*".repeat(262_144)),
  close(1000),
  frame(PING, "after"),
]);
cases["7.13 close with a code of 16 bits"] = frame(CLOSE, bytes("00 00 03 e8"));
cases["9.3 a message of 256 KiB in fragments of 4 KiB"] = fragments(
  TEXT,
  Array.from({ length: 64 }, () => "*".repeat(4096)),
);
cases["9.5 two thousand fragments of a byte"] = fragments(
  BINARY,
  Array.from({ length: 2000 }, (_, index) => Buffer.from([index & 255])),
);
cases["10.1 a large message in fragments of odd size"] = fragments(
  TEXT,
  Array.from({ length: 51 }, () => "*".repeat(1300)),
);
cases["frames that are not masked"] = frame(TEXT, "x", { isMasked: false });
cases["a length longer than it has to be"] = Buffer.concat([bytes("82 fe 00 01 00 00 00 00 61"), frame(PING, "after")]);
cases["a length beyond 2^63"] = bytes("82 ff 80 00 00 00 00 00 00 00 00 00 00 00");
cases["9 a message of 1 MiB"] = frame(BINARY, Buffer.alloc(1_048_576, 1));
cases["9 a message of 1 MiB and a byte"] = frame(BINARY, Buffer.alloc(1_048_577, 1));
cases["9 a thousand messages"] = Buffer.concat(
  Array.from({ length: 1000 }, (_, index) => frame(TEXT, `message ${index}`)),
);

/** The messages of Autobahn 12.* and 13.*: by the extension that is offered, as clients compress them. */
const offers = [
  "permessage-deflate",
  "permessage-deflate; client_max_window_bits",
  "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
  "permessage-deflate; server_max_window_bits=9",
  "permessage-deflate; client_max_window_bits=10; server_max_window_bits=15",
  "permessage-deflate; server_max_window_bits=8, permessage-deflate",
  "x-unknown, permessage-deflate; server_no_context_takeover",
];

const COMPRESSED = { reserved: 4 };

function deflated(payload: string | Uint8Array): Buffer {
  return deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

const compressed: Record<string, Buffer> = {
  "every size": Buffer.concat(
    [0, 16, 64, 256, 1024, 4096, 8192, 32_768, 131_072].flatMap((size) => [
      frame(TEXT, deflated("grüße ".repeat(size / 8)), COMPRESSED),
      frame(BINARY, deflated(Buffer.from(Array.from({ length: size }, (_, at) => (at * at) & 255))), COMPRESSED),
    ]),
  ),
  "fragments with a ping between": Buffer.concat([
    frame(TEXT, deflated("a".repeat(5000)).subarray(0, 5), { ...COMPRESSED, isFinal: false }),
    ping,
    frame(CONTINUED, deflated("a".repeat(5000)).subarray(5)),
  ]),
  "plain messages beside it": Buffer.concat([
    frame(TEXT, "plain"),
    frame(TEXT, deflated("x".repeat(2000)), COMPRESSED),
    frame(TEXT, "y".repeat(2000)),
  ]),
  "a continuation that says so again": Buffer.concat([
    frame(TEXT, deflated("a"), { ...COMPRESSED, isFinal: false }),
    frame(CONTINUED, "", COMPRESSED),
  ]),
  "a ping that says so": frame(PING, "x", COMPRESSED),
  "other reserved bits": frame(TEXT, deflated("a"), { reserved: 6 }),
  "what is not deflated": frame(TEXT, "\xff\xff\xff\xff", COMPRESSED),
  "text that is not UTF-8": frame(TEXT, deflated(bytes("ff fe")), COMPRESSED),
  "a message that is too large": frame(BINARY, deflated(Buffer.alloc(1_048_577)), COMPRESSED),
};

interface Pair {
  readonly own: Server;
  readonly reference: HttpServer;
  readonly referencePort: number;
}

let plain: Pair;
let deflating: Pair;
let session: ClientHttp2Session;

async function startPair(compress: boolean): Promise<Pair> {
  const own = await serve(websocket({ message: (socket, data) => socket.send(data) }, { compress }), {
    port: 0,
    http2: true,
  });
  const reference = createServer();
  const sockets = new WebSocketServer({ server: reference, maxPayload: 1024 * 1024, perMessageDeflate: compress });
  sockets.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => socket.readyState === 1 && socket.send(data, { binary: isBinary }));
  });
  await new Promise<void>((resolve) => reference.listen(0, "127.0.0.1", resolve));
  return { own, reference, referencePort: (reference.address() as AddressInfo).port };
}

before(async () => {
  [plain, deflating] = await Promise.all([startPair(false), startPair(true)]);
  session = connectHttp2(plain.own.url);
  await new Promise((resolve) => session.once("remoteSettings", resolve));
});

after(async () => {
  session.destroy();
  for (const { own, reference } of [plain, deflating]) {
    await own.close({ grace: 0 });
    reference.close();
  }
});

/** A last close frame makes a server end. */
function withEnd(sent: Buffer): Buffer {
  return Buffer.concat([sent, frame(PING, "last"), close(1000, "bye")]);
}

/** All that a server sends, until it ends. */
function transcript(port: number, sent: Buffer, size: number, more: readonly string[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const received: Buffer[] = [];
    socket.write(["GET / HTTP/1.1", "Host: a", ...HANDSHAKE, ...more, "", ""].join("\r\n"));
    const all = withEnd(sent);
    for (let at = 0; at < all.length; at += size) socket.write(all.subarray(at, at + size));
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(Buffer.concat(received).toString("latin1")));
    socket.on("error", reject);
  });
}

/** The same over HTTP/2, without the head. */
async function tunnelTranscript(sent: Buffer): Promise<string> {
  const { stream } = await openTunnel(session);
  const received: Buffer[] = [];
  stream.on("data", (chunk) => received.push(chunk));
  stream.on("end", () => stream.end());
  stream.write(withEnd(sent));
  await new Promise((resolve) => stream.on("close", resolve));
  return Buffer.concat(received).toString("latin1");
}

function withoutHead(received: string): string {
  return received.slice(received.indexOf("\r\n\r\n") + 4);
}

/** Bytes are compared as a whole; a difference of a mebibyte is not to be printed. */
function assertSame(actual: string, expected: string): void {
  assert.ok(expected.length > 0);
  assert.ok(
    actual === expected,
    `${JSON.stringify(actual.slice(0, 200))} is not ${JSON.stringify(expected.slice(0, 200))}`,
  );
}

for (const [name, sent] of Object.entries(cases)) {
  test(`websocket, as ws by itself: ${name}`, async () => {
    const { own, referencePort } = plain;
    const [overHttp2, ...pairs] = await Promise.all([
      tunnelTranscript(sent),
      ...(sent.length < 1000 ? [Number.POSITIVE_INFINITY, 7, 1] : [Number.POSITIVE_INFINITY]).map((size) =>
        Promise.all([transcript(own.port, sent, size), transcript(referencePort, sent, size)]),
      ),
    ]);
    for (const [actual, expected] of pairs) assertSame(actual, expected);
    assertSame(overHttp2, withoutHead(pairs[0]?.[1] ?? ""));
  });
}

for (const offer of offers) {
  test(`websocket, as ws by itself, compressed: ${offer}`, async () => {
    const { own, referencePort } = deflating;
    for (const [name, sent] of Object.entries(compressed)) {
      const more = [`Sec-WebSocket-Extensions: ${offer}`];
      const [expected, actual] = await Promise.all([
        transcript(referencePort, sent, Number.POSITIVE_INFINITY, more),
        transcript(own.port, sent, Number.POSITIVE_INFINITY, more),
      ]);
      assert.match(expected, /Sec-WebSocket-Extensions: permessage-deflate/, name);
      assertSame(actual, expected);
    }
  });
}
