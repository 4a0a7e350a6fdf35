import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { lint } from "../../middleware/lint.ts";
import { type FetchListener, type ToFetchOptions, toFetch } from "../../src/adapters/to-fetch.ts";
import { json, notFound } from "../../src/apps.ts";
import { readBytes } from "../../src/body/input.ts";
import type { App, StatusLine } from "../../src/gateway.ts";

function handler(app: App, options: ToFetchOptions = {}): FetchListener & { log: string[] } {
  const log: string[] = [];
  return Object.assign(toFetch(lint(app), { errors: { write: (line) => log.push(line) }, ...options }), { log });
}

function plain(status: StatusLine, headers: [string, string][], body: string | string[] | undefined): App {
  return (_environ, startResponse) => {
    startResponse(status, headers);
    return body;
  };
}

for (const [what, app, expected] of [
  [
    "text",
    plain("200 OK", [["Content-Type", "text/plain"]], "hi"),
    ["200 OK", ["content-length: 2", "content-type: text/plain"], "hi"],
  ],
  ["a list", plain("201 Made", [], ["a", "b"]), ["201 Made", ["content-length: 2"], "ab"]],
  ["nothing", plain("200 OK", [], undefined), ["200 OK", ["content-length: 0"], ""]],
  ["no content", plain("204 No Content", [], undefined), ["204 No Content", [], ""]],
  ["not modified", plain("304 Not Modified", [["ETag", '"a"']], undefined), ["304 Not Modified", ['etag: "a"'], ""]],
  [
    "cookies",
    plain(
      "200 OK",
      [
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
      ],
      "",
    ),
    ["200 OK", ["content-length: 0", "set-cookie: a=1", "set-cookie: b=2"], ""],
  ],
] as [string, App, [string, string[], string]][]) {
  test(`toFetch: ${what}`, async () => {
    const response = await handler(app)(new Request("http://a/"));
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`);
    assert.deepEqual([`${response.status} ${response.statusText}`.trim(), headers, await response.text()], expected);
  });
}

test("toFetch: the environ", async () => {
  const facts: App = async (environ, startResponse) => {
    const body = Buffer.from(await readBytes(environ)).toString();
    startResponse("200 OK", []);
    const { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, QUERY_STRING, SERVER_NAME, SERVER_PORT, HTTP_HOST } = environ;
    const scheme = environ["tsgi.url_scheme"];
    return JSON.stringify([
      REQUEST_METHOD,
      SCRIPT_NAME,
      PATH_INFO,
      QUERY_STRING,
      SERVER_NAME,
      SERVER_PORT,
      HTTP_HOST,
      scheme,
      body,
    ]);
  };
  const app = handler(dispatcher(notFound, { "/in": facts }));
  const post = new Request("https://example.com:444/in/%61//b?c=d#e", { method: "POST", body: "hello" });
  assert.deepEqual(JSON.parse(await (await app(post)).text()), [
    "POST",
    "/in",
    "/a/b",
    "c=d",
    "example.com",
    "444",
    "example.com:444",
    "https",
    "hello",
  ]);
  assert.equal((await app(new Request("http://a/in/%00"))).status, 400);
});

test("toFetch: the peer, as Deno and Bun tell it, and what the runtime passes", async () => {
  const facts: App = (environ, startResponse) => {
    startResponse("200 OK", []);
    return `${environ.REMOTE_ADDR} ${JSON.stringify(environ["tsgi.platform"])}`;
  };
  const app = handler(facts);
  const ask = async (...platform: unknown[]) => (await app(new Request("http://a/"), ...platform)).text();
  assert.equal(await ask(), " undefined");
  assert.equal(
    await ask({ remoteAddr: { hostname: "192.0.2.1" } }),
    '192.0.2.1 [{"remoteAddr":{"hostname":"192.0.2.1"}}]',
  );
  assert.equal(await ask({ requestIP: () => ({ address: "192.0.2.2" }) }), "192.0.2.2 [{}]");
  assert.equal(await ask({ KEY: "binding" }, null), ' [{"KEY":"binding"},null]');
  const own = handler(facts, { remoteAddress: (request) => request.headers.get("CF-Connecting-IP") ?? undefined });
  const response = await own(new Request("http://a/", { headers: { "CF-Connecting-IP": "192.0.2.3" } }));
  assert.equal(await response.text(), "192.0.2.3 undefined");
});

test("toFetch: HEAD has the headers of GET", async () => {
  const response = await handler(json({ a: 1 }))(new Request("http://a/", { method: "HEAD" }));
  assert.deepEqual([response.headers.get("content-length"), await response.text()], ["7", ""]);
});

test("toFetch: a stream comes chunk by chunk, as it is read", async () => {
  let made = 0;
  const app = handler(async function* counting(_environ, startResponse) {
    startResponse("200 OK", []);
    for (;;) yield String(made++);
  } as App);
  const reader = ((await app(new Request("http://a/"))).body as ReadableStream<Uint8Array>).getReader();
  for (const expected of ["0", "1", "2"]) {
    assert.equal(Buffer.from((await reader.read()).value as Uint8Array).toString(), expected);
  }
  await sleep(5);
  assert.ok(made < 6, `${made} chunks were made`);
  await reader.cancel();
});

test("toFetch: a reader that cancels, and a signal that is aborted, are the client going away", async () => {
  let left = 0;
  const app = handler(async function* endless(environ, startResponse) {
    environ["tsgi.exchange"].onAbort?.(() => left++);
    startResponse("200 OK", []);
    try {
      for (;;) {
        yield "more";
        await sleep(1);
      }
    } finally {
      left++;
    }
  } as App);
  await (await app(new Request("http://a/"))).body?.cancel();
  await sleep(10);
  assert.equal(left, 2);
  const controller = new AbortController();
  await app(new Request("http://a/", { signal: controller.signal }));
  controller.abort();
  await sleep(10);
  assert.equal(left, 4);
  const waiting = handler(() => new Promise(() => {}));
  const leaving = new AbortController();
  setTimeout(() => leaving.abort(), 5);
  const pending = waiting(new Request("http://a/", { signal: leaving.signal }));
  await assert.rejects(pending, { name: "AbortError" });
  assert.deepEqual(app.log, []);
});

test("toFetch: an error before the head is a 500, one after it fails the body; both are reported", async () => {
  const app = handler(async function* failing(environ, startResponse) {
    if (environ.PATH_INFO === "/early") throw new Error("early");
    startResponse("200 OK", []);
    yield "part";
    throw new Error("late");
  } as App);
  const early = await app(new Request("http://a/early"));
  assert.deepEqual([early.status, await early.text()], [500, "500 Internal Server Error\n"]);
  await assert.rejects((await app(new Request("http://a/late"))).text());
  assert.match(app.log.join(""), /early[\s\S]*late/);
});

test("toFetch: a status that no Response can have is a 500", async () => {
  const app = handler(plain("600 Odd", [], ""));
  assert.equal((await app(new Request("http://a/"))).status, 500);
  assert.match(app.log.join(""), /TSGI_BAD_STATUS|cannot have the status 600/);
});

test("toFetch: a body that was read before is an error that says so", async () => {
  const app = handler(async (environ, startResponse) => {
    await readBytes(environ);
    startResponse("200 OK", []);
  });
  const request = new Request("http://a/", { method: "POST", body: "hello" });
  await request.text();
  assert.equal((await app(request)).status, 500);
  assert.match(app.log.join(""), /the request body was read before/);
});
