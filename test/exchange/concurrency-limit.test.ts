import assert from "node:assert/strict";
import { test } from "node:test";
import { TsgiError } from "../../src/errors.ts";
import { ConcurrencyLimit } from "../../src/exchange/concurrency-limit.ts";
import type { Exchange } from "../../src/gateway.ts";

/** An exchange whose client can leave. */
function leaving(): { exchange: Exchange; leave(): void } {
  const callbacks: (() => void)[] = [];
  return {
    exchange: { onAbort: (callback) => void callbacks.push(callback) },
    leave: () => {
      for (const callback of callbacks) callback();
    },
  };
}

const OVERLOADED = { code: "TSGI_OVERLOADED" };

function limited(limit: number, maxWait = 60_000): ConcurrencyLimit {
  const overloaded = () => new TsgiError("TSGI_OVERLOADED", `all ${limit} are busy`);
  return new ConcurrencyLimit({ limit, queue: limit * 16, maxWait, overloaded });
}

test("concurrency limit: requests run in the order in which they queued", async () => {
  const limit = limited(2);
  const ran: string[] = [];
  const run = (name: string): Promise<void> => limit.acquire({}).then(() => void ran.push(name));
  await Promise.all([run("a"), run("b")]);
  const [c, d] = [run("c"), run("d")];
  assert.deepEqual(ran, ["a", "b"]);
  limit.release();
  await c;
  assert.deepEqual(ran, ["a", "b", "c"]);
  limit.release();
  await d;
  assert.deepEqual(ran, ["a", "b", "c", "d"]);
});

test("concurrency limit: a place that was released can be acquired again", async () => {
  const limit = limited(1);
  for (let round = 0; round < 3; round++) {
    await limit.acquire({});
    limit.release();
  }
});

test("concurrency limit: a request that queues too long is refused", async () => {
  const limit = limited(1, 1);
  await limit.acquire({});
  await assert.rejects(limit.acquire({}), {
    ...OVERLOADED,
    message: "all 1 are busy",
  });
  limit.release();
  await limit.acquire({});
});

test("concurrency limit: sixteen requests queue for each that runs, a further one is refused", async () => {
  const limit = limited(2);
  const acquired = Array.from({ length: 34 }, () => limit.acquire({}));
  await assert.rejects(limit.acquire({}), OVERLOADED);
  for (const each of acquired) {
    await each;
    limit.release();
  }
});

test("concurrency limit: a client that leaves makes room in the queue", async () => {
  const limit = limited(1);
  await limit.acquire({});
  const { exchange, leave } = leaving();
  const queued = Array.from({ length: 16 }, () => limit.acquire(exchange));
  leave();
  for (const each of queued) await assert.rejects(each, { code: "TSGI_CLIENT_GONE" });
  const next = limit.acquire({});
  limit.release();
  await next;
});

test("concurrency limit: a client that has left already never queues", async () => {
  const limit = limited(1);
  await limit.acquire({});
  const gone: Exchange = { onAbort: (callback) => callback() };
  await assert.rejects(limit.acquire(gone), { code: "TSGI_CLIENT_GONE" });
  limit.release();
  await limit.acquire({});
});

test("concurrency limit: a client that leaves after its turn takes nobody's place", async () => {
  const limit = limited(1);
  await limit.acquire({});
  const { exchange, leave } = leaving();
  const second = limit.acquire(exchange);
  const third = limit.acquire({});
  limit.release();
  await second;
  leave();
  limit.release();
  await third;
});

test("concurrency limit: an exchange whose onAbort throws does not lose a place", async () => {
  const limit = limited(1);
  await limit.acquire({});
  const broken: Exchange = {
    onAbort() {
      throw new Error("broken");
    },
  };
  await assert.rejects(limit.acquire(broken), { message: "broken" });
  limit.release();
  await limit.acquire({});
});

test("concurrency limit: a free place is taken at once, one that is not is told", () => {
  const limit = limited(1);
  assert.deepEqual([limit.tryAcquire(), limit.tryAcquire()], [true, false]);
  limit.release();
  assert.equal(limit.tryAcquire(), true);
});
