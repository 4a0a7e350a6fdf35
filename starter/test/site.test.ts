/** Tests call the site without a server; what breaks a rule of tsgi fails them too. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "tsgi/testing";
import { app } from "../site.ts";

test("the front page is there, and browsers run nothing in it but the scripts of the site", async () => {
  const response = await request(app, "/");
  assert.equal(response.status, 200);
  assert.match(await response.text(), /<h1>It works<\/h1>/);
  assert.match(response.headers.get("Content-Security-Policy") ?? "", /script-src 'self'/);
});

test("a note that was added can be read", async () => {
  const added = await request(app, "/api/notes", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text: "buy tea" }),
  });
  assert.equal(added.status, 201);
  const note = await (await request(app, added.headers.get("Location") ?? "")).json();
  assert.deepEqual(note, { id: 1, text: "buy tea" });
  assert.deepEqual(await (await request(app, "/api/notes")).json(), [note]);
});

test("what is not a note is refused", async () => {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const add = (body: string) => request(app, "/api/notes", { method: "POST", headers, body });
  assert.equal((await add("{}")).status, 422);
  assert.equal((await add("tea")).status, 400);
  assert.equal((await add("x".repeat(200 * 1024))).status, 413);
});

test("other sites cannot add notes", async () => {
  const headers = { "Content-Type": "application/json", "Sec-Fetch-Site": "cross-site" };
  const response = await request(app, "/api/notes", { method: "POST", headers, body: '{"text":"spam"}' });
  assert.equal(response.status, 403);
});

test("what is not there is a page for people, and problem details for programs", async () => {
  const page = await request(app, "/nothing", { headers: { Accept: "text/html" } });
  assert.deepEqual([page.status, page.headers.get("Content-Type")], [404, "text/html; charset=utf-8"]);
  const problem = await request(app, "/api/notes/99", { headers: { Accept: "application/json" } });
  assert.deepEqual(await problem.json(), { type: "about:blank", title: "Not Found", status: 404 });
});
