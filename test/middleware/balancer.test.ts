import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { type BalancerOptions, balancer } from "../../middleware/balancer.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { notFound } from "../../src/apps.ts";
import { serve } from "../../src/server/serve.ts";
import { request } from "../../src/testing.ts";
import { ask, balanced, headsOf, held, named, reset } from "../support/balanced.ts";
import { aWhile, eventually, start, wire } from "../support/raw-client.ts";
import { type Answer, HI, rawTarget, sendTo } from "../support/raw-target.ts";
import { transcript } from "../support/transcript.ts";
import { allOwned } from "../support/unowned.ts";

/** Where nobody listens. */
const NOWHERE = "http://127.0.0.1:1";

test("balancer: forwards a request and its response", async (t) => {
  const { app } = await balanced(t, ["HTTP/1.1 201 Made\nContent-Length: 2\n\nhi"], { via: "b" });
  assert.equal(await transcript(app, "/a?b"), "201 Made\ncontent-length: 2\nvia: 1.1 b\n\nhi");
  // As which it stands in the tree of mounts.
  assert.equal(app.name, "balancer");
});

test("balancer: every target gets requests", async (t) => {
  for (const balance of ["latency", "leastInFlight", "roundRobin"] as const) {
    const { targets, app } = await balanced(t, [HI, HI, HI], { balance });
    await ask(app, 60);
    assert.ok(
      headsOf(targets).every((count) => count > 0),
      `${balance}: ${headsOf(targets)}`,
    );
  }
});

test("balancer: takes turns by weight", async (t) => {
  const a = await rawTarget(t, named("a"));
  const b = await rawTarget(t, named("b"));
  const c = await rawTarget(t, named("c"));
  const app = balancer([{ url: a.url, weight: 5 }, b.url, c.url], { balance: "roundRobin" });
  t.after(() => app.close());
  assert.equal((await ask(app, 14)).join(""), "aabacaaaabacaa");
});

test("balancer: a target of the weight 0 gets no requests", async (t) => {
  const a = await rawTarget(t, named("a"));
  const b = await rawTarget(t, named("b"));
  const app = balancer([{ url: a.url, weight: 0 }, b.url]);
  t.after(() => app.close());
  assert.equal((await ask(app, 8)).join(""), "bbbbbbbb");
  app.update([{ url: a.url, weight: 0 }, NOWHERE]);
  assert.deepEqual(await ask(app, 4), Array(4).fill("502"));
  // Nobody waits for a target that gets none.
  app.update([{ url: a.url, weight: 0 }]);
  assert.deepEqual(await ask(app, 1), ["503"]);
});

test("balancer: the same key goes to the same target, which is lost with its own keys alone", async (t) => {
  const { targets, app } = await balanced(t, [named("a"), named("b"), named("c")], {
    balance: { key: ({ QUERY_STRING }) => QUERY_STRING },
  });
  const keys = Array.from({ length: 30 }, (_, index) => `/?${index}`);
  const before: string[] = [];
  for (const key of keys) before.push(...(await ask(app, 1, key)));
  assert.deepEqual(new Set(before), new Set(["a", "b", "c"]));
  app.update(targets.slice(1).map(({ url }) => url));
  for (const [index, key] of keys.entries()) {
    const [after] = await ask(app, 1, key);
    if (before[index] !== "a") assert.equal(after, before[index], key);
    else assert.notEqual(after, "a");
  }
});

test("balancer: a function of one's own chooses; where it throws, it is reported and latency decides", async (t) => {
  const a = await rawTarget(t, named("a"));
  const b = await rawTarget(t, named("b"));
  const app = balancer([a.url, b.url], {
    balance: ({ PATH_INFO }, targets) => {
      if (PATH_INFO === "/fail") throw new Error("no idea");
      return targets.find(({ url }) => url === b.url)?.url;
    },
  });
  t.after(() => app.close());
  assert.equal((await ask(app, 5)).join(""), "bbbbb");
  const { log, connect } = await start(t, app);
  assert.match(await (await connect()).get("/fail").until("\r\n\r\n"), /^HTTP\/1.1 200 OK/);
  assert.match(log.join(""), /Error: no idea/);
});

test("balancer: what chooses has to do so at once: a promise is reported, and ends nothing if it rejects", (t) =>
  allOwned(async () => {
    const later = (): never => Promise.reject(new Error("no idea")) as never;
    for (const [balance, status] of [
      [later, 200],
      [{ key: later }, 500],
    ] as const) {
      const { app } = await balanced(t, [HI, HI], { balance });
      const { log, connect } = await start(t, app);
      const client = await connect();
      assert.match(await client.get("/").until("\r\n\r\n"), new RegExp(`^HTTP/1.1 ${status} `));
      assert.match(log.join(""), /has returned a promise/);
    }
  }));

test("balancer: a slow target gets few requests", async (t) => {
  const slow: Answer = (socket) => setTimeout(() => sendTo(socket, HI), 60);
  const fast: Answer = (socket) => setTimeout(() => sendTo(socket, HI), 3);
  const { targets, app } = await balanced(t, [slow, fast, fast, fast]);
  await Promise.all(Array.from({ length: 8 }, () => ask(app, 25)));
  const [ofSlow = 0] = headsOf(targets);
  assert.ok(ofSlow <= 20, `${headsOf(targets)}`);
});

test("balancer: a request that nobody has got goes elsewhere, a POST with its body too", async (t) => {
  const up = await rawTarget(t, HI);
  const app = balancer([NOWHERE, up.url], { balance: "roundRobin", ejection: false });
  t.after(() => app.close());
  assert.deepEqual(await ask(app, 6), Array(6).fill("hi"));
  assert.deepEqual(await ask(app, 6, "/", { method: "POST", body: "abc" }), Array(6).fill("hi"));
  assert.equal(up.received.split("abc").length - 1, 6);
  assert.ok(app.status().retries >= 5);
});

test("balancer: a target that cannot be reached has another one asked, for a POST too", async (t) => {
  const up = await rawTarget(t, HI);
  const silent = await rawTarget(t, () => {});
  const plain = await rawTarget(t, HI);
  plain.server.on("connection", (socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const secure = ({ url }: { readonly url: string }): string => url.replace("http:", "https:");
  for (const url of ["http://nowhere.invalid", secure(plain), secure(silent)]) {
    const app = balancer([url, up.url], { balance: "roundRobin", ejection: false, connectTimeout: 200 });
    t.after(() => app.close());
    assert.deepEqual(await ask(app, 2), ["hi", "hi"]);
    assert.deepEqual(await ask(app, 2, "/", { method: "POST", body: "abc" }), ["hi", "hi"]);
    assert.deepEqual([app.status().targets[0]?.failures, app.status().retries], [2, 2]);
  }
});

test("balancer: a GET that was cut off goes elsewhere, a POST does not", async (t) => {
  const options: BalancerOptions = { balance: "roundRobin", ejection: false };
  const { targets, app } = await balanced(t, [reset, HI], options);
  assert.deepEqual(await ask(app, 4), Array(4).fill("hi"));
  const posts = await ask(app, 4, "/", { method: "POST", body: "abc" });
  assert.deepEqual(posts.sort(), ["502", "502", "hi", "hi"]);
  const sent = targets.map(({ received }) => received.split("abc").length - 1);
  assert.deepEqual(sent, [2, 2]);
});

test("balancer: a kept connection that was closed is renewed at the same target, and says nothing of it", async (t) => {
  const everySecond: Answer = (socket, _head, count) => (count % 2 === 0 ? socket.destroy() : sendTo(socket, HI));
  const { targets, app } = await balanced(t, [everySecond]);
  assert.deepEqual(await ask(app, 6), Array(6).fill("hi"));
  assert.deepEqual([headsOf(targets), app.status().targets[0]?.failures], [[11], 0]);
});

test("balancer: a target that takes too long is a 504, and the request goes nowhere else", async (t) => {
  const { targets, app } = await balanced(t, [() => {}, () => {}], { headTimeout: 50 });
  assert.deepEqual(await ask(app, 1), ["504"]);
  assert.equal((headsOf(targets)[0] as number) + (headsOf(targets)[1] as number), 1);
});

test("balancer: retries end with their number, and with their budget", async (t) => {
  const four = [reset, reset, reset, reset];
  const often = await balanced(t, four, { retries: 2, ejection: false });
  assert.deepEqual(await ask(often.app, 1), ["502"]);
  assert.equal(
    headsOf(often.targets).reduce((sum, count) => sum + count),
    3,
  );
  const others = await balanced(t, four, { retries: 2, ejection: false, balance: { key: () => "the same" } });
  await ask(others.app, 1);
  assert.deepEqual(headsOf(others.targets).sort(), [0, 1, 1, 1]);
  const never = await balanced(t, four, { retryBudget: 0, ejection: false });
  assert.deepEqual(await ask(never.app, 1), ["502"]);
  assert.equal(
    headsOf(never.targets).reduce((sum, count) => sum + count),
    1,
  );
});

test("balancer: retries that are over leave their places among those under way", async (t) => {
  const { app } = await balanced(t, [reset, HI], { balance: "roundRobin", ejection: false, retryBudget: 1 });
  assert.deepEqual(await ask(app, 12), Array(12).fill("hi"));
});

test("balancer: a target that fails is ejected, the last one never", async (t) => {
  const bad = "HTTP/1.1 503 Busy\nContent-Length: 0\n\n";
  const { targets, app } = await balanced(t, [bad, HI], { balance: "roundRobin" });
  assert.equal((await ask(app, 20)).filter((answer) => answer === "503").length, 3);
  assert.equal(headsOf(targets)[0], 3);
  assert.deepEqual(
    app.status().targets.map(({ state, failures, ejections }) => [state, failures, ejections]),
    [
      ["out", 3, 1],
      ["in", 0, 0],
    ],
  );
  const alone = await balanced(t, [bad]);
  assert.deepEqual(await ask(alone.app, 8), Array(8).fill("503"));
  assert.equal(alone.app.status().targets[0]?.state, "in");
});

test("balancer: a target that was ejected is tried by one request, and is in again", async (t) => {
  let isBad = true;
  const recovering: Answer = (socket) => (isBad ? socket.resetAndDestroy() : sendTo(socket, named("a")));
  const { targets, app } = await balanced(t, [recovering, named("b")], {
    balance: "roundRobin",
    ejection: { time: 200 },
  });
  await ask(app, 12);
  assert.equal(headsOf(targets)[0], 3);
  await eventually(() => app.status().targets[0]?.state === "trial");
  assert.deepEqual(await ask(app, 4), Array(4).fill("b"));
  assert.equal(headsOf(targets)[0], 4);
  isBad = false;
  await eventually(() => app.status().targets[0]?.state === "trial");
  assert.ok((await ask(app, 4)).filter((answer) => answer === "a").length >= 2);
  assert.equal(app.status().targets[0]?.state, "in");
});

test("balancer: a trial is one request at a time, after which the target starts slowly", async (t) => {
  const trial = held();
  let isBad = true;
  const recovering: Answer = (socket, head, count) =>
    isBad ? socket.resetAndDestroy() : head.includes("/trial") ? trial.answer(socket, head, count) : sendTo(socket, HI);
  const { targets, app } = await balanced(t, [recovering, named("b")], {
    balance: "roundRobin",
    ejection: { failures: 1, time: 20 },
    slowStart: 3_600_000,
  });
  await ask(app, 2);
  isBad = false;
  await eventually(() => app.status().targets[0]?.state === "trial");
  const before = targets[0]?.heads.length ?? 0;
  const tried = ask(app, 1, "/trial");
  await eventually(() => trial.sockets.length === 1);
  assert.deepEqual(await ask(app, 4), Array(4).fill("b"));
  trial.release();
  assert.deepEqual(await tried, ["hi"]);
  assert.equal(targets[0]?.heads.length, before + 1);
  const after = await ask(app, 11);
  assert.ok(after.filter((answer) => answer === "hi").length <= 2, `${after}`);
});

test("balancer: what is not a failure of the target ejects nothing: 4xx, 500, 501, 508, full queues", async (t) => {
  const statuses = [400, 404, 429, 499, 500, 501, 505, 508];
  const answer: Answer = (socket, _head, count) =>
    sendTo(socket, `HTTP/1.1 ${statuses[count % statuses.length]} No\nContent-Length: 0\n\n`);
  const { app } = await balanced(t, [answer, answer], { ejection: { failures: 1 }, retryOn: [429] });
  await ask(app, 2 * statuses.length);
  // Undici takes it for an error.
  const fresh = await balanced(t, ["HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n"], { ejection: { failures: 1 } });
  assert.deepEqual(await ask(fresh.app, 2), ["304", "304"]);
  const { answer: never, release, sockets } = held();
  const busy = await balanced(t, [never], { connections: 1, queue: 0, ejection: { failures: 1 } });
  const first = ask(busy.app, 1);
  await eventually(() => sockets.length === 1);
  assert.deepEqual(await ask(busy.app, 3), ["503", "503", "503"]);
  release();
  await first;
  for (const { state, failures, ejections } of [app, fresh.app, busy.app].flatMap((each) => each.status().targets))
    assert.deepEqual([state, failures, ejections], ["in", 0, 0]);
});

test("balancer: probes go on while a target is ejected, on connections of their own, and end with the balancer", async (t) => {
  let probes = 0;
  const answer: Exclude<Answer, string> = (socket, head) => {
    if (head.startsWith("GET /health ")) {
      probes++;
      sendTo(socket, HI);
    } else socket.resetAndDestroy();
  };
  const options: BalancerOptions = { balance: "roundRobin", connections: 1, ejection: { failures: 1 } };
  const { app } = await balanced(t, [answer, HI], { ...options, probe: { path: "/health", interval: 5 } });
  await ask(app, 2);
  assert.equal(app.status().targets[0]?.state, "out");
  const before = probes;
  await eventually(() => probes > before + 2);
  const busy = held();
  const answering: Answer = (socket, head, count) =>
    head.startsWith("GET /health ") ? answer(socket, head, count) : busy.answer(socket, head, count);
  const full = await balanced(t, [answering], { connections: 1, probe: { path: "/health", interval: 5 } });
  const first = ask(full.app, 1);
  await eventually(() => busy.sockets.length === 1);
  const asked = probes;
  await eventually(() => probes > asked + 8 && full.app.status().targets[0]?.probe?.last === "200");
  assert.deepEqual([full.app.status().targets[0]?.inFlight, full.app.status().targets[0]?.probe?.failures], [1, 0]);
  busy.release();
  await first;
  await full.app.close();
  await app.close();
  await aWhile();
  const after = probes;
  await aWhile();
  assert.equal(probes, after);
});

test("balancer: bodies that are cut eject a target, clients that leave do not", async (t) => {
  const cutting: Answer = (socket) => {
    sendTo(socket, "HTTP/1.1 200 OK\nContent-Length: 9\n\nhi");
    setTimeout(() => socket.destroy(), 2);
  };
  const { targets, app } = await balanced(t, [cutting, HI], { balance: "roundRobin" });
  for (let index = 0; index < 12; index++) {
    await request(app, "/")
      .then((response) => response.text())
      .catch(() => {});
  }
  assert.equal(headsOf(targets)[0], 3);
  const endless: Answer = (socket) => sendTo(socket, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n");
  const left = await balanced(t, [endless, endless]);
  const started = await start(t, left.app);
  for (let index = 0; index < 8; index++) {
    const client = await started.connect();
    await client.get("/").until("hi");
    client.socket.destroy();
  }
  await eventually(() => left.app.status().targets.every(({ inFlight }) => inFlight === 0));
  assert.deepEqual(
    left.app.status().targets.map(({ failures }) => failures),
    [0, 0],
  );
});

test("balancer: backups get requests only while no other target can", async (t) => {
  const main = await rawTarget(t, (socket, _head, count) =>
    count <= 3 ? socket.destroy() : sendTo(socket, named("m")),
  );
  const spare = await rawTarget(t, named("s"));
  const app = balancer([main.url, { url: spare.url, backup: true }], { ejection: { time: 40 } });
  t.after(() => app.close());
  assert.deepEqual(await ask(app, 5), Array(5).fill("s"));
  assert.equal(main.heads.length, 3);
  await eventually(() => app.status().targets[0]?.state === "trial");
  assert.deepEqual(await ask(app, 5), Array(5).fill("m"));
});

test("balancer: requests beyond the limits wait for any target, then are a 503 with Retry-After", async (t) => {
  const one = held();
  const two = held();
  const { app } = await balanced(t, [one.answer, two.answer], { connections: 1, queue: 1, queueTimeout: 60_000 });
  const first = [ask(app, 1), ask(app, 1), ask(app, 1)];
  await eventually(() => one.sockets.length === 1 && two.sockets.length === 1 && app.status().queued === 1);
  assert.equal(
    await transcript(app, "/"),
    "503 Service Unavailable\ncache-control: no-store\ncontent-length: 24\ncontent-type: text/plain; charset=utf-8\nretry-after: 1\n\n503 Service Unavailable\n",
  );
  two.release();
  await eventually(() => two.sockets.length === 1 && app.status().queued === 0);
  one.release();
  two.release();
  assert.deepEqual(await Promise.all(first), [["hi"], ["hi"], ["hi"]]);
});

test("balancer: who has waited too long is a 503, who leaves is asked nowhere", async (t) => {
  const one = held();
  const { targets, app } = await balanced(t, [one.answer], { connections: 1, queueTimeout: 40 });
  const first = ask(app, 1);
  await eventually(() => one.sockets.length === 1);
  assert.deepEqual(await ask(app, 1), ["503"]);
  const patient = balancer([targets[0]?.url as string], { connections: 1 });
  t.after(() => patient.close());
  const server = await serve(patient, { port: 0 });
  t.after(() => server.close({ grace: 0 }));
  const busy = fetch(server.url);
  await eventually(() => one.sockets.length === 2);
  const aborting = new AbortController();
  const waiting = fetch(server.url, { signal: aborting.signal }).catch(() => "left");
  await eventually(() => patient.status().queued === 1);
  aborting.abort();
  await eventually(() => patient.status().queued === 0);
  one.release();
  assert.equal(await waiting, "left");
  assert.equal(await (await busy).text(), "hi");
  assert.deepEqual([await first, targets[0]?.heads.length], [["hi"], 2]);
});

test("balancer: a deadline that passes while a request waits for a target is a 503", (t) =>
  allOwned(async () => {
    const switching: Answer = (socket) =>
      sendTo(socket, "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n\n");
    const { app } = await balanced(t, [switching], { connections: 1, deadline: 30 });
    const { connect, log } = await start(t, app);
    const client = await connect();
    await client.get("/", "Connection: Upgrade", "Upgrade: websocket").until("101 Switching");
    assert.deepEqual(await ask(app, 1), ["503"]);
    client.socket.destroy();
    const listless = balancer(() => new Promise<never>(() => {}), { deadline: 30 });
    t.after(() => listless.close());
    assert.deepEqual([await ask(listless, 1), log], [["503"], []]);
  }));

test("balancer: a target that is drained finishes what is under way, and gets nothing more", async (t) => {
  const one = held();
  const { targets, app } = await balanced(t, [one.answer, named("b")], { balance: "roundRobin" });
  const url = targets[0]?.url as string;
  const first = ask(app, 1);
  await eventually(() => one.sockets.length === 1);
  let isDrained = false;
  const drained = app.drain(url).then(() => {
    isDrained = true;
  });
  assert.deepEqual(await ask(app, 4), Array(4).fill("b"));
  assert.equal(app.status().targets.find((target) => target.url === url)?.state, "draining");
  assert.equal(isDrained, false);
  one.release();
  assert.deepEqual(await first, ["hi"]);
  await drained;
  assert.deepEqual([app.status().targets.length, headsOf(targets)], [1, [1, 4]]);
  await targets[0]?.untilLeft();
  await assert.rejects(app.drain(url), { code: "TSGI_BAD_TARGET" });
});

test("balancer: what a drained target does not finish in time is cut, and sent elsewhere where it may be", async (t) => {
  const { answer, sockets } = held();
  const { targets, app } = await balanced(t, [answer, named("b")], { balance: "roundRobin", ejection: false });
  const first = targets[0]?.url as string;
  const get = ask(app, 1);
  await eventually(() => sockets.length === 1);
  await ask(app, 1);
  const post = ask(app, 1, "/", { method: "POST", body: "x" });
  await eventually(() => sockets.length === 2);
  await ask(app, 1);
  const tunnel = await (await start(t, app)).connect();
  tunnel.get("/", "Connection: Upgrade", "Upgrade: websocket");
  await eventually(() => sockets.length === 3);
  sendTo(sockets[2] as Socket, "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: upgrade\n\n");
  await tunnel.until("101 Switching");
  await app.drain(first, { deadline: 10 });
  assert.deepEqual(await get, ["b"]);
  assert.deepEqual(await post, ["502"]);
  await tunnel.all();
  await targets[0]?.untilLeft();
  assert.equal(app.status().targets.length, 1);
});

test("balancer: closes by a deadline, whatever is under way: bodies, WebSockets, requests that wait", async (t) => {
  const streaming: Answer = (socket, head) => {
    if (head.includes("Upgrade"))
      sendTo(socket, "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: upgrade\n\n");
    else sendTo(socket, "HTTP/1.1 200 OK\nContent-Length: 9\n\nhalf");
  };
  const { targets, app } = await balanced(t, [streaming], { connections: 2, queueTimeout: 60_000 });
  const { connect } = await start(t, app);
  const [body, tunnel] = [await connect(), await connect()];
  await body.get("/").until("half");
  await tunnel.get("/", "Connection: Upgrade", "Upgrade: websocket").until("101 Switching");
  const waiting = ask(app, 1);
  await eventually(() => app.status().queued === 1);
  await app.close({ deadline: 10 });
  assert.deepEqual(await waiting, ["503"]);
  await body.all();
  await tunnel.all();
  await targets[0]?.untilLeft();
  assert.deepEqual(await ask(app, 1), ["503"]);
});

test("balancer: another list of targets loses nothing that is under way or waits", async (t) => {
  const one = held();
  const { targets, app } = await balanced(t, [one.answer], { connections: 1 });
  const next = await rawTarget(t, named("next"));
  const asked = [ask(app, 1), ask(app, 1)];
  await eventually(() => one.sockets.length === 1 && app.status().queued === 1);
  app.update([next.url]);
  assert.deepEqual(await asked[1], ["next"]);
  one.release();
  assert.deepEqual(await asked[0], ["hi"]);
  await targets[0]?.untilLeft();
  assert.throws(() => app.update(["nonsense"]), { code: "TSGI_BAD_TARGET" });
  assert.deepEqual(await ask(app, 1), ["next"]);
});

test("balancer: without a target, and once it is closed, it answers 503", async (t) => {
  const { app } = await balanced(t, [HI]);
  assert.deepEqual(await ask(app, 1), ["hi"]);
  await app.close();
  assert.deepEqual(await ask(app, 1), ["503"]);
  assert.deepEqual(await ask(balancer([]), 1), ["503"]);
});

test("balancer: maps paths to its mount, whichever target answers", async (t) => {
  const a = await rawTarget(t, HI);
  const there = "HTTP/1.1 302 Found\nLocation: /x/y\nContent-Length: 0\n\n";
  const b = await rawTarget(t, there);
  const c = await rawTarget(t, there);
  const app = balancer([`${b.url}/x`, `${c.url}/x`]);
  t.after(() => app.close());
  const site = dispatcher(notFound, { "/m": app, "/a": balancer([a.url]) });
  for (let index = 0; index < 4; index++) {
    assert.equal((await request(site, "/m/z")).headers.get("location"), "/m/y");
  }
});

test("balancer: a WebSocket handshake goes on, and counts as under way until it is closed", async (t) => {
  const switching: Answer = (socket) =>
    sendTo(socket, "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n\n");
  const { app } = await balanced(t, [switching]);
  const client = await (await start(t, app)).connect();
  client.send(wire("GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n\n"));
  await client.until("101 Switching");
  assert.equal(app.status().targets[0]?.inFlight, 1);
  client.socket.destroy();
  await eventually(() => app.status().targets[0]?.inFlight === 0);
});

test("balancer: faults of all kinds leave no request behind, and no error without an owner", (t) =>
  allOwned(async () => {
    const faults: Exclude<Answer, string>[] = [
      (socket) => socket.resetAndDestroy(),
      (socket) => socket.end(),
      (socket) => sendTo(socket, "nonsense\n\n"),
      (socket) => sendTo(socket, "HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 3\n\nhi"),
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"),
    ];
    const faulty: Answer = (socket, head, count) => (faults[count % 7] ?? ((s) => sendTo(s, HI)))(socket, head, count);
    const { app } = await balanced(t, [faulty, faulty, HI], { connections: 4, queue: 8, headTimeout: 200 });
    const methods = ["GET", "POST", "HEAD"];
    await Promise.all(
      Array.from({ length: Number(process.env.TSGI_FAULTS ?? 120) }, async (_, index) => {
        const method = methods[index % 3] as string;
        const init = { method, ...(method === "POST" && { body: "abc" }) };
        const response = await request(app, "/", init).catch(() => undefined);
        if (index % 5 === 0) await response?.body?.cancel().catch(() => {});
        else await response?.text().catch(() => {});
      }),
    );
    await eventually(() => app.status().targets.every(({ inFlight }) => inFlight === 0));
    assert.equal(app.status().queued, 0);
  }));

test("balancer: targets whose probes fail get no requests while another is well", async (t) => {
  let isWell = true;
  const probed: Answer = (socket, head) =>
    sendTo(
      socket,
      head.startsWith("GET /v/health ") && !isWell ? "HTTP/1.1 500 No\nContent-Length: 0\n\n" : named("a"),
    );
  const a = await rawTarget(t, probed);
  const b = await rawTarget(t, named("b"));
  const probe = { path: "/health", interval: 10, fall: 2, rise: 2 };
  const app = balancer([`${a.url}/v`, b.url], { balance: "roundRobin", probe });
  t.after(() => app.close());
  assert.equal((await ask(app, 4)).join(""), "abab");
  isWell = false;
  await eventually(() => app.status().targets[0]?.state === "down");
  assert.equal((await ask(app, 4)).join(""), "bbbb");
  await app.drain(b.url);
  assert.equal((await ask(app, 2)).join(""), "aa");
  isWell = true;
  await eventually(() => app.status().targets[0]?.state === "in");
  assert.deepEqual([app.status().targets[0]?.inFlight, app.status().targets[0]?.answers], [0, 4]);
});

test("balancer: bad options and targets throw when it is built", () => {
  const bad = { code: "TSGI_BAD_OPTION" };
  assert.throws(() => balancer([NOWHERE], { balance: "fastest" as never }), bad);
  assert.throws(() => balancer([NOWHERE], { ejection: true as never }), bad);
  assert.throws(() => balancer([NOWHERE], { ejection: { failures: 0 } }), bad);
  assert.throws(() => balancer([NOWHERE], { retires: 1 } as never), { ...bad, hint: "Did you mean retries?" });
  assert.throws(() => balancer([NOWHERE], { probe: {} as never }), bad);
  assert.throws(() => balancer([NOWHERE], { probe: { path: "health" } }), bad);
  assert.throws(() => balancer([NOWHERE, NOWHERE]), { code: "TSGI_BAD_TARGET" });
  assert.throws(() => balancer([{ url: NOWHERE, weight: -1 }]), { code: "TSGI_BAD_TARGET" });
});
