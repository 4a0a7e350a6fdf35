/** Every framework on every server: one suite for all. The README shows the outcome. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { notFound } from "../../src/apps.ts";
import { root } from "../support/session.ts";
import { CHUNKS, COOKIES, digestOf, ETAG, FRAMEWORKS, type Watch } from "./matrix/frameworks.ts";
import { SERVERS, type Site } from "./matrix/servers.ts";

const LARGE = Buffer.alloc(1024 * 1024, "0123456789");

/** What has to be so at each mount. */
async function tryAll({ ask }: Site, mount: string, watch: { count: number }): Promise<void> {
  const hello = await ask(`${mount}/hello`);
  assert.deepEqual([hello.status, hello.body.toString(), hello.headers["content-length"]], [200, "hello", "5"]);
  assert.match(hello.headers["content-type"] as string, /^text\/plain/);
  const head = await ask(`${mount}/hello`, { method: "HEAD" });
  assert.deepEqual([head.status, head.body.length], [200, 0]);
  for (const body of [Buffer.from("x"), LARGE]) {
    const headers = { "Content-Type": "application/octet-stream", "Content-Length": String(body.length) };
    const echoed = await ask(`${mount}/echo`, { method: "POST", body, headers });
    assert.deepEqual([echoed.status, echoed.body.toString()], [200, digestOf(body)]);
  }
  const streamed = await ask(`${mount}/stream`);
  assert.deepEqual([streamed.status, streamed.body.toString()], [200, CHUNKS.join("")]);
  const redirect = await ask(`${mount}/redirect`);
  assert.deepEqual([redirect.status, redirect.headers.location], [302, "hello"]);
  const cookies = (await ask(`${mount}/cookies`)).headers["set-cookie"]?.map((cookie) =>
    cookie.replace("; Path=/", ""),
  );
  assert.deepEqual(cookies, COOKIES);
  assert.equal((await ask(`${mount}/cached`)).body.toString(), "cached");
  const cached = await ask(`${mount}/cached`, { headers: { "If-None-Match": ETAG } });
  assert.deepEqual([cached.status, cached.headers.etag, cached.body.length], [304, ETAG, 0]);
  assert.equal((await ask(`${mount}/nothing`)).status, 404);
  assert.equal((await ask(`${mount}/error`)).status, 500);
  await assert.rejects(ask(`${mount}/cut`), "a response that failed looks whole");
  const before = watch.count;
  await assert.rejects(ask(`${mount}/endless`, { leaves: true }));
  while (watch.count === before) await sleep(2);
}

for (const [framework, make] of Object.entries(FRAMEWORKS)) {
  for (const [server, start] of Object.entries(SERVERS)) {
    test(`matrix: ${framework}, ${server}`, { timeout: 30_000 }, async (t) => {
      const watch = { count: 0, ended: () => void watch.count++ };
      const app = make(watch satisfies Watch);
      const site = await start(dispatcher(notFound, { "/": app, "/a": app, "/a/b": app }));
      t.after(() => site.close());
      for (const mount of ["", "/a", "/a/b"]) await tryAll(site, mount, watch);
    });
  }
}

test("matrix: the README shows it", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const lines = [
    "| | ",
    ...Object.keys(SERVERS).map((server) => `| ${server} `),
    "|\n",
    `|${" --- |".repeat(Object.keys(SERVERS).length + 1)}\n`,
  ];
  for (const framework of Object.keys(FRAMEWORKS))
    lines.push(`| ${framework} ${"| ✓ ".repeat(Object.keys(SERVERS).length)}|\n`);
  const shown = /<!-- matrix -->\n([\s\S]*?)\n\n/.exec(readme)?.[1];
  assert.equal(`${shown}\n`, lines.join(""));
});
