import assert from "node:assert/strict";
import { before, test } from "node:test";
import { cache, redisCacheStore } from "../../../middleware/cache.ts";
import { toFetch } from "../../../src/adapters/to-fetch.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { eventually } from "../../support/raw-client.ts";
import { RedisServer, withRedis } from "../../support/redis.ts";
import { allOwned } from "../../support/unowned.ts";

const server = new RedisServer();
// Its type depends on the modules of its server.
let client: Parameters<typeof redisCacheStore>[0] & {
  keys(pattern: string): Promise<string[]>;
  pTTL(key: string): Promise<number>;
  set(key: string, value: string): Promise<unknown>;
  isReady: boolean;
};

before(async () => {
  if (withRedis.skip !== false) return;
  await server.start();
  client = await server.connect({ disableOfflineQueue: true });
});

function counting(body: (call: number) => string | Uint8Array = String): App & { calls: number } {
  const app: App = (environ, startResponse) => {
    counted.calls++;
    startResponse("200 OK", [
      ["Cache-Control", "max-age=60"],
      ["Vary", "A"],
      ["X-Name", "\u00e4"],
    ]);
    return environ.REQUEST_METHOD === "HEAD" ? undefined : body(counted.calls);
  };
  const counted = Object.assign(app, { calls: 0 });
  return counted;
}

/** Waits until a URL is answered from the store, and gives the response. */
async function hit(app: App, headers = {}): Promise<Response> {
  for (let turn = 0; turn < 1000; turn++) {
    const response = await request(app, "/", { headers });
    if (/; hit;/.test(response.headers.get("Cache-Status") ?? "")) return response;
    await response.text();
  }
  assert.fail("never answered from the store");
}

test("redisCacheStore: processes share responses, byte by byte", withRedis, async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const store = redisCacheStore(client, { prefix: "bytes:" });
  const one = counting(() => bytes);
  const other = counting(() => "");
  await request(cache(one, { store }), "/");
  const response = await hit(cache(other, { store: redisCacheStore(client, { prefix: "bytes:" }) }));
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes);
  assert.equal(response.headers.get("X-Name"), "\u00e4");
  assert.equal(one.calls, 1);
});

test("redisCacheStore: keys tell nothing of requests, and expire", withRedis, async () => {
  const app = cache(counting(), { store: redisCacheStore(client, { prefix: "keys:" }) });
  await hit(app, { A: "secret" });
  const keys = await client.keys("keys:*");
  assert.ok(keys.length >= 2);
  for (const key of keys) {
    assert.match(key, /^keys:[\w-]{43}$/);
    assert.ok((await client.pTTL(key)) > 0);
  }
});

test("redisCacheStore: an unsafe method invalidates for all processes", withRedis, async () => {
  const store = () => redisCacheStore(client, { prefix: "unsafe:" });
  const one = cache(counting(), { store: store() });
  const other = cache(
    counting((call) => `other ${call}`),
    { store: store() },
  );
  await hit(one);
  await hit(other);
  await request(one, "/", { method: "POST" });
  assert.match(await (await request(other, "/")).text(), /^other/);
});

test("redisCacheStore: what is not an entry counts as missing", withRedis, async () => {
  const store = redisCacheStore(client, { prefix: "odd:" });
  await hit(cache(counting(), { store }));
  for (const value of ["", "x", "\0\0\0\x02{}", "\0\0\0\x02[]", "\xff\xff\xff\xffabc"]) {
    for (const key of await client.keys("odd:*")) await client.set(key, value);
    const response = await request(cache(counting(), { store }), "/");
    assert.match(response.headers.get("Cache-Status") ?? "", /fwd=/, JSON.stringify(value));
    await response.text();
  }
});

for (const [what, made] of [
  ["nothing", undefined],
  ["a URL", "redis://localhost"],
] as const) {
  test(`redisCacheStore: refuses ${what} in place of a client`, () => {
    assert.throws(() => redisCacheStore(made as never), { code: "TSGI_BAD_OPTION" });
  });
}

test("redisCacheStore: a server that stops, hangs or goes only means that the app is asked", withRedis, () =>
  allOwned(async () => {
    const app = counting();
    const errors: string[] = [];
    const cached = cache(app, { store: redisCacheStore(client, { prefix: "down:" }), storeTimeout: 50 });
    const handler = toFetch(cached, { errors: { write: (text) => errors.push(text) } });
    const get = async () => (await handler(new Request("http://localhost/"))).text();
    server.freeze();
    assert.equal(await get(), "1");
    assert.equal(await get(), "2");
    await server.kill();
    await eventually(() => !client.isReady);
    assert.equal(await get(), "3");
    assert.equal(errors.length, 1, errors.join(""));
    assert.match(errors[0] ?? "", /took more than 50 ms/);
  }),
);
