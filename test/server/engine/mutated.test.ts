/**
 * Mutated requests to a server, in any pieces: the app sees what the parser reads, and nothing else, and the client gets the
 * answers that are due. `TSGI_FUZZ` is the number of connections, `TSGI_FUZZ_SEED` the first seed.
 */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readBytes } from "../../../src/body/input.ts";
import type { App } from "../../../src/gateway.ts";
import { SEEDS } from "../../support/fuzz-seeds.ts";
import { mutatedRequest } from "../../support/mutate.ts";
import { Random } from "../../support/random.ts";
import { start } from "../../support/raw-client.ts";
import { readOurs } from "../../support/readings.ts";
import { allOwned } from "../../support/unowned.ts";

const COUNT = Number(process.env.TSGI_FUZZ ?? 1_000);
const SEED = Number(process.env.TSGI_FUZZ_SEED ?? 1);
const AT_ONCE = 20;
const LIMITS = { targetLength: 100, headSize: 600, lines: 12 };

/** What a client gets, and what the app has seen of it. */
interface Outcome {
  readonly statuses: readonly string[];
  readonly seen: readonly (readonly [method: string, target: string, body: string])[];
}

/** What has to come of an input whose client then ends its side. */
function expectedOf(text: string, isRead: boolean): Outcome {
  const { requests, end } = readOurs(text, [], LIMITS);
  const whole = requests.filter(({ trailers }) => trailers !== undefined);
  const isRefused = end !== "more" && end !== "closed";
  const isAmidBody = whole.length < requests.length;
  // An app that does not read answers before the rest of the body is looked at.
  const answered = isRead ? whole : requests;
  const refusals = isRefused && (isRead || !isAmidBody) ? [end] : [];
  return {
    statuses: [...answered.map(() => "200 OK"), ...refusals],
    seen: answered.map(({ method, target, body }) => [method, target, isRead ? body : ""]),
  };
}

async function outcomeOf(
  port: number,
  text: string,
  random: Random,
  seen: Map<string, Outcome["seen"]>,
): Promise<Outcome> {
  const socket = connect({ port, host: "127.0.0.1" });
  let received = "";
  socket.setNoDelay(true);
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  const key = String(socket.localPort);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  let from = 0;
  for (let left = random.below(5); left >= 0; left--) {
    const to = left === 0 ? text.length : from + random.below(text.length - from + 1);
    socket.write(Buffer.from(text.slice(from, to), "latin1"));
    from = to;
    if (random.chance(0.3)) await sleep(random.below(4));
  }
  socket.end();
  await closed;
  const statuses = [...received.matchAll(/HTTP\/1\.1 ([2-5]\d\d [^\r]*)\r\n/g)].map(([, status]) => status as string);
  const outcome = { statuses, seen: seen.get(key) ?? [] };
  seen.delete(key);
  return outcome;
}

async function compareAll(t: TestContext, isRead: boolean): Promise<void> {
  const seen = new Map<string, Outcome["seen"]>();
  const app: App = (environ, startResponse) => {
    const { REMOTE_PORT: key, REQUEST_METHOD: method, REQUEST_URI: target } = environ;
    const answer = (bytes: Uint8Array): string => {
      seen.set(key, [...(seen.get(key) ?? []), [method, target, Buffer.from(bytes).toString("latin1")]]);
      startResponse("200 OK", []);
      return "x";
    };
    return isRead ? readBytes(environ, { limit: Number.POSITIVE_INFINITY }).then(answer) : answer(new Uint8Array(0));
  };
  const { server } = await start(t, app, {
    maxTargetLength: LIMITS.targetLength,
    maxHeaderSize: LIMITS.headSize,
    maxHeadersCount: LIMITS.lines,
  });
  let next = SEED - SEEDS.length;
  const worker = async (): Promise<void> => {
    while (next < SEED + COUNT) {
      const seed = next++;
      const random = new Random(seed);
      const text = SEEDS[SEED - seed - 1] ?? mutatedRequest(random);
      const outcome = await outcomeOf(server.port, text, random, seen);
      assert.deepEqual(outcome, expectedOf(text, isRead), `seed ${seed}: ${JSON.stringify(text)}`);
    }
  };
  await allOwned(() => Promise.all(Array.from({ length: AT_ONCE }, worker)));
}

test(`mutated: an app sees what ${COUNT} clients send, and they get their answers`, (t) => compareAll(t, true));

test(`mutated: an app that does not read answers ${COUNT} clients`, (t) => compareAll(t, false));
