import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { router } from "../../middleware/router.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { bodyOf, probe, probed, transcript } from "../support/transcript.ts";

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
  ["GET", "/users/me/", "me"],
  ["POST", "/any/", "any"],
  ["BREW", "/any", "any"],
  ["GET", "/files/a/b/", "file", { path: ["a", "b"] }],
  ["GET", "/files/a%2Fb/%C3%A9", "file", { path: ["a/b", "\u00e9"] }],
  ["GET", "/old/", "old"],
  ["GET", "/users/7%20", "show", { id: "7 " }],
  ["GET", "/users/7;x=1", "show", { id: "7;x=1" }],
  ["PUT", "/users/me", "change", { id: "me" }],
  ["GET", "/anything", "fallback"],
  ["GET", "/files", "fallback"],
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
  assert.equal(
    await transcript(site, "/users/7", { method: "HEAD" }),
    `200 OK\ncontent-length: ${probed("show", "", "/users/7", { id: "7" }).length}\n\n`,
  );
});

test("router: HEAD goes to its own route, to GET's, or to the one for every method, in this order", async () => {
  const named: (name: string) => App = (name) => (_environ, startResponse) => {
    startResponse("204 No Content", [["X-Route", name]]);
  };
  const routeOf = async (routes: string[]) => {
    const app = router(notFound, Object.fromEntries(routes.map((key) => [key, named(key)])));
    return (await request(app, "/", { method: "HEAD" })).headers.get("X-Route");
  };
  assert.equal(await routeOf(["/", "GET /", "HEAD /"]), "HEAD /");
  assert.equal(await routeOf(["/", "GET /", "POST /"]), "GET /");
  assert.equal(await routeOf(["/", "POST /"]), "/");
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

test("router: Allow names the methods of all routes of the path, HEAD only with GET", async () => {
  const app = router(notFound, { "PUT /a/:b": notFound, "GET,DELETE /:a/b": notFound, "POST /a/b": notFound });
  const allow = async (url: string) => (await request(app, url, { method: "PATCH" })).headers.get("Allow");
  assert.equal(await allow("/a/b"), "DELETE, GET, HEAD, OPTIONS, POST, PUT");
  assert.equal(await allow("/a/c"), "OPTIONS, PUT");
});

test("router: a route of its own takes OPTIONS, and one for every method does", async () => {
  const app = router(notFound, { "GET /a": probe("get"), "OPTIONS /a": probe("options"), "/b": probe("any") });
  assert.equal(await bodyOf(app, "/a", { method: "OPTIONS" }), probed("options", "", "/a"));
  assert.equal(await bodyOf(app, "/b", { method: "OPTIONS" }), probed("any", "", "/b"));
});

test("router: OPTIONS * is about no path, and goes to the fallback", async () => {
  const app = router(probe("fallback"), { "/": probe("root"), "/*all": probe("all"), "{/:a}": probe("one") });
  assert.equal(await bodyOf(app, "*", { method: "OPTIONS" }), probed("fallback", "", "*"));
});

test("router: OPTIONS for a path that no route has goes to the fallback", async () => {
  assert.equal(await bodyOf(site, "/nowhere", { method: "OPTIONS" }), probed("fallback", "", "/nowhere"));
});

test("router: a parameter that is no UTF-8 is a 400", async () => {
  for (const url of ["/users/%ff", "/users/%c3/", "/files/a/%80"]) {
    assert.equal(
      await transcript(site, url),
      "400 Bad Request\ncontent-length: 12\ncontent-type: text/plain; charset=utf-8\n\nBad Request\n",
    );
  }
});

test("router: a literal path comes before a pattern, and patterns come in their order", async () => {
  const app = router(notFound, {
    "/*all": probe("all"),
    "/a/:b": probe("second"),
    "/:a/b": probe("third"),
    "/a/b": probe("literal"),
  });
  assert.equal(await bodyOf(app, "/a/b"), probed("literal", "", "/a/b"));
  assert.equal(await bodyOf(app, "/a/c"), probed("all", "", "/a/c", { all: ["a", "c"] }));
  const other = router(notFound, { "/a/:b": probe("first"), "/:a/b": probe("second"), "/*all": probe("third") });
  assert.equal(await bodyOf(other, "/a/b"), probed("first", "", "/a/b", { b: "b" }));
  assert.equal(await bodyOf(other, "/x/b"), probed("second", "", "/x/b", { a: "x" }));
});

test("router: of kept runs of slashes, only one at the end makes no difference, and none is read as another route", async () => {
  const app = router(probe("fallback"), { "/": probe("root"), "/a": probe("a"), "/p/:x": probe("p") });
  for (const [path, name, params] of [
    ["/a/", "a"],
    ["/b//", "fallback"],
    ["/p/1/", "p", { x: "1" }],
    ["/p//1//2", "fallback"],
  ] as [string, string, object?][]) {
    assert.equal(await bodyOf(app, "/", { environ: { PATH_INFO: path } }), probed(name, "", path, params), path);
  }
  for (const path of ["/a//", "/p/1//", "/p//1"]) {
    assert.equal(await bodyOf(app, "/", { environ: { PATH_INFO: path } }), "Bad Request\n", path);
  }
});

test("router: a path that another route could be meant by is a 400, also if that has other methods only", async () => {
  const app = router(probe("fallback"), {
    "GET /users/:id": probe("user"),
    "GET /users/:id/posts": probe("posts"),
    "PUT /admin/:page": probe("admin"),
    "GET /:page": probe("page"),
  });
  assert.equal(await bodyOf(app, "/users/a%2fb"), probed("user", "", "/users/a%2Fb", { id: "a/b" }));
  for (const url of ["/users/7%2fposts", "/users/7;x%2fposts", "/users%2f7", "/admin%2fx", "/users/7%2f..%2fx"]) {
    assert.equal(await bodyOf(app, url), "Bad Request\n", url);
  }
});

test("router: case can be ignored, and parameters keep theirs", async () => {
  const app = router(probe("fallback"), { "GET /Users/:id": probe("user") }, { caseSensitive: false });
  assert.equal(await bodyOf(app, "/uSERS/Ab"), probed("user", "", "/uSERS/Ab", { id: "Ab" }));
});

test("router: an option that it does not have throws when the app is built", () => {
  assert.throws(() => router(notFound, {}, { sensitive: true } as object), { code: "TSGI_BAD_OPTION" });
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
  ["the same path in two spellings", { "GET /%61//b": notFound, "GET /a/./b/": notFound }],
  ["the same pattern in two spellings", { "GET /:a/b": notFound, "GET /:a/%62/": notFound }],
  ["the root twice", { "/": notFound, "//": notFound }],
  ["a query", { "GET /a?b": notFound }],
  ["a fragment", { "GET /a#b": notFound }],
  ["a malformed escape", { "GET /%zz": notFound }],
  ["two spaces", { "GET  /a": notFound }],
  ["a space in the path", { "GET /a b": notFound }],
  ["an empty method", { "GET, /a": notFound }],
  ["an empty key", { "": notFound }],
] as [string, Record<string, App>][]) {
  test(`router: ${what} throws when the app is built`, () => {
    assert.throws(() => router(notFound, routes), { code: "TSGI_BAD_ROUTE" });
  });
}

test("router: a value that is not an app throws when the app is built", () => {
  assert.throws(() => router(notFound, { "GET /": "text" as unknown as App }), { code: "TSGI_NO_APP" });
});
