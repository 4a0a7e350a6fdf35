import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { hosts } from "../../middleware/hosts.ts";
import type { RouteApp, RouteParams } from "../../middleware/index.ts";
import { router } from "../../middleware/router.ts";
import { notFound } from "../../src/apps.ts";
import type { App, Params } from "../../src/gateway.ts";
import { stack } from "../../src/stack.ts";
import { bodyOf } from "../support/transcript.ts";

/** Compiles only if the value has the type of the parameters of a key. */
function params<Key extends string>(_key: Key, value: RouteParams<Key>): void {
  assert.equal(typeof value, "object");
}

test("RouteParams: names, wildcards and groups", () => {
  params("/", {});
  params("GET /users/:id", { id: "7" });
  params("GET,POST /:a/x/:b.:c", { a: "", b: "", c: "" });
  params("/files/*path", { path: ["a"] });
  params("/:a/*b/:c", { a: "", b: [], c: "" });
  params("/docs{/:page}", {});
  params("/docs{/:page}/:x", { x: "" });
  params("/a{/:b{/:c}}", {});
  params("/at\\:colon/:x", { x: "" });
  params(":tenant.example.com", { tenant: "a" });
  // @ts-expect-error: a name is missing
  params("/:a/:b", { a: "" });
  // @ts-expect-error: a wildcard is a list
  params("/*a", { a: "" });
  // @ts-expect-error: one segment is a string
  params("/:a", { a: [""] });
});

test("RouteParams: of a key that is not known, and of names it cannot read, nothing more than Params is known", () => {
  const general: Params = { a: "b" };
  params("/x" as string, general);
  params("/:caf\u00e9", general);
  params('/:"a b"', general);
});

test("router: an app in place knows its parameters", async () => {
  const show: RouteApp<"/posts/:slug"> = (environ, startResponse) => {
    startResponse("200 OK", []);
    return environ["tsgi.params"].slug.toUpperCase();
  };
  const plain: App = notFound;
  const app = router(plain, {
    "GET /users/:id": (environ, startResponse) => {
      startResponse("200 OK", []);
      return environ["tsgi.params"].id.toUpperCase();
    },
    "GET /files/*path": function* (environ, startResponse) {
      startResponse("200 OK", []);
      yield environ["tsgi.params"].path.join("|");
    },
    "GET /old{/:year}": (environ, startResponse) => {
      startResponse("200 OK", []);
      // @ts-expect-error: it may be missing
      const year: string = environ["tsgi.params"].year;
      return year ?? "none";
    },
    "/posts/:slug": show,
    "/plain": plain,
  });
  assert.equal(await bodyOf(app, "/users/ab"), "AB");
  assert.equal(await bodyOf(app, "/files/a/b"), "a|b");
  assert.equal(await bodyOf(app, "/old"), "none");
  assert.equal(await bodyOf(app, "/posts/ab"), "AB");
});

test("dispatcher and hosts: an app in place knows its parameters", async () => {
  const app = hosts(notFound, {
    ":tenant.example": dispatcher(notFound, {
      "/:lang/docs": (environ, startResponse) => {
        startResponse("200 OK", []);
        return `${environ["tsgi.params"].lang.toUpperCase()} ${environ["tsgi.params"].tenant}`;
      },
    }),
  });
  assert.equal(await bodyOf(app, "/de/docs", { headers: { Host: "acme.example" } }), "DE acme");
});

test("router: an app that wants parameters which its route does not have does not compile", () => {
  const show: RouteApp<"/users/:id"> = () => "";
  // @ts-expect-error: the route has another name
  router(notFound, { "/users/:name": show });
  // @ts-expect-error: it is a list here
  router(notFound, { "/users/*id": show });
  router(notFound, { "GET /users/:id": show, "/users/:id{/:more}": show, "/other/:id": show });
});

test("router: tables that are made by code, and stacks, take it as before", () => {
  const table: Record<string, App> = Object.fromEntries([["/a", notFound]]);
  router(notFound, table);
  dispatcher(notFound, table, { caseSensitive: false });
  assert.equal(
    typeof stack().use(router, table).use(dispatcher, { "/a": notFound }).use(hosts, {}).run(notFound),
    "function",
  );
});
