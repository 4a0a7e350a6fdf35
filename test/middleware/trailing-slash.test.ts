import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { trailingSlash } from "../../middleware/trailing-slash.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { fileTree, seen } from "../support/file-tree.ts";
import { start } from "../support/raw-client.ts";
import { transcript } from "../support/transcript.ts";

const site = text("the site");
const never = trailingSlash(site);
const always = trailingSlash(site, { slash: "always" });

/** Where a request is sent to; undefined where it goes to the app. */
async function sentTo(app: App, path: string, environ = {}): Promise<string | undefined> {
  const response = await request(app, path, { environ, lint: false });
  assert.equal(response.status, response.headers.has("Location") ? 308 : 200);
  return response.headers.get("Location") ?? undefined;
}

/** CVE-2021-21330 of aiohttp and CVE-2015-1164 of serve-static: `//evil.example/..` was sent to another host. */
test("trailingSlash: nothing is sent to another host", async (t) => {
  const targets = ["//evil.example/", "///evil.example/", "/\\evil.example/", "/%5Cevil.example/", "/%2Fevil.example/"];
  for (const app of [never, always, dispatcher(notFound, { "/": never })]) {
    for (const path of [
      ...targets,
      "//evil.example",
      "/.//evil.example/",
      "/a/..//evil.example/",
      "/%09/evil.example/",
    ]) {
      const to = await sentTo(app, path);
      if (to === undefined) continue;
      assert.equal(new URL(to, "http://site.example/").host, "site.example", `${path} to ${to}`);
    }
    const { connect } = await start(t, app, { mergeSlashes: false });
    const client = await connect();
    for (const path of ["//evil.example/", "/a//evil.example/", "///"]) {
      client.clear();
      const answer = await client.get(path).until("\r\n\r\n");
      const to = /^location: (.*)\r$/im.exec(answer)?.[1] ?? "/";
      assert.equal(new URL(to, "http://site.example/").host, "site.example", `${path} to ${to}`);
    }
  }
});

test("trailingSlash: a layer that makes a path with two slashes at its beginning sends nobody elsewhere", async () => {
  assert.equal(await sentTo(never, "/", { PATH_INFO: "//evil.example/" }), "/evil.example");
  assert.equal(await sentTo(always, "/", { PATH_INFO: "//evil.example/a" }), "/evil.example/a/");
  assert.equal(await sentTo(never, "/", { PATH_INFO: "/\\evil.example/" }), "/evil.example");
});

test("trailingSlash: never has the slash taken off", async () => {
  assert.equal(await sentTo(never, "/a/"), "/a");
  assert.equal(await sentTo(never, "/a/b/?q=/&r"), "/a/b?q=/&r");
  assert.equal(await sentTo(never, "/a/b%2F/"), "/a/b%2F");
  assert.equal(await sentTo(never, "/é/"), "/%C3%A9");
  for (const path of ["/", "/a", "/a/b?c=/", "/?/"]) assert.equal(await sentTo(never, path), undefined, path);
});

test("trailingSlash: always has it added, except after a name with a dot", async () => {
  assert.equal(await sentTo(always, "/a"), "/a/");
  assert.equal(await sentTo(always, "/a.b/c?d"), "/a.b/c/?d");
  for (const path of ["/", "/a/", "/a/style.css", "/.env", "/?a"])
    assert.equal(await sentTo(always, path), undefined, path);
});

test("trailingSlash: the method and the body stay the same, and the answer is one line", async () => {
  assert.equal(
    await transcript(never, "/a/", { method: "POST", body: "hello" }),
    "308 Permanent Redirect\ncontent-length: 0\ncontent-type: text/plain; charset=utf-8\nlocation: /a\n\n",
  );
});

test("trailingSlash: a preflight is not redirected", async () => {
  for (const [app, path] of [
    [never, "/a/"],
    [always, "/a"],
  ] as const) {
    assert.equal((await request(app, path, { method: "OPTIONS" })).status, 200);
    assert.equal((await request(app, "*", { method: "OPTIONS" })).status, 200);
  }
});

test("trailingSlash: below a mount the whole path counts, and the mount itself stays as it was asked for", async () => {
  const mounted = (app: App) => dispatcher(notFound, { "/shop": app });
  assert.equal(await sentTo(mounted(never), "/shop/a/"), "/shop/a");
  assert.equal(await sentTo(mounted(never), "/shop/"), undefined);
  assert.equal(await sentTo(mounted(never), "/shop"), undefined);
  assert.equal(await sentTo(mounted(always), "/shop/a"), "/shop/a/");
  assert.equal(await sentTo(mounted(always), "/shop"), "/shop/");
  assert.equal(await sentTo(mounted(always), "/shop/"), undefined);
});

test("trailingSlash: where it sends a request to, it lets it in", async () => {
  for (const app of [never, always, dispatcher(notFound, { "/a": never, "/b": always })]) {
    for (const path of ["/a/", "/a", "/b/c", "/b/c/", "/a//b//", "/%2F/", "/a/./", "/..%2f/"]) {
      const to = await sentTo(app, path).catch(() => undefined);
      if (to !== undefined) assert.equal(await sentTo(app, to), undefined, `${path} to ${to}`);
    }
  }
});

test("trailingSlash: folders of staticFiles are served where their slash was taken off, and sent to it elsewhere", async () => {
  const folder = await fileTree({ "about/index.html": "about", "about/deep/index.html": "deep" });
  const files = staticFiles(notFound, { "/": folder, "/static": folder });
  const ask = async (app: App, path: string, init = {}) => {
    const { status, headers, body } = await seen(await request(app, path, init));
    return [status, headers.location ?? body];
  };
  for (const [mount, app] of Object.entries({
    "": trailingSlash(files),
    "/shop": dispatcher(notFound, { "/shop": trailingSlash(files) }),
  })) {
    for (const _turn of ["looked up", "remembered"]) {
      assert.deepEqual(await ask(app, `${mount}/about/`), [308, `${mount}/about`]);
      assert.deepEqual(await ask(app, `${mount}/about`), [200, "about"]);
      assert.deepEqual(await ask(app, `${mount}/static/about/deep?x`), [200, "deep"]);
      assert.deepEqual(await ask(app, `${mount}/about`, { method: "HEAD" }), [200, ""]);
    }
  }
  assert.deepEqual(await ask(files, "/about"), [301, "/about/"]);
});

test("trailingSlash: wrong options throw when the app is built", () => {
  assert.throws(() => trailingSlash(site, { slash: "maybe" as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => trailingSlash(site, "never" as never), { code: "TSGI_BAD_OPTION" });
});
