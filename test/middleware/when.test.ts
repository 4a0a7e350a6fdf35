import assert from "node:assert/strict";
import { test } from "node:test";
import { basicAuth } from "../../middleware/basic-auth.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { when } from "../../middleware/when.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App, Environ } from "../../src/gateway.ts";
import { stack } from "../../src/stack.ts";
import { request } from "../../src/testing.ts";
import { innerApps } from "../../src/wrapping.ts";

const site = text("the site");
const marked = (app: App): App => {
  return (environ, startResponse) =>
    app(environ, (status, headers, error) => startResponse(status, [...headers, ["X-Marked", "yes"]], error));
};
const isAdmin = ({ SCRIPT_NAME, PATH_INFO }: Environ) => /^\/admin(?:\/|$)/.test(SCRIPT_NAME + PATH_INFO);
const guarded = when(site, isAdmin, (inner) => basicAuth(inner, { users: { ann: "secret" } }));

test("when: the middleware is there where the predicate holds, and nowhere else", async () => {
  const app = when(site, ({ PATH_INFO }) => PATH_INFO === "/a", marked);
  assert.equal((await request(app, "/a")).headers.get("X-Marked"), "yes");
  assert.equal((await request(app, "/b")).headers.get("X-Marked"), null);
  assert.equal(await (await request(app, "/b")).text(), "the site");
});

test("when: a guard is not passed by another spelling of its path", async () => {
  for (const path of ["/admin", "/%61dmin", "//admin", "/x/../admin", "/./admin", "/%2e/admin", "/admin/x"]) {
    assert.equal((await request(guarded, path)).status, 401, path);
  }
  assert.equal((await request(guarded, "/administrators")).status, 200);
});

test("when: a predicate sees the whole path below a mount", async () => {
  assert.equal((await request(dispatcher(notFound, { "/admin": guarded }), "/admin/x")).status, 401);
});

test("when: a predicate may take its time", async () => {
  const app = when(site, async ({ PATH_INFO }) => PATH_INFO === "/a", marked);
  assert.equal((await request(app, "/a")).headers.get("X-Marked"), "yes");
  assert.equal((await request(app, "/b")).headers.get("X-Marked"), null);
});

test("when: neither true nor false lets nobody in", async () => {
  for (const answer of [undefined, 1, "yes", null, Promise.resolve(0)]) {
    const app = when(
      () => assert.fail("asked"),
      () => answer as never,
      marked,
    );
    await assert.rejects(async () => request(app, "/"), { code: "TSGI_BAD_OPTION" });
  }
});

test("when: what a predicate throws or rejects with is the error of the app", async () => {
  const fail = () => {
    throw new Error("boom");
  };
  await assert.rejects(request(when(site, fail, marked), "/"), { message: "boom" });
  await assert.rejects(
    request(
      when(site, async () => fail(), marked),
      "/",
    ),
    { message: "boom" },
  );
});

test("when: the middleware is built once, and is part of a stack", async () => {
  let built = 0;
  const app = stack()
    .use(
      when,
      () => true,
      (inner) => {
        built++;
        return marked(inner);
      },
    )
    .run(site);
  await request(app, "/");
  assert.equal((await request(app, "/")).headers.get("X-Marked"), "yes");
  assert.equal(built, 1);
});

test("when: it says what it wraps", () => {
  assert.deepEqual(
    innerApps(guarded).map(({ app }) => app.name),
    ["basicAuth"],
  );
});

test("when: what is not a predicate or a middleware throws when the app is built", () => {
  assert.throws(() => when(site, "/admin" as never, marked), { code: "TSGI_BAD_OPTION" });
  assert.throws(
    () =>
      when(
        site,
        () => true,
        () => undefined as never,
      ),
    { code: "TSGI_NO_APP" },
  );
  assert.throws(() => when(undefined as never, () => true, marked), { code: "TSGI_NO_APP" });
});
