import assert from "node:assert/strict";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { type SendFileOptions, sendFile } from "../../middleware/send-file.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { allClosed, file, fileTree, plain, seen, tagOf, withHeader } from "../support/file-tree.ts";

const TEXT = "text/plain; charset=utf-8";
const SCRIPT = "let a = 1;\n".repeat(100);
const root = await fileTree({
  "ten.txt": "0123456789",
  "naïve, 100%.txt": "name",
  ".hidden": "hidden",
  "sub/a,b.txt": "in a folder",
  "app.js": SCRIPT,
  "app.js.br": brotliCompressSync(SCRIPT),
});
const outside = await fileTree({ "secret.txt": "secret" });
await symlink(join(outside, "secret.txt"), join(root, "link.txt"));
const path = join(root, "ten.txt");
const NOT_FOUND = plain(404, "Not Found\n");

test("sendFile: GET and HEAD are answered as staticFiles does, whatever the path of the request", async () => {
  for (const target of ["/", "/elsewhere/", "/a%2Fb"]) {
    assert.deepEqual(await seen(await request(sendFile(path), target)), file(TEXT, "0123456789"));
    const head = await request(sendFile(path), target, { method: "HEAD" });
    assert.deepEqual(await seen(head), { ...file(TEXT, "0123456789"), body: "" });
  }
  const url = sendFile(pathToFileURL(path));
  assert.deepEqual(await seen(await request(url, "/")), file(TEXT, "0123456789"));
});

test("sendFile: conditions, ranges and variants", async () => {
  const app = sendFile(path, { maxAge: 60_000 });
  const unmodified = await request(app, "/x", withHeader("If-None-Match", tagOf("0123456789")));
  const headers = { "cache-control": "max-age=60", etag: tagOf("0123456789") };
  assert.deepEqual(await seen(unmodified), { status: 304, headers, body: "" });
  const range = await request(app, "/x", withHeader("Range", "bytes=2-3"));
  assert.deepEqual([range.status, await range.text()], [206, "23"]);
  const variant = await request(sendFile(join(root, "app.js")), "/x", withHeader("Accept-Encoding", "br"));
  assert.equal(variant.headers.get("content-encoding"), "br");
});

test("sendFile: other methods get the whole file, without conditions", async () => {
  const conditional = withHeader("If-None-Match", tagOf("0123456789"));
  const response = await request(sendFile(path), "/report", { method: "POST", ...conditional });
  assert.deepEqual(await seen(response), file(TEXT, "0123456789"));
});

test("sendFile: a file that is missing is a 404, until it is there", async () => {
  const app = sendFile(join(root, "later.txt"));
  assert.deepEqual(await seen(await request(app, "/")), NOT_FOUND);
  await writeFile(join(root, "later.txt"), "later");
  assert.equal(await (await request(app, "/")).text(), "later");
  assert.deepEqual(await seen(await request(sendFile(root), "/")), NOT_FOUND);
});

test("sendFile: in a handler it leaves nothing open", async () => {
  const handler: App = (environ, startResponse) => sendFile(path)(environ, startResponse);
  for (let round = 0; round < 20; round++) assert.equal((await request(handler, "/")).status, 200);
  await allClosed(root);
});

test("sendFile: a path below a root leads nowhere else", async () => {
  const app = (name: string, options: SendFileOptions = {}) => sendFile(name, { root, ...options });
  for (const name of ["sub/a,b.txt", "/sub/a,b.txt", "./sub/a,b.txt"]) {
    assert.equal(await (await request(app(name), "/")).text(), "in a folder");
  }
  const names = ["../x", "sub/../../x", `..${root}/ten.txt`, "/etc/passwd", "ten.txt/", "", "sub", "a\0b", "\ud800"];
  for (const name of [...names, "sub\\..\\..\\x", ".hidden", "link.txt", "%2e%2e/ten.txt"]) {
    assert.deepEqual(await seen(await request(app(name), "/")), NOT_FOUND, name);
  }
  assert.equal(await (await request(app(".hidden", { dotfiles: true }), "/")).text(), "hidden");
  assert.equal(await (await request(app("link.txt", { symlinks: "follow" }), "/")).text(), "secret");
});

for (const [name, download, disposition] of [
  ["ten.txt", true, 'attachment; filename="ten.txt"'],
  ["ten.txt", 'a "b".txt', "attachment; filename=\"a _b_.txt\"; filename*=UTF-8''a%20%22b%22.txt"],
  ["naïve, 100%.txt", true, "attachment; filename=\"na_ve, 100_.txt\"; filename*=UTF-8''na%C3%AFve%2C%20100%25.txt"],
  [
    "ten.txt",
    "it's (1)\r\nX: y.txt",
    "attachment; filename=\"it's (1)__X: y.txt\"; filename*=UTF-8''it%27s%20%281%29%0D%0AX%3A%20y.txt",
  ],
] as const) {
  test(`sendFile: download: ${JSON.stringify(download)} of ${name}`, async () => {
    const response = await request(sendFile(join(root, name), { download }), "/");
    assert.equal(response.headers.get("content-disposition"), disposition);
  });
}

test("sendFile: headers of your own are beside the download's", async () => {
  const app = sendFile(path, { download: true, headers: () => [["X-Own", "own"]] });
  const { headers } = await request(app, "/");
  assert.deepEqual(
    [headers.get("x-own"), headers.get("content-disposition")],
    ["own", 'attachment; filename="ten.txt"'],
  );
});

test("sendFile: made once, it keeps a file in memory if it is told to", async () => {
  const kept = join(root, "kept.txt");
  await writeFile(kept, "one");
  const app = sendFile(kept, { memory: { interval: 3_600_000 } });
  assert.equal(await (await request(app, "/")).text(), "one");
  await writeFile(kept, "two");
  assert.equal(await (await request(app, "/")).text(), "one");
});

test("sendFile: options that it does not have, or of another kind, throw", () => {
  for (const options of [{ index: "a" }, { download: 1 }, { maxAge: "1" }, { fallthrough: true }, 42]) {
    assert.throws(() => sendFile(path, options as SendFileOptions), { code: "TSGI_BAD_OPTION" });
  }
  assert.throws(() => sendFile(42 as never), { code: "TSGI_BAD_EXPORT" });
});
