/** Requests that are sent again after an answer or a timeout, or to two targets at once. */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import type { BalancerOptions } from "../../../middleware/balancer.ts";
import { request } from "../../../src/testing.ts";
import { ask, balanced, headsOf, held, named, reset } from "../../support/balanced.ts";
import { eventually, start } from "../../support/raw-client.ts";
import { type Answer, HI, sendTo } from "../../support/raw-target.ts";
import { allOwned } from "../../support/unowned.ts";

const BUSY = "HTTP/1.1 503 Busy\nContent-Length: 4\nRetry-After: 3600\n\nbusy";
const TURNS: BalancerOptions = { balance: "roundRobin", ejection: false };

test("balancer: no answer is asked for again, unless its status is told", async (t) => {
  const { app } = await balanced(t, [BUSY, HI], TURNS);
  assert.deepEqual((await ask(app, 2)).sort(), ["503", "hi"]);
});

test("balancer: a status that is told has another target asked, for requests that are safe", async (t) => {
  const { app, targets } = await balanced(t, [BUSY, HI], { ...TURNS, retryOn: [503] });
  assert.deepEqual(await ask(app, 4), Array(4).fill("hi"));
  assert.equal((await request(app, "/", { method: "HEAD" })).status, 200);
  const [busy] = headsOf(targets);
  const posts = await ask(app, 4, "/", { method: "POST", body: "x" });
  assert.deepEqual(posts.sort(), ["503", "503", "hi", "hi"]);
  assert.equal(headsOf(targets)[0], (busy as number) + 2);
});

test("balancer: where every target refuses, the last answer is passed on as it is", async (t) => {
  const { app, targets } = await balanced(t, [BUSY, BUSY], { ...TURNS, retryOn: [503] });
  const response = await request(app, "/");
  assert.deepEqual(
    [response.status, response.headers.get("Retry-After"), await response.text()],
    [503, "3600", "busy"],
  );
  assert.deepEqual(headsOf(targets), [1, 1]);
});

test("balancer: nobody is made to wait by a Retry-After: it goes to the client", async (t) => {
  const tomorrow = new Date(Date.now() + 86_400_000).toUTCString();
  const until = (when: string) => BUSY.replace("3600", when);
  const { app, targets } = await balanced(t, [until("2"), until(tomorrow)], { ...TURNS, retryOn: [503], retries: 9 });
  const first = await request(app, "/");
  assert.deepEqual([first.status, first.headers.get("Retry-After")], [503, tomorrow]);
  const second = await request(app, "/");
  assert.deepEqual([second.status, second.headers.get("Retry-After")], [503, "2"]);
  assert.deepEqual(headsOf(targets), [2, 2]);
});

test("balancer: large answers that nobody gets block no connection", async (t) => {
  const large: Answer = (socket) => {
    socket.write(`HTTP/1.1 503 Busy\r\nContent-Length: 300000\r\n\r\n${"x".repeat(300_000)}`);
  };
  const options: BalancerOptions = { ...TURNS, connections: 2, retryOn: [503], retryBudget: 100 };
  const { app, targets } = await balanced(t, [large, HI], options);
  assert.deepEqual(await ask(app, 12), Array(12).fill("hi"));
  await eventually(() => app.status().targets.every(({ inFlight }) => inFlight === 0));
  assert.ok((targets[0]?.heads.length ?? 0) >= 5);
});

test("balancer: answers are asked for again within the budget", async (t) => {
  const { app } = await balanced(t, [BUSY, HI], { ...TURNS, retryOn: [503], retryBudget: 0 });
  assert.deepEqual((await ask(app, 2)).sort(), ["503", "hi"]);
  const few = await balanced(t, [BUSY, HI], { ...TURNS, retryOn: [503], retries: 0 });
  assert.deepEqual((await ask(few.app, 2)).sort(), ["503", "hi"]);
});

test("balancer: a head that does not come in time has another target asked where that is told", async (t) => {
  const { app, targets } = await balanced(t, [() => {}, HI], { ...TURNS, headTimeout: 300, retryOn: ["timeout"] });
  assert.deepEqual(await ask(app, 2), ["hi", "hi"]);
  const posts = await ask(app, 2, "/", { method: "POST", body: "x" });
  assert.deepEqual(posts.sort(), ["504", "hi"]);
  await targets[0]?.untilLeft();
});

test("balancer: other methods may be sent twice where that is told, with bodies that are all there", async (t) => {
  const { app } = await balanced(t, [reset, HI], { ...TURNS, retryMethods: ["PUT"] });
  assert.deepEqual(await ask(app, 4, "/", { method: "PUT", body: "x" }), Array(4).fill("hi"));
  assert.deepEqual((await ask(app, 2)).sort(), ["502", "hi"]);
  const large = await ask(app, 4, "/", { method: "PUT", body: "x".repeat(20_000) });
  assert.deepEqual(large.sort(), ["502", "502", "hi", "hi"]);
});

/** Answers a while after another target was asked as well. */
function whenBothAreAsked(text: string): { answer: Answer; other(): void } {
  let isOtherAsked = false;
  return {
    answer(socket) {
      void eventually(() => isOtherAsked).then(() => setTimeout(() => sendTo(socket, text), 30));
    },
    other() {
      isOtherAsked = true;
    },
  };
}

const HEDGED: BalancerOptions = { ...TURNS, hedge: 15, retryBudget: 100 };

test("balancer: a second target is asked where the first one takes long, and the loser is cut", async (t) => {
  const slow = held();
  const { app, targets } = await balanced(t, [slow.answer, named("b")], HEDGED);
  assert.deepEqual(await ask(app, 4), Array(4).fill("b"));
  assert.equal(headsOf(targets)[1], 4);
  await targets[0]?.untilLeft();
  const { hedges, retries, targets: states } = app.status();
  // On a busy machine the fast one may seem slow.
  assert.ok(hedges >= 2 && hedges === retries, `${hedges}, ${retries}`);
  // Having lost is not a failure, but it counts as slow.
  assert.equal(states[0]?.failures, 0);
  assert.ok((states[0]?.latency ?? 0) >= 10, `${states[0]?.latency}`);
});

test("balancer: the first target may win as well", async (t) => {
  const slow = whenBothAreAsked(HI);
  const { app, targets } = await balanced(t, [slow.answer, slow.other], HEDGED);
  assert.deepEqual(await ask(app, 1), ["hi"]);
  await targets[1]?.untilLeft();
  assert.deepEqual(headsOf(targets), [1, 1]);
  await eventually(() => app.status().targets.every(({ inFlight }) => inFlight === 0));
});

test("balancer: what answers in time is asked for once, what is not safe too", async (t) => {
  const fast = await balanced(t, [HI, HI], { ...HEDGED, hedge: 5000 });
  await ask(fast.app, 6);
  assert.deepEqual(headsOf(fast.targets), [3, 3]);
  const slow: Answer = (socket) => setTimeout(() => sendTo(socket, HI), 50);
  const { app, targets } = await balanced(t, [slow, HI], HEDGED);
  await ask(app, 2, "/", { method: "POST", body: "x" });
  assert.deepEqual(headsOf(targets), [1, 1]);
});

test("balancer: without a budget, or another target, there is no second attempt", async (t) => {
  const slow: Answer = (socket) => setTimeout(() => sendTo(socket, HI), 40);
  const poor = await balanced(t, [slow, slow], { ...HEDGED, retryBudget: 0 });
  assert.deepEqual(await ask(poor.app, 2), ["hi", "hi"]);
  assert.deepEqual(headsOf(poor.targets), [1, 1]);
  const alone = await balanced(t, [slow], HEDGED);
  assert.deepEqual(await ask(alone.app, 1), ["hi"]);
  assert.deepEqual(headsOf(alone.targets), [1]);
});

test("balancer: a second attempt that fails leaves the first one its time", async (t) => {
  for (const [options, bad] of [
    [HEDGED, (socket: Socket) => void socket.resetAndDestroy()],
    [{ ...HEDGED, retryOn: [503] }, (socket: Socket) => sendTo(socket, BUSY)],
  ] as const) {
    const slow = whenBothAreAsked(named("slow"));
    const failing: Answer = (socket) => {
      bad(socket);
      slow.other();
    };
    const { app, targets } = await balanced(t, [slow.answer, failing], options);
    assert.deepEqual(await ask(app, 1), ["slow"]);
    assert.deepEqual(headsOf(targets), [1, 1]);
  }
});

test("balancer: where both attempts fail, a third target is asked", async (t) => {
  const late: Answer = (socket) => setTimeout(() => socket.resetAndDestroy(), 40);
  const { app } = await balanced(t, [late, late, HI], HEDGED);
  assert.deepEqual(await ask(app, 3), ["hi", "hi", "hi"]);
});

test("balancer: with `true`, a second target is asked once it is known what takes long", async (t) => {
  let isFrozen = false;
  const freezing: Answer = (socket) => {
    if (!isFrozen) sendTo(socket, HI);
  };
  const { app, targets } = await balanced(t, [freezing, HI], { ...HEDGED, hedge: true });
  await ask(app, 40);
  isFrozen = true;
  const before = headsOf(targets)[1] as number;
  assert.deepEqual(await ask(app, 2), ["hi", "hi"]);
  assert.ok((headsOf(targets)[1] as number) >= before + 2);
});

test("balancer: a client that leaves ends both attempts", async (t) => {
  await allOwned(async () => {
    const one = held();
    const two = held();
    const { app, targets } = await balanced(t, [one.answer, two.answer], HEDGED);
    const { connect, log } = await start(t, app);
    const client = await connect();
    client.get("/");
    await eventually(() => one.sockets.length + two.sockets.length === 2);
    client.socket.destroy();
    for (const target of targets) await target.untilLeft();
    await eventually(() => app.status().targets.every(({ inFlight, failures }) => inFlight + failures === 0));
    assert.deepEqual(log, []);
  });
});
