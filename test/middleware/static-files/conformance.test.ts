// What the suites of send, serve-static, sirv, @fastify/static, werkzeug, Starlette and tower-http hold of paths.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { file, fileTree, LAST_MODIFIED, PASSED_ON, plain, tagOf } from "../../support/file-tree.ts";
import { type Reply, type Site, serveApp, serveFiles, utf8 } from "../../support/static-fixture.ts";

const TEXT = "text/plain; charset=utf-8";
const HTML = "text/html; charset=utf-8";
const root = await fileTree({
  "index.html": "<p>root</p>",
  "name.txt": "tobi",
  "name.html": "<p>tobi</p>",
  "empty.txt": "",
  "some thing.txt": "hey",
  "do..ts.txt": "dots",
  "100%.txt": "percent",
  "%20.txt": "a name of an escape",
  "你好世界.txt": "hello world",
  "😀.txt": "smile",
  "pets/index.html": "<p>pets</p>",
  "pets/names.txt": "tobi, loki",
  "bare/file.txt": "bare",
  "both/file.txt": "both",
  "both.html": "<p>both</p>",
  "about/index.html": "<p>about, the folder</p>",
  "about.html": "<p>about, the file</p>",
  "dir.txt/inner.txt": "inner",
  "thing.html.html": "<p>thing</p>",
  "other/default.htm": "<p>default</p>",
  "odd/default.htm/file.txt": "odd",
  "odd/index.html": "<p>odd</p>",
  "ünïcode dir/index.html": "<p>ü</p>",
  "new\nline/index.html": "<p>line</p>",
  "v1.2/index.html": "<p>v1.2</p>",
});

function exportRoot(t: TestContext): Promise<Site> {
  return serveFiles(t, { "/": root });
}

function moved(location: string): Reply {
  return plain(301, "Moved Permanently\n", { location, "cache-control": "no-cache" }) as Reply;
}

test("static files: a file, a nested one, an empty one", async (t) => {
  const site = await exportRoot(t);
  assert.deepEqual(await site.get("/name.txt"), file(TEXT, "tobi"));
  assert.deepEqual(await site.get("/pets/names.txt"), file(TEXT, "tobi, loki"));
  assert.deepEqual(await site.get("/empty.txt"), file(TEXT, ""));
});

for (const [target, body] of [
  ["/name.txt?", "tobi"],
  ["/name.txt?a=b&/../c", "tobi"],
  ["/name.txt??", "tobi"],
  ["/name.txt?%00%zz", "tobi"],
  ["/n%61me%2Etxt", "tobi"],
  ["/n%61me%2etxt", "tobi"],
  ["/pets/../name.txt", "tobi"],
  ["/pets/%2e%2E/name.txt", "tobi"],
  ["/./name.txt", "tobi"],
  ["//name.txt", "tobi"],
  ["/pets///names.txt", "tobi, loki"],
  ["http://a/name.txt", "tobi"],
  ["HTTP://b:1/name.txt?c", "tobi"],
  ["http://a", "<p>root</p>"],
  ["/pets/..", "<p>root</p>"],
  ["/pets/.", "<p>pets</p>"],
  ["/some%20thing.txt", "hey"],
  ["/do..ts.txt", "dots"],
  ["/do%2E%2ets.txt", "dots"],
  ["/100%25.txt", "percent"],
  ["/%2520.txt", "a name of an escape"],
  ["/%e4%bd%a0%E5%A5%BD%E4%B8%96%E7%95%8c.txt", "hello world"],
  ["/%F0%9F%98%80.txt", "smile"],
] as const) {
  test(`static files: ${target} is found`, async (t) => {
    const site = await exportRoot(t);
    assert.equal(await site.text(target), body);
  });
}

for (const [target, status] of [
  ["/meow", 404],
  ["/Name.txt", 404],
  ["/name.txt/", 404],
  ["/name.txt/.", 404],
  ["/name.txt/more.php", 404],
  ["/name", 404],
  ["/name.txt%20", 404],
  ["/name.txt.", 404],
  ["/name.txt%00", 400],
  ["/some+thing.txt", 404],
  ["/some%2520thing.txt", 404],
  ["/pets%2Findex.html", 404],
  ["/pets%2findex.html", 404],
  ["/pets%5Cindex.html", 404],
  ["/pets\\index.html", 404],
  ["/pets;/names.txt", 404],
  ["/%20.txt", 404],
  ["/100%.txt", 400],
  ["/%", 400],
  ["/%zz", 400],
  ["/%9", 400],
  ["/some%99thing.txt", 404],
  ["/%ED%A0%80.txt", 404],
  ["/%C0%AF", 404],
  ["/%F5%80%80%80", 404],
  ["//todo@txt", 404],
  ["/name.txt#part", 400],
  ["name.txt", 400],
  ["*", 400],
  ["/index.html/index.html", 404],
] as const) {
  test(`static files: ${target} is a ${status}`, async (t) => {
    const site = await exportRoot(t);
    const reply = await site.get(target);
    assert.deepEqual(reply, status === 404 ? PASSED_ON : plain(400, "400 Bad Request\n"));
  });
}

test("static files: raw bytes beyond ASCII are no target", async (t) => {
  const site = await exportRoot(t);
  assert.equal((await site.get(utf8("/你好世界.txt"))).status, 400);
});

test("static files: every character but a slash, a backslash and NUL may stand in a name", async (t) => {
  const characters = Array.from({ length: 127 }, (_, index) => String.fromCharCode(index + 1));
  const names = characters.filter((each) => each !== "/" && each !== "\\").map((each) => `a${each}b.txt`);
  const site = await serveFiles(t, await fileTree(Object.fromEntries(names.map((name) => [name, `<${name}>`]))));
  for (const name of names) {
    const escaped = name.replace(/[^ab.tx]/, (each) => `%${each.charCodeAt(0).toString(16).padStart(2, "0")}`);
    assert.equal(await site.text(`/${escaped}`), `<${name}>`, escaped);
    const raw = await site.get(`/${name}`);
    assert.ok(raw.body === `<${name}>` || [400, 404].includes(raw.status), `${escaped}: ${raw.status}`);
  }
});

test("static files: dots and spaces at the end of a name are part of it, dots at its start hide it", async (t) => {
  const names = ["a.txt", "a.txt.", "a.txt..", "a.txt ", "a.txt. ", " a.txt", "a.", "a", "a...b"];
  const site = await serveFiles(t, await fileTree(Object.fromEntries(names.map((name) => [name, `<${name}>`]))));
  for (const name of names) assert.equal(await site.text(`/${encodeURIComponent(name)}`), `<${name}>`);
  for (const target of ["/a%20", "/a..", "/...", "/....", "/%20", "/.%20", "/a.txt%20%20"]) {
    assert.deepEqual(await site.get(target), PASSED_ON, target);
  }
});

const composes = process.platform === "darwin" ? "names are normalised here" : false;
test("static files: composed and decomposed letters are different names", { skip: composes }, async (t) => {
  const site = await serveFiles(t, await fileTree({ "\u00e9.txt": "composed", "e\u0301.txt": "decomposed" }));
  assert.equal(await site.text("/%C3%A9.txt"), "composed");
  assert.equal(await site.text("/e%CC%81.txt"), "decomposed");
  assert.deepEqual(await site.get("/e.txt"), PASSED_ON);
});

test("static files: the longest names, and longer ones", async (t) => {
  const longest = "n".repeat(255);
  const site = await serveFiles(t, await fileTree({ [longest]: "long" }));
  assert.equal(await site.text(`/${longest}`), "long");
  for (const target of [`/${longest}n`, `/${"foobar".repeat(99)}`, `/${"%41".repeat(400)}`, `${"/n".repeat(3000)}`]) {
    assert.deepEqual(await site.get(target), PASSED_ON);
  }
  assert.equal((await site.get(`/${"n".repeat(20_000)}`)).status, 414);
  assert.equal(await site.text(`/${longest}`), "long");
});

test("static files: other methods are the app's", async (t) => {
  const app: App = async (environ, startResponse) => {
    startResponse("200 OK", []);
    let sent = "";
    for await (const chunk of environ["tsgi.input"]) sent += chunk.length;
    return `${environ.REQUEST_METHOD} of the app with ${sent || "nothing"}`;
  };
  const site = await serveFiles(t, root, {}, app);
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "TRACE"]) {
    assert.equal((await site.ask(method, "/name.txt")).body, `${method} of the app with nothing`);
  }
});

test("static files: GET with a body is a GET", async (t) => {
  const site = await exportRoot(t);
  assert.equal(await site.text("/name.txt", "Content-Length: 0"), "tobi");
  assert.equal(await site.text("/name.txt", "Connection: close", "Transfer-Encoding: chunked", "", "0"), "tobi");
});

// Index and redirects.

test("static files: a folder is its index, whole with validators", async (t) => {
  const site = await exportRoot(t);
  assert.deepEqual(await site.get("/"), file(HTML, "<p>root</p>"));
  assert.deepEqual(await site.get("/pets/"), file(HTML, "<p>pets</p>"));
  assert.deepEqual(await site.get("/v1.2/"), file(HTML, "<p>v1.2</p>"));
});

for (const [target, location] of [
  ["/pets", "/pets/"],
  ["/pets?name=john", "/pets/?name=john"],
  ["/pets?", "/pets/"],
  ["/pets?a=//b&c=%2F?d", "/pets/?a=//b&c=%2F?d"],
  ["//pets", "/pets/"],
  ["/x/../pets", "/pets/"],
  ["/%70ets", "/pets/"],
  ["http://elsewhere.example/pets", "/pets/"],
  ["/v1.2", "/v1.2/"],
  ["/%C3%BCn%C3%AFcode%20dir", "/%C3%BCn%C3%AFcode%20dir/"],
  ["/new%0aline", "/new%0Aline/"],
] as const) {
  test(`static files: ${target} redirects to ${location}, in text`, async (t) => {
    const site = await exportRoot(t);
    assert.deepEqual(await site.get(target), moved(location));
    assert.deepEqual(await site.head(target), { ...moved(location), body: "" });
  });
}

test("static files: redirects keep the mount", async (t) => {
  const files = staticFiles(notFound, { "/": root, "/pub": join(root, "pets") });
  const site = await serveApp(t, dispatcher(notFound, { "/static": files, "/user/:name/files": files }));
  assert.deepEqual(await site.get("/static"), moved("/static/"));
  assert.deepEqual(await site.get("/static?q"), moved("/static/?q"));
  assert.deepEqual(await site.get("/static/pub"), moved("/static/pub/"));
  assert.deepEqual(await site.get("/static/pets?q=1"), moved("/static/pets/?q=1"));
  assert.deepEqual(await site.get("/user/a%20%2F/files/pets"), moved("/user/a%20%2F/files/pets/"));
  assert.equal(await site.text("/static/"), "<p>root</p>");
  assert.equal(await site.text("/static/pub/"), "<p>pets</p>");
});

test("static files: a folder without an index is the app's, where send redirects and then refuses", async (t) => {
  const site = await exportRoot(t);
  for (const target of ["/bare", "/bare/", "/dir.txt", "/dir.txt/"])
    assert.deepEqual(await site.get(target), PASSED_ON);
  assert.equal(await site.text("/dir.txt/inner.txt"), "inner");
});

test("static files: indexes are tried in order, folders of their name left out", async (t) => {
  const site = await serveFiles(t, root, { index: ["default.htm", "index.html"] });
  assert.equal(await site.text("/other/"), "<p>default</p>");
  assert.equal(await site.text("/pets/"), "<p>pets</p>");
  assert.equal(await site.text("/odd/"), "<p>odd</p>");
  assert.deepEqual(await site.get("/odd"), moved("/odd/"));
  const single = await serveFiles(t, root, { index: "default.htm" });
  for (const target of ["/", "/pets/", "/pets", "/odd/"]) assert.deepEqual(await single.get(target), PASSED_ON, target);
});

test("static files: without an index nothing is redirected", async (t) => {
  const site = await serveFiles(t, root, { index: false });
  for (const target of ["/", "/pets", "/pets/"]) assert.deepEqual(await site.get(target), PASSED_ON, target);
  assert.equal(await site.text("/pets/index.html"), "<p>pets</p>");
});

// Extensions.

test("static files: extensions are tried in order for names that are no file", async (t) => {
  const site = await serveFiles(t, root, { extensions: ["htm", "html", ".txt"] });
  assert.deepEqual(await site.get("/name"), file(HTML, "<p>tobi</p>"));
  assert.deepEqual(await site.get("/name.txt"), file(TEXT, "tobi"));
  assert.equal(await site.text("/some%20thing"), "hey");
  assert.equal(await site.text("/pets/names"), "tobi, loki");
  for (const target of ["/bob", "/name/", "/name.", "/.html", "/pets/"]) {
    const expected = target === "/pets/" ? file(HTML, "<p>pets</p>") : PASSED_ON;
    assert.deepEqual(await site.get(target), expected, target);
  }
});

test("static files: extensions skip folders, and are none by default", async (t) => {
  const site = await serveFiles(t, root, { extensions: ["txt"] });
  assert.deepEqual(await site.get("/dir"), PASSED_ON);
  assert.deepEqual(await (await exportRoot(t)).get("/name"), PASSED_ON);
});

test("static files: an extension is added to any name, where send stops at one that has an extension", async (t) => {
  const site = await serveFiles(t, root, { extensions: ["html"] });
  assert.equal(await site.text("/thing.html"), "<p>thing</p>");
  assert.equal(await site.text("/thing.html.html"), "<p>thing</p>");
});

test("static files: a folder with an index comes before the file with the extension, without one after it", async (t) => {
  const site = await serveFiles(t, root, { extensions: ["html"] });
  assert.deepEqual(await site.get("/about"), moved("/about/"));
  assert.equal(await site.text("/about.html"), "<p>about, the file</p>");
  assert.equal(await site.text("/both"), "<p>both</p>");
  assert.deepEqual(await site.get("/both/"), PASSED_ON);
});

// The fallback.

const CHROMIUM = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
for (const [target, lines, isPage] of [
  ["/app/users", [CHROMIUM], true],
  ["/app/users", [CHROMIUM, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], true],
  ["/app/users/", [CHROMIUM], true],
  ["/v1.2/users", [CHROMIUM], true],
  ["/app/users?file=a.js", [CHROMIUM], true],
  ["/app/users", [], true],
  ["/app/users", ["Accept: */*"], true],
  ["/app/users", ["Accept: text/*"], true],
  ["/app/users", ["Accept: text/html, application/json"], true],
  // Who names JSON first is not a browser that navigates.
  ["/app/users", ["Accept: application/json, text/html"], false],
  ["/app/users", ["Accept: application/json, text/plain, */*"], false],
  ["/app/users", ["Accept: application/json"], false],
  ["/app/users", ["Accept: application/json, text/html;q=0.5"], false],
  ["/app/users", ["Accept: text/html;q=0, */*"], false],
  ["/app/users", ["Accept: image/*"], false],
  ["/app/users", [CHROMIUM, "Sec-Fetch-Mode: no-cors"], false],
  ["/app/users", [CHROMIUM, "Sec-Fetch-Mode: cors"], false],
  ["/404.css", [CHROMIUM], false],
  ["/foo/bar/baz.bat", [CHROMIUM], false],
  ["/app/users.", [CHROMIUM], false],
  ["/.git", [CHROMIUM], false],
  ["/bare", [CHROMIUM], true],
] as const) {
  test(`static files: ${target} with ${lines.join(", ") || "nothing"} ${isPage ? "is" : "is not"} the fallback's`, async (t) => {
    const site = await serveFiles(t, root, { navigationFallback: "pets/index.html" });
    const page = file(HTML, "<p>pets</p>", { vary: "Accept, Sec-Fetch-Mode" });
    assert.deepEqual(await site.get(target, ...lines), isPage ? page : PASSED_ON);
    assert.deepEqual(await site.head(target, ...lines), { ...(isPage ? page : PASSED_ON), body: "" });
  });
}

test("static files: the fallback is for GET and HEAD, and has preconditions and ranges", async (t) => {
  const site = await serveFiles(t, root, { navigationFallback: "/index.html" });
  assert.deepEqual(await site.ask("POST", "/users"), PASSED_ON);
  const unmodified = await site.get("/users", `If-None-Match: ${tagOf("<p>root</p>")}`);
  const headers = { "cache-control": "no-cache", etag: tagOf("<p>root</p>"), vary: "Accept, Sec-Fetch-Mode" };
  assert.deepEqual(unmodified, { status: 304, headers, body: "" });
  const part = await site.get("/users", "Range: bytes=0-2");
  assert.deepEqual([part.status, part.body, part.headers.vary], [206, "<p>", "Accept, Sec-Fetch-Mode"]);
  assert.equal((await site.get("/users", `If-Modified-Since: ${LAST_MODIFIED}`)).status, 304);
});

test("static files: a fallback that is not there is the app's, until it is there", async (t) => {
  const folder = await fileTree({ "a.txt": "a" });
  const site = await serveFiles(t, folder, { navigationFallback: "app.html", memory: false });
  assert.deepEqual(await site.get("/users", CHROMIUM), PASSED_ON);
  await writeFile(join(folder, "app.html"), "<p>app</p>");
  assert.equal(await site.text("/users", CHROMIUM), "<p>app</p>");
});
