import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryCounter } from "../../middleware/rate-limit/memory-counter.ts";
import { type RateLimiter, type RateLimitOptions, rateLimit } from "../../middleware/rate-limit.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";

const WINDOW = 3_600_000;
const limited = (options: Partial<RateLimitOptions> = {}): App =>
  rateLimit(text("hello"), { limit: 2, window: WINDOW, ...options });
const ask = async (app: App, address = "192.0.2.7", headers = {}) =>
  request(app, "/", { environ: { REMOTE_ADDR: address }, headers });
const status = async (...args: Parameters<typeof ask>) => (await ask(...args)).status;

/**
 * Limits were walked around by headers that clients choose and by the addresses of one IPv6 network (Team-Commonly/commonly#652,
 * agigante80/Actual-sync#245, tdurieux/anonymous_github#750).
 */
test("rateLimit: no header makes another client", async () => {
  const app = limited({ limit: 1 });
  const forwarded = (address: string) => ({ "X-Forwarded-For": address, Forwarded: `for=${address}` });
  assert.deepEqual(
    [await status(app, "192.0.2.7", forwarded("1.1.1.1")), await status(app, "192.0.2.7", forwarded("2.2.2.2"))],
    [200, 429],
  );
});

for (const [one, other, isSame] of [
  ["2001:db8:1:1::1", "2001:db8:1:ff:ffff::2", true],
  ["2001:db8:1:100::1", "2001:db8:1:1ff::", true],
  ["2001:db8:1:100::1", "2001:db8:1:200::1", false],
  ["2001:db8::1", "2001:db8:0:0:5:6:7:8", true],
  ["::1", "::2", true],
  ["::ffff:192.0.2.7", "192.0.2.7", true],
  ["::ffff:192.0.2.7", "::ffff:192.0.2.8", false],
] as const) {
  test(`rateLimit: ${one} and ${other} are ${isSame ? "one client" : "two"}`, async () => {
    const app = limited({ limit: 1 });
    assert.deepEqual([await status(app, one), await status(app, other)], [200, isSame ? 429 : 200]);
  });
}

test("rateLimit: a client that has made its requests gets a 429 with Retry-After, others do not", async () => {
  const app = limited();
  assert.deepEqual([await status(app), await status(app)], [200, 200]);
  const response = await ask(app);
  assert.deepEqual([response.status, await response.text()], [429, "Too Many Requests\n"]);
  const seconds = Number(response.headers.get("retry-after"));
  assert.ok(seconds > 0 && seconds <= 3600);
  assert.equal(response.headers.get("ratelimit"), null);
  assert.equal(await status(app, "192.0.2.8"), 200);
});

test("rateLimit: a hundred at once are a hundred, not one more", async () => {
  const app = limited({ limit: 100 });
  const all = await Promise.all(Array.from({ length: 130 }, () => status(app)));
  assert.equal(all.filter((each) => each === 200).length, 100);
});

test("rateLimit: a window begins with the first request, and the next one with the first after it", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const app = limited({ limit: 1, window: 10_000 });
  assert.deepEqual([await status(app), await status(app)], [200, 429]);
  context.mock.timers.tick(9_999);
  const late = await ask(app);
  assert.deepEqual([late.status, late.headers.get("retry-after")], [429, "1"]);
  context.mock.timers.tick(1);
  assert.deepEqual([await status(app), await status(app)], [200, 429]);
});

test("rateLimit: of clients without number only so many are counted, and who goes on is not forgotten", () => {
  const counter = new MemoryCounter(1, WINDOW);
  const isLetIn = (key: string): boolean => counter.consume(key).isAllowed;
  assert.deepEqual([isLetIn("persistent"), isLetIn("gone"), isLetIn("gone")], [true, true, false]);
  for (let count = 0; count < 100_001; count++) {
    isLetIn(`client ${count}`);
    if (count % 10_000 === 0) assert.equal(isLetIn("persistent"), false);
  }
  assert.equal(isLetIn("gone"), true);
});

test("rateLimit: headers tell what is left, and a key makes the clients", async () => {
  const app = limited({ headers: true, key: ({ HTTP_X_KEY }) => HTTP_X_KEY ?? "" });
  const { headers } = await ask(app, "192.0.2.7", { "X-Key": "a" });
  assert.deepEqual(
    [headers.get("ratelimit-policy"), headers.get("ratelimit")],
    ['"default";q=2;w=3600', '"default";r=1;t=3600'],
  );
  await ask(app, "192.0.2.7", { "X-Key": "a" });
  assert.equal((await ask(app, "192.0.2.7", { "X-Key": "a" })).headers.get("ratelimit")?.slice(0, 13), '"default";r=0');
  assert.equal(await status(app, "192.0.2.7", { "X-Key": "b" }), 200);
});

for (const [what, consume] of Object.entries<RateLimiter["consume"]>({
  "that fails": () => Promise.reject(new Error("store is down")),
  "that hangs": () => new Promise(() => {}),
})) {
  test(`rateLimit: instead of a limiter ${what} the memory counts, and it is reported once`, async () => {
    const app = limited({ limit: 1, limiter: { consume } });
    const first = await ask(app);
    const second = await ask(app);
    assert.deepEqual([first.status, second.status, second.errors], [200, 429, ""]);
    assert.match(first.errors, /store is down|does not answer/);
  });
}

test("rateLimit: wrong options throw when the app is built", () => {
  for (const options of [
    {},
    { limit: 1 },
    { limit: 0, window: 1000 },
    { limit: 1, window: 10 },
    { limit: 1, window: 1000, limiter: {} },
  ]) {
    assert.throws(() => rateLimit(text(""), options as never), { code: "TSGI_BAD_OPTION" });
  }
});
