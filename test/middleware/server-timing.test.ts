import assert from "node:assert/strict";
import { test } from "node:test";
import { serverTiming, timings } from "../../middleware/server-timing.ts";
import { websocket } from "../../middleware/websocket.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request, webSocket } from "../../src/testing.ts";

/** The header, with each measured duration as `#`. */
async function told(app: App, options: Parameters<typeof serverTiming>[1] = {}): Promise<string | null> {
  const value = (await request(serverTiming(app, options), "/")).headers.get("Server-Timing");
  return value?.replace(/dur=\d+(?:\.\d{1,2})?(?=,|$)/g, "dur=#") ?? null;
}

const answering =
  (tell: (environ: Parameters<App>[0]) => unknown): App =>
  async (environ, startResponse) => {
    await tell(environ);
    return text("hi")(environ, startResponse);
  };

test("serverTiming: a name or a description cannot bring in another metric or another header", async () => {
  const names = ["a, b", "a;dur=1", "", "a b", 'a"', "a\r\nX: y", "é", 5 as never];
  const descriptions = ["a\nb", "a\r\nX-Evil: 1", "é", "\0", 5 as never];
  for (const each of [
    ...names.map((name) => (environ: Parameters<App>[0]) => timings(environ).add(name, 1)),
    ...names.map((name) => (environ: Parameters<App>[0]) => timings(environ).start(name)),
    ...descriptions.map((text) => (environ: Parameters<App>[0]) => timings(environ).add("a", 1, text)),
    ...[Number.NaN, -1, Number.POSITIVE_INFINITY].map(
      (duration) => (environ: Parameters<App>[0]) => timings(environ).add("a", duration),
    ),
  ]) {
    await assert.rejects(told(answering(each)), { code: "TSGI_BAD_HEADER" });
  }
  const quoted = answering((environ) => timings(environ).add("a", 1, 'say "hi", \\ ;dur=5'));
  assert.equal(
    (await request(serverTiming(quoted, { total: false }), "/")).headers.get("Server-Timing"),
    'a;desc="say \\"hi\\", \\\\ ;dur=5";dur=1',
  );
});

test("serverTiming: the time until the response is told", async () => {
  assert.equal(await told(text("hi")), "total;dur=#");
  assert.equal(await told(text("hi"), { total: false }), null);
});

test("serverTiming: what was told before the head is in it, the same name added up", async () => {
  const app = answering(async (environ) => {
    const times = timings(environ);
    times.add("miss");
    times.add("db", 1.5);
    times.add("db", 2.255, "two queries");
    assert.equal(
      times.time("render", () => "done"),
      "done",
    );
    assert.equal(await times.time("wait", async () => 5), 5);
    const stop = times.start("twice");
    stop();
    stop();
    times.start("open");
  });
  assert.equal(
    await told(app),
    'miss, db;desc="two queries";dur=#, render;dur=#, wait;dur=#, twice;dur=#, total;dur=#',
  );
});

test("serverTiming: a call that fails fails as before, and its time is told", async () => {
  const boom = () => {
    throw new Error("boom");
  };
  const app = answering(async (environ) => {
    assert.throws(() => timings(environ).time("sync", boom), { message: "boom" });
    await assert.rejects(
      timings(environ).time("async", async () => boom()),
      { message: "boom" },
    );
  });
  assert.equal(await told(app, { total: false }), "sync;dur=#, async;dur=#");
});

test("serverTiming: lines of the app stay, and a layer around adds one of its own", async () => {
  const app = text("hi", { headers: [["Server-Timing", "own;dur=1"]] });
  assert.equal(await told(app), "own;dur=#, total;dur=#");
  const inner = answering((environ) => timings(environ).add("db", 1));
  const outer: App = async (environ, startResponse) => {
    timings(environ).add("outer", 2);
    return serverTiming(inner)(environ, startResponse);
  };
  assert.equal(await told(outer), "outer;dur=#, db;dur=#, total;dur=#, total;dur=#");
});

test("serverTiming: what comes after the head is not told, and fails nothing", async () => {
  const app: App = function* (environ, startResponse) {
    startResponse("200 OK", []);
    yield "a";
    timings(environ).add("late", 5);
    yield "b";
  };
  const response = await request(serverTiming(app, { total: false }), "/");
  assert.deepEqual([response.headers.get("Server-Timing"), await response.text()], [null, "ab"]);
});

test("timings: without serverTiming they go nowhere, and calls are called", async () => {
  const app = answering((environ) => {
    const times = timings(environ);
    times.add("a", 1);
    times.start("b")();
    assert.equal(
      times.time("c", () => 7),
      7,
    );
  });
  assert.equal((await request(app, "/")).headers.get("Server-Timing"), null);
});

test("serverTiming: a WebSocket opens through it", async () => {
  const socket = await webSocket(serverTiming(websocket({ message: (each, data) => each.send(data) })), "/");
  socket.send("hello");
  assert.equal(await socket.receive(), "hello");
  await socket.close();
});

test("serverTiming: wrong options throw when the app is built", () => {
  assert.throws(() => serverTiming(text("hi"), { total: 1 as never }), { code: "TSGI_BAD_OPTION" });
});
