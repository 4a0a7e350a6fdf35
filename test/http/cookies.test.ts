import assert from "node:assert/strict";
import { test } from "node:test";
import type { Environ } from "../../src/gateway.ts";
import { cookies, setCookie } from "../../src/http/cookies.ts";

const withCookie = (header: string | undefined): Environ => ({ HTTP_COOKIE: header, "tsgi.state": {} }) as never;
const read = (header: string | undefined) => ({ ...cookies(withCookie(header)) });
const line = (...args: Parameters<typeof setCookie> extends [unknown, ...infer Rest] ? Rest : never) =>
  setCookie([], ...args)[0]?.[1];

test("cookies: names and values of a request, the first of each name", () => {
  assert.deepEqual(read('a=1; b=%C3%A4; c=%; a=2; d="x"; __proto__=y; e'), {
    ["__proto__"]: "y",
    a: "1",
    b: "ä",
    c: "%",
    d: '"x"',
  });
  assert.deepEqual(read(undefined), {});
  assert.equal(cookies(withCookie("a=1")).toString, undefined);
});

test("cookies: a request is parsed once, and anew where a layer has given it another header", () => {
  const environ = withCookie("a=1");
  assert.equal(cookies({ ...environ }), cookies(environ));
  assert.deepEqual({ ...cookies({ ...environ, HTTP_COOKIE: "a=2" }) }, { a: "2" });
  assert.throws(() => Object.assign(cookies(environ), { b: "3" }));
});

test("setCookie: a cookie is for this site alone, and not for scripts", () => {
  assert.equal(line("a", "b c;ä"), "a=b%20c%3B%C3%A4; Path=/; HttpOnly; SameSite=Lax");
  assert.deepEqual(setCookie([["X", "y"]], "a", "b").slice(0, 1), [["X", "y"]]);
});

test("setCookie: options say otherwise, and prefixes bring what they promise", () => {
  const options = {
    maxAge: 5,
    domain: "a.example",
    path: "/b",
    httpOnly: false,
    sameSite: "none",
    secure: true,
  } as const;
  assert.equal(line("a", "b", options), "a=b; Max-Age=5; Domain=a.example; Path=/b; Secure; SameSite=None");
  assert.equal(line("__Host-a", "b"), "__Host-a=b; Path=/; HttpOnly; Secure; SameSite=Lax");
  assert.equal(line("__secure-a", "b"), "__secure-a=b; Path=/; HttpOnly; Secure; SameSite=Lax");
});

test("setCookie: what a browser would ignore, or take for something else, throws", () => {
  for (const args of [
    ["a b", "c"],
    ["a=b", "c"],
    ["a\r\nb", "c"],
    ["", "c"],
    ["a", "c", { path: "/; Domain=evil" }],
    ["a", "c", { domain: "a\r\nb" }],
    ["a", "c", { sameSite: "none" }],
    ["a", "c", { partitioned: true }],
    ["__Host-a", "c", { secure: false }],
    ["__Host-a", "c", { path: "/b" }],
    ["__host-a", "c", { domain: "a.example" }],
    ["a", "x".repeat(4096)],
    ["a", "ä".repeat(700)],
    ["a", "c", { maxage: 5 }],
    ["a", "c", { maxAge: 0.5 }],
    ["a", "c", { expires: new Date(Number.NaN) }],
  ] as const) {
    assert.throws(
      () => setCookie([], ...(args as unknown as [string, string])),
      { code: "TSGI_BAD_OPTION" },
      String(args),
    );
  }
  assert.equal(line("a", "x".repeat(4095))?.length, 4097 + "; Path=/; HttpOnly; SameSite=Lax".length);
});
