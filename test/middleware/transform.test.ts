import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { conditional } from "../../middleware/conditional.ts";
import { lint } from "../../middleware/lint.ts";
import { type Change, mapChunks, mapDocument, mapText, transform } from "../../middleware/transform.ts";
import { html, text } from "../../src/apps.ts";
import { toBytes } from "../../src/body/chunk.ts";
import type { App, Body, HeaderList, StatusLine } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { start } from "../support/raw-client.ts";
import { bodyOf, transcript } from "../support/transcript.ts";

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

test("transform: a new body has a new length, and no validators, ranges or digests", async () => {
  const headers: HeaderList = [
    ["ETag", '"abc"'],
    ["Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"],
    ["Content-Length", "5"],
    ["Accept-Ranges", "bytes"],
    ["Repr-Digest", "sha-256=:x:"],
  ];
  const app = transform(
    answering("hello", headers),
    mapText("text/plain", (piece) => `${piece}!`),
  );
  assert.equal(await transcript(app, "/"), "200 OK\ncontent-length: 6\ncontent-type: text/plain\n\nhello!");
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

test("transform: validators that the change sets stay, and a weak tag of the app does not", async () => {
  const tagged = (tag: string) => answering("hello", [["ETag", tag]]);
  const own: Change = (response) => ({ ...response, headers: [["ETag", '"mine"']], body: "x" });
  assert.equal(await transcript(transform(tagged('"abc"'), own), "/"), '200 OK\ncontent-length: 1\netag: "mine"\n\nx');
  assert.equal((await request(transform(tagged('W/"abc"'), upper), "/")).headers.get("ETag"), null);
});

test("transform: a stream in place of a known body has no length, a known body in place of a stream has", async () => {
  const long = answering("hello", [["Content-Length", "5"]]);
  const stream: Change = (response) => ({ ...response, body: new Set(["x", "yz"]) });
  assert.equal(await transcript(transform(long, stream), "/"), "200 OK\ncontent-type: text/plain\n\nxyz");
  const known: Change = (response) => ({ ...response, body: ["x", "\u00e9"] });
  assert.equal(
    await transcript(transform(answering(new Set(["a", "b"])), known), "/"),
    "200 OK\ncontent-length: 3\ncontent-type: text/plain\n\nx\u00e9",
  );
});

test("transform: a body may be given where there was none, and taken away", async () => {
  const gone: Change = (response) => ({ ...response, status: "204 No Content", body: undefined });
  assert.equal(
    await transcript(transform(answering("hello", [["Content-Length", "5"]]), gone), "/"),
    "204 No Content\ncontent-type: text/plain\n\n",
  );
  const filled: Change = (response) => ({ ...response, status: "200 OK", body: "x" });
  assert.equal(
    await transcript(transform(answering(undefined, [], "204 No Content"), filled), "/"),
    "200 OK\ncontent-length: 1\ncontent-type: text/plain\n\nx",
  );
  assert.equal(
    await transcript(
      transform(answering(undefined, [], "204 No Content"), (response) => ({ ...response, body: "x" })),
      "/",
    ),
    "204 No Content\ncontent-type: text/plain\n\n",
  );
});

test("transform: a change of the headers alone leaves the answer to HEAD its length", async () => {
  const app = transform(answering("hello", [["Content-Length", "5"]]), (response) => ({ ...response }));
  assert.equal(
    await transcript(app, "/", { method: "HEAD" }),
    "200 OK\ncontent-length: 5\ncontent-type: text/plain\n\n",
  );
});

for (const status of ["204 No Content", "304 Not Modified"] as const) {
  test(`transform: mapDocument does not make a document of a ${status.slice(0, 3)}`, async () => {
    const change = mapDocument("application/json", (text) => JSON.stringify(JSON.parse(text)));
    const app: App = (_environ, startResponse) => {
      startResponse(status, [
        ["Content-Type", "application/json"],
        ["ETag", '"abc"'],
      ]);
    };
    assert.equal(
      await transcript(transform(lint(app), change), "/"),
      `${status}\ncontent-type: application/json\netag: "abc"\n\n`,
    );
  });
}

test("transform: HEAD does not make mapDocument read a document", async () => {
  let asked = 0;
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain; charset=iso-8859-1"]]);
    for (;;) {
      asked++;
      yield "x";
    }
  };
  const change = mapDocument("text/plain", () => assert.fail("called"));
  assert.equal(
    await transcript(transform(lint(app), change), "/", { method: "HEAD" }),
    "200 OK\ncontent-type: text/plain; charset=utf-8\n\n",
  );
  assert.equal(asked, 1);
});

test("transform: a document that says it is too large is passed on with all that describes it", async () => {
  const change = mapDocument("text/plain", () => assert.fail("called"), { limit: 3 });
  const headers: HeaderList = [
    ["ETag", '"abc"'],
    ["Accept-Ranges", "bytes"],
    ["Content-Length", "5"],
  ];
  const expected = '200 OK\naccept-ranges: bytes\ncontent-length: 5\ncontent-type: text/plain\netag: "abc"\n\n';
  assert.equal(await transcript(transform(answering("hello", headers), change), "/"), `${expected}hello`);
  assert.equal(
    await transcript(transform(answering(new Set(["hel", "lo"]), headers), change), "/"),
    `${expected}hello`,
  );
  assert.equal(await transcript(transform(answering(undefined, headers), change), "/", { method: "HEAD" }), expected);
  assert.equal(
    await transcript(transform(answering(["hel", "lo"], headers.slice(0, 2)), change), "/"),
    `${expected}hello`,
  );
});

test("transform: HEAD has the headers that GET would have, but no length that is not known", async () => {
  const app = transform(answering("hello", [["Content-Length", "5"]]), upper);
  assert.equal(await transcript(app, "/", { method: "HEAD" }), "200 OK\ncontent-type: text/plain\n\n");
});

test("transform: a 304 keeps the validators that the app gives it", async () => {
  const app = answering(undefined, [["ETag", '"abc"']], "304 Not Modified");
  const known: RequestOptions = { headers: { "If-None-Match": 'W/"abc"' } };
  assert.equal(await transcript(transform(app, upper), "/", known), await transcript(app, "/", known));
});

test("transform: conditional around it gives what was changed a tag of its own", async () => {
  const tags = await Promise.all(
    ["!", "?"].map(async (mark) => {
      const change = mapText("text/plain", (piece) => piece + mark);
      const app = conditional(transform(answering("hello", [["ETag", '"abc"']]), change));
      const tag = (await request(app, "/")).headers.get("ETag") ?? "";
      const again = await request(app, "/", { headers: { "If-None-Match": tag } });
      assert.deepEqual([again.status, await again.text()], [304, ""]);
      return tag;
    }),
  );
  assert.notEqual(tags[0], tags[1]);
});

for (const [what, headers, status] of [
  ["a range", [["Content-Range", "bytes 0-1/5"]], "206 Partial Content"],
  ["no-transform", [["Cache-Control", "public, no-transform"]], "200 OK"],
  ["No-Transform without more", [["Cache-Control", "No-Transform"]], "200 OK"],
  ["no-transform before more", [["Cache-Control", "no-transform,max-age=1"]], "200 OK"],
  [
    "no-transform in a second line",
    [
      ["Cache-Control", "public"],
      ["Cache-Control", "no-transform"],
    ],
    "200 OK",
  ],
  ["a range with another status", [["Content-Range", "bytes 0-1/5"]], "200 OK"],
  ["a 206 without its range", [], "206 Partial Content"],
  [
    "a body encoded twice",
    [
      ["Content-Encoding", "identity"],
      ["Content-Encoding", "br"],
    ],
    "200 OK",
  ],
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

test("transform: what looks like no-transform or an encoding is none", async () => {
  for (const header of [
    ["Cache-Control", "x-no-transform, no-transformation"],
    ["Content-Encoding", "identity"],
    ["Content-Encoding", ""],
  ] as [string, string][]) {
    assert.equal(await bodyOf(transform(answering("hello", [header]), upper), "/"), "HELLO");
  }
});

for (const [charset, text, encoded] of [
  ["utf-8", "a\u00e9\u3042\ud83d\ude00\u00df", new TextEncoder().encode("a\u00e9\u3042\ud83d\ude00\u00df")],
  ["utf-16le", "a\u00e9\u3042\ud83d\ude00\u00df", Buffer.from("a\u00e9\u3042\ud83d\ude00\u00df", "utf16le")],
  ["shift_jis", "a\u3042\uff71\u8868z", new Uint8Array([0x61, 0x82, 0xa0, 0xb1, 0x95, 0x5c, 0x7a])],
  ["gb18030", "a\u3042\ud83d\ude00", new Uint8Array([0x61, 0xa4, 0xa2, 0x94, 0x39, 0xfc, 0x36])],
] as [string, string, Uint8Array][]) {
  test(`transform: wherever the chunks of ${charset} end, the text is the same`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: encoded.length }), { maxLength: 8 }),
        fc.boolean(),
        async (cuts, late) => {
          const ends = [0, ...cuts, encoded.length].sort((a, b) => a - b);
          const chunks = ends.slice(1).map((end, index) => encoded.subarray(ends[index], end));
          const app: App = (_environ, startResponse) => {
            startResponse("200 OK", [["Content-Type", `text/plain; Charset=${charset}; format=flowed`]]);
            return late ? new Set(chunks) : chunks;
          };
          const pieces: string[] = [];
          const keep = mapText("text/plain", (piece) => {
            pieces.push(piece);
            return piece;
          });
          for (const change of [keep, mapDocument("text/plain", (all) => all)]) {
            const response = await request(transform(lint(app), change), "/");
            assert.match(
              response.headers.get("Content-Type") as string,
              /^text\/plain; charset=utf-8; format=flowed$/i,
            );
            assert.equal(await response.text(), text);
          }
          for (const piece of pieces) assert.doesNotMatch(piece, /\ufffd|^[\udc00-\udfff]|[\ud800-\udbff]$|^$/);
        },
      ),
    );
  });
}

test("transform: a character that the body ends within is replaced, once", async () => {
  const bytes = new TextEncoder().encode("a\u3042");
  const body = () => new Set([bytes.subarray(0, 2), bytes.subarray(2, 3)]);
  assert.equal(await bodyOf(transform(answering(body()), upper), "/"), "A\ufffd");
});

test("transform: text without a charset is UTF-8, and its type stays as it was", async () => {
  const app = transform(answering(["caf", new Uint8Array([0xc3]), new Uint8Array([0xa9])]), upper);
  assert.equal(await transcript(app, "/"), "200 OK\ncontent-length: 5\ncontent-type: text/plain\n\nCAF\u00c9");
});

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

test("transform: an asynchronous stream passes each chunk on before the next one is there", async () => {
  const gate = { isReached: false, open: () => {} };
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    yield "a";
    await new Promise<void>((resolve) => {
      gate.open = resolve;
      gate.isReached = true;
    });
    yield "b";
  };
  const chunks = mapChunks("text/plain", () => ({ chunk: (chunk) => `<${chunk}>` }));
  for (const change of [upper, chunks, patient]) {
    const response = await request(transform(transform(lint(app), change), upper), "/");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const first = await reader.read();
    assert.match(Buffer.from(first.value as Uint8Array).toString(), /^<?A>?$/);
    const second = reader.read();
    while (!gate.isReached) await new Promise((resolve) => setImmediate(resolve));
    gate.isReached = false;
    gate.open();
    assert.match(Buffer.from((await second).value as Uint8Array).toString(), /^<?B>?$/);
    assert.equal((await reader.read()).done, true);
  }
});

test("transform: an empty chunk, which means flush, passes through what maps text and chunks", async () => {
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    yield* ["a", "", "b"];
  };
  const seen: unknown[] = [];
  const watching: Change = (response) => {
    const chunks = response.body as Iterable<string>;
    return {
      ...response,
      body: (function* () {
        for (const chunk of chunks) {
          seen.push(chunk);
          yield chunk;
        }
      })(),
    };
  };
  const silent = mapChunks("text/plain", () => ({ chunk: (chunk) => (chunk === "" ? undefined : chunk) }));
  assert.equal(await bodyOf(transform(transform(transform(lint(app), upper), silent), watching), "/"), "AB");
  assert.deepEqual(seen, ["A", "", "B"]);
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

/** Apps with a body of two chunks, by what the body is; each calls back when it is finished. */
const bodies: Record<string, (finished: () => void) => App> = {
  "an async generator": (finished) =>
    async function* (_environ, startResponse) {
      startResponse("200 OK", [["Content-Type", "text/plain"]]);
      try {
        yield "a";
        yield "b";
      } finally {
        finished();
      }
    },
  "a generator": (finished) =>
    function* (_environ, startResponse) {
      startResponse("200 OK", [["Content-Type", "text/plain"]]);
      try {
        yield "a";
        yield "b";
      } finally {
        finished();
      }
    },
  "an iterable with a close, after a while": (finished) => async (_environ, startResponse) => {
    await null;
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    return { [Symbol.iterator]: () => ["a", "b"][Symbol.iterator](), close: finished } as Iterable<string>;
  },
  "a stream": (finished) => (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    const chunks = ["a", "b"];
    let isOver = false;
    const stop = () => {
      if (!isOver) finished();
      isOver = true;
    };
    return new ReadableStream<string>(
      {
        pull(controller) {
          const chunk = chunks.shift();
          if (chunk !== undefined) return controller.enqueue(chunk);
          controller.close();
          stop();
        },
        cancel: stop,
      },
      { highWaterMark: 0 },
    ) as unknown as Body;
  },
  "what was written": (finished) => async (_environ, startResponse) => {
    const write = startResponse("200 OK", [["Content-Type", "text/plain"]]);
    try {
      await write("a");
      await write("b");
    } catch (error) {
      assert.equal((error as { code?: string }).code, "TSGI_CLIENT_GONE");
    } finally {
      finished();
    }
  },
};

/** An app whose body is counted as it is finished. */
function counting(what: string): { app: App; finished: () => number } {
  let finished = 0;
  const app = (bodies[what] as (finished: () => void) => App)(() => finished++);
  // An app that writes returns after the layers around it have, whose open bodies lint takes for ones that it dropped.
  return { app: what === "what was written" ? app : lint(app), finished: () => finished };
}

const ignoring: Change = ({ status, headers }) => ({ status, headers, body: "new" });
const failing: Change = () => {
  throw new Error("change");
};
const rejecting: Change = async () => Promise.reject(new Error("change"));
const malformed: Change = (response) => ({ ...response, headers: [["Bad Name", "x"]] });
const forgetful = (() => undefined) as unknown as Change;
const wrong: Change = (response) => ({ ...response, body: 1 as unknown as Body });
const patient: Change = async (response) => ({ ...response, headers: [...response.headers, ["X", "1"]] });

/** Another stream, whose own finishing fails. */
function* failingAtTheEnd(): Generator<string> {
  try {
    yield "x";
    yield "y";
  } finally {
    // biome-ignore lint/correctness/noUnsafeFinally: that is what is tested.
    throw new Error("finally");
  }
}

const USES: [string, (app: App) => Promise<unknown>][] = [
  [
    "when nothing changes",
    async (app) =>
      assert.equal(
        await bodyOf(
          transform(app, (same) => same),
          "/",
        ),
        "ab",
      ),
  ],
  ["when the change takes a while", async (app) => assert.equal(await bodyOf(transform(app, patient), "/"), "ab")],
  ["after a second transform", async (app) => bodyOf(transform(transform(app, upper), upper), "/")],
  [
    "when the new head is malformed",
    async (app) => {
      await assert.rejects(request(transform(app, malformed), "/"), { code: "TSGI_LINT_RESPONSE" });
      await assert.rejects(request(transform(app, malformed), "/", { lint: false }), { code: "TSGI_BAD_HEADER" });
    },
  ],
  [
    "when the new head of another stream is malformed",
    async (app) => {
      const change: Change = (response, environ) => malformed(upper(response, environ) as never, environ);
      await assert.rejects(request(transform(app, change), "/", { lint: false }), { code: "TSGI_BAD_HEADER" });
    },
  ],
  [
    "when the change gives nothing",
    async (app) => assert.rejects(request(transform(app, forgetful), "/"), { code: "TSGI_BAD_CHANGE" }),
  ],
  [
    "when the change gives no body",
    async (app) => assert.rejects(request(transform(app, wrong), "/"), { code: "TSGI_BAD_BODY" }),
  ],
  [
    "when finishing the new body fails",
    async (app) => {
      const change: Change = (response) => ({ ...response, body: failingAtTheEnd() });
      const response = await request(transform(app, change), "/");
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      await reader.cancel();
    },
  ],
  [
    "when the client leaves before anything is read",
    async (app) => {
      const abort = new AbortController();
      const change: Change = async (response) => {
        abort.abort();
        await null;
        return response;
      };
      await assert.rejects(request(transform(app, change), "/", { signal: abort.signal }), { name: "AbortError" });
    },
  ],
  [
    "when the client leaves while the change takes a while, and somebody has asked to be told",
    async (app) => {
      const abort = new AbortController();
      const change: Change = async (response, environ) => {
        environ["tsgi.exchange"].onAbort?.(() => {});
        abort.abort();
        await null;
        return upper(response, environ);
      };
      await assert.rejects(request(transform(app, change), "/", { signal: abort.signal }), { name: "AbortError" });
    },
  ],
  [
    "for a 204",
    async (app) =>
      transcript(
        transform(app, (response) => ({ ...response, status: "204 No Content", body: "" })),
        "/",
      ),
  ],
  [
    "for a 304 of the changed body",
    async (app) =>
      transcript(
        transform(app, (r, e) => ({ ...upper(r, e), status: "304 Not Modified" }) as never),
        "/",
      ),
  ],
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
];

for (const what of Object.keys(bodies)) {
  for (const [when, use] of USES) {
    test(`transform: ${what} is finished exactly once ${when}`, async () => {
      let requests = 0;
      const { app, finished } = counting(what);
      await use((environ, startResponse) => {
        requests++;
        return app(environ, startResponse);
      });
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(finished(), requests);
      assert.ok(requests > 0);
    });
  }
}

for (const [where, chunks] of [
  ["before it answers", undefined],
  ["in its first chunk", []],
  ["in a later chunk", ["a"]],
] as const) {
  for (const kind of ["a generator", "an async generator"]) {
    test(`transform: an error of ${kind} ${where} is the app's error, and its body is finished once`, async () => {
      let finished = 0;
      const steps = function* (startResponse: Parameters<App>[1]) {
        try {
          if (chunks === undefined) throw new Error("inner");
          startResponse("200 OK", [["Content-Type", "text/plain"]]);
          yield* chunks;
          throw new Error("inner");
        } finally {
          finished++;
        }
      };
      const app: App =
        kind === "a generator"
          ? (_environ, startResponse) => steps(startResponse)
          : async function* (_environ, startResponse) {
              yield* steps(startResponse);
            };
      for (const change of [upper, patient, mapDocument("text/plain", (all) => all)]) {
        finished = 0;
        await assert.rejects(async () => (await request(transform(lint(app), change), "/")).text(), {
          message: "inner",
        });
        assert.equal(finished, 1);
      }
    });
  }
}

test("transform: the error of a change is not hidden by one in finishing the app's body", async () => {
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    const close = () => {
      throw new Error("close");
    };
    return { [Symbol.iterator]: () => ["a"][Symbol.iterator](), close } as Iterable<string>;
  };
  for (const change of [failing, rejecting]) {
    await assert.rejects(request(transform(app, change), "/"), { message: "change" });
  }
});

test("transform: an app that answers again once its response was taken gets its own error back", async () => {
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    yield "a";
    startResponse("500 Internal Server Error", [], new Error("late"));
  };
  const response = await request(transform(app, upper), "/");
  assert.equal(response.status, 200);
  await assert.rejects(response.text(), { message: "late" });
});

test("transform: a change that is not a function throws when the app is built", () => {
  assert.throws(() => transform(html(""), "upper" as never), { code: "TSGI_BAD_CHANGE" });
});

const TEN = "0123456789";

/** A resource of ten bytes with ranges, an encoded variant and a tag, as a file server has it. */
const resource =
  (type: string): App =>
  (environ, startResponse) => {
    const { HTTP_RANGE: range, HTTP_ACCEPT_ENCODING: encoding } = environ;
    const headers: HeaderList = [
      ["Content-Type", type],
      ["ETag", '"ten"'],
      ["Accept-Ranges", "bytes"],
    ];
    if (encoding === "gzip") {
      startResponse("200 OK", [...headers, ["Content-Encoding", "gzip"]]);
      return "gzipped";
    }
    if (range === "bytes=0-0,2-") {
      startResponse("206 Partial Content", [["Content-Type", "multipart/byteranges; boundary=x"]]);
      return "--x\r\n…";
    }
    if (range === "bytes=99-") {
      startResponse("416 Range Not Satisfiable", [["Content-Range", "bytes */10"]]);
      return undefined;
    }
    if (range !== undefined) {
      startResponse("206 Partial Content", [...headers, ["Content-Range", "bytes 2-9/10"]]);
      return TEN.slice(2);
    }
    startResponse("200 OK", headers);
    return TEN;
  };

const changes: [what: string, change: Change][] = [
  ["mapText", mapText("text/plain", (piece) => piece.replaceAll("2", "two"))],
  ["mapDocument", mapDocument("text/plain", (piece) => piece.replaceAll("2", "two"))],
  [
    "a change of one's own",
    (response, environ) =>
      response.headers.some(([, value]) => value === "text/plain")
        ? { ...response, body: mapText("text/plain", (piece) => piece.replaceAll("2", "two")) && "01two3456789" }
        : environ && response,
  ],
];

for (const [what, change] of changes) {
  for (const [asked, headers] of [
    ["a range", { Range: "bytes=2-" }],
    ["several ranges", { Range: "bytes=0-0,2-" }],
    ["a range beyond the end", { Range: "bytes=99-" }],
    ["a range, if it has not changed", { Range: "bytes=2-", "If-Range": '"ten"' }],
    ["an encoding", { "Accept-Encoding": "gzip" }],
    ["an encoding and a range", { "Accept-Encoding": "gzip", Range: "bytes=2-" }],
  ] as const) {
    test(`transform: ${asked} does not get past ${what}`, async () => {
      assert.equal(
        await transcript(transform(resource("text/plain"), change), "/", { headers }),
        "200 OK\ncontent-length: 12\ncontent-type: text/plain\n\n01two3456789",
      );
    });

    test(`transform: ${asked} of what ${what} leaves alone stays`, async () => {
      const app = resource("video/mp4");
      const [plain, transformed] = await Promise.all([
        transcript(app, "/", { headers }),
        transcript(transform(app, change), "/", { headers }),
      ]);
      assert.equal(transformed, plain);
    });
  }
}

test("transform: a request with a body is asked once", async () => {
  let calls = 0;
  const app: App = (environ, startResponse) => {
    calls++;
    return resource("text/plain")(environ, startResponse);
  };
  await bodyOf(transform(app, changes[0]?.[1] as Change), "/", {
    method: "POST",
    body: "x",
    headers: { Range: "bytes=2-" },
  });
  assert.equal(calls, 1);
});

for (const charset of ["windows-1252", "iso-8859-1", "latin1"]) {
  for (const [what, change] of [
    ["mapText", mapText("text/plain", (piece) => piece)],
    ["mapDocument", mapDocument("text/plain", (page) => page)],
  ] as const) {
    test(`${what}: ${charset} is decoded as browsers do`, async () => {
      const app: App = (_environ, startResponse) => {
        startResponse("200 OK", [["Content-Type", `text/plain; charset=${charset}`]]);
        return new Uint8Array([0x93, 0xe9, 0x94]);
      };
      const answer = await transcript(transform(app, change), "/");
      assert.equal(answer, "200 OK\ncontent-length: 8\ncontent-type: text/plain; charset=utf-8\n\n“é”");
    });
  }
}

for (const [what, change] of [
  ["mapText", mapText("text/plain", (piece) => piece.toUpperCase())],
  ["mapDocument", mapDocument("text/plain", (page) => page.toUpperCase())],
] as const) {
  test(`${what}: bytes that are not UTF-8 are passed on as they are`, async () => {
    const bytes = new Uint8Array([0x61, 0xff, 0xc3, 0x28, 0x62]);
    const response = await request(transform(answering(bytes), change), "/");
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes);
  });

  test(`${what}: a request that forbids it is answered with the original`, async () => {
    const headers = { "Cache-Control": "max-age=0, no-transform" };
    assert.equal(await bodyOf(transform(answering("ab"), change), "/", { headers }), "ab");
  });
}

test("mapText: a text that ends amid a character is passed on to its last byte", async () => {
  const bytes = new Uint8Array([0x61, 0xe2, 0x82]);
  const response = await request(transform(answering([bytes.subarray(0, 2), bytes.subarray(2)]), upper), "/");
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array([0x41, 0xe2, 0x82]));
});

test("mapText: a long chunk is changed in pieces, and no character is split", async () => {
  const long = "a😀".repeat(700_000);
  const pieces: number[] = [];
  const change = mapText("text/plain", (piece) => {
    pieces.push(piece.length);
    return piece;
  });
  assert.equal(await bodyOf(transform(answering(long), change), "/"), long);
  assert.ok(pieces.length > 20 && Math.max(...pieces) <= 65_537, `${pieces.length} of at most ${Math.max(...pieces)}`);
  pieces.length = 0;
  assert.equal(await bodyOf(transform(answering(toBytes(long)), change), "/"), long);
  assert.ok(pieces.length > 20 && Math.max(...pieces) <= 65_537);
});

test("mapDocument: reading ends when the client leaves, and the body is closed", async () => {
  const controller = new AbortController();
  let read = 0;
  let closed = 0;
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    try {
      for (; read < 1000; read++) {
        if (read === 3) controller.abort();
        await new Promise(setImmediate);
        yield "x";
      }
    } finally {
      closed++;
    }
  };
  const asked = request(
    transform(
      app,
      mapDocument("text/plain", (page) => page),
    ),
    "/",
    { signal: controller.signal },
  );
  await assert.rejects(asked, { name: "AbortError" });
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.equal(closed, 1);
  assert.ok(read < 10, String(read));
});

test("mapChunks: a hundred thousand chunks that are dropped keep no promise each", async () => {
  let mapped = 0;
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    for (let index = 0; index < 100_000; index++) yield "x";
  };
  const counting = mapChunks("text/plain", () => ({
    chunk() {
      mapped++;
      return undefined;
    },
    end: () => String(mapped),
  }));
  assert.equal(await bodyOf(transform(app, counting), "/", { lint: false }), "100000");
});

/** A body that counts how often it is opened and closed. */
function counted(counts: { open: number; closed: number }): Body {
  counts.open++;
  const chunks = ["a", "b"].values();
  return { [Symbol.iterator]: () => chunks, close: () => counts.closed++ } as Iterable<string>;
}

const boom = (): never => {
  throw new Error("boom");
};

for (const [what, change, again] of [
  ["the app fails when it is asked again", upper, boom],
  ["the app rejects when it is asked again", upper, async () => boom()],
  ["the change fails with the whole", Object.assign(boom, { takes: () => true }), undefined],
  ["the change rejects the whole", Object.assign(async () => boom(), { takes: () => true }), undefined],
  ["takes fails", Object.assign((response: unknown) => response, { takes: boom }), undefined],
] as [string, Change, App | undefined][]) {
  for (const [type, status] of [
    ["multipart/byteranges; boundary=x", "206 Partial Content"],
    ["text/plain", "206 Partial Content"],
  ] as const) {
    test(`transform: where ${what}, a part of ${type} is closed`, async () => {
      const counts = { open: 0, closed: 0 };
      const app: App = (environ, startResponse) => {
        if (environ.HTTP_RANGE === undefined && again !== undefined) return again(environ, startResponse);
        startResponse(environ.HTTP_RANGE === undefined ? "200 OK" : status, [["Content-Type", type]]);
        return counted(counts);
      };
      const options: RequestOptions = { headers: { Range: "bytes=0-1,3-4" }, lint: false };
      await assert.rejects(request(transform(app, change), "/", options), /boom/);
      assert.ok(counts.open > 0);
      assert.equal(counts.closed, counts.open);
    });
  }
}

for (const [what, wrong] of [
  ["a status that is a number", { status: 200 }],
  ["a malformed status and a new body", { status: "200", body: undefined }],
  ["headers that are not a list and a new body", { headers: 5, body: undefined }],
] as const) {
  for (const makes of ["returns", "resolves to"]) {
    test(`transform: where a change ${makes} ${what}, all bodies are closed`, async () => {
      const counts = { open: 0, closed: 0 };
      const app: App = (_environ, startResponse) => {
        startResponse("200 OK", [["Content-Type", "text/plain"]]);
        return counted(counts);
      };
      const change = ((response: object) => {
        const changed = { ...response, ...wrong, ...("body" in wrong && { body: counted(counts) }) };
        return makes === "returns" ? changed : Promise.resolve(changed);
      }) as unknown as Change;
      await assert.rejects(request(transform(app, change), "/", { lint: false }), { name: /Error/ });
      assert.equal(counts.closed, counts.open);
    });
  }
}

for (const [what, method, change] of [
  ["replaced", "GET", (response) => ({ ...response, body: "hello" })],
  ["mapped, for HEAD", "HEAD", upper],
] as [string, string, Change][]) {
  test(`transform: what closing a body that is ${what} fails with is reported, and the response is sent`, async (t) => {
    const chunks = ["a"].values();
    const app: App = (_environ, startResponse) => {
      startResponse("200 OK", [["Content-Type", "text/plain"]]);
      return { [Symbol.iterator]: () => chunks, close: boom } as Iterable<string>;
    };
    const { log, connect } = await start(t, transform(app, change));
    const client = await connect();
    client.send(`${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.match(await client.all(), /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(log.join("").split("Error: boom").length - 1, 1);
  });
}
