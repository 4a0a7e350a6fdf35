import assert from "node:assert/strict";
import { test } from "node:test";
import { text } from "../src/apps.ts";
import type { App, Middleware } from "../src/gateway.ts";
import { stack } from "../src/stack.ts";
import { request } from "../src/testing.ts";

function tagged(app: App, { tag }: { tag: string }): App {
  return (environ, startResponse) =>
    app(environ, (status, headers, error) => startResponse(status, [...headers, ["X-Tag", tag]], error));
}
const plain: Middleware = (app) => app;
function optional(app: App, { tag = "default" }: { tag?: string } = {}): App {
  return tagged(app, { tag });
}

test("stack: reads from the outside in", async () => {
  const app = stack().use(tagged, { tag: "outer" }).use(plain).use(tagged, { tag: "inner" }).run(text("x"));
  assert.equal((await request(app, "/")).headers.get("X-Tag"), "inner, outer");
});

test("stack: use gives a new stack", async () => {
  const base = stack().use(tagged, { tag: "a" });
  const longer = base.use(optional);
  assert.equal((await request(base.run(text("x")), "/")).headers.get("X-Tag"), "a");
  assert.equal((await request(longer.run(text("x")), "/")).headers.get("X-Tag"), "default, a");
});

test("stack: options are demanded exactly where the middleware does", () => {
  const types = () => {
    stack().use(plain);
    stack().use(optional);
    stack().use(optional, { tag: "x" });
    // @ts-expect-error: tagged needs its options
    stack().use(tagged);
    // @ts-expect-error: a tag is a string
    stack().use(tagged, { tag: 1 });
    // @ts-expect-error: plain takes none
    stack().use(plain, { tag: "x" });
  };
  assert.equal(typeof types, "function");
});

test("stack: what is not a middleware and what is not an app throw at once", () => {
  assert.throws(() => stack().use("x" as never), { code: "TSGI_NO_MIDDLEWARE" });
  assert.throws(() => stack().run({} as App), { code: "TSGI_NO_APP" });
});
