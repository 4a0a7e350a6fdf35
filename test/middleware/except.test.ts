import assert from "node:assert/strict";
import { test } from "node:test";
import { basicAuth } from "../../middleware/basic-auth.ts";
import { except } from "../../middleware/except.ts";
import { text } from "../../src/apps.ts";
import { request } from "../../src/testing.ts";

const site = text("the site");
const guard = (inner: typeof site) => basicAuth(inner, { users: { ann: "secret" } });
const app = except(site, ({ PATH_INFO }) => PATH_INFO === "/health", guard);

test("except: the middleware is everywhere except where the predicate holds", async () => {
  assert.equal((await request(app, "/health")).status, 200);
  assert.equal((await request(app, "/")).status, 401);
});

test("except: no other path is taken for the one that is left out", async () => {
  for (const path of [
    "/health/",
    "/health/x",
    "/healthy",
    "/health%2Fx",
    "/x/health",
    "/health;a",
    "/HEALTH",
    "/?/health",
  ]) {
    assert.equal((await request(app, path)).status, 401, path);
  }
});

test("except: neither true nor false lets nobody in", async () => {
  for (const answer of [undefined, 1, "yes", null]) {
    const failing = except(
      () => assert.fail("asked"),
      () => answer as never,
      guard,
    );
    await assert.rejects(request(failing, "/"), { code: "TSGI_BAD_OPTION" });
  }
  await assert.rejects(
    request(
      except(
        () => assert.fail("asked"),
        async () => {
          throw new Error("boom");
        },
        guard,
      ),
      "/",
    ),
    { message: "boom" },
  );
});

test("except: a predicate may take its time", async () => {
  const late = except(site, async ({ PATH_INFO }) => PATH_INFO === "/health", guard);
  assert.deepEqual([(await request(late, "/health")).status, (await request(late, "/")).status], [200, 401]);
});

test("except: what is not a predicate or a middleware throws when the app is built", () => {
  assert.throws(() => except(site, true as never, guard), { code: "TSGI_BAD_OPTION" });
  assert.throws(
    () =>
      except(
        site,
        () => true,
        () => 5 as never,
      ),
    { code: "TSGI_NO_APP" },
  );
});
