import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Clock, type Timed } from "../../../src/server/engine/clock.ts";
import { eventually } from "../../support/raw-client.ts";

/** Something that a clock checks until the test is over. */
function timed(t: TestContext, clock: Clock, checkTime: () => void = () => {}): Timed {
  const made: Timed = { checkTime };
  clock.add(made);
  t.after(() => clock.remove(made));
  return made;
}

/** Waits until a clock says that a limit has passed; resolves to the time that it took, in milliseconds. */
function untilPassed(t: TestContext, clock: Clock, limit: number): Promise<number> {
  const begin = performance.now();
  const since = clock.now;
  // The clock's own timer does not keep a process.
  const staying = setInterval(() => {}, 1000);
  return new Promise((resolve) => {
    timed(t, clock, () => {
      if (!clock.hasPassed(since, limit)) return;
      clearInterval(staying);
      resolve(performance.now() - begin);
    });
  });
}

function block(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

for (const [limits, interval] of [
  [[100], 25],
  [[60_000, 200, 5000], 50],
  [[0, 400], 100],
  [[8], 10],
  [[60_000], 500],
  [[0, 0], 500],
  [[], 500],
] as const) {
  test(`clock: the interval for limits of ${limits.join(" and ") || "nothing"} is ${interval}`, () => {
    assert.equal(new Clock(limits).interval, interval);
  });
}

test("clock: a limit of 0 never passes", (t) => {
  const clock = new Clock([100]);
  timed(t, clock);
  assert.equal(clock.hasPassed(clock.now - 1_000_000, 0), false);
});

test("clock: what is timed is checked, and no more once it was removed", async () => {
  const clock = new Clock([40]);
  let checks = 0;
  const made: Timed = {
    checkTime() {
      checks++;
      if (checks === 3) clock.remove(made);
    },
  };
  const other: Timed = { checkTime() {} };
  clock.add(made);
  clock.add(other);
  await eventually(() => checks === 3);
  await new Promise((resolve) => setTimeout(resolve, 50));
  clock.remove(other);
  assert.equal(checks, 3);
});

test("clock: knows the time when it starts again", async (t) => {
  const clock = new Clock([40]);
  const first = timed(t, clock);
  clock.remove(first);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = clock.now;
  timed(t, clock);
  assert.ok(clock.now >= before + 90);
});

test("clock: a limit passes, never before its time", async (t) => {
  const clock = new Clock([60]);
  timed(t, clock);
  for (let count = 0; count < 5; count++) {
    await new Promise((resolve) => setTimeout(resolve, 7 * count));
    assert.ok((await untilPassed(t, clock, 60)) >= 59);
  }
});

test("clock: never before its time where the process was busy before it began", async (t) => {
  const clock = new Clock([100]);
  timed(t, clock);
  await new Promise((resolve) => setTimeout(resolve, 60));
  block(400);
  assert.ok((await untilPassed(t, clock, 100)) >= 99);
});

test("clock: time in which the process was busy does not count, since nobody could be heard", async (t) => {
  const clock = new Clock([100]);
  timed(t, clock);
  const passed = untilPassed(t, clock, 100);
  block(400);
  assert.ok((await passed) >= 450);
});
