import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../support/command.ts";
import { RawClient } from "../support/raw-client.ts";
import { childrenOf, isAlive, nodes, other, page, pidOf, pids, supervised } from "../support/supervised.ts";

/** For how long a supervisor is stopped, in milliseconds. By hand: `TSGI_STOPPED=60000`. */
const STOPPED = Number(process.env.TSGI_STOPPED ?? 2_500);

for (const [name, node, skip] of nodes) {
  test(`supervisor: on ${name} what waits for a worker that does not answer is answered by another one`, {
    skip,
  }, async () => {
    const site = await supervised(node, ["--workers", "2"]);
    const workers = await pids(site.url, 2);
    const [victim = 0, sibling = 0] = workers;
    process.kill(victim, "SIGSTOP");
    const answered = await Promise.all(Array.from({ length: 12 }, () => pidOf(site.url)));
    assert.deepEqual(answered, Array(12).fill(sibling));
    process.kill(victim, "SIGCONT");
    assert.deepEqual(await pids(site.url, 2), workers);
    assert.deepEqual(new Set(await Promise.all(Array.from({ length: 64 }, () => pidOf(site.url)))), workers);
    assert.doesNotMatch(site.printed(), /died/);
  });

  test(`supervisor: on ${name} a worker that hangs is replaced, and the log says where and with which requests`, {
    skip,
  }, async () => {
    const site = await supervised(node, ["--workers", "2", "--timeout", "4s"]);
    // One in a loop, the other in a regular expression.
    const path = node === other ? "/regexp?x=%1b" : "/hang?x=%1b";
    const hung = page(`${site.url}${path}`).catch(() => "cut");
    await sleep(300);
    const answered = new Set<number>();
    while (!site.printed().includes("has died")) answered.add(await pidOf(site.url));
    assert.equal(answered.size, 1);
    assert.equal(await hung, "cut");
    assert.match(
      site.printed(),
      /has died: it has hung for 4000 ms in app \(supervised-app\.mjs:\d+:\d+\); it holds GET \/(?:hang|regexp)\?x=%1b for \d+ ms\n/,
    );
  });

  test(`supervisor: on ${name} what waits for a worker that hangs takes down one other at most`, {
    skip,
  }, async (t) => {
    const site = await supervised(node, ["--workers", "3", "--timeout", "6s"]);
    const workers = await pids(site.url, 3);
    t.after(() => {
      const children = childrenOf(site.child.pid as number);
      site.child.kill("SIGKILL");
      for (const pid of children) process.kill(pid, "SIGKILL");
    });
    page(`${site.url}/block`).catch(() => "cut");
    await sleep(100);
    const port = Number(new URL(site.url).port);
    const clients = await Promise.all(Array.from({ length: 24 }, () => RawClient.open(connect(port))));
    t.after(() => clients.map(({ socket }) => socket.destroy()));
    for (const client of clients) client.get("/pid");
    await sleep(400);
    const [first, second, ...rest] = clients.filter(({ received }) => received === "") as [
      RawClient,
      RawClient,
      ...RawClient[],
    ];
    for (const client of rest) client.socket.destroy();
    // Of the requests on a connection, the second one hangs the worker that takes it.
    for (const client of [first, second]) client.get("/block");
    await until(() => site.printed().includes("nobody takes its place: a new one starts"));
    const answering = new Set<number>();
    const isOld = (pid: number) => workers.has(pid);
    while ([...answering].every(isOld) || ![...answering].some(isOld)) {
      // What comes at the same time as a request that hangs may be cut with it.
      const pid = await pidOf(site.url).catch(() => undefined);
      if (pid !== undefined) answering.add(pid);
    }
    // One hung, the one that took what waited for it hung as well, and the third was spared.
    assert.equal([...answering].filter(isOld).length, 1);
  });

  test(`supervisor: on ${name} where all workers hang a new one starts before they are killed`, { skip }, async () => {
    const site = await supervised(node, ["--workers", "2", "--timeout", "6s"]);
    const workers = await pids(site.url, 2);
    for (const pid of workers) process.kill(pid, "SIGSTOP");
    assert.equal(workers.has(await pidOf(site.url)), false);
    assert.doesNotMatch(site.printed(), /died/);
    await until(() => site.printed().split("has died: it has hung for 6000 ms").length > 2);
  });
}

test("supervisor: one that was stopped for longer than the timeout kills nobody; a worker that was stopped is replaced", async () => {
  const site = await supervised(process.execPath, ["--workers", "2", "--timeout", "1s"]);
  const workers = await pids(site.url, 2);
  site.child.kill("SIGSTOP");
  await sleep(STOPPED);
  site.child.kill("SIGCONT");
  assert.deepEqual(await pids(site.url, 2), workers);
  await sleep(600);
  assert.doesNotMatch(site.printed(), /died/);
  const [victim = 0] = workers;
  process.kill(victim, "SIGSTOP");
  await until(() => site.printed().includes("has died: it has hung for 1000 ms\n"));
  assert.equal(isAlive(victim), false);
});
