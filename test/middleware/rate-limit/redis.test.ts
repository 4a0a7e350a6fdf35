import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { RateLimiterRedis } from "rate-limiter-flexible";
import { rateLimit } from "../../../middleware/rate-limit.ts";
import { text } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { NODE_FLAGS, pathToRun } from "../../support/compiled.ts";
import { eventually } from "../../support/raw-client.ts";
import { RedisServer, withRedis } from "../../support/redis.ts";
import { allOwned } from "../../support/unowned.ts";

const server = new RedisServer();
before(async () => {
  if (withRedis.skip === false) await server.start();
});

const fixture = pathToRun(fileURLToPath(new URL("../../support/fixtures/rate-limited.ts", import.meta.url)));

/** A process that makes requests when it is told to, and gives how many were let in. */
async function start(requests: number): Promise<() => Promise<number>> {
  const child = spawn(process.execPath, [...NODE_FLAGS, fixture, server.path, String(requests)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, "ready");
  return async () => {
    const exited = once(child, "exit");
    child.stdin.write("go\n");
    const { value } = await lines.next();
    await exited;
    return Number(value);
  };
}

test("rateLimit, with Redis: two processes let a hundred in together, and not one more", withRedis, async () => {
  const both = await Promise.all([start(130), start(130)]);
  const [one = 0, other = 0] = await Promise.all(both.map((go) => go()));
  assert.equal(one + other, 100);
});

test("rateLimit, with Redis: where that hangs or is gone the memory counts, and then Redis again", withRedis, () =>
  allOwned(async () => {
    const storeClient = await server.connect();
    const limiter = new RateLimiterRedis({
      storeClient,
      useRedisPackage: true,
      keyPrefix: "down",
      points: 3,
      duration: 3600,
    });
    const app: App = rateLimit(text("hello"), { limit: 3, window: 3_600_000, limiter });
    let errors = "";
    const ask = async (count: number): Promise<number[]> => {
      const asked = Array.from({ length: count }, async () => {
        const response = await request(app, "/");
        errors += response.errors;
        return response.status;
      });
      return (await Promise.all(asked)).sort();
    };
    assert.deepEqual(await ask(2), [200, 200]);
    server.freeze();
    assert.deepEqual(await ask(4), [200, 200, 200, 429]);
    server.thaw();
    // What it was asked meanwhile it does now.
    while ((await storeClient.get("down:127.0.0.1")) !== "6");
    await server.kill();
    await eventually(() => !storeClient.isReady);
    assert.deepEqual(await ask(2), [429, 429]);
    assert.equal(errors.split("does not answer").length, 2, errors);
    await server.start();
    await eventually(() => storeClient.isReady);
    // It has written down the six of before.
    assert.deepEqual(await ask(1), [429]);
    await storeClient.del("down:127.0.0.1");
    assert.deepEqual(await ask(4), [200, 200, 200, 429]);
  }),
);
