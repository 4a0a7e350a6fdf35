import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { lint } from "../../middleware/lint.ts";
import { fromFetch } from "../../src/adapters/from-fetch.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { FetchSink } from "../../src/adapters/to-fetch/sink.ts";
import { type FetchListener, type ToFetchOptions, toFetch } from "../../src/adapters/to-fetch.ts";
import { json, notFound } from "../../src/apps.ts";
import { readBytes } from "../../src/body/input.ts";
import type { App, StatusLine } from "../../src/gateway.ts";
import { parseStatus } from "../../src/http/status.ts";
import { request as ask } from "../../src/testing.ts";
import { eventually } from "../support/raw-client.ts";

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
  await eventually(() => left === 2);
  const controller = new AbortController();
  await app(new Request("http://a/", { signal: controller.signal }));
  controller.abort();
  await eventually(() => left === 4);
  const waiting = handler(() => new Promise(() => {}));
  const leaving = new AbortController();
  setTimeout(() => leaving.abort(), 5);
  const pending = waiting(new Request("http://a/", { signal: leaving.signal }));
  await assert.rejects(pending, { name: "AbortError" });
  assert.deepEqual(app.log, []);
});

test("toFetch: a signal that is aborted amid the body fails the read that waits for more", async () => {
  const app = handler(async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "some";
    await new Promise(() => {});
  } as App);
  const controller = new AbortController();
  const response = await app(new Request("http://a/", { signal: controller.signal }));
  const reading = response.text();
  setTimeout(() => controller.abort(), 5);
  await assert.rejects(reading, { name: "AbortError" });
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

test("toFetch: a string without a type gets none", async () => {
  for (const body of ["hi", ["hi"], Buffer.from("hi")]) {
    const response = await handler(plain("200 OK", [], body as string))(new Request("http://a/"));
    assert.deepEqual([[...response.headers], await response.text()], [[["content-length", "2"]], "hi"]);
  }
});

test("toFetch: all writes that wait for room go on together", async () => {
  const app = handler(async (_environ, startResponse) => {
    const write = startResponse("200 OK", []);
    await Promise.all([write("a"), write("b"), write("c")]);
    return "d";
  });
  assert.equal(await (await app(new Request("http://a/"))).text(), "abcd");
});

test("toFetch: a Node handler that waits for drain goes on", async () => {
  const app = handler(
    fromNode((_request, response) => {
      let left = 3;
      const more = () => {
        while (left-- > 0) {
          if (!response.write("x".repeat(100_000))) {
            response.once("drain", more);
            return;
          }
        }
        response.end();
      };
      more();
    }),
  );
  assert.equal((await (await app(new Request("http://a/"))).text()).length, 300_000);
});

test("toFetch: a 304 that is flushed and fails afterwards is answered", async () => {
  const app = handler(async (environ, startResponse) => {
    startResponse("304 Not Modified", [["ETag", '"a"']]);
    environ["tsgi.exchange"].flush?.();
    throw new Error("late");
  });
  const response = await app(new Request("http://a/"));
  assert.deepEqual([response.status, await response.text()], [304, ""]);
  assert.match(app.log.join(""), /late/);
});

test("toFetch: HEAD has no body, even where the head is flushed", async () => {
  const app = handler(async (environ, startResponse) => {
    startResponse("200 OK", [["Content-Length", "3"]]);
    environ["tsgi.exchange"].flush?.();
    await sleep(1);
    return "abc";
  });
  const response = await app(new Request("http://a/", { method: "HEAD" }));
  assert.deepEqual([response.headers.get("content-length"), response.body], ["3", null]);
});

test("toFetch: through fromFetch and back, the peer stays the same", async () => {
  const facts: App = (environ, startResponse) => {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    return `${environ.REMOTE_ADDR}:${environ.REMOTE_PORT}`;
  };
  const environ = { REMOTE_ADDR: "192.0.2.7", REMOTE_PORT: "1234" };
  assert.equal(await (await ask(fromFetch(toFetch(facts)), "/", { environ })).text(), "192.0.2.7:1234");
});

test("toFetch: what remoteAddress throws is a 500, and reported", async () => {
  const app = handler(json({}), {
    remoteAddress() {
      throw new Error("mine");
    },
  });
  assert.equal((await app(new Request("http://a/"))).status, 500);
  assert.match(app.log.join(""), /Error: mine/);
});

test("toFetch: reads that nobody awaits end nothing when the client leaves", async () => {
  const failures: unknown[] = [];
  const app = toFetch(
    async (environ) => {
      void readBytes(environ);
      const input = environ["tsgi.input"][Symbol.asyncIterator]();
      void input.next();
      const last = input.next();
      await sleep(5);
      await last.catch((error) => failures.push(error.code));
    },
    { errors: { write() {} } },
  );
  const body = new ReadableStream({
    async pull(controller) {
      await sleep(2);
      controller.error(new Error("reset"));
    },
  });
  void app(new Request("http://a/", { method: "POST", body, duplex: "half" } as RequestInit));
  await eventually(() => failures.length > 0);
  assert.deepEqual(failures, ["TSGI_CLIENT_GONE"]);
});

test("toFetch: a signal that outlives the request keeps nothing of it", async () => {
  const { signal } = new AbortController();
  const sink = new FetchSink([], false);
  sink.leaveWith(signal);
  assert.equal(getEventListeners(signal, "abort").length, 1);
  sink.writeHead(parseStatus("200 OK"), [], -1);
  sink.end("x");
  assert.equal(getEventListeners(signal, "abort").length, 0);
  await sink.response;
});

test("toFetch: what a Response cannot hold rejects, and the app hears of it as of a client that left", async () => {
  const sink = new FetchSink([], false);
  let left = 0;
  sink.onClose(() => left++);
  sink.writeHead({ ...parseStatus("200 OK"), code: 1000 }, [], -1);
  sink.end("x");
  await assert.rejects(sink.response, RangeError);
  assert.equal(left, 1);
});

test("toFetch: only a canonical path is let in where that is asked for", async () => {
  const app = handler(json({}), { canonicalOnly: true });
  for (const [path, status] of [
    ["/admin?a=//b#c", 200],
    ["/%61dmin", 400],
    ["//admin", 400],
  ] as const) {
    assert.equal((await app(new Request(`http://a${path}`))).status, status, path);
  }
});

test("toFetch: unknown options are refused", () => {
  assert.throws(() => toFetch(json({}), { onerror: () => {} } as ToFetchOptions), { code: "TSGI_BAD_OPTION" });
});

test("toFetch: a body that is encoded already is not encoded again on Workers", async (t) => {
  const inits: unknown[] = [];
  const { Response: Platform } = globalThis;
  t.after(() => {
    globalThis.Response = Platform;
  });
  globalThis.Response = class extends Platform {
    constructor(body?: ConstructorParameters<typeof Platform>[0], init?: ResponseInit) {
      super(body, init);
      inits.push((init as { encodeBody?: string }).encodeBody);
    }
  };
  await handler(plain("200 OK", [["Content-Encoding", "gzip"]], "x"))(new Request("http://a/"));
  await handler(plain("200 OK", [], "x"))(new Request("http://a/"));
  assert.deepEqual(inits, ["manual", undefined]);
});
