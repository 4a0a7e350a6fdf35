import assert from "node:assert/strict";
import { before, test } from "node:test";
import { redisSessionStore, session, sessionOf } from "../../../middleware/session.ts";
import { text } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { query } from "../../../src/http/query.ts";
import { eventually } from "../../support/raw-client.ts";
import { RedisServer, withRedis } from "../../support/redis.ts";
import { allOwned } from "../../support/unowned.ts";
import { Visitor } from "../../support/visitor.ts";

const site: App = async (environ, startResponse) => {
  const found = await sessionOf(environ);
  for (const [name, value] of query(environ)) found.set(name, value);
  if (environ.PATH_INFO === "/logout") found.clear();
  if (environ.PATH_INFO === "/rotate") found.rotate();
  return text(String(found.get("user")))(environ, startResponse);
};

const server = new RedisServer();
before(async () => {
  if (withRedis.skip === false) await server.start();
});

// A client's type depends on the modules of its server.
type Client = Parameters<typeof redisSessionStore>[0] & {
  keys(pattern: string): Promise<string[]>;
  pTTL(key: string): Promise<number>;
  set(key: string, value: string): Promise<unknown>;
  isReady: boolean;
};
const make = async (prefix: string, storeTimeout = 5000): Promise<{ app: App; client: Client }> => {
  const client: Client = await server.connect();
  return { app: session(site, { store: redisSessionStore(client, { prefix }), storeTimeout }), client };
};

test("redisSessionStore: a session outlives the process and is known to others", withRedis, async () => {
  const visitor = new Visitor((await make("process:")).app);
  await visitor.ask("/?user=ann");
  const other = new Visitor((await make("process:")).app);
  for (const [name, value] of visitor.cookies) other.cookies.set(name, value);
  assert.equal(await other.read("/"), "ann");
});

test("redisSessionStore: keys tell nothing of ids, and expire with their sessions", withRedis, async () => {
  const { app, client } = await make("keys:");
  const visitor = new Visitor(app);
  await visitor.ask("/?user=ann");
  const keys = await client.keys("keys:*");
  assert.equal(keys.length, 1);
  assert.match(keys[0] ?? "", /^keys:[\w-]{43}$/);
  assert.ok(![...visitor.cookies.values()].some((id) => keys[0]?.includes(id)));
  assert.ok((await client.pTTL(keys[0] as string)) > 80_000_000);
  await visitor.ask("/?user=bob");
  assert.ok((await client.pTTL(keys[0] as string)) > 80_000_000);
  await visitor.ask("/logout");
  assert.deepEqual(await client.keys("keys:*"), []);
});

test("redisSessionStore: of many changes at the same time none is lost", withRedis, async () => {
  const apps = [(await make("many:")).app, (await make("many:")).app];
  const visitor = new Visitor(apps[0] as App);
  await visitor.ask("/?user=ann");
  const names = Array.from({ length: 40 }, (_, index) => `n${index}`);
  await Promise.all(
    names.map(async (name, index) => {
      const each = new Visitor(apps[index % 2] as App);
      for (const [cookie, value] of visitor.cookies) each.cookies.set(cookie, value);
      assert.equal((await each.ask(`/?${name}=1`)).status, 200);
    }),
  );
  const app = session(
    async (environ, startResponse) => {
      const found = await sessionOf(environ);
      return text(names.map((name) => found.get(name)).join(""))(environ, startResponse);
    },
    { store: redisSessionStore(await server.connect(), { prefix: "many:" }) },
  );
  const reader = new Visitor(app);
  for (const [cookie, value] of visitor.cookies) reader.cookies.set(cookie, value);
  assert.equal(await reader.read("/"), "1".repeat(names.length));
});

test("redisSessionStore: an id that was rotated or ended is worth nothing in any process", withRedis, async () => {
  const { app } = await make("ended:");
  for (const end of ["/rotate", "/logout"]) {
    const visitor = new Visitor(app);
    await visitor.ask("/?user=ann");
    const thief = new Visitor((await make("ended:")).app);
    for (const [name, value] of visitor.cookies) thief.cookies.set(name, value);
    await visitor.ask(end);
    assert.equal(await thief.read("/"), "undefined");
  }
});

test("redisSessionStore: what is not a session counts as none", withRedis, async () => {
  const { app, client } = await make("odd:");
  const visitor = new Visitor(app);
  await visitor.ask("/?user=ann");
  for (const value of ["", "x", "1,2,3", "\xff"]) {
    for (const key of await client.keys("odd:*")) await client.set(key, value);
    assert.equal(await visitor.copy().read("/"), "undefined", value);
  }
});

for (const [what, made] of [
  ["nothing", undefined],
  ["a URL", "redis://localhost"],
] as const) {
  test(`redisSessionStore: refuses ${what} in place of a client`, () => {
    assert.throws(() => redisSessionStore(made as never), { code: "TSGI_BAD_OPTION" });
  });
}

test(
  "redisSessionStore: a server that hangs or is gone is a 503, and sessions are there again after it",
  withRedis,
  () =>
    allOwned(async () => {
      const { app, client } = await make("down:", 100);
      const visitor = new Visitor(app);
      await visitor.ask("/?user=ann");
      server.freeze();
      assert.equal((await visitor.ask("/")).status, 503);
      assert.equal((await new Visitor(app).ask("/?user=bob")).status, 503);
      assert.equal((await new Visitor(app).ask("/")).status, 200);
      server.thaw();
      await server.kill();
      await eventually(() => !client.isReady);
      assert.equal((await visitor.ask("/")).status, 503);
      await server.start();
      await eventually(() => client.isReady);
      assert.equal(await visitor.read("/"), "ann");
    }),
);
