/** Targets whose list changes while the balancer runs. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Following } from "../../../middleware/balancer/source.ts";
import {
  type Balancer,
  type BalancerOptions,
  type BalancerSource,
  type BalancerTargets,
  balancer,
  type DnsAddress,
  type DnsResolver,
  type DnsService,
  dnsTargets,
} from "../../../middleware/balancer.ts";
import { request } from "../../../src/testing.ts";
import { aWhile, eventually } from "../../support/raw-client.ts";
import { HI, rawTarget } from "../../support/raw-target.ts";

const named = (name: string): string => `HTTP/1.1 200 OK\nContent-Length: ${name.length}\n\n${name}`;

function sourced(t: TestContext, source: BalancerSource, options: BalancerOptions = {}): Balancer {
  const app = balancer(source, options);
  t.after(() => app.close());
  return app;
}

async function answerOf(app: Balancer, url = "/"): Promise<string> {
  const response = await request(app, url);
  const body = await response.text();
  return response.status === 200 ? body : String(response.status);
}

const urlsOf = (app: Balancer): string[] =>
  app.status().targets.map(({ url, address }) => (address === undefined ? url : `${url} ${address}`));

/** A list that a test replaces. */
function pushed(): { source: AsyncIterable<BalancerTargets>; push(list: BalancerTargets): void; isStopped(): boolean } {
  const lists: BalancerTargets[] = [];
  let wake: () => void = () => {};
  let isStopped = false;
  return {
    push(list) {
      lists.push(list);
      wake();
    },
    isStopped: () => isStopped,
    source: {
      [Symbol.asyncIterator]: () => ({
        async next() {
          while (lists.length === 0) await new Promise<void>((resolve) => (wake = resolve));
          return { done: false, value: lists.shift() as BalancerTargets };
        },
        async return() {
          isStopped = true;
          return { done: true, value: undefined };
        },
      }),
    },
  };
}

test("balancer: requests queue until an async iterable gives the first list, and go to each later one", async (t) => {
  const a = await rawTarget(t, named("a"));
  const b = await rawTarget(t, named("b"));
  const { source, push, isStopped } = pushed();
  const app = sourced(t, source);
  const first = answerOf(app);
  await eventually(() => app.status().queued === 1);
  push([a.url]);
  assert.equal(await first, "a");
  push([b.url]);
  await eventually(() => urlsOf(app)[0] === b.url);
  assert.equal(await answerOf(app), "b");
  await app.close();
  assert.ok(isStopped());
});

test("balancer: a target that stays keeps its connections and what is known of it, one that leaves is drained", async (t) => {
  const a = await rawTarget(t, named("a"));
  let finish: () => void = () => {};
  const b = await rawTarget(t, (socket) => {
    finish = () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
  });
  const { source, push } = pushed();
  const app = sourced(t, source, { balance: ({ PATH_INFO }) => (PATH_INFO === "/b" ? b.url : a.url) });
  push([a.url, b.url]);
  assert.equal(await answerOf(app, "/a"), "a");
  const underWay = answerOf(app, "/b");
  await eventually(() => b.heads.length === 1);
  push([a.url]);
  await eventually(() => app.status().targets.some(({ state }) => state === "draining"));
  assert.equal(await answerOf(app, "/b"), "a");
  finish();
  assert.equal(await underWay, "b");
  await b.untilLeft();
  assert.deepEqual([a.connections, app.status().targets[0]?.answers, urlsOf(app)], [1, 2, [a.url]]);
});

test("balancer: a target that comes back is known again", async (t) => {
  const a = await rawTarget(t, (socket) => socket.resetAndDestroy());
  const b = await rawTarget(t, HI);
  const { source, push } = pushed();
  const app = sourced(t, source, { balance: "roundRobin", ejection: { failures: 1 } });
  push([a.url, b.url]);
  await answerOf(app);
  await answerOf(app);
  assert.equal(app.status().targets[0]?.state, "out");
  push([b.url]);
  await eventually(() => urlsOf(app).length === 1);
  push([b.url, a.url]);
  await eventually(() => urlsOf(app).length === 2);
  const back = app.status().targets[1];
  assert.deepEqual([back?.state, back?.failures, back?.ejections], ["out", 1, 1]);
});

test("balancer: a function is called again and again, and while it fails the last list stays", async (t) => {
  const a = await rawTarget(t, named("a"));
  const b = await rawTarget(t, named("b"));
  let calls = 0;
  const lists: (() => BalancerTargets | Promise<BalancerTargets>)[] = [
    () => [a.url],
    () => {
      throw new Error("no list");
    },
    () => Promise.reject(new Error("no list yet")),
    () => ["not a target"],
    () => "http://127.0.0.1:1" as never,
    async () => [{ url: b.url, weight: 2 }],
  ];
  const failures: (string | undefined)[] = [];
  const app = sourced(
    t,
    () => {
      failures.push(app?.status().sourceError);
      return (lists[Math.min(calls++, lists.length - 1)] as () => BalancerTargets)();
    },
    { refresh: 5 },
  );
  assert.equal(await answerOf(app), "a");
  await eventually(() => urlsOf(app)[0] === b.url);
  assert.deepEqual(failures.slice(2, 6), [
    "no list",
    "no list yet",
    failures[4],
    'the source of balancer gave something else than a list. Give each target once: "http://10.0.0.7:3000", or { url, weight, backup }.',
  ]);
  assert.match(failures[4] as string, /"not a target" is not a target of balancer/);
  assert.equal(app.status().sourceError, undefined);
  assert.equal(await answerOf(app), "b");
  await app.close();
  const before = calls;
  await aWhile();
  assert.equal(calls, before);
});

test("balancer: a source that never pauses leaves others their turn", async (t) => {
  const a = await rawTarget(t, HI);
  async function* lists() {
    for (;;) yield [a.url];
  }
  const app = sourced(t, lists());
  assert.equal(await answerOf(app), "hi");
});

test("balancer: a function whose list never comes has failed, and is called again", async (t) => {
  let calls = 0;
  const failures: unknown[] = [];
  const following = new Following(
    () => (++calls === 1 ? new Promise<never>(() => {}) : []),
    1,
    { onTargets() {}, onFailure: (error) => failures.push(error) },
    5,
  );
  t.after(() => following.stop());
  await eventually(() => calls > 1);
  assert.match(String(failures), /no list has come within 5 ms/);
});

test("balancer: what was drained stays out until the source has left it out", async (t) => {
  const a = await rawTarget(t, named("a"));
  const b = await rawTarget(t, named("b"));
  const { source, push } = pushed();
  const app = sourced(t, source);
  push([a.url, b.url]);
  await eventually(() => urlsOf(app).length === 2);
  await app.drain(a.url);
  push([a.url, { url: b.url, weight: 2 }]);
  await eventually(() => app.status().targets[0]?.weight === 2);
  assert.deepEqual(urlsOf(app), [b.url]);
  push([b.url]);
  push([a.url]);
  await eventually(() => urlsOf(app)[0] === a.url);
});

test("balancer: a source that gives no target is a 503 at once, one that gives nothing once the queue takes too long", async (t) => {
  const { source, push } = pushed();
  const app = sourced(t, source, { queueTimeout: 20 });
  assert.equal(await answerOf(app), "503");
  push([]);
  await aWhile();
  assert.equal(await answerOf(app), "503");
  assert.equal(app.status().queued, 0);
});

/** Name servers of one test. A name that has no records is unknown; one with an error fails with its code. */
function resolver(names: {
  four?: Record<string, readonly DnsAddress[] | string>;
  six?: Record<string, readonly DnsAddress[] | string>;
  services?: Record<string, readonly DnsService[] | string>;
}): DnsResolver & { asked: number } {
  const look = async <T>(found: readonly T[] | string | undefined): Promise<readonly T[]> => {
    if (found === undefined || typeof found === "string")
      throw Object.assign(new Error(`query ${found ?? "ENOTFOUND"}`), { code: found ?? "ENOTFOUND" });
    return found;
  };
  return {
    asked: 0,
    resolve4(name) {
      this.asked++;
      return look(names.four?.[name]);
    },
    resolve6: (name) => look(names.six?.[name]),
    resolveSrv: (name) => look(names.services?.[name]),
  };
}

const at = (address: string, ttl = 300): DnsAddress => ({ address, ttl });
const FAST = { shortest: 5, longest: 10 } as const;

test("dnsTargets: each address is a target, which has the name of the URL", async (t) => {
  const target = await rawTarget(t, HI);
  const names = resolver({ four: { "api.internal": [at("127.0.0.1"), at("127.0.0.2")] } });
  const url = `http://api.internal:${target.port}`;
  const app = sourced(t, dnsTargets(url, { resolver: names }), { balance: "roundRobin" });
  assert.equal(await answerOf(app), "hi");
  assert.match(target.heads[0] as string, new RegExp(`\r\nHost: api.internal:${target.port}\r\n`, "i"));
  assert.deepEqual(urlsOf(app), [`${url} 127.0.0.1`, `${url} 127.0.0.2`]);
});

test("dnsTargets: IPv6 addresses too, and an address as a host is not looked up", async (t) => {
  const names = resolver({ four: { "api.internal": [at("10.0.0.1")] }, six: { "api.internal": [at("fd00::1")] } });
  const app = sourced(t, dnsTargets("https://api.internal", { resolver: names }));
  await eventually(() => urlsOf(app).length > 0);
  assert.deepEqual(urlsOf(app), ["https://api.internal 10.0.0.1", "https://api.internal fd00::1"]);
  const literal = sourced(t, dnsTargets("http://[::1]:3000", { resolver: names }));
  await eventually(() => urlsOf(literal).length > 0);
  assert.deepEqual(urlsOf(literal), ["http://[::1]:3000"]);
  assert.equal(names.asked, 1);
});

test("dnsTargets: is asked again when records expire, within bounds", async (t) => {
  const four: Record<string, DnsAddress[]> = { "api.internal": [at("10.0.0.1", 0)] };
  const names = resolver({ four });
  const app = sourced(t, dnsTargets("http://api.internal", { resolver: names, shortest: 5, longest: 20 }));
  await eventually(() => names.asked >= 3);
  four["api.internal"] = [at("10.0.0.2", 86_400)];
  await eventually(() => urlsOf(app)[0] === "http://api.internal 10.0.0.2");
  const { asked } = names;
  await eventually(() => names.asked > asked);
  four["api.internal"] = [at("10.0.0.2", 3)];
  const bounds = { shortest: 5, longest: 60_000 };
  const held = resolver({ four });
  const holding = sourced(t, dnsTargets("http://api.internal", { resolver: held, ...bounds }));
  await eventually(() => urlsOf(holding).length === 1);
  await aWhile();
  assert.equal(held.asked, 1);
  const long = resolver({ four });
  const waiting = sourced(t, dnsTargets("http://api.internal", { resolver: long, shortest: 60_000, longest: 1 }));
  await eventually(() => urlsOf(waiting).length === 1);
  await aWhile();
  assert.equal(long.asked, 1);
});

test("dnsTargets: what is known of an address outlives a look-up", async (t) => {
  const target = await rawTarget(t, (socket) => socket.resetAndDestroy());
  const names = resolver({ four: { "api.internal": [at("127.0.0.1", 0), at("127.0.0.2", 0)] } });
  const options: BalancerOptions = { balance: "roundRobin", ejection: { failures: 1 } };
  const app = sourced(t, dnsTargets(`http://api.internal:${target.port}`, { resolver: names, ...FAST }), options);
  assert.equal(await answerOf(app), "502");
  const before = app.status().targets.map(({ state }) => state);
  assert.ok(before.includes("out"), `${before}`);
  const { asked } = names;
  await eventually(() => names.asked > asked + 2);
  assert.deepEqual(
    app.status().targets.map(({ state }) => state),
    before,
  );
});

test("dnsTargets: a look-up that fails, or finds nothing, keeps the last list", async (t) => {
  for (const code of ["ESERVFAIL", "ETIMEOUT", "ENOTFOUND", "ENODATA"]) {
    const four: Record<string, DnsAddress[] | string> = { "api.internal": [at("10.0.0.1", 0)] };
    const names = resolver({ four });
    const app = sourced(t, dnsTargets("http://api.internal", { resolver: names, ...FAST }), { refresh: 5 });
    await eventually(() => urlsOf(app).length === 1);
    four["api.internal"] = code;
    const { asked } = names;
    await eventually(() => names.asked > asked + 3);
    assert.deepEqual(urlsOf(app), ["http://api.internal 10.0.0.1"], code);
    // A failure is told where nothing at all could be found out.
    if (code.startsWith("ENO")) assert.equal(app.status().sourceError, `query ${code}`);
    four["api.internal"] = [];
    await eventually(() => app.status().sourceError !== undefined);
    assert.deepEqual(urlsOf(app), ["http://api.internal 10.0.0.1"], "no records");
    four["api.internal"] = [at("10.0.0.2", 0)];
    await eventually(() => urlsOf(app)[0] === "http://api.internal 10.0.0.2");
    assert.equal(app.status().sourceError, undefined);
  }
});

test("dnsTargets: a family that cannot be looked up keeps its addresses, one that is gone does not", async (t) => {
  const six: Record<string, DnsAddress[] | string> = { "api.internal": [at("fd00::1", 0)] };
  const names = resolver({ four: { "api.internal": [at("10.0.0.1", 0)] }, six });
  const app = sourced(t, dnsTargets("http://api.internal", { resolver: names, ...FAST }));
  await eventually(() => urlsOf(app).length === 2);
  six["api.internal"] = "ETIMEOUT";
  const { asked } = names;
  await eventually(() => names.asked > asked + 3);
  assert.equal(urlsOf(app).length, 2);
  six["api.internal"] = "ENODATA";
  await eventually(() => urlsOf(app).length === 1);
});

test("dnsTargets: SRV records have names, ports and weights; those of a later priority are backups", async (t) => {
  const services = [
    { name: "one.internal", port: 3001, priority: 1, weight: 3 },
    { name: "two.internal", port: 80, priority: 1, weight: 0 },
    { name: "gone.internal", port: 3003, priority: 1, weight: 1 },
    { name: "spare.internal", port: 3004, priority: 2, weight: 1 },
  ];
  const names = resolver({
    services: { "_http._tcp.api.internal": services },
    four: {
      "one.internal": [at("10.0.0.1"), at("10.0.0.2")],
      "two.internal": [at("10.0.0.3")],
      "spare.internal": [at("10.0.0.4")],
    },
  });
  const app = sourced(t, dnsTargets("http://_http._tcp.api.internal/base", { resolver: names }));
  await eventually(() => urlsOf(app).length > 0);
  assert.deepEqual(
    app.status().targets.map(({ url, address, weight, isBackup }) => [url, address, weight, isBackup]),
    [
      ["http://one.internal:3001/base", "10.0.0.1", 1.5, false],
      ["http://one.internal:3001/base", "10.0.0.2", 1.5, false],
      ["http://two.internal/base", "10.0.0.3", 1, false],
      ["http://spare.internal:3004/base", "10.0.0.4", 1, true],
    ],
  );
});

test("dnsTargets: a name without a dot is what the system knows", async (t) => {
  const target = await rawTarget(t, HI);
  const app = sourced(t, dnsTargets(`http://localhost:${target.port}`));
  assert.equal(await answerOf(app), "hi");
  assert.ok(urlsOf(app).includes(`http://localhost:${target.port} 127.0.0.1`));
});

test("balancer: a path that leads out of the base is refused before the targets are known", async (t) => {
  const { source } = pushed();
  const app = sourced(t, source, { path: "raw", queueTimeout: 20 });
  assert.equal(await answerOf(app, "/a/..%2fb"), "400");
});

test("dnsTargets: bad targets and options throw when it is built", () => {
  assert.throws(() => dnsTargets("api.internal"), { code: "TSGI_BAD_TARGET" });
  assert.throws(() => dnsTargets("unix:/run/a.sock"), { code: "TSGI_BAD_TARGET" });
  assert.throws(() => dnsTargets("http://a.b", { shortest: 0 }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => balancer("http://a.b" as never), { code: "TSGI_BAD_TARGET" });
  assert.throws(() => balancer([{ url: "http://a.b", address: "a.b" }]), { code: "TSGI_BAD_TARGET" });
});
