// What has been published against servers of static files: headers and names made to crash, exhaust or mislead them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { type StaticFilesOptions, staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import { fileTree, PASSED_ON } from "../../support/file-tree.ts";
import { type Site, serveApp, serveFiles, takeApart } from "../../support/static-fixture.ts";

const SIZE = 100_000;
const root = await fileTree({
  "a.txt": "a",
  "large.txt": Buffer.alloc(SIZE, "large"),
  "app.js": "let a = 1;".repeat(100),
  "app.js.br": "brotli",
  "docs/index.html": "docs",
});
const unixOnly = { skip: process.platform === "win32" };

/** Nothing of what a client sends is an error of the server's. */
function assertWell(site: Site): void {
  assert.deepEqual(site.log, []);
}

// Ranges.

const MANY = 2500;
for (const [advisory, what, range, status, length] of [
  ["Apache CVE-2011-3192", "1300 ranges that overlap are one", `bytes=0-${",5-9".repeat(1300)}`, 206, SIZE],
  ["Apache CVE-2011-3192", "ranges with one that is none are none", `bytes=0-,${"5-0,".repeat(MANY)}5-1`, 200, SIZE],
  ["nginx CVE-2017-7529", "sums of suffixes do not overflow", `bytes=-${SIZE + 623},-9223372036854775807`, 206, SIZE],
  ["Windows CVE-2015-1635", "the end of a range does not overflow", "bytes=0-18446744073709551615", 206, SIZE],
  ["Windows CVE-2015-1635", "neither does its length", "bytes=18-18446744073709551615", 206, SIZE - 18],
  ["Rack CVE-2022-44570", "a header of digits is read once", `bytes=${"0".repeat(15_000)}-`, 206, SIZE],
  ["Rack CVE-2022-44570", "a header of commas is read once", `bytes=${",".repeat(15_000)}`, 200, SIZE],
  ["Rack CVE-2024-26141", "the whole, over and over, is the whole once", `bytes=${"0-,".repeat(MANY)}0-`, 206, SIZE],
  ["Rack CVE-2026-34826", "ranges in a row are one", `bytes=${inARow(1200, 80)}`, 206, 95_921],
  ["Starlette CVE-2025-62727", "a header that matches late is read once", `bytes=${"0".repeat(15_000)}`, 200, SIZE],
  ["Starlette CVE-2025-62727", "ranges are joined in one go", `bytes=${inARow(1200, 81)}`, 206, 97_120],
  ["Starlette CVE-2025-62727", "ranges that stay apart are the whole", `bytes=${inARow(1000, 90)}`, 200, SIZE],
  ["aiohttp CVE-2025-69225", "only digits are digits", "bytes=\xd9\xa1-\xd9\xa2", 200, SIZE],
  ["actix-files", "an empty range is none", "", 200, SIZE],
  ["@hapi/ammo, turtle.io", "a range is not an object's property", "bytes=__proto__-constructor", 200, SIZE],
] as const) {
  test(`${advisory}: ${what}`, async (t) => {
    for (const options of [{}, { memory: false }] as const) {
      const site = await serveFiles(t, root, options);
      const replies = await Promise.all(Array.from({ length: 5 }, () => site.get("/large.txt", `Range: ${range}`)));
      for (const reply of replies) assert.deepEqual([reply.status, reply.bytes.length], [status, length]);
      assertWell(site);
    }
  });
}

function inARow(count: number, step: number): string {
  return Array.from({ length: count }, (_, index) => `${index * step}-${index * step}`).join();
}

// Other headers.

for (const [advisory, what, line, status] of [
  ["ecstatic CVE-2015-9242", "a date that no engine can read", `If-Modified-Since: ${"\xc3\xa4".repeat(50)}`, 200],
  ["ecstatic CVE-2015-9242", "a date that is none", "If-Modified-Since: 0*Infinity", 200],
  ["ecstatic CVE-2015-9242", "a date beyond all dates", "If-Modified-Since: Thu, 01 Jan 275761 00:00:00 GMT", 200],
  ["fresh CVE-2017-16119", "spaces in If-None-Match", `If-None-Match: ${" ".repeat(7000)},${" ".repeat(7000)}x`, 200],
  ["fresh CVE-2017-16119", "quotes in If-None-Match", `If-None-Match: ${'"'.repeat(14_000)}`, 200],
  ["fresh CVE-2017-16119", "half tags in If-Match", `If-Match: ${'W/"'.repeat(4500)}`, 412],
  ["negotiator CVE-2016-10539", "spaces in Accept-Encoding", `Accept-Encoding: a${" ".repeat(14_000)};q=1`, 200],
  ["negotiator CVE-2016-10539", "semicolons in Accept-Encoding", `Accept-Encoding: ${"a;q=1;".repeat(2400)}`, 200],
  ["Rack CVE-2026-34230", "wildcards in Accept-Encoding", `Accept-Encoding: ${"*;q=0.5,".repeat(1800)}identity`, 200],
  // What comes after the first 64 of them says nothing.
  ["Rack CVE-2026-34230", "thousands of codings", `Accept-Encoding: ${"x,".repeat(7000)}*;q=0`, 200],
] as const) {
  test(`${advisory}: ${what}`, async (t) => {
    const site = await serveFiles(t, root);
    for (const target of ["/app.js", "/docs/"]) {
      const replies = await Promise.all(Array.from({ length: 5 }, () => site.get(target, line)));
      for (const reply of replies) assert.equal(reply.status, status);
    }
    assertWell(site);
  });
}

test("Rack CVE-2026-34831: lengths are bytes, of refusals as well", async (t) => {
  const site = await serveFiles(t, { "/st\u00e4tisch": root }, { fallthrough: false });
  // The fixture compares each body with the length that is declared.
  for (const target of [
    "/st%C3%A4tisch/%E2%98%83",
    "/st%C3%A4tisch/docs",
    "/st%C3%A4tisch/%00",
    "/st%C3%A4tisch/a.txt",
  ]) {
    for (const method of ["GET", "HEAD", "POST"]) await site.ask(method, target);
  }
});

test("a refusal leaves the connection where the next request is answered", async (t) => {
  const site = await serveFiles(t, root);
  const client = await site.connect();
  const last = "\r\nConnection: close";
  client.send("HEAD /large.txt HTTP/1.1\r\nHost: a\r\n\r\n");
  client.get("/large.txt", "If-None-Match: *");
  client.get("/large.txt", "Range: bytes=999999-");
  client.get("/large.txt", 'If-Match: "x"');
  client.get("/app.js", "Accept-Encoding: *;q=0");
  client.get("/docs");
  client.get("/none");
  client.get("/a.txt", `X-Last: last${last}`);
  const statuses = [...(await client.all()).matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
  assert.deepEqual(statuses, [200, 304, 416, 412, 406, 301, 404, 200]);
  assert.match(client.received, /\r\n\r\na$/);
});

// Names.

for (const [advisory, what, target, status] of [
  ["node-static CVE-2025-11149", "NUL", "/%00", 400],
  ["node-static CVE-2025-11149", "NUL within a name", "/a.txt%00.html", 400],
  ["ecstatic CVE-2016-10703", "thousands of NULs", `/${"%00".repeat(5000)}`, 400],
  ["actix-files panic", "a single dot", "/./a.txt", 200],
  ["actix-files panic", "a drive and a dot", "/./c:/./x", 404],
  ["send #70", "half an escape", "/%E0%A4%A", 400],
  ["serve-static #63", "an escape that is not UTF-8", "/%E0%A4", 404],
  ["path-to-regexp CVE-2024-45296", "thousands of segments", `/${"a-".repeat(3000)}/${"/x".repeat(3000)}`, 404],
  ["Go CVE-2022-29804", "thousands of dots", `${"/.".repeat(4000)}/a.txt`, 200],
  ["Go CVE-2022-29804", "thousands of ways up", `${"/x/..".repeat(2500)}/a.txt`, 200],
] as const) {
  test(`${advisory}: ${what} is a ${status} and nobody's error`, async (t) => {
    const site = await serveFiles(t, root);
    for (const method of ["GET", "HEAD"]) assert.equal((await site.ask(method, target)).status, status);
    assert.equal(await site.text("/a.txt"), "a");
    assert.doesNotMatch(site.log.join(""), /Error/);
  });
}

test("Rack CVE-2025-27111, CVE-2025-25184: no name writes lines of its own into tsgi.errors", async (t) => {
  const site = await serveFiles(t, root);
  for (const escaped of ["%0a", "%0D", "%1b%5b2J", "%08", "%7f", "%C2%85", "%E2%80%A8"]) {
    await site.get(`/x${escaped}GET%20forged:%20line${"long".repeat(70)}`);
  }
  for (const text of site.log) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there.
    assert.doesNotMatch(text.slice(0, -1), /[\x00-\x1f\x7f-\x9f\u2028\u2029]/);
  }
});

test("aiohttp CVE-2024-42367: a variant that is a link to elsewhere is not sent", unixOnly, async (t) => {
  const outside = await fileTree({ secret: "s" });
  const folder = await fileTree({ "a.js": "let a = 1;" });
  for (const extension of ["br", "gz", "zst"])
    await symlink(join(outside, "secret"), join(folder, `a.js.${extension}`));
  const site = await serveFiles(t, folder);
  const reply = await site.get("/a.js", "Accept-Encoding: br, gzip, zstd");
  assert.deepEqual([reply.body, reply.headers["content-encoding"]], ["let a = 1;", undefined]);
});

// Windows, whose names this server has to know before it has a Windows to ask.

/** Serves a folder with the rules of Windows for names. */
async function serveOnWindows(t: TestContext, folder: string, options: StaticFilesOptions = {}): Promise<Site> {
  const { platform } = process;
  Object.defineProperty(process, "platform", { value: "win32" });
  try {
    const app = staticFiles(notFound, { "/": folder }, options);
    Object.defineProperty(process, "platform", { value: platform });
    return await serveApp(t, app);
  } finally {
    Object.defineProperty(process, "platform", { value: platform });
  }
}

for (const [advisory, what, ...names] of [
  [
    "werkzeug CVE-2025-66221",
    "devices are there in every folder",
    ...["CON", "con", "PRN", "AUX", "NUL", "COM1", "com9", "LPT1", "COM0", "CONIN$", "CONOUT$", "COM¹", "LPT³"],
  ],
  [
    "werkzeug CVE-2026-21860, Node CVE-2025-27210",
    "whatever their extension",
    "NUL.txt",
    "con.tar.gz",
    "nul .txt",
    "Aux.",
    "PRN ",
  ],
  ["werkzeug CVE-2026-27199", "and below other names", "docs/NUL", "docs/con.txt", "docs/sub/AUX", "docs/COM1.html"],
  ["vite CVE-2026-53571", "streams and short names stand for other files", "a.txt::$DATA", "a.txt:b", "docs::$INDEX_ALLOCATION", "APP~1.JS", "LONGNA~2"], // biome-ignore format: a table
  [
    "Go CVE-2023-45283, CVE-2022-41720",
    "drives and questions are not names",
    "c:",
    "C:x",
    "a?b",
    "a*b",
    "a<b",
    "a|b",
    'a"b',
  ],
  [
    "IIS, vite CVE-2025-46565",
    "dots and spaces at the end are dropped there",
    "a.txt.",
    "a.txt ",
    "a.txt...",
    "a.txt. ",
    "docs.",
  ],
] as const) {
  test(`${advisory}: on Windows, ${what}`, unixOnly, async (t) => {
    const folder = await fileTree({ "a.txt": "a" });
    for (const name of names) {
      await mkdir(join(folder, name, ".."), { recursive: true });
      await writeFile(join(folder, name), "misread");
    }
    const targets = names.map((name) => `/${name.split("/").map(encodeURIComponent).join("/")}`);
    const there = await serveOnWindows(t, folder, { extensions: ["html", "txt"] });
    for (const target of targets) assert.deepEqual(await there.get(target), PASSED_ON, target);
    assert.equal(await there.text("/a.txt"), "a");
    const here = await serveFiles(t, folder);
    for (const target of targets) assert.equal(await here.text(target), "misread", target);
  });
}

test("werkzeug CVE-2024-49766, Starlette CVE-2026-48818, aiohttp CVE-2026-34515: no name is another host's", async (t) => {
  const sites = [await serveFiles(t, root), await serveOnWindows(t, root)];
  for (const site of sites) {
    for (const target of [
      ...["//evil.com/share/a.txt", "///evil.com/share", "/%5C%5Cevil.com%5Cshare", "/\\\\evil.com\\share\\a.txt"],
      ...["/%2F%2Fevil.com%2Fshare", "/docs/%5C%5Cevil.com%5Cshare", "/\\\\?\\C:\\a.txt", "/%5C%5C.%5CNUL", "/UNC/a"],
    ]) {
      assert.deepEqual(await site.get(target), PASSED_ON, target);
    }
  }
});

// Listings.

const NASTY = [
  ...[
    "<img src=x onerror=alert(1)>.txt",
    'a" onmouseover="alert(1)',
    "a' onmouseover='alert(1)",
    "javascript:alert(1)",
  ],
  ...[
    "&lt;script&gt;",
    "</script><script>alert(1)</script>".replaceAll("/", "\u2044"),
    "new\nline",
    "100%.txt",
    "a?b#c",
  ],
  ...["\u202etxt.exe", "data:text,x", "//evil.com".replaceAll("/", "\u2215"), "a`b", "$\u007ba}", "{{a}}"],
];

test(
  "serve-index CVE-2015-8856, aiohttp CVE-2024-27306, Rack CVE-2026-25500, Vert.x CVE-2025-11966: names in a listing do nothing",
  unixOnly,
  async (t) => {
    const folder = await fileTree(Object.fromEntries(NASTY.map((name) => [`<b>docs/${name}`, "x"])));
    const site = await serveFiles(t, folder, { listing: true });
    const target = "/%3Cb%3Edocs/";
    const page = await site.get(target);
    assert.equal(page.status, 200);
    assert.match(page.headers["content-security-policy"] ?? "", /default-src 'none'/);
    assert.equal(page.headers["x-content-type-options"], "nosniff");
    assert.doesNotMatch(page.body, /<img|<script|<b>/);
    const links = [...page.body.matchAll(/href="([^"]*)"/g)].map(([, link]) => link as string);
    for (const link of links) {
      assert.match(link, /^(?:\.\.?\/|data:image\/svg)/, link);
      if (link.startsWith("./")) assert.equal(await site.text(`${target}${link.slice(2)}`), "x", link);
    }
    assert.equal(links.filter((link) => /^\.\/./.test(link)).length, NASTY.length);
    const json = await site.get(target, "Accept: application/json");
    const { entries } = JSON.parse(json.body) as { entries: { name: string }[] };
    assert.deepEqual(new Set(entries.map(({ name }) => name)), new Set(NASTY));
  },
);

test(
  "Rack CVE-2026-34763, @fastify/static GHSA-pr96-94w5-mx2h, inert CVE-2014-10068: a listing stays inside, and hides what is hidden",
  unixOnly,
  async (t) => {
    const parent = await fileTree({
      "outside/secret.txt": "s",
      "site/a.txt": "a",
      "site/.env": "s",
      "site/.git/config": "s",
    });
    const folder = join(parent, "site");
    await symlink("../outside", join(folder, "out"));
    await symlink("../outside/secret.txt", join(folder, "out.txt"));
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const site = await serveFiles(t, { "/files+(x)[y]": folder }, { listing: true });
    const page = await site.get("/files+(x)%5By%5D/");
    assert.equal(page.status, 200);
    for (const told of [basename(parent), "secret", ".env", ".git", "out", "pipe"]) {
      assert.ok(!page.body.replace(/<style>.*<\/style>/s, "").includes(told), told);
    }
    for (const target of ["/..", "/../outside/", "/..%2foutside/", "/out/", "/.git/", "/%2e%2e/", "/a.txt/"]) {
      const reply = await site.get(`/files+(x)%5By%5D${target}`);
      assert.ok([400, 404].includes(reply.status), `${target}: ${reply.status}`);
    }
  },
);

test("the fixture hears of a body that is not as long as declared", () => {
  const bytes = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc");
  assert.throws(() => takeApart(bytes, "GET"));
  assert.throws(() => takeApart(bytes, "HEAD"));
});
