import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyLimit } from "../../middleware/body-limit.ts";
import { compress } from "../../middleware/compress.ts";
import { csrf } from "../../middleware/csrf.ts";
import { problemDetails } from "../../middleware/problem-details.ts";
import { router } from "../../middleware/router.ts";
import { websocket } from "../../middleware/websocket.ts";
import { html, json, notFound, text } from "../../src/apps.ts";
import { readJson } from "../../src/body/parsed.ts";
import { TsgiError } from "../../src/errors.ts";
import type { App } from "../../src/gateway.ts";
import { type RequestOptions, request, webSocket } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";
import { start } from "../support/raw-client.ts";
import { allOwned } from "../support/unowned.ts";

const AXIOS = { Accept: "application/json, text/plain, */*" };
const asJson = { headers: { Accept: "application/json" } };

/** A response with problem details. */
function problem(status: number, title: string, others: object = {}, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ type: "about:blank", title, status, ...others });
  const own = { "content-length": String(Buffer.byteLength(body)), "content-type": "application/problem+json" };
  return { status, headers: { ...own, vary: "Accept", ...headers }, body };
}

async function ask(app: App, options: RequestOptions = asJson) {
  return seen(await request(problemDetails(app), "/", options));
}

test("problemDetails: nothing of an error that is not the client's is told", async (t) => {
  const secret: App = () => {
    throw new Error("password of the database: hunter2");
  };
  const { connect, log } = await start(t, problemDetails(secret));
  const client = await connect();
  const answer = await client.get("/", "Accept: application/json", "Connection: close").all();
  assert.match(answer, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
  assert.ok(answer.endsWith('{"type":"about:blank","title":"Internal Server Error","status":500}'), answer);
  assert.doesNotMatch(answer, /hunter2|password/);
  assert.equal(log.join("").split("hunter2").length - 1, 1, "reported once");
});

test("problemDetails: a page, and a long text, are not taken for a detail", async () => {
  const page = html("<h1>Stack trace</h1>", { status: "500 Internal Server Error" });
  assert.deepEqual(await ask(page), problem(500, "Internal Server Error"));
  const long = text("x".repeat(2000), { status: "502 Bad Gateway" });
  assert.deepEqual(await ask(long), problem(502, "Bad Gateway"));
});

test("problemDetails: who asks for JSON gets errors as problem details", async () => {
  for (const Accept of [
    "application/json",
    "application/problem+json",
    AXIOS.Accept,
    "application/*",
    "application/json;q=0.9, text/html;q=0.5",
  ]) {
    assert.deepEqual(await ask(notFound, { headers: { Accept } }), problem(404, "Not Found"), Accept);
  }
});

test("problemDetails: who does not gets what the app answers, which varies", async () => {
  const expected = plain(404, "Not Found\n", { vary: "Accept" });
  assert.deepEqual(await ask(notFound, {}), expected);
  for (const Accept of [
    "*/*",
    "text/html,application/xhtml+xml,*/*;q=0.8",
    "text/plain",
    "image/png",
    "",
    "application/json;q=0, */*",
    "text/html, application/json;q=0.9",
  ]) {
    assert.deepEqual(await ask(notFound, { headers: { Accept } }), expected, Accept);
  }
});

test("problemDetails: always is for every client, and nothing varies", async () => {
  const { vary: _vary, ...headers } = problem(404, "Not Found").headers;
  const app = problemDetails(notFound, { always: true });
  for (const options of [{}, { headers: { Accept: "text/html" } }]) {
    assert.deepEqual(await seen(await request(app, "/", options)), { ...problem(404, "Not Found"), headers });
  }
});

test("problemDetails: a short text is the detail, without the reason before it", async () => {
  const app = csrf(notFound);
  const options = { method: "POST", headers: { ...AXIOS, "Sec-Fetch-Site": "cross-site" } };
  assert.deepEqual(
    await ask(app, options),
    problem(403, "Forbidden", { detail: "the request comes from another site" }),
  );
  const split = [Buffer.from("caf\xc3", "latin1"), Buffer.from("\xa9 closed\n", "latin1")];
  const inParts: App = (_environ, startResponse) => {
    startResponse("409 Conflict", []);
    return split;
  };
  assert.deepEqual(await ask(inParts), problem(409, "Conflict", { detail: "café closed" }));
});

test("problemDetails: the headers that are not about the body stay", async () => {
  const limited = text("Too Many Requests\n", {
    status: "429 Too Many Requests",
    headers: [
      ["Retry-After", "7"],
      ["ETag", '"a"'],
      ["Content-Language", "en"],
      ["Vary", "Origin"],
      ["Set-Cookie", "a=1"],
    ],
  });
  const kept = { "retry-after": "7", "set-cookie": "a=1", vary: "Origin, Accept" };
  assert.deepEqual(await ask(limited), problem(429, "Too Many Requests", {}, kept));
  const allowed = router(notFound, { "POST /": text("posted") });
  const response = await ask(allowed);
  assert.deepEqual([response.status, response.headers.allow], [405, "OPTIONS, POST"]);
});

test("problemDetails: what is not an error, or is one in a form of its own, stays as it is", async () => {
  const redirected = text("see there", { status: "303 See Other" });
  for (const app of [text("fine"), redirected, json({ error: "mine" }, { status: "400 Bad Request" })]) {
    assert.deepEqual(await ask(app), await seen(await request(app, "/")));
  }
  const encoded = text("Not Found\n", { status: "404 Not Found", headers: [["Content-Encoding", "x-own"]] });
  assert.deepEqual(await ask(encoded), await seen(await request(encoded, "/")));
});

test("problemDetails: errors that ask for a 4xx are problems with their message", async () => {
  const reading: App = async (environ, startResponse) =>
    json(await readJson(environ, { limit: 5 }))(environ, startResponse);
  const post = async (body: string, type = "application/json") => {
    const { status, body: sent } = await ask(reading, {
      method: "POST",
      body,
      headers: { ...AXIOS, "Content-Type": type },
    });
    return [status, JSON.parse(sent).title, JSON.parse(sent).detail];
  };
  assert.deepEqual(await post("[1,2]"), [200, undefined, undefined]);
  assert.deepEqual(await post("123456"), [413, "Content Too Large", "the request body is larger than 5 bytes"]);
  const [status, title, detail] = await post("{");
  assert.deepEqual([status, title], [400, "Bad Request"]);
  assert.match(detail, /^the request body is not JSON: /);
  const unsupported = 'the request body is "text/plain", not application/json';
  assert.deepEqual(await post("1", "text/plain"), [415, "Unsupported Media Type", unsupported]);
});

test("problemDetails: errors of all kinds of apps are caught before the head, and only there", async () => {
  const refuse = (): never => {
    throw new TsgiError("TSGI_BAD_REQUEST", "no", { status: "400 Bad Request", hint: "Type something else." });
  };
  const before: App[] = [
    refuse,
    async () => refuse(),
    function* () {
      yield refuse();
    },
    async function* () {
      yield refuse();
    },
  ];
  for (const app of before) assert.deepEqual(await ask(app), problem(400, "Bad Request", { detail: "no" }));
  const after: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "a";
    refuse();
  };
  const response = await request(problemDetails(after), "/", asJson);
  assert.equal(response.status, 200);
  await assert.rejects(response.text(), { code: "TSGI_BAD_REQUEST" });
});

test("problemDetails: in development the server shows what an app fails with", async (t) => {
  const app = problemDetails(() => {
    throw new Error("boom");
  });
  const { server } = await start(t, app, { development: true });
  const shown = (await (await fetch(server.url, asJson)).json()) as { detail: string };
  assert.equal(shown.detail, "Error: boom");
});

test("problemDetails: the body of an error is closed, and what that fails with is reported", async () => {
  await allOwned(async () => {
    for (const close of [
      () => {},
      () => Promise.reject(new Error("close")),
      () => {
        throw new Error("close");
      },
    ]) {
      let closed = 0;
      const app: App = (_environ, startResponse) => {
        startResponse("404 Not Found", [["Content-Type", "text/plain"]]);
        const body = { [Symbol.iterator]: () => ["a"].values() };
        return Object.assign(body, {
          close() {
            closed++;
            return close();
          },
        });
      };
      const errors: string[] = [];
      const environ = { "tsgi.errors": { write: (line: string) => errors.push(line) } };
      await request(problemDetails(app), "/", { ...asJson, environ, lint: false }).catch(() => {});
      assert.equal(closed, 1);
    }
  });
});

test("problemDetails: HEAD has the headers and no body", async () => {
  const { headers, status, body } = await ask(notFound, { ...asJson, method: "HEAD" });
  assert.deepEqual([status, headers, body], [404, { "content-type": "application/problem+json", vary: "Accept" }, ""]);
});

test("problemDetails: describe has the last word", async () => {
  const app = problemDetails(notFound, {
    describe: (each, { PATH_INFO }) => ({ ...each, type: "https://example.com/none", instance: PATH_INFO }),
  });
  const sent = await (await request(app, "/a", asJson)).json();
  assert.deepEqual(sent, { type: "https://example.com/none", title: "Not Found", status: 404, instance: "/a" });
  const failing = problemDetails(notFound, {
    describe: () => {
      throw new Error("boom");
    },
  });
  await assert.rejects(request(failing, "/", asJson), { message: "boom" });
});

test("problemDetails: it goes with limits and compression, and lets WebSockets through", async () => {
  const app = compress(problemDetails(bodyLimit(text("read"), { limit: 1 })), { threshold: 0 });
  const response = await request(app, "/", {
    method: "POST",
    body: "hello",
    headers: { ...AXIOS, "Accept-Encoding": "gzip" },
  });
  assert.equal(response.status, 413);
  const socket = await webSocket(problemDetails(websocket({})), "/", { headers: { Accept: "application/json" } });
  await socket.close();
});

test("problemDetails: wrong options throw when the app is built", () => {
  assert.throws(() => problemDetails(notFound, { always: "yes" as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => problemDetails(notFound, { describe: {} as never }), { code: "TSGI_BAD_OPTION" });
});
