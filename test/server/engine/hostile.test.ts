/**
 * Garbage, mutated requests and bad timing over real sockets, to apps of all kinds: nothing crashes, every connection comes to
 * its end within its limits, and nothing is left behind. `TSGI_FUZZ` is the number of connections, `TSGI_FUZZ_SEED` the first
 * seed; a run with one of them tells of the memory meanwhile.
 */

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { certificate } from "../../support/certificate.ts";
import { fixture } from "../../support/fixture.ts";
import { mutatedRequest } from "../../support/mutate.ts";
import { Random } from "../../support/random.ts";
import { RawClient } from "../../support/raw-client.ts";

const COUNT = Number(process.env.TSGI_FUZZ ?? 1_500);
const SEED = Number(process.env.TSGI_FUZZ_SEED ?? 1);
const isByHand = process.env.TSGI_FUZZ !== undefined || process.env.TSGI_FUZZ_SEED !== undefined;
const AT_ONCE = 200;

/** Far more than all limits of the server together, in milliseconds. */
const PATIENCE = 15_000;

interface State {
  descriptors: number;
  open: number;
  faults: string[];
  rss: number;
  heap: number;
}

/** Any bytes, of which many mean something. */
function garbage(random: Random): string {
  const length = random.below(random.chance(0.1) ? 40_000 : 200);
  const bytes = random.chance(0.5) ? "\r\n \t:/GET 1.0;x" : undefined;
  return Array.from({ length }, () =>
    bytes === undefined ? String.fromCharCode(random.below(256)) : bytes[random.below(bytes.length)],
  ).join("");
}

/** A request that nothing is wrong with, of any size. */
function goodRequest(random: Random): string {
  const query = random.chance(0.2) ? "?long" : "";
  const size = random.below(random.chance(0.1) ? 300_000 : 3000);
  const expects = random.chance(0.2) ? "Expect: 100-continue\r\n" : "";
  switch (random.below(4)) {
    case 0:
      return `GET /${query} HTTP/1.${random.below(2)}\r\nHost: a\r\n\r\n`;
    case 1:
      return `POST /${query} HTTP/1.1\r\nHost: a\r\n${expects}Content-Length: ${size}\r\n\r\n${"y".repeat(size)}`;
    case 2: {
      const chunk = `${size.toString(16)}\r\n${"y".repeat(size)}\r\n`;
      const chunks = size === 0 ? "" : chunk.repeat(1 + random.below(3));
      return `POST /${query} HTTP/1.1\r\nHost: a\r\n${expects}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
    }
    default:
      return `GET /${query} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(1 + random.below(30));
  }
}

function randomBytes(random: Random): string {
  const kind = random.next();
  if (kind < 0.03) return `GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n${garbage(random)}`;
  if (kind < 0.1) return garbage(random);
  if (kind < 0.7) return mutatedRequest(random);
  const text = goodRequest(random);
  // A client may stop anywhere.
  return random.chance(0.3) ? text.slice(0, random.below(text.length)) : text;
}

/** Requests that a client may go on with, a byte at a time. */
const ENDLESS: readonly string[] = [
  "GET /",
  "GET / HTTP/1.1\r\nHost: a\r\nX: ",
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
];

/** Sends a byte now and then; whether the server ends the connection. */
async function isEnded(port: number, begin: string): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  socket.on("error", over).on("end", over).on("close", over).resume();
  socket.write(begin);
  const deadline = Date.now() + PATIENCE;
  while (!isOver && Date.now() < deadline) {
    await sleep(50);
    if (!isOver) socket.write("y");
  }
  socket.destroy();
  return isOver;
}

async function send(socket: Socket, text: string, random: Random): Promise<void> {
  const pieces = random.chance(0.4) ? 1 : 1 + random.below(6);
  let from = 0;
  for (let left = pieces - 1; left >= 0 && !socket.destroyed; left--) {
    const to = left === 0 ? text.length : from + random.below(text.length - from + 1);
    socket.write(Buffer.from(text.slice(from, to), "latin1"));
    from = to;
    if (random.chance(0.5)) await sleep(random.below(10));
  }
}

/** What a client that stays gets has to be responses, one after the other, of which only the last may be cut. */
function wellFormed(received: string): boolean {
  // The server may begin a response to learn whether a client that has ended its side is still there.
  if ("HTTP/1.1 ".startsWith(received)) return true;
  if (!received.startsWith("HTTP/1.1 ")) return false;
  const responses = received.slice("HTTP/1.1 ".length).split("HTTP/1.1 ");
  return responses.every((response, index) => {
    const isLast = index === responses.length - 1;
    const head = /^[1-5]\d\d [ -~]+\r\n(?:[!-~]+: [ -~]*\r\n)*\r\n/.exec(response)?.[0];
    if (head === undefined) return isLast;
    const length = /^content-length: (\d+)\r\n/im.exec(head)?.[1];
    const sent = response.length - head.length;
    // The response to HEAD has a length and no body.
    return length === undefined || sent === 0 || sent === Number(length) || (isLast && sent < Number(length));
  });
}

/** One client: it sends, and leaves, or waits until the server closes the connection. Gives what is wrong. */
async function attack(seed: number, ports: Readonly<Record<string, number>>): Promise<string | undefined> {
  const random = new Random(seed);
  const [name, port] = random.pick(Object.entries(ports));
  const text = randomBytes(random);
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let received = "";
  let isOver = false;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  const over = new Promise<void>((resolve) => {
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        isOver = true;
        resolve();
      });
    }
  });
  // Nobody reads for this one: it has to be cut.
  const reads = random.chance(0.85);
  if (!reads) socket.pause();
  await send(socket, text, random);
  // An app that never answers waits for this.
  const leaves = name === "never" || !reads || random.chance(0.4);
  if (leaves) {
    await sleep(random.below(reads ? 60 : 600));
    const how = random.next();
    if (how < 0.4) socket.resetAndDestroy();
    else if (how < 0.6) {
      socket.end();
      await sleep(random.below(20));
    }
  } else {
    if (random.chance(0.4)) socket.end();
    const deadline = new AbortController();
    await Promise.race([over, sleep(PATIENCE, undefined, { signal: deadline.signal }).catch(() => {})]);
    deadline.abort();
  }
  socket.destroy();
  const place = (what: string): string =>
    `seed ${seed}, ${name}: ${what}; sent ${JSON.stringify(text.slice(0, 500))}, got ${JSON.stringify(received.slice(-2000))}`;
  if (!leaves && !isOver) return place("the connection has no end");
  if (name !== "secure" && !received.includes("101 Switching") && !wellFormed(received)) return place("not HTTP");
  return undefined;
}

interface Target {
  readonly ports: Readonly<Record<string, number>>;
  state(): Promise<State>;
  /** Fails where an app does not answer a request that nothing is wrong with. */
  areAlive(): Promise<void>;
}

async function target(t: TestContext): Promise<Target> {
  const { key, cert } = await certificate();
  const { line, ask } = await fixture(t, "hostile.ts", [key, cert]);
  const ports = JSON.parse(await line()) as Record<string, number>;
  return {
    ports,
    state: async () => JSON.parse(await ask("state")) as State,
    async areAlive() {
      for (const [name, port] of Object.entries(ports)) {
        if (name === "secure") continue;
        const client = await RawClient.open(connect({ port, host: "127.0.0.1" }));
        client.send("GET /alive HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert.match(await client.all(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nalive$/, name);
      }
    },
  };
}

/** Fails where anything is left of what has come since `before`. */
async function nothingLeft({ state, areAlive }: Target, before: State): Promise<void> {
  await areAlive();
  let after = await state();
  for (let round = 0; round < 100 && (after.open > 0 || after.descriptors > before.descriptors); round++) {
    await sleep(100);
    after = await state();
  }
  assert.deepEqual(
    { open: after.open, descriptors: Math.max(after.descriptors, before.descriptors), faults: after.faults },
    { open: 0, descriptors: before.descriptors, faults: [] },
  );
}

test(`hostile: ${COUNT} clients that mean no good leave the server as it was`, async (t) => {
  const server = await target(t);
  const { ports, state, areAlive } = server;
  await areAlive();
  const before = await state();

  const wrong: string[] = [];
  let next = SEED;
  const worker = async (): Promise<void> => {
    while (next < SEED + COUNT && wrong.length === 0) {
      const seed = next++;
      const fault = await attack(seed, ports);
      if (fault !== undefined) wrong.push(fault);
      if (!isByHand || (seed - SEED) % 2000 !== 0) continue;
      const { rss, heap, open, descriptors } = await state();
      const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
      t.diagnostic(`${seed - SEED}: ${mib(rss)}, heap ${mib(heap)}, ${open} exchanges, ${descriptors} descriptors`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));

  assert.deepEqual(wrong, []);
  await nothingLeft(server, before);
});

test("hostile: a client that goes on a byte at a time comes to its end, whatever the app does", async (t) => {
  const server = await target(t);
  await server.areAlive();
  const before = await server.state();
  // This app waits for its client to leave.
  const { never: _, ...ports } = server.ports;
  const clients = Object.entries(ports).flatMap(([name, port]) =>
    ENDLESS.map(async (begin) => ((await isEnded(port, begin)) ? [] : [`${name}: ${begin}`])),
  );
  assert.deepEqual((await Promise.all(clients)).flat(), []);
  await nothingLeft(server, before);
});
