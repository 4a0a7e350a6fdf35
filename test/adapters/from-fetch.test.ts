import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { H3, readBody } from "h3";
import { Hono } from "hono";
import { setCookie } from "hono/cookie";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { type FetchHandler, type FromFetchOptions, fromFetch } from "../../src/adapters/from-fetch.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { aWhile, eventually, start } from "../support/raw-client.ts";
import { allOwned } from "../support/unowned.ts";

async function seen(handler: FetchHandler, url = "/", options: RequestOptions = {}, adapted: FromFetchOptions = {}) {
  const response = await request(fromFetch(handler, adapted), url, options);
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  return { status: `${response.status} ${response.statusText}`, headers, body: await response.text() };
}

for (const [what, response, expected] of [
  ["text", () => new Response("hi"), ["200 OK", ["content-length: 2", "content-type: text/plain;charset=UTF-8"], "hi"]],
  ["no body", () => new Response(null), ["200 OK", ["content-length: 0"], ""]],
  [
    "an empty body",
    () => new Response(""),
    ["200 OK", ["content-length: 0", "content-type: text/plain;charset=UTF-8"], ""],
  ],
  [
    "a status of its own",
    () => new Response(null, { status: 299, statusText: "Fine" }),
    ["299 Fine", ["content-length: 0"], ""],
  ],
  [
    "a status by its number",
    () => new Response(null, { status: 429 }),
    ["429 Too Many Requests", ["content-length: 0"], ""],
  ],
  ["no content", () => new Response(null, { status: 204 }), ["204 No Content", [], ""]],
  ["bytes", () => new Response(new Uint8Array([104, 105])), ["200 OK", ["content-length: 2"], "hi"]],
  [
    "JSON",
    () => Response.json({ a: 1 }),
    ["200 OK", ["content-length: 7", "content-type: application/json"], '{"a":1}'],
  ],
  [
    "a redirect",
    () => Response.redirect("http://a/b", 303),
    ["303 See Other", ["content-length: 0", "location: http://a/b"], ""],
  ],
  ["a stream", () => new Response(new Blob(["a", "b"]).stream()), ["200 OK", [], "ab"]],
  [
    "a stream that takes its time",
    () =>
      new Response(
        new ReadableStream({
          async pull(into) {
            await sleep(2);
            into.enqueue(Buffer.from("late"));
            into.close();
          },
        }),
      ),
    ["200 OK", [], "late"],
  ],
  [
    "cookies",
    () =>
      new Response(null, {
        headers: [
          ["Set-Cookie", "a=1"],
          ["Set-Cookie", "b=2"],
          ["X", "1"],
          ["X", "2"],
        ],
      }),
    ["200 OK", ["content-length: 0", "set-cookie: a=1", "set-cookie: b=2", "x: 1, 2"], ""],
  ],
  [
    "headers of a connection, as those of another server's response",
    () =>
      new Response("hi", {
        headers: { Connection: "close", "Keep-Alive": "timeout=5", "Content-Type": "text/plain" },
      }),
    ["200 OK", ["content-length: 2", "content-type: text/plain"], "hi"],
  ],
  [
    "a body in chunks where the handler asks for them",
    () => new Response("hi", { headers: { "Transfer-Encoding": "chunked", "Content-Type": "text/plain" } }),
    ["200 OK", ["content-type: text/plain"], "hi"],
  ],
  [
    "no content with a length",
    () => new Response(null, { status: 204, headers: { "Content-Length": "0", "X-A": "1" } }),
    ["204 No Content", ["x-a: 1"], ""],
  ],
] as [string, FetchHandler, [string, string[], string]][]) {
  test(`fromFetch: ${what}`, async () => {
    const [status, headers, body] = expected;
    assert.deepEqual(await seen(response), { status, headers, body });
    assert.deepEqual(await seen(async (...args) => response(...args)), { status, headers, body });
  });
}

for (const [what, handler] of [
  ["nothing", () => undefined],
  ["a string", () => "hi"],
  ["null", async () => null],
  ["a network error", () => Response.error()],
  [
    "a body that was used",
    async () => {
      const used = new Response("hi");
      await used.text();
      return used;
    },
  ],
  ["a takeover", () => ({ status: 101, headers: [], body: null })],
] as unknown as [string, FetchHandler][]) {
  test(`fromFetch: ${what} is not a response`, async () => {
    await assert.rejects(seen(handler), { code: "TSGI_BAD_RESPONSE" });
  });
}

test("fromFetch: what a handler throws is the app's error", async () => {
  const error = new Error("mine");
  await assert.rejects(
    seen(() => {
      throw error;
    }),
    error,
  );
  await assert.rejects(
    seen(() => Promise.reject(error)),
    error,
  );
  const failing = () => new Response(new ReadableStream({ pull: (into) => into.error(error) }));
  await assert.rejects(seen(failing), error);
});

test("fromFetch: methods that Fetch forbids are not for it", async () => {
  for (const method of ["CONNECT", "TRACE", "track"]) {
    assert.equal((await seen(() => new Response("hi"), "/", { method, lint: false })).status, "501 Not Implemented");
  }
});

test("fromFetch: the request", async () => {
  const { body } = await seen(
    async (request) => {
      const { method, url, headers, bodyUsed } = request;
      const facts = [
        method,
        url,
        headers.get("x-a"),
        bodyUsed,
        request instanceof Request,
        await request.text(),
        request.bodyUsed,
      ];
      return Response.json(facts);
    },
    "http://example.com/a%2Fb?c=d",
    { method: "POST", body: "hello", headers: { "X-A": "1" } },
  );
  assert.deepEqual(JSON.parse(body), ["POST", "http://example.com/a%2Fb?c=d", "1", false, true, "hello", true]);
});

for (const [what, read, expected] of [
  ["json", (request) => request.json(), { a: 1 }],
  ["a clone", (request) => request.clone().text(), '{"a":1}'],
  ["bytes", async (request) => (await request.arrayBuffer()).byteLength, 7],
  ["its stream", async (request) => (await new Response(request.body).text()).length, 7],
  ["a request made of its parts", (request) => new Request("http://b/", request as RequestInit).text(), '{"a":1}'],
  ["what it is for", async (request) => [request.cache, request.redirect, request.mode], ["default", "follow", "cors"]],
] as [string, (request: Request) => Promise<unknown>, unknown][]) {
  test(`fromFetch: a request read as ${what}`, async () => {
    const { body } = await seen(async (request) => Response.json(await read(request)), "/", {
      method: "POST",
      body: '{"a":1}',
    });
    assert.deepEqual(JSON.parse(body), expected);
  });
}

test("fromFetch: below a mount the URL is that within it, or the whole", async () => {
  const handler: FetchHandler = (request, environ) => new Response(`${request.url} ${environ.SCRIPT_NAME}`);
  const site = dispatcher(notFound, { "/in": fromFetch(handler), "/full": fromFetch(handler, { url: "full" }) });
  assert.equal(await (await request(site, "/in/a?b")).text(), "http://localhost/a?b /in");
  assert.equal(await (await request(site, "/in")).text(), "http://localhost/ /in");
  assert.equal(await (await request(site, "/full/a?b")).text(), "http://localhost/full/a?b /full");
});

test("fromFetch: Hono, unchanged", async () => {
  const hono = new Hono<{ Bindings: { SCRIPT_NAME: string } }>();
  hono.get("/users/:id", (context) => context.json({ id: context.req.param("id"), mount: context.env.SCRIPT_NAME }));
  hono.post("/echo", async (context) => context.text(await context.req.text()));
  hono.get("/cookies", (context) => {
    setCookie(context, "a", "1");
    setCookie(context, "b", "2");
    return context.body(null, 204);
  });
  const app = dispatcher(notFound, { "/api": fromFetch(hono) });
  assert.equal(await (await request(app, "/api/users/7")).text(), '{"id":"7","mount":"/api"}');
  assert.equal(await (await request(app, "/api/echo", { method: "POST", body: "hello" })).text(), "hello");
  assert.deepEqual((await request(app, "/api/cookies")).headers.getSetCookie(), ["a=1; Path=/", "b=2; Path=/"]);
  assert.equal((await request(app, "/api/nothing")).status, 404);
});

test("fromFetch: h3, unchanged", async () => {
  const h3 = new H3().get("/hello", () => ({ hello: "h3" })).post("/echo", (event) => readBody(event));
  assert.deepEqual(JSON.parse(await (await request(fromFetch(h3), "/hello")).text()), { hello: "h3" });
  const echoed = await request(fromFetch(h3), "/echo", {
    method: "POST",
    body: '{"a":1}',
    headers: { "Content-Type": "application/json" },
  });
  assert.deepEqual(JSON.parse(await echoed.text()), { a: 1 });
});

test("fromFetch: what is around it sees what it sends", async () => {
  const shouting = transform(
    fromFetch(() => new Response("quiet")),
    mapText("text/plain", (body) => body.toUpperCase()),
  );
  assert.equal(await (await request(shouting, "/")).text(), "QUIET");
});

test("fromFetch: a client that leaves aborts the signal and cancels the stream", async (t) => {
  const told: string[] = [];
  let isOver: () => void;
  const over = new Promise<void>((resolve) => {
    isOver = resolve;
  });
  const { log, connect } = await start(
    t,
    fromFetch((request) => {
      request.signal.addEventListener("abort", () => told.push("abort"));
      return new Response(
        new ReadableStream({
          async pull(into) {
            into.enqueue(Buffer.from("more "));
            await sleep(2);
          },
          cancel() {
            told.push("cancel");
            isOver();
          },
        }),
      );
    }),
  );
  const client = await connect();
  await client.get("/").until("more");
  client.socket.destroy();
  await over;
  assert.deepEqual(told.toSorted(), ["abort", "cancel"]);
  assert.deepEqual(log, []);
});

test("fromFetch: what a listener of the signal throws is reported, and ends nothing", async (t) => {
  const { log, connect } = await start(
    t,
    fromFetch(async (request) => {
      const fail = (where: string) => () => {
        throw new Error(where);
      };
      request.signal.addEventListener("abort", fail("of the request"));
      request.clone().signal.onabort = fail("of its clone");
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      return new Response("too late");
    }),
  );
  await allOwned(async () => {
    const client = await connect();
    client.get("/");
    await aWhile();
    client.socket.destroy();
    await eventually(() => log.length === 2);
  });
  assert.match(log.join(""), /Error: of the request[\s\S]*Error: of its clone/);
});

for (const [what, head, answerAfter] of [
  ["a stream that has said nothing", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0],
  ["a stream that comes after the client left", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 50],
  ["a stream that nobody asked for", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 0],
] as const) {
  test(`fromFetch: ${what} is cancelled`, async (t) => {
    const steps = new EventEmitter();
    const asked = once(steps, "asked");
    const cancelled = once(steps, "cancelled");
    const { log, connect } = await start(
      t,
      fromFetch(async () => {
        steps.emit("asked");
        await sleep(answerAfter);
        return new Response(new ReadableStream({ cancel: () => void steps.emit("cancelled") }));
      }),
    );
    const client = await connect();
    client.send(head);
    await asked;
    if (head.startsWith("HEAD")) await client.until("200 OK");
    else client.socket.destroy();
    await cancelled;
    assert.deepEqual(log, []);
  });
}

test("fromFetch: a request can be copied and sent on", async (t) => {
  const upstream = await start(
    t,
    fromFetch(async (request) => new Response(`${request.method} ${request.headers.get("x")} ${await request.text()}`)),
  );
  const asked = { method: "PUT", headers: { Host: new URL(upstream.server.url).host, X: "1" }, body: "abc" };
  for (const [what, copy] of [
    ["as it is", (request) => fetch(request)],
    ["with more", (request) => fetch(request, { headers: { X: "2" } })],
    ["copied", (request) => fetch(new Request(request))],
    ["copied with more", (request) => fetch(new Request(request, { headers: { X: "2" } }))],
    ["cloned", (request) => fetch(request.clone())],
    ["by a class of its own", (request) => fetch(new (class extends Request {})(request))],
  ] as [string, (request: Request) => Promise<Response>][]) {
    const number = what.includes("more") ? 2 : 1;
    assert.equal((await seen(copy, "/", asked)).body, `PUT ${number} abc`, what);
  }
  assert.ok(new Request("http://a/") instanceof Request);
});

test("fromFetch: a Host that makes no URL is not that of the request", async (t) => {
  const { connect, server } = await start(
    t,
    fromFetch((request) => new Response(new URL(request.url).host)),
  );
  for (const host of ["1.2.3.4.5", "a:99999", "[1:2]", "", "a%20b"]) {
    const client = await connect();
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.match(await client.all(), new RegExp(`200 OK[^]*\r\n\r\n127\\.0\\.0\\.1:${server.port}$`), host);
  }
});

test("fromFetch: a stream waits for a client that reads slowly", async (t) => {
  let pulled = 0;
  const { connect } = await start(
    t,
    fromFetch(
      () =>
        new Response(
          new ReadableStream({
            pull(into) {
              pulled++;
              into.enqueue(Buffer.alloc(1024 * 1024));
            },
          }),
        ),
    ),
  );
  const client = await connect();
  client.get("/");
  await client.until("200 OK");
  client.socket.pause();
  await sleep(100);
  const before = pulled;
  await sleep(50);
  assert.ok(pulled - before < 3 && pulled < 200, `${before}, then ${pulled}`);
});

test("fromFetch: a body over the limit is a 413, before the handler is called where its length is declared", async () => {
  let calls = 0;
  const handler: FetchHandler = async (request) => {
    calls++;
    return new Response(await request.text());
  };
  const app = fromFetch(handler, { limit: 4 });
  assert.equal(await (await request(app, "/", { method: "POST", body: "1234" })).text(), "1234");
  assert.equal(await (await request(app, "/", { method: "POST", body: ["12", "34"] })).text(), "1234");
  assert.equal((await request(app, "/", { method: "POST", body: "12345" })).status, 413);
  assert.equal(calls, 2);
  assert.equal((await request(app, "/", { method: "POST", body: ["12", "345"] })).status, 413);
});

test("fromFetch: a framework that answers a body over the limit with 500 is overruled, one with 4xx is not", async () => {
  for (const [status, expected] of [
    [500, 413],
    [422, 422],
  ] as const) {
    const hono = new Hono();
    hono.post("/", async (context) => context.text(await context.req.text()));
    hono.onError((_error, context) => context.text("failed", status));
    for (const globals of [false, true]) {
      const app = fromFetch(hono, { limit: 4, globals });
      assert.equal((await request(app, "/", { method: "POST", body: ["12", "345"] })).status, expected);
    }
  }
});

test("fromFetch: where startResponse throws, the stream is cancelled", async () => {
  let cancelled = 0;
  const app = fromFetch(
    () => new Response(new ReadableStream({ cancel: () => void cancelled++ }), { statusText: "\u00ff" }),
  );
  const error = new Error("mine");
  const refusing: App = (environ) =>
    app(environ, () => {
      throw error;
    });
  await assert.rejects(request(refusing, "/", { lint: false }), error);
  await eventually(() => cancelled === 1);
});

test("fromFetch: the head of a stream is sent before its first chunk", async (t) => {
  const { connect } = await start(
    t,
    fromFetch(() => new Response(new ReadableStream(), { headers: { "X-A": "1" } })),
  );
  assert.match(await (await connect()).get("/").until("\r\n\r\n"), /^HTTP\/1\.1 200 OK\r\nX-A: 1\r\n/i);
});

test("fromFetch: a request of the platform's kind is whatever the platform makes of it", async () => {
  class Early extends Request {}
  const handler: FetchHandler = async (request) =>
    Response.json([
      request instanceof Request,
      await new Early(request.clone()).text(),
      await new Request(request, { headers: { "X-A": "2" } }).text(),
      request.bodyUsed,
    ]);
  const { body } = await seen(handler, "/", { method: "POST", body: "hello" });
  assert.deepEqual(JSON.parse(body), [true, "hello", "hello", true]);
});

test("fromFetch: reads that a handler does not await end nothing when the client leaves", async (t) => {
  for (const globals of [false, true]) {
    let isRead = false;
    const { log, connect } = await start(
      t,
      fromFetch(
        async (request) => {
          for (const read of ["text", "json", "formData"] as const) void request.clone()[read]();
          void request.arrayBuffer();
          isRead = true;
          await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
          return new Response();
        },
        { globals },
      ),
    );
    const client = await connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello");
    await eventually(() => isRead);
    client.socket.destroy();
    await aWhile();
    assert.deepEqual(log, []);
  }
});

test("fromFetch: what is not a handler is refused", () => {
  for (const wrong of [undefined, null, {}, "x", { fetch: 1 }]) {
    assert.throws(() => fromFetch(wrong as unknown as FetchHandler), { code: "TSGI_NO_APP" });
  }
  assert.throws(() => fromFetch(() => new Response(), { url: "half" as "full" }), { code: "TSGI_BAD_OPTION" });
});
