// Ranges (RFC 9110 §14), of files in memory, on the disk, and of variants.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import type { StaticFilesOptions } from "../../../middleware/static-files.ts";
import { allClosed, fileTree, LAST_MODIFIED, plain, tagOf } from "../../support/file-tree.ts";
import { assertBytes, type Reply, serveFiles } from "../../support/static-fixture.ts";

/** Bytes of which no two parts are alike. */
function content(size: number): Buffer {
  let state = 1;
  const bytes = Uint8Array.from({ length: size }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state >> 8;
  });
  return Buffer.from(bytes);
}

const SMALL = content(1000);
const LARGE = content(700_001);
const SCRIPT = Buffer.from(`let a = ${JSON.stringify(SMALL.toString("hex"))};`);
const BROTLI = brotliCompressSync(SCRIPT);
const root = await fileTree({
  "small.bin": SMALL,
  "large.bin": LARGE,
  "script.js": SCRIPT,
  "script.js.br": BROTLI,
  "empty.txt": "",
  "docs/index.html": "0123456789",
});
const linuxOnly = { skip: process.platform !== "linux" };

type Range = readonly [first: number, last: number];

interface Given {
  readonly target: string;
  readonly whole: Buffer;
  readonly type: string;
  readonly options: StaticFilesOptions;
  readonly lines: readonly string[];
}

const BINARY = "application/octet-stream";
const small: Given = { target: "/small.bin", whole: SMALL, type: BINARY, options: {}, lines: [] };
const GIVEN: Record<string, Given> = {
  "in memory": small,
  "on the disk": { ...small, options: { memory: false } },
  "that is large": { ...small, target: "/large.bin", whole: LARGE },
  "in brotli": {
    ...small,
    target: "/script.js",
    whole: BROTLI,
    type: "text/javascript; charset=utf-8",
    lines: ["Accept-Encoding: br"],
  },
};

/** What is sent for a range of a file of `size` bytes: the ranges, the whole, or a 416. */
type Expected = readonly Range[] | "whole" | "unsatisfiable";

function expectations(size: number): readonly (readonly [range: string, expected: Expected])[] {
  const last = size - 1;
  const middle = size >> 1;
  return [
    // One range.
    ["bytes=0-0", [[0, 0]]],
    ["bytes=2-5", [[2, 5]]],
    [`bytes=0-${last}`, [[0, last]]],
    [`bytes=${last}-${last}`, [[last, last]]],
    ["bytes=0-", [[0, last]]],
    ["bytes=3-", [[3, last]]],
    [`bytes=${last}-`, [[last, last]]],
    ["bytes=-1", [[last, last]]],
    ["bytes=-3", [[size - 3, last]]],
    [`bytes=-${size}`, [[0, last]]],
    [`bytes=-${size + 1}`, [[0, last]]],
    [`bytes=2-${size}`, [[2, last]]],
    ["bytes=2-999999999", [[2, last]]],
    // Nothing of the file.
    [`bytes=${size}-`, "unsatisfiable"],
    [`bytes=${size}-${size + 9}`, "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    [`bytes=${size}-,-0`, "unsatisfiable"],
    // Several, of which only those in the file count.
    [
      "bytes=0-0,-1",
      [
        [0, 0],
        [last, last],
      ],
    ],
    [
      `bytes=${middle}-${middle + 9},0-9`,
      [
        [middle, middle + 9],
        [0, 9],
      ],
    ],
    [
      `bytes=0-9,${size}-,${middle}-${middle}`,
      [
        [0, 9],
        [middle, middle],
      ],
    ],
    [`bytes=0-9,${size}-`, [[0, 9]]],
    // What overlaps, touches or nearly does is one (RFC 9110 §15.3.7.2).
    ["bytes=1-2,3-5", [[1, 5]]],
    ["bytes=1-20,10-30,5-7", [[1, 30]]],
    ["bytes=0-0,2-2", [[0, 2]]],
    ["bytes=1-1,3-", [[1, last]]],
    ["bytes=0-,0-", [[0, last]]],
    ["bytes=0-0,1-", [[0, last]]],
    ["bytes=0-10,91-100", [[0, 100]]],
    [
      "bytes=0-10,92-100",
      [
        [0, 10],
        [92, 100],
      ],
    ],
    // Spaces and case (RFC 9110 §5.6.1, §14.1).
    ["bytes=0-1 , 2-3", [[0, 3]]],
    ["bytes= 0-1", [[0, 1]]],
    ["bytes=0-1,\t5-6", [[0, 6]]],
    ["bytes=,0-1,", [[0, 1]]],
    ["BYTES=0-1", [[0, 1]]],
    // Numbers beyond those of machines (nginx CVE-2017-7529).
    ["bytes=0-4294967296", [[0, last]]],
    ["bytes=0-9223372036854775807", [[0, last]]],
    [`bytes=0-${"9".repeat(400)}`, [[0, last]]],
    [`bytes=-${"9".repeat(400)}`, [[0, last]]],
    ["bytes=00000000000000000002-0005", [[2, 5]]],
    ["bytes=4294967296-", "unsatisfiable"],
    ["bytes=9007199254740993-", "unsatisfiable"],
    ["bytes=18446744073709551616-18446744073709551617", "unsatisfiable"],
    [`bytes=${"9".repeat(400)}-`, "unsatisfiable"],
    [`bytes=-${size + 623},-9223372036854775807`, [[0, last]]],
    // To be ignored.
    ...[
      ["bytes=5-2", "bytes=0-1,5-2", "bytes=", "bytes=,", "bytes=-", "bytes", "bytes:0-1", "bytes 0-1", "bytes =0-1"],
      ["bytes=0 - 1", "bytes=0- 1", "bytes=--1", "bytes=0--1", "bytes=0-1-2", "bytes=+0-1", "bytes=0x0-0x1"],
      ["bytes=0.0-1.0", "bytes=1e0-2", "bytes=a-b", "bytes=0-1;2-3", "bytes=0-1 2-3", "bytes=0-1,x", "bytes=*"],
      ["bytes=NaN-NaN", "bytes=Infinity-", "items=0-4", "none", "asdf", "x-bytes=0-1", "bytes=0-1, bytes=2-3"],
      // Digits of other scripts (aiohttp CVE-2025-69225), and superscripts.
      ["bytes=\xd9\xa0-\xd9\xa1", "bytes=\xef\xbc\x90-\xef\xbc\x91", "bytes=\xb9-\xb2", "bytes=0\xa0-1"],
    ]
      .flat()
      .map((range) => [range, "whole"] as const),
  ];
}

for (const [what, given] of Object.entries(GIVEN)) {
  const { target, whole, options, lines } = given;
  for (const [range, expected] of expectations(whole.length)) {
    test(`static files: Range: ${shortened(range)} of a file ${what}`, async (t) => {
      const site = await serveFiles(t, root, options);
      check(given, await site.get(target, ...lines, `Range: ${range}`), expected);
    });
  }
}

function spanned(ranges: readonly Range[]): string {
  return ranges.map(([first, last]) => `${first}-${last}`).join();
}

function shortened(range: string): string {
  return JSON.stringify(range.length > 50 ? `${range.slice(0, 50)}…` : range);
}

function check({ whole, type }: Given, reply: Reply, expected: Expected): void {
  const size = whole.length;
  if (expected === "unsatisfiable") {
    assert.deepEqual(reply, plain(416, "Range Not Satisfiable\n", { "content-range": `bytes */${size}` }));
    return;
  }
  assert.equal(reply.headers["accept-ranges"], "bytes");
  if (expected === "whole") {
    assert.deepEqual([reply.status, reply.headers["content-range"]], [200, undefined]);
    assertBytes(reply.bytes, whole);
    return;
  }
  assert.equal(reply.status, 206);
  const [[first, last] = [0, 0]] = expected;
  if (expected.length > 1) checkParts(reply, whole, type, expected);
  else {
    assert.equal(reply.headers["content-range"], `bytes ${first}-${last}/${size}`);
    assert.equal(reply.headers["content-type"], type);
    assertBytes(reply.bytes, whole.subarray(first, last + 1));
  }
}

/** Takes the parts apart by their boundary, and compares them byte for byte. */
function checkParts(reply: Reply, whole: Buffer, type: string, expected: readonly Range[]): void {
  // RFC 9110 §15.3.7.2: a sender must not say so of the whole.
  assert.equal(reply.headers["content-range"], undefined);
  const boundary = /^multipart\/byteranges; boundary=([\w-]{20,70})$/.exec(reply.headers["content-type"] ?? "")?.[1];
  let rest = reply.bytes;
  for (const [index, [first, last]] of expected.entries()) {
    const head = `${index === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: bytes ${first}-${last}/${whole.length}\r\n\r\n`;
    assert.equal(rest.subarray(0, head.length).toString("latin1"), head);
    const end = head.length + last + 1 - first;
    assertBytes(rest.subarray(head.length, end), whole.subarray(first, last + 1));
    rest = rest.subarray(end);
  }
  assert.equal(rest.toString("latin1"), `\r\n--${boundary}--\r\n`);
}

test("static files: the boundary of parts is another one each time", async (t) => {
  const site = await serveFiles(t, root);
  const ask = async () => (await site.get("/small.bin", "Range: bytes=0-1,500-501")).headers["content-type"];
  assert.notEqual(await ask(), await ask());
});

test("static files: 51 ranges apart are the whole, fifty are not", async (t) => {
  const site = await serveFiles(t, root);
  const ranges = (count: number) =>
    Array.from({ length: count }, (_, index): Range => [index * 1000, index * 1000 + 9]);
  const given = GIVEN["that is large"] as Given;
  check(given, await site.get("/large.bin", `Range: bytes=${spanned(ranges(50))}`), ranges(50));
  check(given, await site.get("/large.bin", `Range: bytes=${spanned(ranges(51))}`), "whole");
});

test("static files: two Range lines are none", async (t) => {
  const site = await serveFiles(t, root);
  check(small, await site.get("/small.bin", "Range: bytes=0-1", "Range: bytes=2-3"), "whole");
});

test("static files: ranges that are put together are the file", async (t) => {
  const site = await serveFiles(t, root);
  const parts: Buffer[] = [];
  for (let first = 0; first < BROTLI.length; first += 100) {
    const reply = await site.get("/script.js", "Accept-Encoding: br", `Range: bytes=${first}-${first + 99}`);
    assert.equal(reply.headers["content-encoding"], "br");
    parts.push(reply.bytes);
  }
  assertBytes(brotliDecompressSync(Buffer.concat(parts)), SCRIPT);
});

for (const size of [1, 65_535, 65_536, 262_143, 262_144, 262_145, 400_000]) {
  test(`static files: ${size} bytes out of the middle of a large file`, async (t) => {
    const site = await serveFiles(t, root);
    const range: Range = [12_345, 12_344 + size];
    check(GIVEN["that is large"] as Given, await site.get("/large.bin", `Range: bytes=${spanned([range])}`), [range]);
  });
}

test("static files: an empty file has no ranges, and is sent", async (t) => {
  const site = await serveFiles(t, root);
  for (const range of ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-9", "bytes=0-0,1-1"]) {
    const reply = await site.get("/empty.txt", `Range: ${range}`);
    assert.deepEqual([reply.status, reply.headers["content-range"], reply.body], [200, undefined, ""], range);
  }
});

test("static files: an index has ranges", async (t) => {
  const site = await serveFiles(t, root);
  const reply = await site.get("/docs/", "Range: bytes=-2");
  assert.deepEqual([reply.status, reply.body], [206, "89"]);
});

// If-Range (RFC 9110 §13.1.5).

const TAG = tagOf(SMALL);
for (const [condition, isMatch] of [
  [TAG, true],
  [`  ${TAG}  `, true],
  // The time was set, so it may be that of other bytes as well.
  [LAST_MODIFIED, false],
  ["Monday, 06-May-24 07:08:09 GMT", false],
  ["Mon May  6 07:08:09 2024", false],
  [`W/${TAG}`, false],
  ['"foo"', false],
  [`"foo", ${TAG}`, false],
  [`${TAG}, "foo"`, false],
  ["*", false],
  ["foo", false],
  [TAG.slice(1, -1), false],
  ["Mon, 06 May 2024 07:08:08 GMT", false],
  ["Mon, 06 May 2024 07:08:10 GMT", false],
  ["Fri, 01 Jan 2100 00:00:00 GMT", false],
  ["2024-05-06T07:08:09Z", false],
] as const) {
  test(`static files: If-Range: ${condition} ${isMatch ? "lets the range through" : "is answered with the whole"}`, async (t) => {
    const site = await serveFiles(t, root);
    const line = `If-Range: ${condition}`;
    check(small, await site.get("/small.bin", line, "Range: bytes=1-2"), isMatch ? [[1, 2]] : "whole");
    check(small, await site.get("/small.bin", line, "Range: bytes=1000-"), isMatch ? "unsatisfiable" : "whole");
    check(small, await site.get("/small.bin", line), "whole");
  });
}

test("static files: If-Range with the tag of another coding is answered with the whole", async (t) => {
  const site = await serveFiles(t, root);
  const { etag } = (await site.get("/script.js")).headers;
  const inBrotli = GIVEN["in brotli"] as Given;
  const lines = ["Accept-Encoding: br", "Range: bytes=1-2"];
  check(inBrotli, await site.get("/script.js", ...lines, `If-Range: ${etag}`), "whole");
  const other = (await site.get("/script.js", "Accept-Encoding: br")).headers.etag;
  check(inBrotli, await site.get("/script.js", ...lines, `If-Range: ${other}`), [[1, 2]]);
});

test("static files: If-Range with the date that the file system gave the file lets the range through", async (t) => {
  const folder = await fileTree({ "a.bin": "" });
  await writeFile(join(folder, "a.bin"), SMALL);
  const site = await serveFiles(t, folder);
  const modified = (await site.get("/a.bin")).headers["last-modified"];
  check(small, await site.get("/a.bin", `If-Range: ${modified}`, "Range: bytes=1-2"), [[1, 2]]);
});

// Descriptors.

test("static files: ranges leave no descriptor open, read to the end or not", linuxOnly, async (t) => {
  const folder = await fileTree({ "large.bin": LARGE });
  const site = await serveFiles(t, folder, { memory: false });
  for (const range of ["bytes=0-", "bytes=0-9,300000-600000,699999-"]) {
    for (let round = 0; round < 20; round++) {
      const client = await site.connect();
      client.get("/large.bin", `Range: ${range}`);
      if (round % 2 === 0) await client.until("206");
      client.socket.destroy();
    }
  }
  for (const range of ["bytes=0-1", "bytes=0-1,500-501", "bytes=800000-", "bytes=5-2", "bytes=0-600000"]) {
    await site.get("/large.bin", `Range: ${range}`);
    await site.head("/large.bin", `Range: ${range}`);
  }
  await allClosed(folder);
});
