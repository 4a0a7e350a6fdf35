// Headers of your own, types and stored codings.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import type { ServedFile, StaticFilesOptions } from "../../../middleware/static-files.ts";
import type { Environ, HeaderList } from "../../../src/gateway.ts";
import { file, fileTree, plain, tagOf, WRITTEN } from "../../support/file-tree.ts";
import { serveFiles } from "../../support/static-fixture.ts";

const TEXT = "text/plain; charset=utf-8";
const DRAWING = gzipSync("<svg/>");
const root = await fileTree({
  "a.txt": "0123456789",
  "logo.svgz": DRAWING,
  "game.wasm.br": "brotli",
  "notes.br": "brotli",
  "data.tgz": "tgz",
});

function onlyTo(environ: Environ, path: string, { size, modified, contentType, encoding }: ServedFile): HeaderList {
  const facts = `${path} ${size} ${modified.getTime() === WRITTEN.getTime()} ${contentType} ${encoding}`;
  return [
    ["Access-Control-Allow-Origin", environ.HTTP_ORIGIN ?? "null"],
    ["Vary", "Origin"],
    ["X-Facts", facts],
    ["Content-Language", "en"],
  ];
}

for (const memory of [undefined, false] as const) {
  test(`headersFor: is asked for each response, with memory ${JSON.stringify(memory)}`, async (t) => {
    const options: StaticFilesOptions = memory === undefined ? {} : { memory };
    const site = await serveFiles(t, root, { ...options, headersFor: onlyTo, headers: () => [["X-Facts", "none"]] });
    for (const origin of ["https://a.example", "https://b.example"]) {
      const own = {
        "access-control-allow-origin": origin,
        vary: "Origin",
        "x-facts": `/a.txt 10 true ${TEXT} undefined`,
      };
      const whole = file(TEXT, "0123456789", { ...own, "content-language": "en" });
      assert.deepEqual(await site.get("/a.txt", `Origin: ${origin}`), whole);
      assert.deepEqual(await site.head("/a.txt", `Origin: ${origin}`), { ...whole, body: "" });
      const unmodified = await site.get("/a.txt", `Origin: ${origin}`, "If-None-Match: *");
      const headers = { ...own, "cache-control": "no-cache", etag: tagOf("0123456789") };
      assert.deepEqual(unmodified, { status: 304, headers, body: "" });
      const part = await site.get("/a.txt", `Origin: ${origin}`, "Range: bytes=0-1");
      assert.deepEqual([part.body, part.headers["access-control-allow-origin"]], ["01", origin]);
      const failed = await site.get("/a.txt", `Origin: ${origin}`, 'If-Match: "x"');
      assert.deepEqual(failed, plain(412, "Precondition Failed\n"));
    }
  });
}

for (const name of ["ETag", "Content-Length", "content-encoding", "Last-Modified"]) {
  test(`headersFor: ${name} is refused`, async (t) => {
    const site = await serveFiles(t, root, { headersFor: () => [[name, "1"]] });
    assert.equal((await site.get("/a.txt")).status, 500);
    assert.match(site.log.join(""), new RegExp(`headers gives ${name}`));
  });
}

test("contentEncodings: .svgz is a drawing in gzip", async (t) => {
  const site = await serveFiles(t, root);
  const { headers, bytes } = await site.get("/logo.svgz");
  assert.deepEqual([headers["content-type"], headers["content-encoding"]], ["image/svg+xml; charset=utf-8", "gzip"]);
  assert.equal(gunzipSync(bytes).toString(), "<svg/>");
  const reply = await fetch(`http://127.0.0.1:${site.port}/logo.svgz`);
  assert.equal(await reply.text(), "<svg/>");
});

test("contentEncodings: a coding of your own has the type of the name before it", async (t) => {
  const site = await serveFiles(t, root, { contentEncodings: { br: "br" } });
  for (const [target, type] of [
    ["/game.wasm.br", "application/wasm"],
    ["/notes.br", "application/octet-stream"],
  ] as const) {
    const { headers } = await site.get(target);
    assert.deepEqual([headers["content-type"], headers["content-encoding"]], [type, "br"]);
  }
  assert.equal((await site.get("/logo.svgz")).headers["content-encoding"], "gzip");
});

test("types: .tgz is gzip", async (t) => {
  const site = await serveFiles(t, root);
  assert.equal((await site.get("/data.tgz")).headers["content-type"], "application/gzip");
});
