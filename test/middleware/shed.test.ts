import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { shed } from "../../middleware/shed.ts";
import { text } from "../../src/apps.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";

const REFUSED = plain(503, "Service Unavailable\n", { "retry-after": "1" });

/** Blocks the event loop for so many milliseconds. */
function block(time: number): void {
  const end = performance.now() + time;
  while (performance.now() < end);
}

test("shed: a loop that runs behind refuses requests, and lets them in again once it has caught up", async () => {
  const app = shed(text("hello"), { delay: 60 });
  assert.equal((await request(app, "/")).status, 200);
  await until(503, () => block(150));
  assert.deepEqual(await seen(await request(app, "/")), REFUSED);
  await until(200, () => {});

  async function until(status: number, act: () => void): Promise<void> {
    for (let round = 0; round < 200; round++) {
      act();
      if ((await request(app, "/")).status === status) return;
      await sleep(20);
    }
    assert.fail(`never ${status}`);
  }
});

test("shed: wrong options throw when the app is built", () => {
  for (const options of [{ delay: 0 }, { retryAfter: -1 }, { lag: 1 }]) {
    assert.throws(() => shed(text(""), options as never), { code: "TSGI_BAD_OPTION" });
  }
});
