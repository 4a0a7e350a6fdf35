import assert from "node:assert/strict";
import { test } from "node:test";
import { accessLog } from "../../middleware/access-log.ts";
import { type RequestIdOptions, requestId } from "../../middleware/request-id.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { eventually, start } from "../support/raw-client.ts";

const RANDOM = /^[\da-f]{32}$/;

/** Answers with what it knows of the id. */
const echo: App = (environ, startResponse) => {
  startResponse("200 OK", []);
  return `${environ["tsgi.state"]["request.id"]} ${environ.HTTP_X_REQUEST_ID}`;
};

async function ask(options: RequestIdOptions, asked: RequestOptions = {}): Promise<{ id: string; body: string }> {
  const response = await request(requestId(echo, options), "/", asked);
  return { id: response.headers.get("x-request-id") as string, body: await response.text() };
}

const sending = (id: string): RequestOptions => ({ headers: { "X-Request-Id": id } });

test("requestId: each request has an id of its own, in the environ and in the response", async () => {
  const { id, body } = await ask({});
  assert.match(id, RANDOM);
  assert.equal(body, `${id} undefined`);
  const ids = new Set<string>();
  const app = requestId((environ, startResponse) => {
    ids.add(environ["tsgi.state"]["request.id"] as string);
    return echo(environ, startResponse);
  });
  for (let count = 0; count < 600; count++) await request(app, "/", { lint: false });
  assert.equal(ids.size, 600);
});

test("requestId: the id of a client is not taken, unless it is trusted", async () => {
  const { id, body } = await ask({}, sending("mine"));
  assert.match(id, RANDOM);
  assert.equal(body, `${id} ${id}`);
  assert.deepEqual(await ask({ trust: true }, sending("mine")), { id: "mine", body: "mine mine" });
  const trust: RequestIdOptions["trust"] = ({ REMOTE_ADDR }) => REMOTE_ADDR === "10.0.0.1";
  assert.match((await ask({ trust }, sending("mine"))).id, RANDOM);
  assert.equal((await ask({ trust }, { ...sending("mine"), environ: { REMOTE_ADDR: "10.0.0.1" } })).id, "mine");
});

for (const [what, id] of [
  ["empty", ""],
  ["too long", "x".repeat(129)],
  ["two", "a, b"],
  ["with a quote", 'a"b'],
  ["with markup", "<b>"],
  ["with spaces", "a b"],
  ["with a letter beyond ASCII", "\xe9"],
  ["with a control character", "a\x1b[31m"],
] as const) {
  test(`requestId: an id that is ${what} is not taken`, async () => {
    assert.match((await ask({ trust: true }, { lint: false, environ: { HTTP_X_REQUEST_ID: id } })).id, RANDOM);
  });
}

test("requestId: another header, and ids of one's own", async () => {
  let count = 0;
  const app = requestId(text("hello", { headers: [["Trace", "of the app"]] }), {
    header: "Trace",
    generate: () => `id-${++count}`,
  });
  const headers = async () => [...(await request(app, "/")).headers].filter(([name]) => name === "trace");
  assert.deepEqual(await headers(), [["trace", "id-1"]]);
  assert.deepEqual(await headers(), [["trace", "id-2"]]);
  await assert.rejects(request(requestId(echo, { generate: () => "a\r\nb" }), "/"), { code: "TSGI_BAD_OPTION" });
});

test("requestId: an id that a layer around has given stays", async () => {
  const app = requestId(requestId(echo), { generate: () => "outer" });
  const response = await request(app, "/");
  assert.equal(await response.text(), "outer undefined");
  assert.equal(response.headers.get("x-request-id"), "outer");
});

test("requestId: error reports and the access log have the id", async (t) => {
  const lines: string[] = [];
  const failing: App = () => {
    throw new Error("boom");
  };
  const app = accessLog(requestId(failing, { generate: () => "the-id" }), {
    format: ({ requestId: id }) => id,
    to: { write: (line) => lines.push(line) },
  });
  const { connect, log } = await start(t, app);
  await (await connect()).get("/a", "Connection: close").all();
  await eventually(() => lines.length > 0);
  assert.deepEqual(lines, ["the-id\n"]);
  assert.match(log.join(""), /^GET \/a \[the-id\]: Error: boom/);
});

test("requestId: wrong options throw when the app is built", () => {
  for (const options of [
    { header: "a b" },
    { header: "X_Id" },
    { header: "Connection" },
    { header: "content-length" },
    { trust: 1 },
    { name: "x" },
  ]) {
    assert.throws(() => requestId(echo, options as never), { code: "TSGI_BAD_OPTION" });
  }
});
