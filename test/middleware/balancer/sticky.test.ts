/** Requests of one client that go to one target. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Balancer, type BalancerOptions, balancer, type StickyOptions } from "../../../middleware/balancer.ts";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { notFound } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { ask, balanced, held, named } from "../../support/balanced.ts";
import { eventually } from "../../support/raw-client.ts";
import { type Answer, sendTo } from "../../support/raw-target.ts";

const SECRET = "a secret of thirty-two characters";

function sticky(t: TestContext, answers: readonly Answer[], options: BalancerOptions = {}, how = {}) {
  return balanced(t, answers, { balance: "roundRobin", sticky: { secret: SECRET, ...how }, ...options });
}

interface Given {
  readonly body: string;
  /** The whole `Set-Cookie`, if there is one. */
  readonly line: string | undefined;
  /** The cookie to send from now on. */
  readonly cookie: string;
}

async function get(app: App, cookie = "", url = "/"): Promise<Given> {
  const response = await request(app, url, { headers: cookie === "" ? {} : { Cookie: cookie } });
  const [line] = response.headers.getSetCookie();
  return { body: await response.text(), line, cookie: line?.split(";")[0] ?? cookie };
}

async function bodies(app: Balancer, cookie: string, count = 4): Promise<string> {
  let all = "";
  for (let index = 0; index < count; index++) all += (await get(app, cookie)).body;
  return all;
}

test("balancer: a client comes back to the target that it got first", async (t) => {
  const { app } = await sticky(t, [named("a"), named("b"), named("c")]);
  for (const expected of ["a", "b", "c"]) {
    const { body, cookie } = await get(app);
    assert.equal(body, expected);
    assert.equal(await bodies(app, `other=1; ${cookie}`), expected.repeat(4));
  }
});

test("balancer: the cookie is set once, signed, not for scripts, and does not tell the address", async (t) => {
  const { app, targets } = await sticky(t, [named("a")]);
  const { line = "", cookie } = await get(app);
  assert.match(line, /^target=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
  assert.ok(!Buffer.from(cookie, "base64url").toString("latin1").includes(String(targets[0]?.port)));
  assert.equal((await get(app, cookie)).line, undefined);
});

test("balancer: over TLS the cookie is for TLS alone; below a mount it is for the mount", async (t) => {
  const { app } = await sticky(t, [named("a")]);
  const mounted = dispatcher(notFound, { "/shop": app, "/of/:name": app });
  assert.match(
    (await get(mounted, "", "https://a/shop/cart")).line ?? "",
    /; Path=\/shop; HttpOnly; Secure; SameSite=Lax$/,
  );
  // What a client chooses cannot add attributes.
  assert.match((await get(mounted, "", "/of/x;Domain=a")).line ?? "", /; Path=\/; HttpOnly; SameSite=Lax$/);
});

test("balancer: the attributes of the cookie can be chosen", async (t) => {
  const how: Partial<StickyOptions> = { name: "__Host-at", maxAge: 60, sameSite: "none" };
  const { app } = await sticky(t, [named("a")], {}, how);
  assert.match((await get(app)).line ?? "", /^__Host-at=[\w-]+; Max-Age=60; Path=\/; HttpOnly; Secure; SameSite=None$/);
});

test("balancer: a cookie that is forged, cut or of another secret counts as none", async (t) => {
  const { app, targets } = await sticky(t, [named("a"), named("b")]);
  const { cookie } = await get(app);
  const other = balancer([targets[0]?.url as string], { sticky: { secret: SECRET.toUpperCase() } });
  t.after(() => other.close());
  const foreign = (await get(other)).cookie;
  for (const forged of [cookie.slice(0, -1), `${cookie}x`, "target=", `target=${targets[0]?.url}`, foreign]) {
    assert.notEqual((await get(app, forged)).line, undefined, forged);
  }
});

test("balancer: a secret may be renewed: the old one is accepted, the new one signs", async (t) => {
  const { app, targets } = await sticky(t, [named("a"), named("b")]);
  await get(app);
  const { cookie, body } = await get(app);
  assert.equal(body, "b");
  const secret = ["another secret of 32 characters..", SECRET];
  const renewed = balancer(
    targets.map(({ url }) => url),
    { balance: "roundRobin", sticky: { secret } },
  );
  t.after(() => renewed.close());
  const fresh = await get(renewed, cookie);
  assert.equal(fresh.body, "b");
  assert.notEqual(fresh.line, undefined);
  assert.equal((await get(renewed, fresh.cookie)).line, undefined);
});

test("balancer: where the target is gone, another one takes the client over", async (t) => {
  const { app, targets } = await sticky(t, [named("a"), named("b")]);
  const { cookie } = await get(app);
  app.update([targets[1]?.url as string]);
  const moved = await get(app, cookie);
  assert.equal(moved.body, "b");
  assert.notEqual(moved.cookie, cookie);
  assert.equal((await get(app, moved.cookie)).line, undefined);
});

test("balancer: where the target is ejected, another one takes the client over", async (t) => {
  let isDown = false;
  const failing: Answer = (socket) => {
    if (isDown) socket.resetAndDestroy();
    else sendTo(socket, named("a"));
  };
  const { app } = await sticky(t, [failing, named("b")], { ejection: { failures: 2 } });
  const { cookie } = await get(app);
  isDown = true;
  // It fails once, and another one helps out; the client stays with it as long as it is in.
  const first = await get(app, cookie);
  assert.deepEqual([first.body, first.line], ["b", undefined]);
  const second = await get(app, cookie);
  assert.equal(second.body, "b");
  assert.notEqual(second.line, undefined);
});

test("balancer: a target without room lends its client to another one", async (t) => {
  const waiting = held();
  const { app, targets } = await sticky(t, [waiting.answer, named("b")], { connections: 1 });
  const first = get(app);
  await eventually(() => waiting.sockets.length === 1);
  waiting.release();
  const { cookie } = await first;
  const busy = get(app, cookie);
  await eventually(() => waiting.sockets.length === 1);
  const lent = await get(app, cookie);
  assert.deepEqual([lent.body, lent.line], ["b", undefined]);
  waiting.release();
  assert.equal((await busy).body, "hi");
  assert.equal(targets[0]?.heads.length, 2);
});

test("balancer: a target of the weight 0 keeps its clients, and gets no others", async (t) => {
  const { app, targets } = await sticky(t, [named("a"), named("b")]);
  const { cookie } = await get(app);
  const [a, b] = targets.map(({ url }) => url) as [string, string];
  app.update([{ url: a, weight: 0 }, b]);
  assert.equal(await bodies(app, cookie), "aaaa");
  assert.deepEqual(await ask(app, 4), ["b", "b", "b", "b"]);
});

test("balancer: answers of its own hold nobody", async (t) => {
  const app = balancer(["http://127.0.0.1:1"], { sticky: { secret: SECRET } });
  t.after(() => app.close());
  assert.equal((await get(app)).line, undefined);
});

test("balancer: bad options of the cookie throw when it is built", () => {
  const bad: unknown[] = [
    {},
    { secret: "short" },
    { secret: [] },
    { secret: SECRET, name: "a b" },
    { secret: SECRET, sameSite: "none", secure: false },
    { secret: SECRET, name: "__Host-a", path: "/x" },
    { secret: SECRET, nam: "a" },
  ];
  for (const options of bad) {
    assert.throws(() => balancer(["http://127.0.0.1:1"], { sticky: options as StickyOptions }), {
      code: "TSGI_BAD_OPTION",
    });
  }
});
