import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "../../../src/gateway.ts";
import {
  DATA,
  FrameClient,
  frame,
  GOAWAY,
  get,
  PING,
  PREFACE,
  post,
  RST_STREAM,
  settings,
  uint32,
  WINDOW_UPDATE,
} from "../../support/frames.ts";
import { startHttp2, WAYS, type Way } from "../../support/http2-client.ts";
import { Random } from "../../support/random.ts";

/** How many servers are closed under clients that do anything at any time. By hand: `TSGI_FUZZ=500`. */
const ROUNDS = Number(process.env.TSGI_FUZZ ?? 4);
const CLIENTS = 8;
const CANCEL = 8;

/** Answers at once, later, in many pieces, with what it gets, with half of a response. */
function anyApp(): App {
  let count = 0;
  return async function* (environ, startResponse) {
    const kind = count++ % 6;
    if (kind === 1) await sleep(count % 9);
    startResponse("200 OK", []);
    if (kind === 2) {
      for (let piece = 0; piece < 40; piece++) {
        yield "x".repeat(20_000);
        await sleep(1);
      }
    } else if (kind === 3) yield* environ["tsgi.input"];
    else if (kind === 4) {
      yield "half";
      throw new Error("after the head");
    } else yield "hello";
  };
}

async function anything(port: number, way: Way, random: Random): Promise<void> {
  const client = await FrameClient.open(port, true, way === "ALPN").catch(() => undefined);
  if (client === undefined) return;
  client.answersPings = random.below(2) === 0;
  let id = 1;
  const seldom = () => random.below(6) === 0;
  const gets = () => {
    for (let more = random.below(10); more >= 0; more--, id += 2) client.send(get(id));
  };
  const steps = [
    gets,
    gets,
    gets,
    () => {
      client.send(post(id), frame(DATA, random.below(2), id, Buffer.alloc(random.below(5000))));
      id += 2;
    },
    () => client.send(frame(RST_STREAM, 0, Math.max(1, id - 2 * (1 + random.below(4))), uint32(CANCEL))),
    () => client.send(frame(PING, 0, 0, Buffer.alloc(8))),
    () => client.send(settings([3, 100])),
    () => seldom() && client.send(frame(GOAWAY, 0, 0, Buffer.alloc(8))),
    () => seldom() && client.socket.end(),
    () => seldom() && client.socket.destroy(),
    () => seldom() && client.send("this is not a frame of HTTP/2"),
    () => seldom() && client.socket.pause(),
    () => sleep(random.below(6)),
  ];
  if (random.below(2) === 0) client.send(frame(WINDOW_UPDATE, 0, 0, uint32(1 << 24)), settings([4, 1 << 20]));
  for (let step = 0; step < 30 && client.end === undefined; step++) {
    await random.pick(steps)();
    if (random.below(3) === 0) await sleep(random.below(4));
  }
  if (random.below(2) === 0) client.socket.end();
  else client.socket.destroy();
}

for (const way of WAYS) {
  test(`hostile over ${way}: clients that do anything at any time do not end the process, and the server closes`, async (t) => {
    for (let round = 0; round < ROUNDS; round++) {
      const random = new Random(round);
      const { server } = await startHttp2(t, anyApp(), { bodyTimeout: 1000 }, way);
      const clients = Array.from({ length: CLIENTS }, (_, number) =>
        anything(server.port, way, new Random(round * CLIENTS + number)),
      );
      await sleep(random.below(60));
      await server.close({ linger: random.below(50), grace: random.below(200) });
      await Promise.all(clients);
    }
  });
}

for (const way of WAYS) {
  test(`hostile over ${way}: frames with wrong bytes in them end no more than their connection`, async (t) => {
    const random = new Random(ROUNDS);
    const { server, frames } = await startHttp2(t, anyApp(), { bodyTimeout: 500 }, way);
    for (let round = 0; round < 10 * ROUNDS; round++) {
      const client = await frames(false);
      const bytes = Buffer.concat([
        Buffer.from(PREFACE),
        settings([4, 100_000]),
        ...Array.from({ length: 8 }, (_, index) =>
          random.pick([
            get(2 * index + 1, ["x", "y".repeat(random.below(50))]),
            Buffer.concat([post(2 * index + 1), frame(DATA, random.below(2), 2 * index + 1, Buffer.alloc(20))]),
            frame(
              random.below(10),
              random.below(64),
              random.below(20),
              Buffer.alloc(random.below(12), random.below(256)),
            ),
            frame(RST_STREAM, 0, 1, uint32(CANCEL)),
            frame(WINDOW_UPDATE, 0, random.below(9), uint32(random.below(70_000))),
          ]),
        ),
      ]);
      // The preface stays as it is, or nothing else would be read.
      for (let flips = random.below(4); flips > 0; flips--)
        bytes[24 + random.below(bytes.length - 24)] = random.below(256);
      const cut = random.below(bytes.length);
      client.send(bytes.subarray(0, cut));
      if (random.below(2) === 0) await sleep(1);
      client.send(bytes.subarray(cut));
      if (random.below(3) === 0) client.socket.destroy();
    }
    const sound = await frames();
    assert.notEqual(await sound.send(get(1)).body(1), undefined);
    await server.close({ linger: 0, grace: 500 });
  });
}

test("hostile: a body of single bytes is read in few pieces", async (t) => {
  let pieces = 0;
  const { frames } = await startHttp2(t, async (environ, startResponse) => {
    await sleep(200);
    let length = 0;
    for await (const chunk of environ["tsgi.input"]) {
      pieces++;
      length += chunk.length;
    }
    startResponse("200 OK", []);
    return String(length);
  });
  const client = await frames();
  client.send(post(1), Buffer.concat(Array.from({ length: 60_000 }, () => frame(DATA, 0, 1, Buffer.alloc(1)))));
  await sleep(300);
  client.send(frame(DATA, 1, 1));
  assert.equal(await client.body(1), "60000");
  assert.ok(pieces < 1000, `${pieces} pieces`);
});
