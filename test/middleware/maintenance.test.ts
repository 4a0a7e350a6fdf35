import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { maintenance } from "../../middleware/maintenance.ts";
import { sendFile } from "../../middleware/send-file.ts";
import { websocket } from "../../middleware/websocket.ts";
import { html, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request, webSocket } from "../../src/testing.ts";
import { fileTree, plain, seen } from "../support/file-tree.ts";

const unasked: App = () => assert.fail("asked");
const CLOSED = plain(503, "Service Unavailable: closed for maintenance\n", {
  "cache-control": "no-store",
  "retry-after": "300",
});

test("maintenance: a closed site is a 503 for every request, and is not asked", async () => {
  const app = maintenance(unasked, { isOn: true });
  assert.deepEqual(await seen(await request(app, "/")), CLOSED);
  assert.deepEqual(await seen(await request(app, "/a", { method: "POST", body: "hello" })), CLOSED);
  assert.deepEqual(await seen(await request(app, "/", { method: "HEAD" })), { ...CLOSED, body: "" });
});

test("maintenance: an open site is as it was", async () => {
  assert.equal(await (await request(maintenance(text("open"), { isOn: false }), "/")).text(), "open");
});

test("maintenance: it is asked for each request, and may take its time", async () => {
  let isClosed = false;
  for (const isOn of [() => isClosed, async () => isClosed]) {
    const app = maintenance(text("open"), { isOn });
    const statuses: number[] = [];
    for (const closed of [false, true, false]) {
      isClosed = closed;
      statuses.push((await request(app, "/")).status);
    }
    assert.deepEqual(statuses, [200, 503, 200]);
  }
});

test("maintenance: it may be on for some", async () => {
  const app = maintenance(text("open"), { isOn: ({ REMOTE_ADDR }) => REMOTE_ADDR !== "192.0.2.7" });
  assert.equal((await request(app, "/")).status, 503);
  assert.equal((await request(app, "/", { environ: { REMOTE_ADDR: "192.0.2.7" } })).status, 200);
});

test("maintenance: the page is a 503 whatever it says of itself", async () => {
  const headers = [
    ["Cache-Control", "max-age=60"],
    ["ETag", '"a"'],
    ["X-Own", "yes"],
  ] as const;
  const page = html("<h1>back at six</h1>", { headers });
  const app = maintenance(unasked, { isOn: true, page, retryAfter: 60 });
  assert.deepEqual(await seen(await request(app, "/")), {
    status: 503,
    headers: {
      "cache-control": "no-store",
      "content-length": "20",
      "content-type": "text/html; charset=utf-8",
      "retry-after": "60",
      "x-own": "yes",
    },
    body: "<h1>back at six</h1>",
  });
});

test("maintenance: a page from a file is sent whole, whatever the client has or asks for", async () => {
  const root = await fileTree({ "closed.html": "<h1>closed</h1>" });
  const app = maintenance(unasked, { isOn: true, page: sendFile(join(root, "closed.html")) });
  for (const headers of [
    {},
    { "If-None-Match": "*" },
    { Range: "bytes=0-3" },
    { "If-Modified-Since": "Fri, 31 Dec 9999 23:59:59 GMT" },
  ]) {
    const response = await request(app, "/", { headers });
    assert.deepEqual([response.status, await response.text()], [503, "<h1>closed</h1>"]);
  }
});

test("maintenance: the Retry-After of the page stays", async () => {
  const page = text("later", { headers: [["Retry-After", "7"]] });
  assert.equal((await request(maintenance(unasked, { isOn: true, page }), "/")).headers.get("Retry-After"), "7");
});

test("maintenance: a WebSocket is refused as well", async () => {
  const app = maintenance(websocket({}), { isOn: true });
  await assert.rejects(webSocket(app, "/"), { code: "TSGI_WEBSOCKET_REFUSED" });
});

test("maintenance: neither true nor false is an error, and so is one that fails", async () => {
  for (const answer of [undefined, 1, "on", null]) {
    await assert.rejects(request(maintenance(unasked, { isOn: () => answer as never }), "/"), {
      code: "TSGI_BAD_OPTION",
    });
  }
  const fail = async () => {
    throw new Error("boom");
  };
  await assert.rejects(request(maintenance(unasked, { isOn: fail }), "/"), { message: "boom" });
});

test("maintenance: wrong options throw when the app is built", () => {
  assert.throws(() => maintenance(unasked, {} as never), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => maintenance(unasked, { isOn: "yes" as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => maintenance(unasked, { isOn: true, retryAfter: 0.5 }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => maintenance(unasked, { isOn: true, page: "closed" as never }), { code: "TSGI_BAD_OPTION" });
});
