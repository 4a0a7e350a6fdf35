import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { router } from "../../middleware/router.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { bodyOf, probe, probed, transcript } from "../transcript.ts";

const site = router(probe("fallback"), {
  "GET /": probe("home"),
  "GET /users/:id": probe("show"),
  "PUT,PATCH /users/:id": probe("change"),
  "GET /users/me": probe("me"),
  "/any": probe("any"),
  "GET /:section/:page": probe("page"),
  "GET /files/*path": probe("file"),
  "GET /old{/:year}": probe("old"),
});

for (const [method, url, name, params] of [
  ["GET", "/", "home"],
  ["GET", "/users/7", "show", { id: "7" }],
  ["GET", "/users/7/", "show", { id: "7" }],
  ["GET", "/users/a%2Fb", "show", { id: "a/b" }],
  ["PATCH", "/users/7", "change", { id: "7" }],
  ["GET", "/users/me", "me"],
  ["DELETE", "/any", "any"],
  ["GET", "/blog/first", "page", { section: "blog", page: "first" }],
  ["GET", "/files/a/b", "file", { path: ["a", "b"] }],
  ["GET", "/old", "old"],
  ["GET", "/old/1999", "page", { section: "old", page: "1999" }],
  ["GET", "/nowhere", "fallback"],
  ["GET", "/Users/7/x", "fallback"],
] as [string, string, string, object?][]) {
  test(`router: ${method} ${url} goes to ${name}`, async () => {
    assert.equal(await bodyOf(site, url, { method }), probed(name, "", url, params));
  });
}

test("router: HEAD goes where GET goes", async () => {
  const response = await request(site, "/users/7", { method: "HEAD" });
  assert.equal(response.status, 200);
});

test("router: a method that is not there is a 405 with those that are", async () => {
  assert.equal(
    await transcript(site, "/users/7", { method: "DELETE" }),
    "405 Method Not Allowed\nallow: GET, HEAD, OPTIONS, PATCH, PUT\ncontent-length: 19\ncontent-type: text/plain; charset=utf-8\n\nMethod Not Allowed\n",
  );
});

test("router: OPTIONS tells the methods", async () => {
  assert.equal(
    await transcript(site, "/users/7", { method: "OPTIONS" }),
    "204 No Content\nallow: GET, HEAD, OPTIONS, PATCH, PUT\n\n",
  );
});

test("router: a parameter that is no UTF-8 is a 400", async () => {
  assert.equal((await request(site, "/users/%ff")).status, 400);
});

test("router: below a mount it routes the rest, with the parameters of the mount", async () => {
  const app = dispatcher(notFound, {
    "/:tenant": router(notFound, { "GET /": probe("root"), "GET /x/:y": probe("inner") }),
  });
  assert.equal(await bodyOf(app, "/acme/x/1"), probed("inner", "/acme", "/x/1", { tenant: "acme", y: "1" }));
  assert.equal(await bodyOf(app, "/acme"), probed("root", "/acme", "", { tenant: "acme" }));
});

for (const [what, routes] of [
  ["no path", { GET: notFound }],
  ["a method in small letters", { "get /": notFound }],
  ["a relative path", { "GET users": notFound }],
  ["the same route twice", { "GET /a": notFound, "GET,POST /a/": notFound }],
  ["a malformed pattern", { "GET /:": notFound }],
] as [string, Record<string, App>][]) {
  test(`router: ${what} throws when the app is built`, () => {
    assert.throws(() => router(notFound, routes), { code: "TSGI_BAD_ROUTE" });
  });
}

test("router: a value that is no app throws when the app is built", () => {
  assert.throws(() => router(notFound, { "GET /": "text" as unknown as App }), { code: "TSGI_NO_APP" });
});
