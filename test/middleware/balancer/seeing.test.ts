/** What a balancer tells of its targets: its status, its events, its page. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import { PAGE_POLICY } from "../../../middleware/balancer/page.ts";
import { type BalancerEvent, type BalancerStatus, balancer } from "../../../middleware/balancer.ts";
import { request } from "../../../src/testing.ts";
import { ask, balanced, named, reset } from "../../support/balanced.ts";
import { eventually } from "../../support/raw-client.ts";
import { type Answer, HI, rawTarget, sendTo } from "../../support/raw-target.ts";
import { bodyOf } from "../../support/transcript.ts";

/** A target that can be made to fail. */
function moody(): { answer: Answer; isDown: boolean; isSick: boolean } {
  const mood = {
    isDown: false,
    isSick: false,
    answer: ((socket, head) => {
      if (mood.isDown) socket.resetAndDestroy();
      else if (mood.isSick && head.startsWith("GET /health ")) sendTo(socket, "HTTP/1.1 500 No\nContent-Length: 0\n\n");
      else sendTo(socket, HI);
    }) as Answer,
  };
  return mood;
}

test("balancer: tells what becomes of its targets", async (t) => {
  const events: BalancerEvent[] = [];
  const mood = moody();
  const { app, targets } = await balanced(t, [mood.answer, HI], {
    balance: "roundRobin",
    ejection: { failures: 1, time: 10 },
    onEvent: (event) => void events.push(event),
  });
  const [a, b] = targets.map(({ url }) => url) as [string, string];
  mood.isDown = true;
  await ask(app, 2);
  mood.isDown = false;
  await eventually(() => app.status().targets[0]?.state === "trial");
  await ask(app, 1);
  await app.drain(b);
  const told = (type: string, url: string) => ({ type, url, address: undefined });
  const readmitted = events.findIndex(({ type }) => type === "readmitted");
  // On a busy machine the time of the ejection may have passed before the second request.
  assert.deepEqual(events.slice(0, 3), [told("added", a), told("added", b), told("ejected", a)]);
  assert.deepEqual(events.slice(readmitted), [told("readmitted", a), told("removed", b)]);
});

test("balancer: tells what its probes find out, and that its source fails", async (t) => {
  const types: string[] = [];
  const mood = moody();
  const target = await rawTarget(t, mood.answer);
  let fails = false;
  const app = balancer(
    () => {
      if (fails) throw new Error("no list");
      return [target.url];
    },
    {
      refresh: 5,
      probe: { path: "/health", interval: 5, unhealthyInterval: 2, rise: 1, fall: 2 },
      onEvent: ({ type }) => void types.push(type),
    },
  );
  t.after(() => app.close());
  await eventually(() => (app.status().targets[0]?.probe?.count ?? 0) > 0);
  mood.isSick = true;
  await eventually(() => types.includes("down"));
  const { probe } = app.status().targets[0] as BalancerStatus["targets"][number];
  assert.deepEqual([probe?.isUp, probe?.last], [false, "500"]);
  assert.ok((probe?.failures ?? 0) >= 2 && (probe?.failures ?? 0) <= (probe?.count ?? 0));
  // The last target gets requests whatever its probes say.
  assert.deepEqual(await ask(app, 1), ["hi"]);
  mood.isSick = false;
  await eventually(() => types.includes("up"));
  fails = true;
  await eventually(() => types.includes("sourceFailed"));
});

test("balancer: what probes have found out outlives a list without the target", async (t) => {
  const mood = moody();
  mood.isSick = true;
  const { app, targets } = await balanced(t, [mood.answer, HI], {
    probe: { path: "/health", interval: 5, unhealthyInterval: 100_000, fall: 1 },
  });
  const [a, b] = targets.map(({ url }) => url) as [string, string];
  await eventually(() => app.status().targets[0]?.state === "down");
  app.update([b]);
  app.update([a, b]);
  assert.equal(app.status().targets[0]?.state, "down");
  assert.ok((app.status().targets[0]?.probe?.count ?? 0) > 0);
});

test("balancer: single probes turn nothing: as many in a row as are told do", async (t) => {
  const types: string[] = [];
  let pattern = "..x.xx";
  let count = 0;
  const answer: Answer = (socket) => {
    const isWell = pattern[count++ % pattern.length] === ".";
    sendTo(socket, isWell ? HI : "HTTP/1.1 500 No\nContent-Length: 0\n\n");
  };
  await balanced(t, [answer, HI], {
    probe: { path: "/health", interval: 2, fall: 3, rise: 2 },
    onEvent: ({ type }) => void types.push(type),
  });
  await eventually(() => count > 14);
  assert.deepEqual(types, ["added", "added"]);
  pattern = "x";
  await eventually(() => types.length === 3);
  pattern = ".x";
  const before = count;
  await eventually(() => count > before + 6);
  assert.deepEqual(types.slice(2), ["down"]);
  pattern = ".";
  await eventually(() => types.length === 4);
  assert.deepEqual(types.slice(2), ["down", "up"]);
});

test("balancer: which statuses are well can be told", async (t) => {
  const { app } = await balanced(t, ["HTTP/1.1 204 OK\n\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"], {
    probe: { path: "/health", interval: 5, fall: 1, statuses: [204] },
  });
  await eventually(() => app.status().targets[1]?.state === "down");
  assert.equal(app.status().targets[0]?.state, "in");
});

test("balancer: a listener that throws or rejects ends nothing", async (t) => {
  for (const onEvent of [
    () => {
      throw new Error("in onEvent");
    },
    () => Promise.reject(new Error("in onEvent")),
  ]) {
    const warned = once(process, "warning");
    const { app } = await balanced(t, [HI], { onEvent });
    assert.deepEqual(await ask(app, 1), ["hi"]);
    const [warning] = (await warned) as [Error];
    assert.equal(warning.message, "in onEvent");
  }
});

test("balancer: tells what is left of the budget for retries, and how often there was none", async (t) => {
  const { app } = await balanced(t, [reset, HI], { balance: "roundRobin", ejection: false, retryBudget: 0 });
  await ask(app, 4);
  const told = ({ retries, retriesLeft, retriesRefused }: BalancerStatus) => [retries, retriesLeft, retriesRefused];
  assert.deepEqual(told(app.status()), [0, 0, 2]);
  const rich = await balanced(t, [reset, HI], { balance: "roundRobin", ejection: false, retryBudget: 50 });
  assert.deepEqual(told(rich.app.status()), [0, 3, 0]);
  await ask(rich.app, 20);
  assert.deepEqual(told(rich.app.status()), [10, 3, 0]);
  const html = await bodyOf(app.page, "/", { headers: { Accept: "text/html" } });
  assert.match(html, /0 retries, [^.]*; 0 more are allowed now, 2 were refused\./);
});

test("balancer: tells how long its targets take", async (t) => {
  const { app } = await balanced(t, [HI]);
  assert.equal(app.status().targets[0]?.percentiles, undefined);
  await ask(app, 20);
  const { p50, p95, p99 } = app.status().targets[0]?.percentiles ?? { p50: 0, p95: 0, p99: 0 };
  assert.ok(0 < p50 && p50 <= p95 && p95 <= p99, `${p50} ${p95} ${p99}`);
});

test("balancer: the page is HTML for browsers and JSON for programs, and always fresh", async (t) => {
  const { app, targets } = await balanced(t, [named("a"), named("b")]);
  await ask(app, 4);
  const forProgram = await request(app.page, "/");
  assert.deepEqual(
    [...forProgram.headers].filter(([name]) => name !== "content-length"),
    [
      ["cache-control", "no-store"],
      ["content-type", "application/json"],
      ["vary", "Accept"],
    ],
  );
  // Latencies fade meanwhile.
  const still = (text: string): string => text.replace(/"latency":[\d.e-]+/g, "");
  assert.equal(still(await forProgram.text()), still(JSON.stringify(app.status())));
  const headers = { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
  const forPeople = await request(app.page, "/", { headers });
  assert.equal(forPeople.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(forPeople.headers.get("cache-control"), "no-store");
  const page = await forPeople.text();
  assert.match(page, /<h1>2 of 2 targets are in<\/h1>/);
  for (const { url } of targets)
    assert.ok(page.includes(`<th scope="row">${url}<td><span class="state good">in</span>`));
  assert.equal((await request(app.page, "/", { method: "POST" })).status, 405);
});

test("balancer: what URLs and errors contain is text on the page, and the policy allows its style alone", async (t) => {
  let isFirst = true;
  const app = balancer(
    () => {
      if (!isFirst) throw new Error("<script>2</script>");
      isFirst = false;
      return ["http://127.0.0.1:1/<script>1</script>"];
    },
    { refresh: 1 },
  );
  t.after(() => app.close());
  await eventually(() => app.status().sourceError !== undefined);
  const page = await bodyOf(app.page, "/", { headers: { Accept: "text/html" } });
  assert.doesNotMatch(page, /<script/);
  assert.match(page, /&lt;script&gt;1/);
  assert.match(page, /No newer list of targets: &lt;script&gt;2/);
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] as string;
  const hash = createHash("sha256").update(style).digest("base64");
  assert.ok(PAGE_POLICY.includes(`style-src 'sha256-${hash}'`), hash);
});
