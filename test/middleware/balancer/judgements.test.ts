/** What a balancer knows of its targets, in virtual time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { byKey } from "../../../middleware/balancer/choices.ts";
import { Ejection, ejectionSettings } from "../../../middleware/balancer/ejection.ts";
import { Latency } from "../../../middleware/balancer/latency.ts";
import { Peer } from "../../../middleware/balancer/peer.ts";
import { Peers } from "../../../middleware/balancer/peers.ts";
import { RetryBudget } from "../../../middleware/balancer/retry-budget.ts";
import { settingsOf } from "../../../middleware/proxy/options.ts";

const yes = (): boolean => true;
const settings = {
  pool: settingsOf({}).pool,
  ejection: ejectionSettings({}),
  slowStart: 0,
  probe: undefined,
  tokens: () => [],
  onEvent() {},
};

function fail(ejection: Ejection, ...times: number[]): boolean {
  return times.map((now) => ejection.failed(now, yes)).includes(true);
}

test("balancer: failures eject only in a row, and within the window", () => {
  const ejection = new Ejection(ejectionSettings({}));
  assert.equal(fail(ejection, 0, 1), false);
  assert.equal(ejection.succeeded(2), false);
  assert.equal(fail(ejection, 3, 4, 20_000, 20_001), false);
  assert.equal(fail(ejection, 20_002), true);
  assert.equal(ejection.standing(20_003), "out");
});

test("balancer: each trial that fails doubles the time, up to the longest", () => {
  const ejection = new Ejection(ejectionSettings({ failures: 1, time: 1000, longest: 5000 }));
  let now = 100_000;
  for (const length of [1000, 2000, 4000, 5000, 5000]) {
    assert.equal(fail(ejection, now), true);
    const took = ejection.until - now;
    assert.ok(took >= length * 0.8 && took <= length * 1.2, `${took} for ${length}`);
    now = ejection.until;
    assert.equal(ejection.standing(now), "trial");
  }
  assert.equal(ejection.count, 5);
  assert.equal(ejection.succeeded(now), true);
  assert.equal(ejection.standing(now), "in");
});

test("balancer: requests that began before an ejection say nothing of the target", () => {
  const ejection = new Ejection(ejectionSettings({ failures: 1 }));
  fail(ejection, 1000);
  assert.equal(ejection.succeeded(999), false);
  assert.equal(fail(ejection, 1001), false);
  assert.equal(ejection.count, 1);
});

test("balancer: half of the targets may be out at once, rounded up, and never all", () => {
  for (const [count, most] of [
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
    [5, 3],
  ] as const) {
    const peers = new Peers(settings, () => {});
    peers.update(
      Array.from({ length: count }, (_, index) => `http://a:${index + 1}`),
      0,
    );
    for (const peer of peers.all)
      for (let at = 1; at < 4; at++) peer.ejection.failed(at, () => peers.mayLeave(peer, at));
    peers.changed();
    assert.equal(peers.all.filter(({ ejection }) => ejection.standing(5) === "out").length, most, `of ${count}`);
    assert.equal(peers.eligible(5).length, count - most);
    assert.equal(peers.trials(60_000).length, most);
  }
});

test("balancer: all targets may be out where a backup is well", () => {
  const peers = new Peers(settings, () => {});
  peers.update(["http://a:1", "http://a:2", "http://a:3", { url: "http://a:4", backup: true }], 0);
  for (const peer of peers.all) for (let at = 1; at < 4; at++) peer.ejection.failed(at, () => peers.mayLeave(peer, at));
  peers.changed();
  assert.deepEqual(
    peers.eligible(5).map(({ key }) => key),
    ["http://a:4"],
  );
});

test("balancer: latency rises at once, and fades", () => {
  const latency = new Latency(10, 0);
  latency.observe(100, 0);
  assert.equal(latency.at(0), 100);
  latency.observe(10, 1000);
  assert.ok(latency.at(1000) > 80 && latency.at(1000) < 100);
  assert.ok(latency.at(60_000) < 1);
  assert.ok(latency.at(1e9) > 0);
});

test("balancer: a failure counts as slow for seconds, a peak until responses say otherwise", () => {
  const latency = new Latency(10, 0);
  latency.penalize(0);
  assert.equal(latency.at(0), 1010);
  assert.ok(latency.at(5000) < 20);
  latency.set(10, 0);
  latency.observe(500, 0);
  for (let at = 1; at <= 40; at++) latency.observe(10, at);
  assert.ok(latency.at(40) < 20, `${latency.at(40)}`);
});

test("balancer: a target that is new is expected to take what the others do", () => {
  const peers = new Peers(settings, () => {});
  const urls = ["http://a:1", "http://a:2", "http://a:3"];
  peers.update(urls, 0);
  for (const [index, latency] of [10, 400, 20].entries()) peers.all[index]?.latency.set(latency, 0);
  peers.update([...urls, "http://a:4"], 0);
  assert.equal(peers.all[3]?.latency.at(0), 20);
});

test("balancer: a slow start begins with a tenth", () => {
  const peer = new Peer({ url: "http://a", weight: 4 }, { ...settings, slowStart: 1000 }, 0);
  assert.equal(peer.weightAt(0), 4);
  peer.join(1000, 0);
  assert.deepEqual(
    [1000, 1500, 2000].map((now) => peer.weightAt(now)),
    [0.4, 2, 4],
  );
});

test("balancer: retries are a share of the requests of the last ten seconds, three at once at least", () => {
  const budget = new RetryBudget(20);
  const take = (now: number): number => {
    let taken = 0;
    while (budget.take(now)) taken++;
    return taken;
  };
  assert.equal(take(0), 3);
  for (let count = 0; count < 100; count++) budget.request(1000);
  assert.equal(take(1000), 17);
  assert.equal(take(30_000), 0);
  budget.done();
  assert.equal(take(30_000), 0);
  for (let count = 0; count < 18; count++) budget.done();
  assert.equal(take(30_000), 2);
  assert.equal(new RetryBudget(0).take(0), false);
});

test("balancer: keys are spread by weight", () => {
  const peers = [1, 1, 2].map((weight, index) => new Peer({ url: `http://10.0.0.${index}`, weight }, settings, 0));
  const counts = peers.map(() => 0);
  for (let key = 0; key < 8000; key++) (counts[peers.indexOf(byKey(String(key))(peers, 0))] as number)++;
  for (const [index, share] of [2000, 2000, 4000].entries()) {
    assert.ok(Math.abs((counts[index] as number) - share) < 250, `${counts}`);
  }
});
