// Preconditions (RFC 9110 §13), and HEAD for each status.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StaticFilesOptions } from "../../../middleware/static-files.ts";
import { file, fileTree, LAST_MODIFIED, plain, tagOf } from "../../support/file-tree.ts";
import { type Reply, serveFiles } from "../../support/static-fixture.ts";

const TEXT = "text/plain; charset=utf-8";
const NAME = "0123456789";
const root = await fileTree({
  "ten.txt": NAME,
  "docs/index.html": "<p>docs</p>",
  "app.js": "let a = 'long enough to be compressed';",
  "app.js.br": "brotli",
});
const TAG = tagOf(NAME);
const BEFORE = "Mon, 06 May 2024 07:08:08 GMT";
const AFTER = "Mon, 06 May 2024 07:08:10 GMT";

const WHOLE = file(TEXT, NAME);
const UNMODIFIED = { status: 304, headers: { "cache-control": "no-cache", etag: TAG }, body: "" };
const FAILED = plain(412, "Precondition Failed\n");

/** A field, and what it says of the file: whether it holds, or `undefined` where it is absent or to be ignored. */
type Field = readonly [line: string | undefined, holds: boolean | undefined];

const IF_MATCH: readonly Field[] = [
  [undefined, undefined],
  [`If-Match: ${TAG}`, true],
  ["If-Match: *", true],
  [`If-Match: "foo", ${TAG}`, true],
  [`If-Match: W/${TAG}`, false],
  ['If-Match: "foo", "bar"', false],
];
const IF_UNMODIFIED_SINCE: readonly Field[] = [
  [undefined, undefined],
  [`If-Unmodified-Since: ${LAST_MODIFIED}`, true],
  [`If-Unmodified-Since: ${AFTER}`, true],
  [`If-Unmodified-Since: ${BEFORE}`, false],
  ["If-Unmodified-Since: foo", undefined],
];
/** Whether the client has none of the versions that it names. */
const IF_NONE_MATCH: readonly Field[] = [
  [undefined, undefined],
  [`If-None-Match: ${TAG}`, false],
  [`If-None-Match: W/${TAG}`, false],
  ["If-None-Match: *", false],
  ['If-None-Match: "foo"', true],
];
const IF_MODIFIED_SINCE: readonly Field[] = [
  [undefined, undefined],
  [`If-Modified-Since: ${LAST_MODIFIED}`, false],
  [`If-Modified-Since: ${AFTER}`, false],
  [`If-Modified-Since: ${BEFORE}`, true],
  ["If-Modified-Since: foo", undefined],
];

/** The steps of RFC 9110 §13.2.2, as they stand there, for GET and HEAD. */
function inOrder(match?: boolean, unmodified?: boolean, noneMatch?: boolean, modified?: boolean) {
  if (match === false) return FAILED;
  if (match === undefined && unmodified === false) return FAILED;
  if (noneMatch === false) return UNMODIFIED;
  if (noneMatch === undefined && modified === false) return UNMODIFIED;
  return WHOLE;
}

for (const method of ["GET", "HEAD"]) {
  for (const [matchLine, match] of IF_MATCH) {
    test(`static files: ${method} with ${matchLine ?? "no If-Match"} and all other preconditions, in order`, async (t) => {
      const site = await serveFiles(t, root);
      const asked: Promise<void>[] = [];
      for (const [unmodifiedLine, unmodified] of IF_UNMODIFIED_SINCE) {
        for (const [noneLine, none] of IF_NONE_MATCH) {
          for (const [modifiedLine, modified] of IF_MODIFIED_SINCE) {
            const lines = [modifiedLine, noneLine, unmodifiedLine, matchLine].filter((line) => line !== undefined);
            const expected = inOrder(match, unmodified, none, modified);
            const check = (reply: Reply) =>
              assert.deepEqual(reply, method === "HEAD" ? { ...expected, body: "" } : expected, lines.join("\n"));
            asked.push(site.ask(method, "/ten.txt", ...lines).then(check));
          }
        }
      }
      await Promise.all(asked);
    });
  }
}

for (const [line, status] of [
  [`If-None-Match: "foo",${TAG}`, 304],
  [`If-None-Match: , "foo" ,, ${TAG} ,`, 304],
  [`If-None-Match:    ${TAG}   `, 304],
  [`If-None-Match: "a,b", ${TAG}`, 304],
  [`If-None-Match: "foo"\r\nIf-None-Match: ${TAG}`, 304],
  ["If-None-Match: *   ", 304],
  ['If-None-Match: "*"', 200],
  [`If-None-Match: ${TAG.slice(1, -1)}`, 200],
  [`If-None-Match: ${TAG.slice(0, -1)}`, 200],
  [`If-None-Match: ${TAG.toUpperCase()}`, 200],
  [`If-None-Match: "${TAG.slice(1, -1)}-br"`, 200],
  ["If-None-Match: ", 200],
  [`If-None-Match: ${'"x",'.repeat(3000)}"y"`, 200],
  [`If-None-Match: ${'"'.repeat(10_000)}`, 200],
  ["If-Modified-Since: Monday, 06-May-24 07:08:09 GMT", 304],
  ["If-Modified-Since: Mon May  6 07:08:09 2024", 304],
  ["If-Modified-Since: Monday, 06-May-24 07:08:08 GMT", 200],
  ["If-Modified-Since: Mon May  6 07:08:08 2024", 200],
  // What `Date.parse` would take, and is no HTTP date (RFC 9110 §5.6.7): to be ignored.
  ["If-Modified-Since: 2099-01-01", 200],
  ["If-Modified-Since: 2099-01-01T00:00:00Z", 200],
  ["If-Modified-Since: 4102444800000", 200],
  ["If-Modified-Since: Thu, 01 Jan 2099 00:00:00 +0000", 200],
  ["If-Modified-Since: Thu, 32 Jan 2099 00:00:00 GMT", 200],
  ["If-Modified-Since: Thu, 01 Jan 2099 25:00:00 GMT", 200],
  ["If-Unmodified-Since: 1999-01-01", 200],
  ["If-Unmodified-Since: 0", 200],
  ["If-Match: ", 412],
  [`If-Match: ${TAG.slice(1, -1)}`, 412],
] as const) {
  test(`static files: ${JSON.stringify(line.slice(0, 60))} is a ${status}`, async (t) => {
    const site = await serveFiles(t, root);
    const expected = { 200: WHOLE, 304: UNMODIFIED, 412: FAILED }[status];
    assert.deepEqual(await site.get("/ten.txt", line), expected);
  });
}

test("static files: preconditions come before the range, the coding before the preconditions", async (t) => {
  const site = await serveFiles(t, root);
  const range = "Range: bytes=50-";
  assert.deepEqual(await site.get("/ten.txt", range, `If-None-Match: ${TAG}`), UNMODIFIED);
  assert.deepEqual(await site.get("/ten.txt", range, 'If-Match: "foo"'), FAILED);
  assert.equal((await site.get("/ten.txt", range, `If-Match: ${TAG}`)).status, 416);
  assert.equal((await site.get("/app.js", "Accept-Encoding: *;q=0", "If-None-Match: *")).status, 406);
});

test("static files: preconditions do not matter where nothing is, nor to a redirect", async (t) => {
  const site = await serveFiles(t, root);
  for (const line of ["If-Match: *", 'If-Match: "foo"', "If-None-Match: *", `If-Unmodified-Since: ${BEFORE}`]) {
    assert.equal((await site.get("/none.txt", line)).status, 404, line);
    assert.equal((await site.get("/docs", line)).status, 301, line);
  }
});

test("static files: a 304 has what a 200 has of a cache's business, and nothing of content", async (t) => {
  const options: StaticFilesOptions = {
    maxAge: 60_000,
    headers: () => [
      ["Content-Language", "en"],
      ["Content-Disposition", "inline"],
      ["Content-Location", "/app.js"],
      ["Expires", "Thu, 01 Jan 2099 00:00:00 GMT"],
      ["Vary", "Origin"],
      ["X-Own", "mine"],
    ],
  };
  const site = await serveFiles(t, root, options);
  const whole = await site.get("/app.js");
  const unmodified = await site.get("/app.js", `If-None-Match: ${whole.headers.etag}`);
  // RFC 9110 §15.4.5: these MUST be sent.
  for (const name of ["cache-control", "content-location", "etag", "expires", "vary"]) {
    assert.equal(unmodified.headers[name], whole.headers[name], name);
  }
  assert.deepEqual(Object.keys(unmodified.headers).sort(), [
    "cache-control",
    "content-location",
    "etag",
    "expires",
    "vary",
    "x-own",
  ]);
  assert.equal(unmodified.headers.vary, "Origin, Accept-Encoding");
});

test("static files: a 206 has the headers of the 200", async (t) => {
  const site = await serveFiles(t, root, { headers: () => [["X-Own", "mine"]] });
  const { headers: whole } = await site.get("/ten.txt");
  const { headers: part } = await site.get("/ten.txt", "Range: bytes=0-1");
  assert.deepEqual(part, { ...whole, "content-length": "2", "content-range": "bytes 0-1/10" });
  // A part does not change what is remembered of the whole.
  assert.deepEqual((await site.get("/ten.txt")).headers, whole);
});

// HEAD.

for (const [status, target, lines, options] of [
  [200, "/ten.txt", [], {}],
  [200, "/ten.txt", [], { memory: false }],
  [200, "/app.js", ["Accept-Encoding: br"], {}],
  [200, "/docs/", [], {}],
  [301, "/docs?q", [], {}],
  [304, "/ten.txt", ["If-None-Match: *"], {}],
  [404, "/none", [], {}],
  [404, "/none", [], { fallthrough: false }],
  [406, "/ten.txt", ["Accept-Encoding: identity;q=0"], {}],
  [412, "/ten.txt", ['If-Match: "foo"'], {}],
] as const) {
  test(`static files: HEAD ${target} with ${lines[0] ?? "nothing"} and ${JSON.stringify(options)} is GET's ${status} without its body`, async (t) => {
    const site = await serveFiles(t, root, options);
    const asked = await site.get(target, ...lines);
    assert.equal(asked.status, status);
    assert.deepEqual(await site.head(target, ...lines), { ...asked, body: "" });
    assert.deepEqual(await site.head(target, ...lines), { ...asked, body: "" });
  });
}

test("static files: HEAD has no ranges (RFC 9110 §14.2)", async (t) => {
  const site = await serveFiles(t, root);
  for (const range of ["bytes=0-1", "bytes=50-", "bytes=0-0,9-9"]) {
    assert.deepEqual(await site.head("/ten.txt", `Range: ${range}`), { ...WHOLE, body: "" });
  }
});
