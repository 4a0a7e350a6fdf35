import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, html, json, notFound, redirect, text } from "../src/apps.ts";
import type { App, HeaderList, StatusLine } from "../src/gateway.ts";
import { request } from "../src/testing.ts";
import { transcript } from "./support/transcript.ts";

for (const [what, app, expected] of [
  ["text", text("é"), "200 OK\ncontent-length: 2\ncontent-type: text/plain; charset=utf-8\n\né"],
  ["html", html("<p>"), "200 OK\ncontent-length: 3\ncontent-type: text/html; charset=utf-8\n\n<p>"],
  ["json", json({ a: [1, null] }), '200 OK\ncontent-length: 14\ncontent-type: application/json\n\n{"a":[1,null]}'],
  [
    "redirect",
    redirect("/login"),
    "302 Found\ncontent-length: 0\ncontent-type: text/plain; charset=utf-8\nlocation: /login\n\n",
  ],
  [
    "redirect with options",
    redirect("/a", { status: "303 See Other", headers: [["Set-Cookie", "a=1"]] }),
    "303 See Other\ncontent-length: 0\ncontent-type: text/plain; charset=utf-8\nlocation: /a\nset-cookie: a=1\n\n",
  ],
  [
    "redirect beyond ASCII",
    redirect("/日本?é#%20"),
    "302 Found\ncontent-length: 0\ncontent-type: text/plain; charset=utf-8\nlocation: /%E6%97%A5%E6%9C%AC?%C3%A9#%20\n\n",
  ],
  ["notFound", notFound, "404 Not Found\ncontent-length: 10\ncontent-type: text/plain; charset=utf-8\n\nNot Found\n"],
  [
    "text with options",
    text("<a>", { status: "201 Created", headers: [["content-type", "application/xml"]] }),
    "201 Created\ncontent-length: 3\ncontent-type: application/xml\n\n<a>",
  ],
] as const) {
  test(`${what}: answers`, async () => assert.equal(await transcript(app, "/"), expected));
}

for (const location of ["/\ud800", "/a\r\nX: 1", undefined as never]) {
  test(`redirect: ${JSON.stringify(location)} is refused when the app is built`, () => {
    assert.throws(() => redirect(location), { code: "TSGI_BAD_HEADER" });
  });
}

const circular: Record<string, unknown> = {};
circular.self = circular;

for (const [what, value] of [
  ["undefined", undefined],
  ["a function", () => {}],
  ["a BigInt", 1n],
  ["an object that contains itself", circular],
] as const) {
  test(`json: ${what} is refused when the app is built`, () => {
    assert.throws(() => json(value), { code: "TSGI_BAD_JSON" });
  });
}

for (const [what, app] of [
  ["text", text("x")],
  ["json", json(1)],
  ["redirect", redirect("/")],
  ["notFound", notFound],
] as const) {
  test(`${what}: what a middleware does to its headers reaches no other request`, async () => {
    const pushing: App = (environ, startResponse) =>
      app(environ, (status, headers, error) => {
        (headers as [string, string][]).push(["Set-Cookie", "session=secret"]);
        return startResponse(status, headers, error);
      });
    const changing: App = (environ, startResponse) =>
      app(environ, (status, headers: HeaderList, error) => {
        (headers[0] as [string, string])[1] = "secret";
        return startResponse(status, headers, error);
      });
    const before = await transcript(app, "/");
    await assert.rejects(request(pushing, "/"), TypeError);
    await assert.rejects(request(changing, "/"), TypeError);
    assert.equal(await transcript(app, "/"), before);
  });
}

test("text: HEAD has the length and no body", async () => {
  const expected = "200 OK\ncontent-length: 2\ncontent-type: text/plain; charset=utf-8\n\n";
  assert.equal(await transcript(text("hi"), "/", { method: "HEAD" }), expected);
});

test("text: headers that are changed after it was built change nothing", async () => {
  const headers: [string, string][] = [["X-A", "1"]];
  const app = text("", { headers });
  headers.push(["X-B", "2"]);
  (headers[0] as [string, string])[1] = "3";
  assert.match(await transcript(app, "/"), /\nx-a: 1\n\n$/);
});

for (const [what, make, code] of [
  ["text: a status that is not one", () => text("", { status: "OK" as StatusLine }), "TSGI_BAD_STATUS"],
  ["text: a header that is not one", () => text("", { headers: [["X", "\n"]] }), "TSGI_BAD_HEADER"],
  ["text: an object of headers", () => text("", { headers: { "X-A": "1" } as never }), "TSGI_BAD_OPTION"],
  ["text: an unknown option", () => text("", { statuss: "200 OK" } as never), "TSGI_BAD_OPTION"],
  ["redirect: an unknown option", () => redirect("/", { code: 301 } as never), "TSGI_BAD_OPTION"],
  ["checkApp: null", () => checkApp(null), "TSGI_NO_APP"],
  ["checkApp: a body", () => checkApp("hi"), "TSGI_NO_APP"],
] as const) {
  test(`${what} is refused`, () => assert.throws(make, { code }));
}

test("checkApp: an app is given back, and the error says what it was meant for", () => {
  assert.equal(checkApp(notFound), notFound);
  assert.throws(() => checkApp({}, 'the mount "/a"'), { message: /^the mount "\/a" needs an app, not object\./ });
});
