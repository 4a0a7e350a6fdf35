import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fixture } from "../support/fixture.ts";

/** How many connections are abandoned. By hand: `TSGI_CONNECTIONS=10000`. */
const COUNT = Number(process.env.TSGI_CONNECTIONS ?? 2000);
/** How many are open at once: twice as many descriptors must fit into a usual limit. */
const AT_ONCE = 200;

interface State {
  sockets: number;
  bodies: number;
  errors: string[];
}

/** A generator of numbers from 0 to 1, the same in each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const REQUESTS = [
  "GET /10000000 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /100000?5 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /100000 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /100000 HTTP/1.0\r\n\r\n",
  "HEAD /100000 HTTP/1.1\r\nHost: a\r\n\r\n",
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n${"x".repeat(100)}`,
  "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
  `POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n${"x".repeat(100)}GET /100000 HTTP/1.1\r\nHost: a\r\n\r\n`,
  "POST /wait HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
  "POST /read HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
  `POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${"x".repeat(200_000)}`,
  "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
  "garbage\r\n\r\n",
];

async function abandon(port: number, random: () => number): Promise<void> {
  const socket: Socket = connect(port);
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  if (random() < 0.7) socket.resume();
  const request = REQUESTS[Math.floor(random() * REQUESTS.length)] as string;
  const cut = random() < 0.3 ? request.length : Math.floor(random() * (request.length + 1));
  await sleep(random() * 10);
  if (cut > 0) socket.write(request.slice(0, cut));
  await sleep(random() * 30);
  const how = random();
  if (how < 0.4) socket.destroy();
  else if (how < 0.7) socket.resetAndDestroy();
  else {
    socket.end();
    await sleep(random() * 20);
    socket.destroy();
  }
  await closed;
}

test("abandoned: connections left at random moments leave no descriptor and no body", async (t) => {
  // A client that left after a body that is not read is noticed when the time for the whole request is over.
  const { line, ask } = await fixture(t, "streams.ts", ["2000"]);
  const port = Number(await line());
  const before = JSON.parse(await ask("state")) as State;
  const random = numbers(20_240_229);
  let left = COUNT;
  const worker = async () => {
    while (left-- > 0) await abandon(port, random);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  let after: State;
  let rounds = 0;
  // The time limits of a server that is busy stand still.
  do {
    await sleep(100);
    after = JSON.parse(await ask("state")) as State;
  } while ((after.sockets > before.sockets || after.bodies > 0) && ++rounds < 600);
  t.diagnostic(`${COUNT} connections: ${after.sockets - before.sockets} descriptors and ${after.bodies} bodies left`);
  assert.deepEqual([after.sockets - before.sockets, after.bodies], [0, 0]);
  assert.deepEqual(after.errors, []);
});
