import assert from "node:assert/strict";
import { test } from "node:test";
import { lint } from "../../middleware/lint.ts";
import { type Change, mapChunks, mapDocument, mapText, transform } from "../../middleware/transform.ts";
import { html, text } from "../../src/apps.ts";
import { toBytes } from "../../src/chunk.ts";
import type { App, Body, HeaderList, StatusLine } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { bodyOf, transcript } from "../transcript.ts";

const upper = mapText("text/*", (piece) => piece.toUpperCase());

function answering(body: Body, headers: HeaderList = [], status: StatusLine = "200 OK"): App {
  return lint((_environ, startResponse) => {
    startResponse(status, [["Content-Type", "text/plain"], ...headers]);
    return body;
  });
}

test("transform: a change gets the response as a value, and gives the one to send", async () => {
  const change: Change = ({ status, headers, body }, environ) => ({
    status: status === "404 Not Found" ? "410 Gone" : status,
    headers: [...headers, ["X-Path", environ.PATH_INFO]],
    body,
  });
  const app = transform(text("x", { status: "404 Not Found" }), change);
  assert.equal(
    await transcript(app, "/p"),
    "410 Gone\ncontent-length: 1\ncontent-type: text/plain; charset=utf-8\nx-path: /p\n\nx",
  );
});

test("transform: a change may be a promise, and the app asynchronous", async () => {
  const app: App = async (environ, startResponse) => text("later")(environ, startResponse);
  assert.equal(
    await bodyOf(
      transform(app, async (response) => ({ ...response, body: "x" })),
      "/",
    ),
    "x",
  );
});

test("transform: a new body has a new length, a weak tag, and no ranges or digests", async () => {
  const headers: HeaderList = [
    ["ETag", '"abc"'],
    ["Content-Length", "5"],
    ["Accept-Ranges", "bytes"],
    ["Repr-Digest", "sha-256=:x:"],
  ];
  const app = transform(
    answering("hello", headers),
    mapText("text/plain", (piece) => `${piece}!`),
  );
  assert.equal(
    await transcript(app, "/"),
    '200 OK\ncontent-length: 6\ncontent-type: text/plain\netag: W/"abc"\n\nhello!',
  );
});

test("transform: the same body keeps its length and its tag", async () => {
  const headers: HeaderList = [["ETag", '"abc"']];
  const app = transform(answering("hello", headers), (response) => ({
    ...response,
    headers: [...response.headers, ["X", "1"]],
  }));
  assert.equal(
    await transcript(app, "/"),
    '200 OK\ncontent-length: 5\ncontent-type: text/plain\netag: "abc"\nx: 1\n\nhello',
  );
});

test("transform: HEAD has the headers that GET would have, but no length that is not known", async () => {
  const app = transform(answering("hello", [["Content-Length", "5"]]), upper);
  assert.equal(await transcript(app, "/", { method: "HEAD" }), "200 OK\ncontent-type: text/plain\n\n");
});

test("transform: a 304 has the weak tag that its client knows", async () => {
  const app = transform(answering(undefined, [["ETag", '"abc"']], "304 Not Modified"), upper);
  const known: RequestOptions = { headers: { "If-None-Match": 'W/"abc"' } };
  assert.equal(await transcript(app, "/", known), '304 Not Modified\ncontent-type: text/plain\netag: W/"abc"\n\n');
});

for (const [what, headers, status] of [
  ["a range", [["Content-Range", "bytes 0-1/5"]], "206 Partial Content"],
  ["no-transform", [["Cache-Control", "public, no-transform"]], "200 OK"],
  ["an encoded body", [["Content-Encoding", "gzip"]], "200 OK"],
  ["another type", [["Content-Type", "application/octet-stream"]], "200 OK"],
] as [string, HeaderList, StatusLine][]) {
  test(`transform: ${what} is left alone`, async () => {
    const app: App = (_environ, startResponse) => {
      startResponse(status, [
        ["ETag", '"abc"'],
        ...headers,
        ...(what === "another type" ? [] : ([["Content-Type", "text/plain"]] as HeaderList)),
      ]);
      return "hello";
    };
    for (const change of [
      upper,
      mapDocument("text/*", (whole) => whole.toUpperCase()),
      mapChunks("text/*", () => ({ chunk: () => "x" })),
    ]) {
      const response = await request(transform(app, change), "/");
      assert.equal(response.headers.get("ETag"), '"abc"');
      assert.equal(await response.text(), "hello");
    }
  });
}

for (const [charset, bytes, expected] of [
  ["utf-8", [0x61, 0xf0, 0x9f, 0x98, 0x80, 0xc3, 0xa9], "A😀É"],
  ["utf-16le", [0x61, 0, 0x3d, 0xd8, 0, 0xde, 0xe9, 0], "A😀É"],
  ["iso-8859-1", [0x61, 0xe9], "AÉ"],
  ["shift_jis", [0x61, 0x82, 0xa0], "Aあ"],
] as const) {
  test(`transform: mapText never splits a character of ${charset}, and sends UTF-8`, async () => {
    const app: App = function* (_environ, startResponse) {
      startResponse("200 OK", [["Content-Type", `text/html; charset="${charset}"`]]);
      for (const byte of bytes) yield new Uint8Array([byte]);
    };
    const response = await request(transform(lint(app), upper), "/");
    assert.match(response.headers.get("Content-Type") ?? "", /charset="?utf-8"?$/);
    assert.equal(await response.text(), expected);
  });
}

test("transform: a charset that nobody knows is left alone", async () => {
  const app = transform(answering("hello", []), (response, environ) => {
    return upper({ ...response, headers: [["Content-Type", "text/plain; charset=klingon"]] }, environ);
  });
  assert.equal(await bodyOf(app, "/"), "hello");
});

test("transform: streaming stays streaming", async () => {
  const asked: number[] = [];
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    for (let index = 0; index < 3; index++) {
      asked.push(index);
      yield `${index}a`;
    }
  };
  const response = await request(transform(lint(app), upper), "/");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const first = await reader.read();
  assert.deepEqual([...(first.value as Uint8Array)], [...toBytes("0A")]);
  assert.deepEqual(asked, [0]);
  await reader.cancel();
});

test("transform: mapChunks keeps what it has seen, and may add to the end", async () => {
  const count = mapChunks("text/plain", () => {
    let chunks = 0;
    return {
      chunk: (chunk) => {
        chunks++;
        return chunk;
      },
      end: () => `(${chunks})`,
    };
  });
  const app = transform(answering(["a", "b"]), count);
  assert.equal(await transcript(app, "/"), "200 OK\ncontent-length: 5\ncontent-type: text/plain\n\nab(2)");
  assert.equal(await bodyOf(app, "/"), "ab(2)");
});

test("transform: mapDocument sees the whole, and passes on what is too large", async () => {
  const change = mapDocument("text/html", async (page) => page.replace("</body>", "!</body>"), { limit: 20 });
  const app: App = function* (environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/html"]]);
    yield "<body>";
    if (environ.PATH_INFO === "/long") yield "x".repeat(20);
    yield "</bo";
    yield "dy>";
  };
  assert.equal(
    await transcript(transform(lint(app), change), "/"),
    "200 OK\ncontent-length: 14\ncontent-type: text/html\n\n<body>!</body>",
  );
  assert.equal(await bodyOf(transform(lint(app), change), "/long"), `<body>${"x".repeat(20)}</body>`);
});

/** An app whose `finally` is counted. */
function counting(): { app: App; finished: () => number } {
  let finished = 0;
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    try {
      yield "a";
      yield "b";
    } finally {
      finished++;
    }
  };
  return { app: lint(app), finished: () => finished };
}

const ignoring: Change = ({ status, headers }) => ({ status, headers, body: "new" });
const failing: Change = () => {
  throw new Error("change");
};
const rejecting: Change = async () => Promise.reject(new Error("change"));

for (const [when, use] of [
  ["at the end", async (app) => bodyOf(transform(app, upper), "/")],
  ["when the body is ignored", async (app) => assert.equal(await bodyOf(transform(app, ignoring), "/"), "new")],
  [
    "when another stream takes its place",
    async (app) =>
      bodyOf(
        transform(app, (response) => ({ ...response, body: new Set(["x"]) })),
        "/",
      ),
  ],
  ["when the change throws", async (app) => assert.rejects(request(transform(app, failing), "/"), /change/)],
  ["when the change rejects", async (app) => assert.rejects(request(transform(app, rejecting), "/"), /change/)],
  ["for HEAD", async (app) => transcript(transform(app, upper), "/", { method: "HEAD" })],
  [
    "when the document is read",
    async (app) =>
      bodyOf(
        transform(
          app,
          mapDocument("text/plain", (all) => all),
        ),
        "/",
      ),
  ],
  [
    "when the document is too large",
    async (app) =>
      bodyOf(
        transform(
          app,
          mapDocument("text/plain", (all) => all, { limit: 0 }),
        ),
        "/",
      ),
  ],
  [
    "when the map throws",
    async (app) => {
      const broken = mapText("text/plain", () => {
        throw new Error("map");
      });
      await assert.rejects(request(transform(app, broken), "/"), /map/);
    },
  ],
  [
    "when the client leaves",
    async (app) => {
      const response = await request(transform(app, upper), "/");
      await (response.body as ReadableStream).cancel();
    },
  ],
] as [string, (app: App) => Promise<unknown>][]) {
  test(`transform: the app's body is finished exactly once ${when}`, async () => {
    const { app, finished } = counting();
    await use(app);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(finished(), 1);
  });
}

test("transform: a change that is no function throws when the app is built", () => {
  assert.throws(() => transform(html(""), "upper" as never), { code: "TSGI_BAD_CHANGE" });
});
