import assert from "node:assert/strict";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { stack } from "../../src/stack.ts";
import { request } from "../../src/testing.ts";
import { file, fileTree, LAST_MODIFIED, PASSED_ON, plain, seen, tagOf, withHeader } from "../support/file-tree.ts";

const TEN = "0123456789";
const root = await fileTree({
  "ten.txt": TEN,
  "empty.txt": "",
  "page.html": "<p>page</p>",
  "app.js": "let a;",
  "app.mjs": "let a;",
  "style.css": "a{}",
  "data.json": "{}",
  "image.svg": "<svg/>",
  "photo.PNG": "png",
  "font.woff2": "font",
  "archive.tar.gz": "gz",
  README: "read me",
  "un.known": "?",
  "café crème.txt": "café",
  "100% sure?.txt": "sure",
  "index.html": "<p>root</p>",
  "docs/index.html": "<p>docs</p>",
  "docs/other.html": "<p>other</p>",
  "bare/file.txt": "file",
  "odd/index.html/file.txt": "file",
  "naïve docs/index.html": "<p>naïve</p>",
});
const app = staticFiles(notFound, { "/static": root });
const NOT_MODIFIED = { status: 304, headers: { "cache-control": "no-cache", etag: tagOf(TEN) }, body: "" };

test("staticFiles: GET sends the file", async () => {
  assert.deepEqual(await seen(await request(app, "/static/ten.txt")), file("text/plain; charset=utf-8", TEN));
});

test("staticFiles: HEAD sends the headers of GET", async () => {
  const head = await seen(await request(app, "/static/ten.txt", { method: "HEAD" }));
  assert.deepEqual(head, { ...file("text/plain; charset=utf-8", TEN), body: "" });
});

test("staticFiles: an empty file", async () => {
  assert.deepEqual(await seen(await request(app, "/static/empty.txt")), file("text/plain; charset=utf-8", ""));
});

test("staticFiles: a file of several chunks", async () => {
  const large = Buffer.alloc(900_001, "large file ");
  await writeFile(join(root, "large.bin"), large);
  const response = await request(app, "/static/large.bin");
  assert.equal(response.headers.get("content-length"), "900001");
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), large);
  assert.equal(response.finished, 1);
});

for (const size of [65_535, 65_536, 65_537, 131_072, 262_144, 262_145, 524_288]) {
  test(`staticFiles: a file of ${size} bytes`, async () => {
    await writeFile(join(root, `${size}.bin`), Buffer.alloc(size, 7));
    const response = await request(app, `/static/${size}.bin`);
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), Buffer.alloc(size, 7));
  });
}

for (const [name, type] of [
  ["page.html", "text/html; charset=utf-8"],
  ["app.js", "text/javascript; charset=utf-8"],
  ["app.mjs", "text/javascript; charset=utf-8"],
  ["style.css", "text/css; charset=utf-8"],
  ["data.json", "application/json; charset=utf-8"],
  ["image.svg", "image/svg+xml; charset=utf-8"],
  ["photo.PNG", "image/png"],
  ["font.woff2", "font/woff2"],
  ["archive.tar.gz", "application/gzip"],
  ["README", "application/octet-stream"],
  ["un.known", "application/octet-stream"],
] as const) {
  test(`staticFiles: the content type of ${name}`, async () => {
    const response = await request(app, `/static/${name}`);
    assert.equal(response.headers.get("content-type"), type);
  });
}

test("staticFiles: escaped names", async () => {
  const type = "text/plain; charset=utf-8";
  assert.deepEqual(await seen(await request(app, "/static/caf%C3%A9%20cr%C3%A8me.txt")), file(type, "café"));
  assert.deepEqual(await seen(await request(app, "/static/100%25%20sure%3F.txt?q")), file(type, "sure"));
  assert.deepEqual(await seen(await request(app, "/static/%74en.txt")), file(type, TEN));
});

test("staticFiles: what is not there goes to the app", async () => {
  for (const path of [
    "/static/none.txt",
    "/static/none/none.txt",
    "/static/ten.txt/",
    "/static/ten.txt/more",
    "/static/index.html/",
    "/static/Ten.txt",
    `/static/${"long".repeat(100)}`,
    `/static${"/long".repeat(2000)}`,
    "/staticten.txt",
    "/static2/ten.txt",
    "/stati",
    "/",
  ]) {
    assert.deepEqual(await seen(await request(app, path)), PASSED_ON, path.slice(0, 40));
  }
});

test("staticFiles: other methods go to the app with their input", async () => {
  const echo: App = async function* (environ, startResponse) {
    startResponse("200 OK", [["X-Method", environ.REQUEST_METHOD]]);
    yield* environ["tsgi.input"];
  };
  const files = staticFiles(echo, { "/static": root });
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"]) {
    const response = await request(files, "/static/ten.txt", { method, body: "sent" });
    assert.equal(response.headers.get("x-method"), method);
    assert.equal(await response.text(), "sent");
  }
  const options = await request(files, "/static/ten.txt", { method: "OPTIONS" });
  assert.equal(options.headers.get("x-method"), "OPTIONS");
});

test("staticFiles: the app gets the environ as it came", async () => {
  let given: unknown;
  const inner: App = (environ, startResponse) => {
    given = environ;
    return notFound(environ, startResponse);
  };
  const files = staticFiles(inner, { "/static": root });
  for (const path of ["/elsewhere", "/static/none.txt"]) {
    let before: unknown;
    const outer: App = (environ, startResponse) => {
      before = environ;
      return files(environ, startResponse);
    };
    await request(outer, path);
    assert.equal(given, before);
  }
});

test("staticFiles: the error of the app is its own", async () => {
  const broken = staticFiles(
    () => {
      throw Object.assign(new Error("broken"), { code: "EACCES" });
    },
    { "/static": root },
  );
  await assert.rejects(request(broken, "/static/none.txt"), { message: "broken" });
  await assert.rejects(request(broken, "/elsewhere"), { message: "broken" });
});

test("staticFiles: is a middleware", async () => {
  const stacked = stack().use(staticFiles, { "/static": root }, { maxAge: 60_000 }).run(notFound);
  const response = await request(stacked, "/static/ten.txt");
  assert.equal(response.headers.get("cache-control"), "max-age=60");
  assert.equal(app.name, "staticFiles");
});

// Ranges (RFC 9110 §14).

for (const [range, part, at] of [
  ["bytes=0-3", "0123", "bytes 0-3/10"],
  ["bytes=3-", "3456789", "bytes 3-9/10"],
  ["bytes=3-99", "3456789", "bytes 3-9/10"],
  ["bytes=-2", "89", "bytes 8-9/10"],
  ["bytes=-99", TEN, "bytes 0-9/10"],
  ["bytes=0-", TEN, "bytes 0-9/10"],
] as const) {
  test(`staticFiles: Range: ${range}`, async () => {
    assert.deepEqual(await seen(await request(app, "/static/ten.txt", withHeader("Range", range))), {
      ...file("text/plain; charset=utf-8", part, { "content-range": at, etag: tagOf(TEN) }),
      status: 206,
    });
  });
}

test("staticFiles: a range of a large file begins and ends anywhere", async () => {
  const large = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
  await writeFile(join(root, "ranges.bin"), large);
  for (const [first, last] of [
    [0, 299_999],
    [1, 299_998],
    [65_536, 131_072],
    [150_000, 299_999],
    [299_999, 299_999],
  ] as const) {
    const response = await request(app, "/static/ranges.bin", withHeader("Range", `bytes=${first}-${last}`));
    assert.equal(response.headers.get("content-range"), `bytes ${first}-${last}/300000`);
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), large.slice(first, last + 1));
  }
});

for (const range of ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999-", "bytes=10-,20-30"]) {
  test(`staticFiles: Range: ${range} is a 416`, async () => {
    assert.deepEqual(
      await seen(await request(app, "/static/ten.txt", withHeader("Range", range))),
      plain(416, "Range Not Satisfiable\n", { "content-range": "bytes */10" }),
    );
  });
}

for (const range of ["bytes=4-2", "bytes=x-", "lines=0-3", "bytes", "bytes=0-1;"]) {
  test(`staticFiles: Range: ${range.slice(0, 20)} is answered with the whole`, async () => {
    const response = await request(app, "/static/ten.txt", withHeader("Range", range));
    assert.deepEqual(await seen(response), file("text/plain; charset=utf-8", TEN));
  });
}

test("staticFiles: thousands of ranges are one where they overlap, and the whole where they do not", async () => {
  const overlapping = `bytes=${"0-,".repeat(4000)}0-`;
  const one = await request(app, "/static/ten.txt", withHeader("Range", overlapping));
  assert.deepEqual([one.status, await one.text()], [206, TEN]);
  await writeFile(join(root, "many.bin"), Buffer.alloc(200_000, "many"));
  const apart = `bytes=${Array.from({ length: 51 }, (_, index) => `${index * 100}-${index * 100}`).join(",")}`;
  const whole = await request(app, "/static/many.bin", withHeader("Range", apart));
  assert.deepEqual([whole.status, (await whole.arrayBuffer()).byteLength], [200, 200_000]);
});

test("staticFiles: a range of an empty file is answered with the whole", async () => {
  const response = await request(app, "/static/empty.txt", withHeader("Range", "bytes=0-"));
  assert.deepEqual(await seen(response), file("text/plain; charset=utf-8", ""));
});

test("staticFiles: HEAD has no ranges", async () => {
  const response = await request(app, "/static/ten.txt", { method: "HEAD", ...withHeader("Range", "bytes=50-") });
  assert.deepEqual(await seen(response), { ...file("text/plain; charset=utf-8", TEN), body: "" });
});

// Preconditions (RFC 9110 §13).

const BEFORE = "Mon, 06 May 2024 07:08:08 GMT";

for (const [name, value] of [
  ["If-None-Match", tagOf(TEN)],
  ["If-None-Match", `W/${tagOf(TEN)}`],
  ["If-None-Match", `"other", ${tagOf(TEN)}`],
  ["If-None-Match", "*"],
  ["If-Modified-Since", LAST_MODIFIED],
  ["If-Modified-Since", "Tue, 07 May 2024 00:00:00 GMT"],
] as const) {
  test(`staticFiles: ${name}: ${value} is a 304`, async () => {
    for (const method of ["GET", "HEAD"]) {
      const response = await request(app, "/static/ten.txt", { method, ...withHeader(name, value) });
      assert.deepEqual(await seen(response), NOT_MODIFIED);
    }
  });
}

for (const [name, value] of [
  ["If-None-Match", tagOf("other")],
  ["If-None-Match", "nonsense"],
  ["If-Modified-Since", BEFORE],
  ["If-Modified-Since", "nonsense"],
  ["If-Match", "*"],
  ["If-Match", `"other", ${tagOf(TEN)}`],
  ["If-Unmodified-Since", LAST_MODIFIED],
  ["If-Unmodified-Since", "nonsense"],
  ["If-Range", tagOf("other")],
] as const) {
  test(`staticFiles: ${name}: ${value} is a 200`, async () => {
    const response = await request(app, "/static/ten.txt", withHeader(name, value));
    assert.deepEqual(await seen(response), file("text/plain; charset=utf-8", TEN));
  });
}

for (const [name, value] of [
  ["If-Match", tagOf("other")],
  ["If-Match", `W/${tagOf(TEN)}`],
  ["If-Unmodified-Since", BEFORE],
] as const) {
  test(`staticFiles: ${name}: ${value} is a 412`, async () => {
    const response = await request(app, "/static/ten.txt", withHeader(name, value));
    assert.deepEqual(await seen(response), plain(412, "Precondition Failed\n"));
  });
}

test("staticFiles: preconditions come before ranges", async () => {
  const past: [string, string] = ["Range", "bytes=50-"];
  const unchanged = await request(app, "/static/ten.txt", { headers: [past, ["If-None-Match", tagOf(TEN)]] });
  assert.equal(unchanged.status, 304);
  const failed = await request(app, "/static/ten.txt", { headers: [past, ["If-Match", '"other"']] });
  assert.equal(failed.status, 412);
});

for (const [condition, status] of [
  [tagOf(TEN), 206],
  // Its time was set, so it may be that of other bytes as well.
  [LAST_MODIFIED, 200],
  [tagOf("other"), 200],
  [`W/${tagOf(TEN)}`, 200],
  [BEFORE, 200],
  ["Tue, 07 May 2024 00:00:00 GMT", 200],
] as const) {
  test(`staticFiles: If-Range: ${condition} is a ${status}`, async () => {
    const headers: [string, string][] = [
      ["Range", "bytes=0-3"],
      ["If-Range", condition],
    ];
    const response = await request(app, "/static/ten.txt", { headers });
    assert.equal(response.status, status);
    assert.equal(await response.text(), status === 206 ? "0123" : TEN);
  });
}

test("staticFiles: an If-Range that does not match overrules an unsatisfiable range", async () => {
  const headers: [string, string][] = [
    ["Range", "bytes=50-"],
    ["If-Range", '"other"'],
  ];
  assert.equal((await request(app, "/static/ten.txt", { headers })).status, 200);
});

test("staticFiles: the tag tells versions apart within a second", async () => {
  const path = join(root, "versions.txt");
  await writeFile(path, "one");
  const tags = new Set<string | null>();
  const app = staticFiles(notFound, { "/static": root }, { memory: false, etag: "stat" });
  for (const milliseconds of [0, 1, 500]) {
    const written = new Date(Date.UTC(2024, 0, 1, 0, 0, 0, milliseconds));
    await utimes(path, written, written);
    const response = await request(app, "/static/versions.txt");
    tags.add(response.headers.get("etag"));
    assert.equal(response.headers.get("last-modified"), "Mon, 01 Jan 2024 00:00:00 GMT");
  }
  assert.equal(tags.size, 3);
});

test("staticFiles: Last-Modified is never in the future (RFC 9110 §8.8.2.1)", async () => {
  const path = join(root, "future.txt");
  await writeFile(path, "later");
  const future = new Date(Date.now() + 1e9);
  await utimes(path, future, future);
  const response = await request(app, "/static/future.txt");
  assert.ok(Date.parse(response.headers.get("last-modified") as string) <= Date.now());
});

for (const time of ["1969-07-20T20:17:40Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "1985-10-26T08:15:00Z"]) {
  test(`staticFiles: a file of ${time}, before there was HTTP, has no Last-Modified, and no condition on it`, async () => {
    const path = join(root, "old.txt");
    await writeFile(path, "old");
    await utimes(path, new Date(time), new Date(time));
    const { "last-modified": _, ...headers } = file("text/plain; charset=utf-8", "old").headers;
    for (const name of ["X-Nothing", "If-Modified-Since", "If-Unmodified-Since"]) {
      const response = await request(app, "/static/old.txt", withHeader(name, new Date(time).toUTCString()));
      assert.deepEqual(await seen(response), { status: 200, headers, body: "old" });
    }
  });
}

// Caching.

test("staticFiles: maxAge lets clients keep files", async () => {
  const kept = staticFiles(notFound, { "/": root }, { maxAge: 3_600_500 });
  assert.deepEqual(
    await seen(await request(kept, "/ten.txt")),
    file("text/plain; charset=utf-8", TEN, { "cache-control": "max-age=3600" }),
  );
  const unchanged = await request(kept, "/ten.txt", withHeader("If-None-Match", "*"));
  assert.equal(unchanged.headers.get("cache-control"), "max-age=3600");
  for (const headers of [withHeader("Range", "bytes=50-"), withHeader("If-Match", '"other"')]) {
    assert.equal((await request(kept, "/ten.txt", headers)).headers.get("cache-control"), null);
  }
});

// Folders.

test("staticFiles: a folder is answered with its index", async () => {
  const type = "text/html; charset=utf-8";
  assert.deepEqual(await seen(await request(app, "/static/")), file(type, "<p>root</p>"));
  assert.deepEqual(await seen(await request(app, "/static/docs/")), file(type, "<p>docs</p>"));
  assert.deepEqual(await seen(await request(app, "/static/docs/index.html")), file(type, "<p>docs</p>"));
});

test("staticFiles: a folder without a slash is redirected to, with its query and mount", async () => {
  const mounted = dispatcher(notFound, { "/site/:name": app });
  const to = (location: string) => plain(301, "Moved Permanently\n", { location, "cache-control": "no-cache" });
  assert.deepEqual(await seen(await request(app, "/static")), to("/static/"));
  assert.deepEqual(await seen(await request(app, "/static/docs")), to("/static/docs/"));
  assert.deepEqual(await seen(await request(app, "/static/docs?a=b&c=/%2F")), to("/static/docs/?a=b&c=/%2F"));
  assert.deepEqual(await seen(await request(app, "/static/na%C3%AFve%20docs")), to("/static/na%C3%AFve%20docs/"));
  assert.deepEqual(await seen(await request(mounted, "/site/a%20b/static/docs?q")), to("/site/a%20b/static/docs/?q"));
  const head = await request(app, "/static/docs", { method: "HEAD" });
  assert.equal(head.headers.get("location"), "/static/docs/");
});

test("staticFiles: mounted at the root of a mount, it redirects to the folder", async () => {
  const mounted = dispatcher(notFound, { "/files": staticFiles(notFound, { "/": root }) });
  assert.equal((await request(mounted, "/files")).headers.get("location"), "/files/");
  assert.equal(await (await request(mounted, "/files/")).text(), "<p>root</p>");
});

test("staticFiles: a folder without an index goes to the app, with and without its slash", async () => {
  for (const path of ["/static/bare", "/static/bare/", "/static/odd", "/static/odd/"]) {
    assert.deepEqual(await seen(await request(app, path)), PASSED_ON, path);
  }
});

test("staticFiles: another index, and none", async () => {
  const other = staticFiles(notFound, { "/": root }, { index: "other.html" });
  assert.equal(await (await request(other, "/docs/")).text(), "<p>other</p>");
  assert.deepEqual(await seen(await request(other, "/")), PASSED_ON);
  const none = staticFiles(notFound, { "/": root }, { index: false });
  for (const path of ["/docs", "/docs/", "/"]) assert.deepEqual(await seen(await request(none, path)), PASSED_ON);
  assert.equal(await (await request(none, "/docs/index.html")).text(), "<p>docs</p>");
});

test("staticFiles: an index has the validators and ranges of its file", async () => {
  const range = await request(app, "/static/docs/", withHeader("Range", "bytes=0-2"));
  assert.equal(range.status, 206);
  assert.equal(await range.text(), "<p>");
  assert.equal((await request(app, "/static/docs/", withHeader("If-None-Match", tagOf("<p>docs</p>")))).status, 304);
});

test("staticFiles: a folder that comes later is found", async () => {
  const app = staticFiles(notFound, { "/static": root }, { memory: false });
  await mkdir(join(root, "later"));
  assert.deepEqual(await seen(await request(app, "/static/later/")), PASSED_ON);
  await writeFile(join(root, "later/index.html"), "later");
  assert.equal(await (await request(app, "/static/later/")).text(), "later");
});
