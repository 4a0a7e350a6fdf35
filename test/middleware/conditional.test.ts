import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import express from "express";
import { compress } from "../../middleware/compress.ts";
import { type ConditionalOptions, conditional } from "../../middleware/conditional.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { text } from "../../src/apps.ts";
import type { App, Body, HeaderList, StatusLine } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { ask } from "../support/codings.ts";
import { transcript } from "../support/transcript.ts";
import { allOwned } from "../support/unowned.ts";

const THEN = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER = "Sun, 06 Nov 1994 08:49:38 GMT";
/** The first 22 characters of the SHA-256 of "hello" in base64url. */
const HELLO_TAG = '"LPJNul-wow4m6Dsqxbninh"';

function answering(body: () => Body, headers: HeaderList = [], status: StatusLine = "200 OK"): App {
  return (_environ, startResponse) => {
    startResponse(status, [["Content-Type", "text/plain"], ...headers]);
    return body();
  };
}
const hello = (headers: HeaderList = [], status: StatusLine = "200 OK") => answering(() => "hello", headers, status);
const VALIDATORS: HeaderList = [
  ["ETag", '"v2"'],
  ["Last-Modified", THEN],
];

test("conditional: a body that has no tag gets a strong one of its content", async () => {
  const expected = `200 OK\ncontent-length: 5\ncontent-type: text/plain\netag: ${HELLO_TAG}\n\nhello`;
  for (const body of ["hello", Buffer.from("hello"), ["hel", "lo"], ["hel", Buffer.from("lo"), ""]]) {
    assert.equal(await transcript(conditional(answering(() => body)), "/"), expected);
  }
  assert.equal(await transcript(conditional(hello()), "/", { method: "HEAD" }), expected.slice(0, -"hello".length));
});

for (const [what, app, options] of [
  ["has a tag", hello([["ETag", '"own"']]), {}],
  ["is not to be stored", hello([["Cache-Control", "private, no-store"]]), {}],
  ["is an error", hello([], "404 Not Found"), {}],
  ["is a stream", answering(() => Readable.from(["hello"])), {}],
  ["is larger than the limit", hello(), { limit: 4 }],
  ["is not to have one by the option", hello(), { etag: false }],
] as const) {
  test(`conditional: a response that ${what} is passed on as it is`, async () => {
    assert.equal(await transcript(conditional(app, options), "/"), await transcript(app, "/"));
  });
}

test("conditional: a HEAD that the app answers without a body has no tag, as that of the content is not known", async () => {
  const app = conditional(answering(() => undefined, [["Content-Length", "5"]]));
  assert.equal(
    await transcript(app, "/", { method: "HEAD" }),
    "200 OK\ncontent-length: 5\ncontent-type: text/plain\n\n",
  );
  const without = conditional(answering(() => undefined));
  assert.equal((await request(without, "/", { method: "HEAD" })).headers.get("ETag"), null);
});

test("conditional: other methods have neither tags nor conditions", async () => {
  const app = conditional(hello());
  assert.equal(
    await transcript(app, "/", { method: "POST", headers: { "If-None-Match": "*" } }),
    "200 OK\ncontent-length: 5\ncontent-type: text/plain\n\nhello",
  );
});

test("conditional: a client that has the content gets a 304, by its tag", async () => {
  for (const method of ["GET", "HEAD"]) {
    const options = { method, headers: { "If-None-Match": HELLO_TAG } };
    assert.equal(await transcript(conditional(hello()), "/", options), `304 Not Modified\netag: ${HELLO_TAG}\n\n`);
  }
});

test("conditional: a 304 keeps what a cache needs, and nothing that describes the content", async () => {
  const headers: HeaderList = [
    ...VALIDATORS,
    ["Cache-Control", "max-age=60"],
    ["Content-Location", "/hello.txt"],
    ["Date", "Sat, 21 Nov 2026 20:00:00 GMT"],
    ["Expires", "Sat, 21 Nov 2026 20:01:00 GMT"],
    ["Vary", "Accept"],
    ["Set-Cookie", "a=b"],
    ["Content-Length", "5"],
    ["Content-Encoding", "x-none"],
    ["Content-Language", "en"],
    ["Content-Digest", "sha-256=:x:"],
    ["Content-Security-Policy", "default-src 'self'"],
  ];
  assert.equal(
    await transcript(conditional(hello(headers)), "/", { headers: { "If-None-Match": '"v2"' } }),
    `304 Not Modified
cache-control: max-age=60
content-location: /hello.txt
content-security-policy: default-src 'self'
date: Sat, 21 Nov 2026 20:00:00 GMT
etag: "v2"
expires: Sat, 21 Nov 2026 20:01:00 GMT
set-cookie: a=b
vary: Accept

`,
  );
});

test("conditional: a 304 by the date alone keeps the date", async () => {
  const app = conditional(hello([["Last-Modified", THEN]]), { etag: false });
  assert.equal(
    await transcript(app, "/", { headers: { "If-Modified-Since": THEN } }),
    `304 Not Modified\nlast-modified: ${THEN}\n\n`,
  );
});

/** RFC 9110 §13.2.2, step by step, for a response with the tag "v2" and the date THEN. */
const steps: [step: string, headers: Record<string, string>, status: number][] = [
  ["1: If-Match lists the tag", { "If-Match": '"v1", "v2"' }, 200],
  ["1: If-Match is *", { "If-Match": "*" }, 200],
  ["1: If-Match does not list the tag", { "If-Match": '"v1"' }, 412],
  ["1: If-Match compares strongly", { "If-Match": 'W/"v2"' }, 412],
  ["1: If-Match goes before If-Unmodified-Since", { "If-Match": '"v2"', "If-Unmodified-Since": BEFORE }, 200],
  ["1: If-Match goes before If-None-Match", { "If-Match": '"v1"', "If-None-Match": '"v2"' }, 412],
  ["2: If-Unmodified-Since is later", { "If-Unmodified-Since": AFTER }, 200],
  ["2: If-Unmodified-Since is earlier", { "If-Unmodified-Since": BEFORE }, 412],
  ["2: If-Unmodified-Since is not a date", { "If-Unmodified-Since": "yesterday" }, 200],
  ["2: If-Unmodified-Since goes before If-None-Match", { "If-Unmodified-Since": BEFORE, "If-None-Match": '"v2"' }, 412],
  ["3: If-None-Match lists the tag", { "If-None-Match": '"v1", "v2"' }, 304],
  ["3: If-None-Match compares weakly", { "If-None-Match": 'W/"v2"' }, 304],
  ["3: If-None-Match is *", { "If-None-Match": "*" }, 304],
  ["3: If-None-Match does not list the tag", { "If-None-Match": '"v1"' }, 200],
  ["3: after If-Match", { "If-Match": '"v2"', "If-None-Match": '"v2"' }, 304],
  ["3: If-None-Match goes before If-Modified-Since", { "If-None-Match": '"v1"', "If-Modified-Since": AFTER }, 200],
  ["4: If-Modified-Since is the date", { "If-Modified-Since": THEN }, 304],
  ["4: If-Modified-Since is later", { "If-Modified-Since": AFTER }, 304],
  ["4: If-Modified-Since is earlier", { "If-Modified-Since": BEFORE }, 200],
  ["4: If-Modified-Since is not a date", { "If-Modified-Since": "yesterday" }, 200],
];
for (const [step, headers, status] of steps) {
  test(`conditional: step ${step}: ${status}`, async () => {
    const app = conditional(hello(VALIDATORS));
    for (const method of ["GET", "HEAD"]) {
      assert.equal((await request(app, "/", { method, headers })).status, status);
    }
  });
}

test("conditional: a 412 says why, may be read by whom the response may, and is not kept", async () => {
  const headers: HeaderList = [...VALIDATORS, ["Cache-Control", "max-age=60"], ["Access-Control-Allow-Origin", "*"]];
  assert.equal(
    await transcript(conditional(hello(headers)), "/", { headers: { "If-Match": '"v1"' } }),
    `412 Precondition Failed
access-control-allow-origin: *
content-length: 20
content-type: text/plain; charset=utf-8
etag: "v2"

Precondition Failed
`,
  );
});

test("conditional: conditions of what is not successful are ignored", async () => {
  for (const status of ["404 Not Found", "500 Internal Server Error", "302 Found"] as const) {
    const response = await request(conditional(hello(VALIDATORS, status)), "/", { headers: { "If-None-Match": "*" } });
    assert.equal(response.status, Number(status.slice(0, 3)));
  }
});

test("conditional: a part that a client has already is a 304 too", async () => {
  const app = hello([...VALIDATORS, ["Content-Range", "bytes 0-4/10"]], "206 Partial Content");
  assert.equal((await request(conditional(app), "/", { headers: { "If-None-Match": '"v2"' } })).status, 304);
});

test("conditional: a stream with a tag is not read for a 304, and closed once", async () => {
  let pulled = 0;
  let closed = 0;
  const body = () => ({
    next: () => ({ done: ++pulled > 0, value: undefined as never }),
    close: () => void closed++,
    [Symbol.iterator]() {
      return this;
    },
  });
  const app = conditional(answering(body, [["ETag", '"v2"']]));
  assert.equal((await request(app, "/", { headers: { "If-None-Match": '"v2"' } })).status, 304);
  assert.deepEqual([pulled, closed], [0, 1]);
});

test("conditional: a body that fails while it is closed for a 304 fails nothing else, and is reported", () =>
  allOwned(async () => {
    const close = () => Promise.reject(new Error("boom"));
    const body = () => ({ [Symbol.iterator]: () => ["x"].values(), close }) as Iterable<string>;
    const errors: string[] = [];
    const app = conditional(answering(body, [["ETag", '"v2"']]));
    const environ = { "tsgi.errors": { write: (line: string) => errors.push(line) } };
    await request(app, "/", { headers: { "If-None-Match": '"v2"' }, environ, lint: false }).catch(() => {});
    assert.equal(errors.join("").split("Error: boom").length, 2);
  }));

test("conditional: a list of something else than chunks is the app's error", async () => {
  await assert.rejects(request(conditional(answering(() => [5] as never)), "/", { lint: false }), {
    code: "TSGI_BAD_CHUNK",
  });
});

/** An app that changes something, and how often it was asked. */
function changing(options: ConditionalOptions) {
  const calls: string[] = [];
  const app = conditional((environ, startResponse) => {
    calls.push(environ.REQUEST_METHOD);
    startResponse("204 No Content", []);
  }, options);
  const put = async (headers: Record<string, string>, method = "PUT") =>
    (await request(app, "/", { method, headers })).status;
  return { calls, put };
}

test("conditional: what changes something is refused by its version, before the app is asked", async () => {
  const { calls, put } = changing({ version: async () => ({ etag: '"v2"', modified: new Date(THEN) }) });
  assert.equal(await put({ "If-Match": '"v1"' }), 412);
  assert.equal(await put({ "If-Unmodified-Since": BEFORE }), 412);
  assert.equal(await put({ "If-None-Match": "*" }), 412);
  assert.equal(await put({ "If-None-Match": '"v2"' }, "DELETE"), 412);
  assert.deepEqual(calls, []);
  assert.equal(await put({ "If-Match": '"v2"' }), 204);
  assert.equal(await put({ "If-Match": "*" }), 204);
  assert.equal(await put({ "If-Modified-Since": THEN }, "PATCH"), 204);
  assert.equal(await put({}), 204);
  assert.deepEqual(calls, ["PUT", "PUT", "PATCH", "PUT"]);
});

test("conditional: what is not there matches nothing", async () => {
  const { put } = changing({ version: () => undefined });
  assert.equal(await put({ "If-Match": "*" }), 412);
  assert.equal(await put({ "If-Match": '"v2"' }), 412);
  assert.equal(await put({ "If-None-Match": "*" }), 204);
  assert.equal(await put({ "If-Unmodified-Since": BEFORE }), 204);
  assert.equal(await put({ "If-Match": "*" }, "OPTIONS"), 204);
});

test("conditional: the version is not asked for without a condition, and one that is none is an error", async () => {
  let asked = 0;
  const { put } = changing({
    version: () => {
      asked++;
      return { etag: "v2" };
    },
  });
  assert.equal(await put({}), 204);
  assert.equal(asked, 0);
  await assert.rejects(put({ "If-Match": '"v2"' }), { code: "TSGI_BAD_OPTION" });
  const failing = changing({ version: () => Promise.reject(new Error("boom")) });
  await assert.rejects(failing.put({ "If-Match": '"v2"' }), /boom/);
});

test("conditional: options that are wrong throw when the app is built", () => {
  for (const options of [{ limit: -1 }, { etag: "weak" }, { tag: true }]) {
    assert.throws(() => conditional(hello(), options as never), { code: "TSGI_BAD_OPTION" });
  }
  assert.throws(() => conditional(undefined as never), { code: "TSGI_NO_APP" });
});

test("conditional: under compress a client revalidates each coding by the weak tag, outside of it by its own", async () => {
  const long = text("all work and no play ".repeat(100));
  for (const app of [compress(conditional(long)), conditional(compress(long))]) {
    const tags = new Set<string>();
    for (const accept of ["gzip", "br", "identity"]) {
      const tag = String((await ask(app, accept)).response.headers.get("ETag"));
      tags.add(tag);
      const again = (await ask(app, accept, { headers: { "If-None-Match": tag } })).response;
      assert.deepEqual(
        [again.status, again.headers.get("ETag"), again.headers.get("Vary")],
        [304, tag, "Accept-Encoding"],
      );
    }
    assert.ok(tags.size > 1);
  }
});

test("conditional: leaves the conditions of staticFiles and Express as they are", async () => {
  const framework = express();
  framework.get("/CONTRIBUTING.md", (_request, response) => void response.send("hello"));
  for (const inner of [staticFiles(text("x"), { "/": "." }), fromNode(framework)]) {
    const first = await request(conditional(inner), "/CONTRIBUTING.md");
    await first.text();
    const tag = String(first.headers.get("ETag"));
    const again = await request(conditional(inner), "/CONTRIBUTING.md", { headers: { "If-None-Match": tag } });
    assert.deepEqual([again.status, again.headers.get("ETag")], [304, tag]);
  }
});
