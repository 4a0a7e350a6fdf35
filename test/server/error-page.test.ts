import assert from "node:assert/strict";
import { test } from "node:test";
import { enter } from "../../src/exchange/innermost.ts";
import type { App } from "../../src/gateway.ts";
import { isUserFrame } from "../../src/server/stack.ts";
import { aWhile, start, wire } from "../support/raw-client.ts";

const HOSTILE = `<script>alert("1")</script>&'`;

const failing: App = function failingApp() {
  throw new Error(HOSTILE, { cause: new Error("the cause") });
};

/** The page for a person, taken apart. */
async function pageOf(client: { until(text: string): Promise<string> }): Promise<{ head: string; html: string }> {
  const [head, html] = (await client.until("</table>")).split("\r\n\r\n") as [string, string];
  return { head, html };
}

test("error page: a browser gets HTML in which nothing hostile stands as it is", async (t) => {
  const { log, connect } = await start(t, failing, { development: true });
  const client = await connect();
  client.get(`/${HOSTILE.replaceAll(" ", "")}?${HOSTILE}`, "Accept: text/html", `X-Hostile: ${HOSTILE}`);
  const { head, html } = await pageOf(client);
  assert.match(
    head,
    /^HTTP\/1\.1 500 Internal Server Error\r\nContent-Type: text\/html; charset=utf-8\r\nContent-Length: \d+\r\n/,
  );
  assert.doesNotMatch(html, /<script/i);
  const escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;";
  assert.ok(html.includes(`<title>Error: ${escaped}</title>`));
  assert.ok(html.includes(`<p class="message">Error: ${escaped}</p>`));
  assert.ok(html.includes(`<tr><th>HTTP_X_HOSTILE<td>${escaped}`));
  assert.ok(html.includes("Caused by: Error: the cause"));
  assert.equal(log.length, 1);
});

test("error page: the user's own frames are marked, and no others", async (t) => {
  const { connect } = await start(t, failing, { development: true });
  const { html } = await pageOf((await connect()).get("/", "Accept: text/html"));
  const [source = "", ...marked] = [...html.matchAll(/<mark>(.*?)<\/mark>/g)].map(([, line]) => line as string);
  assert.match(source, /^ *\d+ {4}throw new Error\(HOSTILE, /);
  assert.ok(marked.length >= 1);
  for (const frame of marked) assert.match(frame, /^ +at failingApp \(.*error-page\.test\.ts:\d+:\d+\)$/);
  assert.match(html, /^ +at Responder\./m);
});

for (const [frame, isUsers] of [
  ["    at app (/home/me/site/app.js:1:2)", true],
  ["    at file:///home/me/site/app.js:1:2", true],
  ["    at async app (file:///home/me/site/app.js:1:2)", true],
  ["    at app (/home/me/site/node_modules/left/index.js:1:2)", false],
  ["    at Array.map (<anonymous>)", false],
  ["    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)", false],
  ["    at node:internal/main/run_main_module:23:47", false],
  [`    at Responder.run (${new URL("../../src/exchange/responder.ts", import.meta.url)}:1:2)`, false],
  [`    at Responder.run (${new URL("../../src/exchange/responder.ts", import.meta.url).pathname}:1:2)`, false],
  ["Error: at app (/home/me/site/app.js:1:2)", false],
] as const) {
  test(`error page: ${JSON.stringify(frame.trim().replace(/\/\S*src/, "src"))} is ${isUsers ? "" : "not "}the user's`, () => {
    assert.equal(isUserFrame(frame), isUsers);
  });
}

test("error page: the source around the first of the user's own frames is shown, as text", async (t) => {
  const { connect } = await start(t, failing, { development: true });
  const { html } = await pageOf((await connect()).get("/", "Accept: text/html"));
  const [, place, source] =
    /<h2>(.*error-page\.test\.ts:\d+:\d+)<\/h2>\n<pre class="source">([\s\S]*?)<\/pre>/.exec(html) ?? [];
  assert.notEqual(place, undefined);
  assert.equal(source?.split("\n").length, 11);
  assert.match(source ?? "", /const HOSTILE = `&lt;script&gt;/);
});

test("error page: an error from elsewhere has no source", async (t) => {
  const { connect } = await start(
    t,
    () => {
      throw Object.assign(new Error("foreign"), { stack: "Error: foreign\n    at /nowhere/at/all.js:1:2" });
    },
    { development: true },
  );
  const { html } = await pageOf((await connect()).get("/", "Accept: text/html"));
  assert.doesNotMatch(html, /class="source"/);
});

test("error page: the parts of an AggregateError and their causes are shown", async (t) => {
  const { connect } = await start(
    t,
    () => {
      throw new AggregateError([new Error("part one"), new Error("part two", { cause: "a wire" })], "all failed");
    },
    { development: true },
  );
  const { html } = await pageOf((await connect()).get("/", "Accept: text/html"));
  for (const text of ["AggregateError: all failed", "Error: part one", "Error: part two", "Caused by: a wire"]) {
    assert.ok(html.includes(text), text);
  }
});

test("error page: the environ is that of the innermost mount", async (t) => {
  const mount: App = (environ, startResponse) =>
    failing(enter({ ...environ, SCRIPT_NAME: "/shop", PATH_INFO: "/cart" }), startResponse);
  const { connect } = await start(t, mount, { development: true });
  const { html } = await pageOf((await connect()).get("/shop/cart", "Accept: text/html"));
  assert.match(html, /<th>SCRIPT_NAME<td>\/shop\n/);
  assert.match(html, /<th>PATH_INFO<td>\/cart/);
});

test("error page: everybody else gets plain text", async (t) => {
  const { connect } = await start(t, failing, { development: true });
  const client = await connect();
  const all = await client.get("/", "Accept: */*", "Connection: close").all();
  assert.match(
    all,
    /\r\nContent-Type: text\/plain; charset=utf-8\r\n.*\r\n\r\n500 Internal Server Error\n\nError: <script>/s,
  );
  assert.match(all, /\n {4}at failingApp \(/);
});

test("error page: HEAD gets the head of the page", async (t) => {
  const { connect } = await start(t, failing, { development: true });
  const client = await connect();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  assert.match(await client.all(), /^HTTP\/1\.1 500 .*\r\nContent-Length: \d{3,}\r\n.*\r\n\r\n$/s);
});

test("error page: values that cannot be shown do not keep it from being shown", async (t) => {
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  const { connect } = await start(
    t,
    (environ) => {
      Object.assign(environ["tsgi.state"], circle);
      throw Object.create(null);
    },
    { development: true },
  );
  const client = await connect();
  assert.match(await client.get("/", "Accept: text/html").until("500 Internal Server Error"), /^HTTP\/1\.1 500 /);
});

test("error page: a 4xx stays what it is", async (t) => {
  const { connect } = await start(t, () => assert.fail(), { development: true });
  const client = await connect();
  const expected = wire(`HTTP/1.1 400 Bad Request
Content-Type: text/plain; charset=utf-8
Content-Length: 16
Connection: close

400 Bad Request`).concat("\n");
  assert.equal(await client.get("/%", "Accept: text/html").all(), expected);
});

test("error page: an error after the first chunk is not a page", async (t) => {
  const { connect } = await start(
    t,
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return (async function* () {
        yield "abc";
        await aWhile();
        throw new Error("midway");
      })();
    },
    { development: true },
  );
  assert.match(await (await connect()).get("/", "Accept: text/html").all(), /\r\n3\r\nabc\r\n$/);
});
