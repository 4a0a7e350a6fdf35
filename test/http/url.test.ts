import assert from "node:assert/strict";
import { test } from "node:test";
import type { Environ } from "../../src/gateway.ts";
import { innerUrlOf, isHostField, pathTo, urlOf, urlPath } from "../../src/http/url.ts";

function environ(changes: Partial<Environ> = {}): Environ {
  return {
    SCRIPT_NAME: "/shop",
    PATH_INFO: "/cart",
    QUERY_STRING: "",
    SERVER_NAME: "server",
    SERVER_PORT: "80",
    "tsgi.url_scheme": "http",
    ...changes,
  } as Environ;
}

for (const [what, changes, url] of [
  ["the Host header", { HTTP_HOST: "example.com:8000" }, "http://example.com:8000/shop/cart"],
  ["the server where there is no Host", {}, "http://server/shop/cart"],
  ["a port that is not the default of http", { SERVER_PORT: "8080" }, "http://server:8080/shop/cart"],
  [
    "no port that is the default of https",
    { "tsgi.url_scheme": "https", SERVER_PORT: "443" },
    "https://server/shop/cart",
  ],
  ["the port of http under https", { "tsgi.url_scheme": "https" }, "https://server:80/shop/cart"],
  ["brackets around an IPv6 address", { SERVER_NAME: "::1", SERVER_PORT: "1" }, "http://[::1]:1/shop/cart"],
  ["the server where Host makes no URL", { HTTP_HOST: "a:99999" }, "http://server/shop/cart"],
  ["the server where Host is not a name", { HTTP_HOST: "user@a" }, "http://server/shop/cart"],
  ["the server where Host has escapes", { HTTP_HOST: "a%2eb" }, "http://server/shop/cart"],
  ["the query", { HTTP_HOST: "a", QUERY_STRING: "b=%zz" }, "http://a/shop/cart?b=%zz"],
  ["a slash for an empty path", { HTTP_HOST: "a", SCRIPT_NAME: "", PATH_INFO: "" }, "http://a/"],
  ["a slash for OPTIONS *", { HTTP_HOST: "a", SCRIPT_NAME: "", PATH_INFO: "*" }, "http://a/"],
] as [string, Partial<Environ>, string][]) {
  test(`urlOf: has ${what}`, () => assert.equal(urlOf(environ(changes)), url));
}

test("urlOf: what one request has is not what the next one gets", () => {
  const hosts = ["a", "b:1", "a", "bad@host", "a"].map((HTTP_HOST) => urlOf(environ({ HTTP_HOST })));
  assert.deepEqual(
    hosts,
    ["a", "b:1", "a", "server", "a"].map((host) => `http://${host}/shop/cart`),
  );
  assert.equal(urlOf(environ({ HTTP_HOST: "a", "tsgi.url_scheme": "https" })), "https://a/shop/cart");
});

test("innerUrlOf: knows nothing of the mount", () => {
  assert.equal(innerUrlOf(environ({ HTTP_HOST: "a", QUERY_STRING: "b" })), "http://a/cart?b");
});

test("pathTo: a path below the mount, with or without its slash", () => {
  assert.equal(pathTo(environ(), "/users"), "/shop/users");
  assert.equal(pathTo(environ(), "users"), "/shop/users");
  assert.equal(pathTo(environ({ SCRIPT_NAME: "" }), "/"), "/");
});

test("urlPath: a URL has no empty path and no asterisk", () => {
  assert.deepEqual(["", "*", "/a"].map(urlPath), ["/", "/", "/a"]);
});

for (const [value, is] of [
  ["", true],
  ["a.example:80", true],
  ["a:", true],
  ["[::1]:1", true],
  ["[v1.x]", true],
  ["a%2Eb", true],
  ["a b", false],
  ["a/b", false],
  ["a:b", false],
  ["u@a", false],
  ["a, b", false],
  ["[::1", false],
] as const) {
  test(`isHostField: ${JSON.stringify(value)} is ${is ? "" : "not "}a Host`, () =>
    assert.equal(isHostField(value), is));
}
