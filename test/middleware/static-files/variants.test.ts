// Variants that were compressed before, and which of them a client gets (RFC 9110 §12.5.3).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import type { ServedFile } from "../../../middleware/static-files.ts";
import {
  file,
  fileTree,
  LAST_MODIFIED,
  PASSED_ON,
  plain,
  tagOf,
  WRITTEN,
  writeFileThen,
} from "../../support/file-tree.ts";
import { assertBytes, serveFiles } from "../../support/static-fixture.ts";

const SCRIPT = "let a = 1;\n".repeat(1000);
const PAGE = "<p>page</p>".repeat(100);
const BROTLI = brotliCompressSync(SCRIPT);
const GZIP = gzipSync(SCRIPT);
/** Node 20 cannot make it; nobody here has to read it. */
const ZSTD = Buffer.alloc(GZIP.length - 1, "zstd");
/** Brotli of another script of the same length, and of a longer one. */
const OTHER = brotliCompressSync(SCRIPT.replaceAll("1", "2"));
const LONGER = brotliCompressSync(`${SCRIPT}\n`);
const JAVASCRIPT = "text/javascript; charset=utf-8";
const root = await fileTree({
  "app.js": SCRIPT,
  "app.js.br": BROTLI,
  "app.js.gz": GZIP,
  "app.js.zst": ZSTD,
  "gzipped.js": SCRIPT,
  "gzipped.js.gz": GZIP,
  "plain.js": SCRIPT,
  "only.js.gz": GZIP,
  "photo.png": "p".repeat(100),
  "photo.png.gz": "p",
  README: "r".repeat(100),
  "README.gz": "r",
  "site/index.html": PAGE,
  "site/index.html.br": brotliCompressSync(PAGE),
  "about.html": PAGE,
  "about.html.gz": gzipSync(PAGE),
  "folder.js": SCRIPT,
  "folder.js.br/": "",
});

const CONTENTS = { br: BROTLI, zstd: ZSTD, gzip: GZIP };
const NOT_ACCEPTABLE = plain(406, "Not Acceptable\n", { vary: "Accept-Encoding" });

for (const [accepted, ofAll, ofGzip, ofNone] of [
  [undefined, "", "", ""],
  ["", "", "", ""],
  ["identity", "", "", ""],
  ["gzip", "gzip", "gzip", ""],
  ["GZip", "gzip", "gzip", ""],
  ["br", "br", "", ""],
  ["zstd", "zstd", "", ""],
  ["deflate", "", "", ""],
  ["compress, gzip", "gzip", "gzip", ""],
  ["gzip, deflate, br, zstd", "br", "gzip", ""],
  ["zstd, gzip", "zstd", "gzip", ""],
  ["gzip;q=1, br;q=0.5", "gzip", "gzip", ""],
  ["gzip;q=0.5, br;q=0.5", "br", "gzip", ""],
  ["br ; q=0.5 , gzip ; q=0.9", "gzip", "gzip", ""],
  ["gzip;q=0.001", "gzip", "gzip", ""],
  ["gzip;q=0.5, identity", "", "", ""],
  ["gzip;q=0.5, identity;q=0.2", "gzip", "gzip", ""],
  ["br;q=0", "", "", ""],
  ["br;q=0.000, gzip", "gzip", "gzip", ""],
  ["*", "br", "gzip", ""],
  ["br;q=0, *", "zstd", "gzip", ""],
  ["gzip;q=0, *", "br", "", ""],
  ["*;q=0.5, gzip", "gzip", "gzip", ""],
  ["identity;q=0.5, *;q=0", "", "", ""],
  ["*;q=0, gzip", "gzip", "gzip", undefined],
  ["identity;q=0, gzip", "gzip", "gzip", undefined],
  ["identity;q=0, *", "br", "gzip", undefined],
  ["identity;q=0, br", "br", undefined, undefined],
  ["identity;q=0", undefined, undefined, undefined],
  ["*;q=0", undefined, undefined, undefined],
  ["*;q=0.0", undefined, undefined, undefined],
  ["gzip;q=0, br;q=0, zstd;q=0, identity;q=0", undefined, undefined, undefined],
  // What is not a coding or a weight does not count.
  [",,gzip,", "gzip", "gzip", ""],
  ["gzip;level=9", "gzip", "gzip", ""],
  ["br;q=-1", "", "", ""],
  ["br;q=abc", "", "", ""],
  ["gzip br", "", "", ""],
  ["x-br, brotli, gz", "", "", ""],
] as const) {
  test(`static files: Accept-Encoding: ${accepted}`, async (t) => {
    const site = await serveFiles(t, root);
    const lines = accepted === undefined ? [] : [`Accept-Encoding: ${accepted}`];
    for (const [target, coding] of [
      ["/app.js", ofAll],
      ["/gzipped.js", ofGzip],
      ["/plain.js", ofNone],
    ] as const) {
      const vary: Record<string, string> = target === "/plain.js" ? {} : { vary: "Accept-Encoding" };
      const reply = await site.get(target, ...lines);
      const whole = file(JAVASCRIPT, SCRIPT, vary);
      if (coding === undefined) assert.deepEqual(reply, NOT_ACCEPTABLE, target);
      else if (coding === "") assert.deepEqual(reply, whole, target);
      else {
        const content = CONTENTS[coding];
        const own = {
          "content-length": String(content.length),
          "content-encoding": coding,
          etag: coded(content, coding),
        };
        assert.deepEqual(reply, { ...whole, headers: { ...whole.headers, ...own }, body: reply.body }, target);
      }
      assert.deepEqual(await site.head(target, ...lines), { ...reply, body: "" }, `HEAD ${target}`);
    }
  });
}

function coded(content: Uint8Array, coding: string): string {
  return tagOf(content).replace(/"$/, `-${coding}"`);
}

test("static files: variants are sent byte for byte, and are the file once they are decoded", async (t) => {
  const site = await serveFiles(t, root);
  const brotli = await site.get("/app.js", "Accept-Encoding: br");
  assert.equal(brotliDecompressSync(brotli.bytes).toString(), SCRIPT);
  const gzip = await site.get("/app.js", "Accept-Encoding: gzip");
  assert.equal(gunzipSync(gzip.bytes).toString(), SCRIPT);
  const response = await fetch(`http://127.0.0.1:${site.port}/app.js`);
  assert.equal(await response.text(), SCRIPT);
});

test("static files: each coding has its own tag, and no other one's matches (RFC 9110 §8.8.3.3)", async (t) => {
  const site = await serveFiles(t, root);
  const codings = ["identity", "br", "zstd", "gzip"];
  const tags = new Map<string, string>();
  for (const coding of codings) {
    tags.set(coding, (await site.get("/app.js", `Accept-Encoding: ${coding}`)).headers.etag as string);
  }
  assert.equal(new Set(tags.values()).size, 4);
  for (const asked of codings) {
    for (const [coding, tag] of tags) {
      const lines = [`Accept-Encoding: ${asked}`];
      const unmodified = await site.get("/app.js", ...lines, `If-None-Match: W/${tag}`);
      const headers = { "cache-control": "no-cache", etag: tag, vary: "Accept-Encoding" };
      if (coding === asked) assert.deepEqual(unmodified, { status: 304, headers, body: "" });
      else assert.equal(unmodified.status, 200);
      assert.equal((await site.get("/app.js", ...lines, `If-Match: ${tag}`)).status, coding === asked ? 200 : 412);
    }
  }
});

test("static files: 206 and 304 of the file as it is vary as well", async (t) => {
  const site = await serveFiles(t, root);
  for (const [line, status] of [
    ["Range: bytes=0-1", 206],
    ["Range: bytes=0-1,500-501", 206],
    [`If-Modified-Since: ${LAST_MODIFIED}`, 304],
    ["X-Nothing: nothing", 200],
  ] as const) {
    for (const coding of ["identity", "gzip"]) {
      const reply = await site.get("/gzipped.js", line, `Accept-Encoding: ${coding}`);
      assert.deepEqual([reply.status, reply.headers.vary], [status, "Accept-Encoding"], `${line}, ${coding}`);
      const expected = status === 304 || coding === "identity" ? undefined : coding;
      assert.equal(reply.headers["content-encoding"], expected);
    }
  }
});

test("static files: a variant by its own name is a file like others", async (t) => {
  const site = await serveFiles(t, root);
  const accepted = "Accept-Encoding: gzip, br";
  const brotli = await site.get("/app.js.br", accepted);
  assert.deepEqual([brotli.status, brotli.headers["content-type"]], [200, "application/octet-stream"]);
  assert.equal((await site.get("/app.js.gz", accepted)).headers["content-type"], "application/gzip");
  for (const { headers } of [brotli, await site.get("/app.js.gz", accepted), await site.get("/app.js.zst", accepted)]) {
    assert.deepEqual([headers["content-encoding"], headers.vary], [undefined, undefined]);
  }
  assertBytes(brotli.bytes, BROTLI);
});

test("static files: a variant of nothing is nothing, where sirv and tower-http send it", async (t) => {
  const site = await serveFiles(t, root);
  assert.deepEqual(await site.get("/only.js", "Accept-Encoding: gzip"), PASSED_ON);
});

test("static files: types that do not compress have no variants, where tower-http has them", async (t) => {
  const site = await serveFiles(t, root);
  const { headers } = await site.get("/photo.png", "Accept-Encoding: gzip");
  assert.deepEqual(
    [headers["content-encoding"], headers["content-length"], headers.vary],
    [undefined, "100", undefined],
  );
  assert.equal((await site.get("/README", "Accept-Encoding: gzip")).headers["content-encoding"], "gzip");
  const typed = await serveFiles(t, root, { types: { png: "text/plain" } });
  assert.equal((await typed.get("/photo.png", "Accept-Encoding: gzip")).headers["content-encoding"], "gzip");
});

test("static files: an index, an extension and a fallback have variants", async (t) => {
  const site = await serveFiles(t, root, { extensions: ["html"], navigationFallback: "about.html" });
  const index = await site.get("/site/", "Accept-Encoding: br");
  assert.equal(brotliDecompressSync(index.bytes).toString(), PAGE);
  const extended = await site.get("/about", "Accept-Encoding: gzip");
  assert.equal(gunzipSync(extended.bytes).toString(), PAGE);
  for (const coding of ["gzip", "identity"]) {
    const { status, headers } = await site.get("/users", `Accept-Encoding: ${coding}`);
    assert.deepEqual([status, headers.vary], [200, "Accept-Encoding, Accept, Sec-Fetch-Mode"]);
  }
  assert.equal((await site.get("/users", "Accept-Encoding: *;q=0")).status, 406);
});

for (const [precompressed, coding] of [
  [false, undefined],
  [[], undefined],
  [["gzip"], "gzip"],
  [["zstd", "gzip"], "zstd"],
  [true, "br"],
] as const) {
  test(`static files: precompressed: ${JSON.stringify(precompressed)}`, async (t) => {
    const site = await serveFiles(t, root, { precompressed });
    const { headers } = await site.get("/app.js", "Accept-Encoding: br, zstd, gzip");
    assert.equal(headers["content-encoding"], coding);
    assert.equal(headers.vary, coding && "Accept-Encoding");
  });
}

const before = new Date(WRITTEN.getTime() - 86_400_000);
const after = new Date(WRITTEN.getTime() + 1);
for (const [what, prepare, isUsed] of [
  ["of the same time", () => {}, true],
  ["that is newer", (path: string) => utimes(path, after, after), true],
  ["that is older and decodes to the file", (path: string) => utimes(path, before, before), true],
  [
    "that is older and malformed",
    (path: string) => writeFile(path, "x").then(() => utimes(path, before, before)),
    false,
  ],
  [
    "that is older and of other bytes",
    (path: string) => writeFile(path, OTHER).then(() => utimes(path, before, before)),
    false,
  ],
  [
    "that is older and of more bytes",
    (path: string) => writeFile(path, LONGER).then(() => utimes(path, before, before)),
    false,
  ],
  ["that is as large", (path: string) => writeFileThen(path, "x".repeat(SCRIPT.length)), false],
  ["that is larger", (path: string) => writeFileThen(path, "x".repeat(SCRIPT.length + 1)), false],
  ["that is smaller by a byte", (path: string) => writeFileThen(path, "x".repeat(SCRIPT.length - 1)), true],
  // No coding says nothing in no bytes: somebody's disk was full.
  ["that is empty", (path: string) => writeFileThen(path, ""), false],
  ["that is a folder", (path: string) => rm(path).then(() => mkdir(path)), false],
  ["that is a pipe", (path: string) => rm(path).then(() => void execFileSync("mkfifo", [path])), false],
  ["that is a link to another", (path: string) => rm(path).then(() => symlink("other.br", path)), true],
  ["that is a link to nothing", (path: string) => rm(path).then(() => symlink("none", path)), false],
  // aiohttp CVE-2024-42367.
  [
    "that is a link that leads out",
    (path: string) => rm(path).then(() => symlink(join(root, "app.js.br"), path)),
    false,
  ],
] as const) {
  test(`static files: a variant ${what} is ${isUsed ? "" : "not "}used`, {
    skip: process.platform === "win32",
  }, async (t) => {
    const folder = await fileTree({ "a.js": SCRIPT, "a.js.br": BROTLI, "other.br": BROTLI });
    await prepare(join(folder, "a.js.br"));
    const site = await serveFiles(t, folder);
    const { status, headers } = await site.get("/a.js", "Accept-Encoding: br");
    assert.deepEqual([status, headers["content-encoding"]], [200, isUsed ? "br" : undefined]);
    assert.equal(headers.vary, isUsed ? "Accept-Encoding" : undefined);
  });
}

for (const memory of [false, { interval: 0 }] as const) {
  test(`static files: a variant that comes, grows stale and goes, with memory ${JSON.stringify(memory)}`, async (t) => {
    const folder = await fileTree({ "a.js": SCRIPT });
    const site = await serveFiles(t, folder, { memory });
    const coding = async () => (await site.get("/a.js", "Accept-Encoding: br")).headers["content-encoding"];
    assert.equal(await coding(), undefined);
    await writeFile(join(folder, "a.js.br"), BROTLI);
    assert.equal(await coding(), "br");
    await writeFile(join(folder, "a.js"), `${SCRIPT}\n`);
    assert.equal(await coding(), undefined);
    assert.equal(await site.text("/a.js", "Accept-Encoding: br"), `${SCRIPT}\n`);
    await writeFile(join(folder, "a.js.br"), BROTLI);
    assert.equal(await coding(), "br");
    await rm(join(folder, "a.js.br"));
    assert.equal(await coding(), undefined);
  });
}

test("static files: the filter is asked for the file, not for its variants, unless they are asked for", async (t) => {
  const asked: string[] = [];
  const filter = (path: string) => {
    asked.push(path);
    return !path.endsWith(".br");
  };
  const site = await serveFiles(t, root, { filter });
  assert.equal((await site.get("/app.js", "Accept-Encoding: br")).headers["content-encoding"], "br");
  assert.deepEqual(await site.get("/app.js.br"), PASSED_ON);
  assert.deepEqual(asked, ["/app.js", "/app.js.br"]);
});

test("static files: headers of your own know the coding", async (t) => {
  const headers = (path: string, { encoding, size, contentType }: ServedFile): [string, string][] => [
    ["X-Of", `${path} ${encoding} ${size} ${contentType}`],
    ["Vary", "Origin"],
  ];
  const site = await serveFiles(t, root, { headers });
  const brotli = await site.get("/app.js", "Accept-Encoding: br");
  assert.equal(brotli.headers["x-of"], `/app.js br ${BROTLI.length} ${JAVASCRIPT}`);
  assert.equal(brotli.headers.vary, "Origin, Accept-Encoding");
  assert.equal((await site.get("/app.js")).headers["x-of"], `/app.js undefined ${SCRIPT.length} ${JAVASCRIPT}`);
});

test("static files: hundreds of different Accept-Encoding are each answered for themselves", async (t) => {
  const site = await serveFiles(t, root);
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 40; index++) {
      const coding = ["br", "gzip", "zstd", "identity"][index % 4] as string;
      const { headers } = await site.get("/app.js", `Accept-Encoding: ${coding}, x${index}`);
      assert.equal(headers["content-encoding"] ?? "identity", coding);
    }
  }
});
