import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import express from "express";
import fc from "fast-check";
import { compress } from "../../middleware/compress.ts";
import { conditional } from "../../middleware/conditional.ts";
import { range } from "../../middleware/range.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { text } from "../../src/apps.ts";
import type { App, Body, HeaderList, StatusLine } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { ask } from "../support/codings.ts";
import { start } from "../support/raw-client.ts";
import { transcript } from "../support/transcript.ts";

const THEN = "Sun, 06 Nov 1994 08:49:37 GMT";
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

function answering(body: () => Body, headers: HeaderList = [], status: StatusLine = "200 OK"): App {
  return (_environ, startResponse) => {
    startResponse(status, [["Content-Type", "text/plain"], ...headers]);
    return body();
  };
}
const letters = (headers: HeaderList = [], status: StatusLine = "200 OK") => answering(() => LETTERS, headers, status);
const LENGTH: HeaderList = [["Content-Length", "26"]];

/** The same letters in every form of a body. */
const forms: Record<string, App> = {
  "a string": letters(),
  bytes: answering(() => Buffer.from(LETTERS)),
  "a list": answering(() => ["abc", "", Buffer.from("def"), LETTERS.slice(6)]),
  "an iterable": answering(() => new Set(["abc", "def", LETTERS.slice(6)]), LENGTH),
  "a stream": answering(() => Readable.from(["abc", "def", LETTERS.slice(6)]), LENGTH),
  "a stream of single bytes": answering(() => Readable.from([...LETTERS]), LENGTH),
};

for (const [form, app] of Object.entries(forms)) {
  for (const [asked, sent, contentRange] of [
    ["bytes=0-3", "abcd", "0-3"],
    ["bytes=2-2", "c", "2-2"],
    ["bytes=5-6", "fg", "5-6"],
    ["bytes=20-", "uvwxyz", "20-25"],
    ["bytes=20-99", "uvwxyz", "20-25"],
    ["bytes=-2", "yz", "24-25"],
    ["bytes=-99", LETTERS, "0-25"],
    ["BYTES=0-0", "a", "0-0"],
  ] as const) {
    test(`range: ${asked} of ${form}`, async () => {
      assert.equal(
        await transcript(range(app), "/", { headers: { Range: asked } }),
        `206 Partial Content
accept-ranges: bytes
content-length: ${sent.length}
content-range: bytes ${contentRange}/26
content-type: text/plain

${sent}`,
      );
    });
  }

  test(`range: several ranges of ${form}`, async () => {
    const padded = range(answeringLong(form));
    const response = await request(padded, "/", { headers: { Range: "bytes=0-3,500-503,-2" } });
    const boundary = /^multipart\/byteranges; boundary=([\w-]{20,70})$/.exec(
      response.headers.get("Content-Type") ?? "",
    )?.[1];
    const body = await response.text();
    assert.equal(response.headers.get("Content-Length"), String(body.length));
    assert.equal(response.headers.get("Content-Range"), null);
    assert.equal(
      body.replaceAll(String(boundary), "B"),
      [
        "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-3/1040\r\n\r\nabcd",
        "\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 500-503/1040\r\n\r\ngh".concat("ij"),
        "\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 1038-1039/1040\r\n\r\nyz",
        "\r\n--B--\r\n",
      ].join(""),
    );
  });

  test(`range: beyond the end of ${form} is a 416`, async () => {
    assert.equal(
      await transcript(range(app), "/", { headers: { Range: "bytes=26-" } }),
      `416 Range Not Satisfiable
content-length: 22
content-range: bytes */26
content-type: text/plain; charset=utf-8

Range Not Satisfiable
`,
    );
  });

  test(`range: without one, ${form} says that there are ranges`, async () => {
    assert.equal(
      await transcript(range(app), "/"),
      `200 OK\naccept-ranges: bytes\ncontent-length: 26\ncontent-type: text/plain\n\n${LETTERS}`,
    );
  });
}

function answeringLong(form: string): App {
  const long = LETTERS.repeat(40);
  if (form.startsWith("a stream")) {
    const pieces = form === "a stream" ? [long.slice(0, 501), long.slice(501)] : [...long];
    return answering(() => Readable.from(pieces), [["Content-Length", "1040"]]);
  }
  return answering(() => long);
}

for (const asked of ["bytes=5-2", "bytes=a-b", "letters=0-1", "bytes=", "bytes 0-3", "bytes=0-1;2-3"]) {
  test(`range: ${asked} is ignored`, async () => {
    assert.equal((await request(range(letters()), "/", { headers: { Range: asked } })).status, 200);
  });
}

test("range: HEAD says that there are ranges, and has none", async () => {
  for (const app of [letters(), answering(() => undefined, LENGTH)]) {
    assert.equal(
      await transcript(range(app), "/", { method: "HEAD", headers: { Range: "bytes=0-3" } }),
      "200 OK\naccept-ranges: bytes\ncontent-length: 26\ncontent-type: text/plain\n\n",
    );
  }
});

for (const [what, app] of [
  ["a part", letters([["Content-Range", "bytes 0-25/30"]], "206 Partial Content")],
  ["an error", letters([], "404 Not Found")],
  ["what has no ranges", letters([["Accept-Ranges", "none"]])],
  ["a stream of unknown length", answering(() => Readable.from([LETTERS]))],
  [
    "an encoded body with a weak tag",
    letters([
      ["Content-Encoding", "x"],
      ["ETag", 'W/"a"'],
    ]),
  ],
  ["an encoded body without a tag", letters([["Content-Encoding", "x"]])],
] as const) {
  test(`range: ${what} is passed on as it is`, async () => {
    const options = { headers: { Range: "bytes=0-3" } };
    assert.equal(await transcript(range(app), "/", options), await transcript(app, "/", options));
  });
}

test("range: another method is passed on as it is", async () => {
  const options = { method: "POST", headers: { Range: "bytes=0-3" } };
  assert.equal(await transcript(range(letters()), "/", options), await transcript(letters(), "/", options));
});

test("range: an encoded body with a strong tag has parts of its own", async () => {
  const app = range(
    letters([
      ["Content-Encoding", "x"],
      ["ETag", '"a"'],
    ]),
  );
  assert.equal((await request(app, "/", { headers: { Range: "bytes=0-3" } })).status, 206);
});

test("range: a digest of the content does not go with a part, one of the representation does", async () => {
  const digests: HeaderList = [
    ["Content-Digest", "x"],
    ["Content-MD5", "x"],
    ["Digest", "x"],
    ["Repr-Digest", "x"],
  ];
  assert.equal(
    await transcript(range(letters(digests)), "/", { headers: { Range: "bytes=0-3" } }),
    "206 Partial Content\naccept-ranges: bytes\ncontent-length: 4\ncontent-range: bytes 0-3/26\ncontent-type: text/plain\nrepr-digest: x\n\nabcd",
  );
});

for (const [condition, status] of [
  ['"v2"', 206],
  ['"v1"', 200],
  ['W/"v2"', 200],
  [THEN, 206],
  ["Sun, 06 Nov 1994 08:49:38 GMT", 200],
  ["nonsense", 200],
] as const) {
  test(`range: If-Range: ${condition} is a ${status}`, async () => {
    const app = range(
      letters([
        ["ETag", '"v2"'],
        ["Last-Modified", THEN],
      ]),
    );
    const response = await request(app, "/", { headers: { Range: "bytes=0-3", "If-Range": condition } });
    assert.deepEqual([response.status, await response.text()], [status, status === 206 ? "abcd" : LETTERS]);
  });
}

test("range: If-Range of a response without validators gets the whole", async () => {
  for (const condition of ['""', '"a"', THEN]) {
    const options = { headers: { Range: "bytes=0-3", "If-Range": condition } };
    assert.equal((await request(range(letters()), "/", options)).status, 200);
  }
});

test("range: more ranges than may be get the whole, and those that touch are joined", async () => {
  const app = answering(() => LETTERS.repeat(400));
  const many = `bytes=${Array.from({ length: 51 }, (_, index) => `${index * 200}-${index * 200}`)}`;
  assert.equal((await request(range(app), "/", { headers: { Range: many } })).status, 200);
  assert.equal((await request(range(app, { maxRanges: 51 }), "/", { headers: { Range: many } })).status, 206);
  const all = `bytes=${Array.from({ length: 5000 }, () => "0-")}`;
  const joined = await request(range(app), "/", { headers: { Range: all } });
  assert.deepEqual([joined.status, joined.headers.get("Content-Range")], [206, "bytes 0-10399/10400"]);
});

test("range: ranges of a stream that go back in it get the whole, those of a body that is there come as asked", async () => {
  const options = { headers: { Range: "bytes=1000-1003,0-3" } };
  assert.equal((await request(range(answeringLong("a stream")), "/", options)).status, 200);
  const body = await (await request(range(answeringLong("a string")), "/", options)).text();
  assert.deepEqual(body.match(/bytes \d+-\d+/g), ["bytes 1000-1003", "bytes 0-3"]);
});

test("range: a stream is read no further than to the last byte that was asked for, and closed once", async () => {
  let pulled = 0;
  const body = async function* () {
    for (const letter of LETTERS) {
      pulled++;
      yield letter;
    }
  };
  const response = await request(range(answering(body, LENGTH)), "/", { headers: { Range: "bytes=2-4" } });
  assert.equal(await response.text(), "cde");
  assert.deepEqual([pulled, response.finished], [5, 1]);
});

test("range: a 416 closes the body unread", async () => {
  let [pulled, closed] = [0, 0];
  const body = () => ({
    [Symbol.iterator]: () => ({ next: () => ({ done: ++pulled > 0, value: undefined as never }) }),
    close: () => void closed++,
  });
  const response = await request(range(answering(body, LENGTH)), "/", { headers: { Range: "bytes=99-" } });
  assert.deepEqual([response.status, pulled, closed], [416, 0, 1]);
});

test("range: a stream that ends before the part does, or fails, cuts the connection", async (t) => {
  const failing = async function* () {
    yield "abc";
    throw new Error("boom");
  };
  for (const body of [() => Readable.from(["abcde"]), failing]) {
    const { connect, log } = await start(t, range(answering(body, LENGTH)));
    const client = (await connect()).get("/", "Range: bytes=1-9");
    assert.match(await client.all(), /Content-Length: 9\r\n[\s\S]*\r\n\r\nbc/);
    assert.match(log.join(""), /boom|shorter than its Content-Length of 9/);
  }
});

test("range: a long stream is skipped without holding others up", async () => {
  const piece = Buffer.alloc(64 * 1024);
  const count = 200;
  const body = function* () {
    for (let index = 0; index < count; index++) yield piece;
  };
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const app = range(answering(body, [["Content-Length", String(count * piece.length)]]));
  const response = await request(app, "/", { headers: { Range: "bytes=-1" } });
  assert.equal((await response.arrayBuffer()).byteLength, 1);
  clearInterval(timer);
  assert.ok(turns > 3, String(turns));
});

test("range: parts of any stream are those of its bytes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 }),
      fc.nat(1500),
      fc.nat(1500),
      fc.boolean(),
      async (chunks, first, length, isStream) => {
        const whole = Buffer.concat(chunks);
        const own: HeaderList = isStream ? [["Content-Length", String(whole.length)]] : [];
        const app = range(answering(() => (isStream ? Readable.from(chunks) : chunks), own));
        const response = await request(app, "/", { headers: { Range: `bytes=${first}-${first + length}` } });
        const bytes = Buffer.from(await response.arrayBuffer());
        if (whole.length === 0) assert.equal(response.status, 200);
        else if (first >= whole.length) assert.equal(response.status, 416);
        else assert.deepEqual(bytes, whole.subarray(first, first + length + 1));
      },
    ),
    { numRuns: 80 },
  );
});

test("range: over conditional, conditions come first, and its tags hold for ranges", async () => {
  const app = range(conditional(letters()));
  const tag = String((await request(app, "/")).headers.get("ETag"));
  const asked = async (headers: Record<string, string>) =>
    (await request(app, "/", { headers: { Range: "bytes=0-3", ...headers } })).status;
  assert.equal(await asked({ "If-None-Match": tag }), 304);
  assert.equal(await asked({ "If-Match": '"other"' }), 412);
  assert.equal(await asked({ "If-Range": tag }), 206);
  assert.equal(await asked({ "If-Range": '"other"' }), 200);
});

test("range: under compress parts are those of the content, and the whole is compressed", async () => {
  const app = compress(range(conditional(text(LETTERS.repeat(100)))));
  const whole = await ask(app, "gzip");
  assert.deepEqual([whole.coding, whole.response.headers.get("Accept-Ranges")], ["gzip", null]);
  const part = await ask(app, "gzip", { headers: { Range: "bytes=0-3" } });
  assert.deepEqual([part.response.status, part.coding, part.text], [206, null, "abcd"]);
});

test("range: over compress there are parts of what is sent as it is, and of nothing that is encoded anew each time", async () => {
  const app = range(compress(text(LETTERS.repeat(100))));
  assert.equal((await ask(app, "gzip", { headers: { Range: "bytes=0-3" } })).response.status, 200);
  assert.equal((await ask(app, "identity", { headers: { Range: "bytes=0-3" } })).response.status, 206);
});

test("range: adds ranges to Express, and leaves those of staticFiles alone", async () => {
  const framework = express();
  framework.get("/", (_request, response) => void response.send(LETTERS));
  const response = await request(range(fromNode(framework)), "/", { headers: { Range: "bytes=1-2" } });
  assert.deepEqual([response.status, await response.text()], [206, "bc"]);
  const options = { headers: { Range: "bytes=0-13" } };
  const files = staticFiles(text("x"), { "/": "." });
  assert.equal(
    await transcript(range(files), "/CONTRIBUTING.md", options),
    await transcript(files, "/CONTRIBUTING.md", options),
  );
});

test("range: options that are wrong throw when the app is built", () => {
  assert.throws(() => range(letters(), { maxRanges: 0 }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => range(undefined as never), { code: "TSGI_NO_APP" });
});
