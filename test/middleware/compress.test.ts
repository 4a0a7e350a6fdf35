import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import compression from "compression";
import express from "express";
import fc from "fast-check";
import { Hono } from "hono";
import { compress as honoCompress } from "hono/compress";
import { type CompressOptions, compress, isCompressible } from "../../middleware/compress.ts";
import { staticFiles } from "../../middleware/static-files.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { fromFetch } from "../../src/adapters/from-fetch.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { html, json, text } from "../../src/apps.ts";
import type { App, Body, HeaderList, StatusLine } from "../../src/gateway.ts";
import { getHeader } from "../../src/http/headers.ts";
import { request } from "../../src/testing.ts";
import { ask, countingCodecs, decode, HAS_ZSTD } from "../support/codings.ts";
import { eventually, start } from "../support/raw-client.ts";
import { transcript } from "../support/transcript.ts";
import { allOwned } from "../support/unowned.ts";

const LONG = "all work and no play makes jack a dull boy. ".repeat(100);
/** Text that becomes hardly smaller, of so many characters. */
const noise = (length: number): string => {
  let seed = 1;
  const next = () => (seed = (seed * 48271) % 2147483647);
  return Array.from({ length }, () => String.fromCharCode(33 + (next() % 90))).join("");
};

function answering(body: () => Body, headers: HeaderList = [], status: StatusLine = "200 OK"): App {
  return (_environ, startResponse) => {
    startResponse(status, [["Content-Type", "text/plain"], ...headers]);
    return body();
  };
}
const long = (headers: HeaderList = [], status: StatusLine = "200 OK"): App => answering(() => LONG, headers, status);

/** Status and headers, without the length, which is that of a version of zlib. */
async function head(app: App, accept: string, options = {}): Promise<string> {
  const { response } = await ask(app, accept, options);
  response.headers.delete("Content-Length");
  return [response.status, ...[...response.headers].map(([name, value]) => `${name}: ${value}`)].join("\n");
}

test("compress: a known body gets its coding, its length, a weak tag and Vary; what described its bytes is gone", async () => {
  const app = compress(
    long([
      ["ETag", '"abc"'],
      ["Content-Length", String(LONG.length)],
      ["Accept-Ranges", "bytes"],
      ["Content-Digest", "x"],
      ["Repr-Digest", "x"],
      ["Content-MD5", "x"],
      ["Digest", "x"],
      ["Set-Cookie", "a=b"],
      ["Link", "</a.css>; rel=preload"],
      ["Content-Security-Policy", "default-src 'self'"],
    ]),
  );
  const { response, text: decoded } = await ask(app, "gzip");
  const length = Number(response.headers.get("Content-Length"));
  assert.ok(length > 20 && length < 200);
  assert.equal(decoded, LONG);
  assert.equal(
    await head(app, "gzip"),
    `200
content-encoding: gzip
content-security-policy: default-src 'self'
content-type: text/plain
etag: W/"abc"
link: </a.css>; rel=preload
set-cookie: a=b
vary: Accept-Encoding`,
  );
});

for (const coding of ["br", "gzip", "deflate", ...(HAS_ZSTD ? ["zstd"] : [])]) {
  test(`compress: ${coding} decodes to the same, known or streamed, of any size`, async () => {
    for (const size of [0, 1023, 1024, 16_383, 16_385, 128 * 1024 + 1, 1024 * 1024 + 1]) {
      const body = noise(1024)
        .repeat(Math.ceil(size / 1024))
        .slice(0, size);
      const pieces = async function* () {
        for (let at = 0; at < size; at += 60_000) yield body.slice(at, at + 60_000);
      };
      for (const made of [() => body, () => [body], pieces]) {
        const { response, coding: got, text: decoded } = await ask(compress(answering(made)), coding);
        assert.equal(got, size < 1024 ? null : coding);
        assert.equal(decoded === body, true, `${coding}, ${size}`);
        if (size <= 1024 * 1024 && made !== pieces) assert.ok(response.headers.has("Content-Length"));
      }
    }
  });
}

for (const [accept, coding] of [
  ["gzip, deflate, br", "br"],
  ["gzip;q=1, br;q=0.5", "gzip"],
  ["GZIP", "gzip"],
  ["x-gzip", "gzip"],
  ["*", "br"],
  ["br;q=0, *", HAS_ZSTD ? "zstd" : "gzip"],
  ["deflate", "deflate"],
  ["identity, gzip;q=0.5", null],
  ["gzip;q=nonsense", null],
  ["snappy", null],
  ["", null],
  ["identity;q=0, gzip", "gzip"],
] as const) {
  test(`compress: Accept-Encoding ${JSON.stringify(accept)} is answered with ${coding ?? "no coding"}`, async () => {
    const { coding: got, response, text: decoded } = await ask(compress(long()), accept);
    assert.deepEqual([got, decoded, response.headers.get("Vary")], [coding, LONG, "Accept-Encoding"]);
  });
}

test("compress: without Accept-Encoding a response is sent as it is, and says that it depends on it", async () => {
  const { coding, response } = await ask(compress(long()), undefined);
  assert.deepEqual([coding, response.headers.get("Vary")], [null, "Accept-Encoding"]);
});

test("compress: a client that takes no coding gets a 406, and the app is not asked", async () => {
  let asked = 0;
  const app = compress((environ, startResponse) => {
    asked++;
    return text("x")(environ, startResponse);
  });
  for (const accept of ["*;q=0", "identity;q=0", "identity;q=0, snappy"]) {
    assert.equal(
      await transcript(app, "/", { headers: { "Accept-Encoding": accept } }),
      "406 Not Acceptable\ncontent-length: 15\ncontent-type: text/plain; charset=utf-8\nvary: Accept-Encoding\n\nNot Acceptable\n",
    );
  }
  assert.equal(asked, 0);
});

test("compress: a client that does not take bodies as they are gets small ones and pictures encoded too", async () => {
  const picture: App = (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Type", "image/png"]]);
    return "tiny";
  };
  assert.deepEqual((await ask(compress(picture), "gzip, identity;q=0")).coding, "gzip");
});

for (const [what, headers, status] of [
  ["a part", [["Content-Range", "bytes 0-99/4400"]], "206 Partial Content"],
  ["a Content-Range", [["Content-Range", "bytes 0-99/4400"]], "200 OK"],
  ["no-transform", [["Cache-Control", "max-age=1, no-transform"]], "200 OK"],
  ["an encoded body", [["Content-Encoding", "zstd"]], "200 OK"],
  ["a coding that nobody knows", [["Content-Encoding", "aes128gcm"]], "200 OK"],
] as const) {
  test(`compress: ${what} is left alone, for clients of any kind`, async () => {
    const app = long(headers, status);
    for (const accept of ["gzip", "identity"]) {
      assert.equal(
        await transcript(compress(app), "/", { headers: { "Accept-Encoding": accept } }),
        await transcript(app, "/", { headers: { "Accept-Encoding": accept } }),
      );
    }
  });
}

for (const status of ["204 No Content", "205 Reset Content"] as const) {
  test(`compress: ${status} is left alone`, async () => {
    const app = answering(() => undefined, [], status);
    const { response } = await ask(compress(app), "gzip");
    assert.deepEqual([response.headers.get("Content-Encoding"), response.headers.get("Vary")], [null, null]);
  });
}

test("compress: a request that says no-transform gets the body as it is", async () => {
  const options = { headers: { "Cache-Control": "no-transform" } };
  assert.equal((await ask(compress(long()), "gzip", options)).coding, null);
});

test("compress: an error page is compressed like any other response", async () => {
  assert.equal((await ask(compress(long([], "404 Not Found")), "gzip")).coding, "gzip");
});

test("compress: isCompressible knows types by the registry, in any case and with parameters", () => {
  const types =
    `text/html; charset=utf-8|Text/CSS|application/json|application/problem+json|image/svg+xml|text/event-stream
    |application/javascript|application/wasm|font/ttf|font/otf`.split(/\s*\|/);
  assert.deepEqual(
    types.filter((type) => !isCompressible(type)),
    [],
  );
  const others = [
    "image/png",
    "video/mp4",
    "application/zip",
    "font/woff2",
    "application/grpc",
    "application/grpc+proto",
  ];
  others.push("application/grpc+json", "application/x-unknown", "");
  assert.deepEqual(
    others.filter((type) => isCompressible(type)),
    [],
  );
  assert.equal(isCompressible(undefined), false);
});

test("compress: a response without a type, and one whose type is not compressible, has neither coding nor Vary", async () => {
  for (const headers of [[], [["Content-Type", "image/png"]]] as const) {
    const app: App = (_environ, startResponse) => {
      startResponse("200 OK", headers);
      return LONG;
    };
    for (const accept of ["gzip", "identity"]) {
      const { response } = await ask(compress(app), accept);
      assert.deepEqual([response.headers.get("Content-Encoding"), response.headers.get("Vary")], [null, null]);
    }
  }
});

const shapes: Record<string, (chunks: readonly string[]) => Body> = {
  "a string": (chunks) => chunks.join(""),
  bytes: (chunks) => Buffer.from(chunks.join("")),
  "a list": (chunks) => chunks,
  "an iterable": (chunks) => new Set(chunks),
  "an async iterable": async function* (chunks) {
    yield* chunks;
  },
  "a slow async iterable": async function* (chunks) {
    for (const chunk of chunks) {
      await new Promise(setImmediate);
      yield chunk;
    }
  },
  "a Node stream": (chunks) => Readable.from(chunks),
  "a web stream": (chunks) =>
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    }),
};
for (const [shape, make] of Object.entries(shapes)) {
  test(`compress: ${shape} below the threshold keeps its length and is sent as it is`, async () => {
    assert.equal(
      await transcript(compress(answering(() => make(["ab", "cd"]))), "/", { headers: { "Accept-Encoding": "gzip" } }),
      "200 OK\ncontent-length: 4\ncontent-type: text/plain\nvary: Accept-Encoding\n\nabcd",
    );
  });

  test(`compress: ${shape} that comes at once is encoded in one go, with a length`, async () => {
    const { response, text: decoded } = await ask(compress(answering(() => make(["ab", LONG, "cd"]))), "br");
    assert.equal(decoded, `ab${LONG}cd`);
    if (shape !== "a slow async iterable") {
      assert.match(String(response.headers.get("Content-Length")), /^\d+$/);
    }
  });
}

test("compress: the threshold is an option, and nothing is ever encoded that is empty", async () => {
  assert.equal((await ask(compress(text("ab"), { threshold: 2 }), "gzip")).coding, "gzip");
  assert.equal((await ask(compress(text("ab"), { threshold: 3 }), "gzip")).coding, null);
  assert.equal((await ask(compress(text(""), { threshold: 0 }), "gzip")).coding, null);
});

test("compress: a stream that declares a small length is not read ahead", async () => {
  const body = () => Readable.from(["abcd"]);
  assert.equal(
    await transcript(compress(answering(body, [["Content-Length", "4"]])), "/", {
      headers: { "Accept-Encoding": "gzip" },
    }),
    "200 OK\ncontent-length: 4\ncontent-type: text/plain\nvary: Accept-Encoding\n\nabcd",
  );
});

for (const [before, after] of [
  ["Accept", "Accept, Accept-Encoding"],
  ["accept-encoding", "accept-encoding"],
  ["Origin, Accept-Encoding, Accept", "Origin, Accept-Encoding, Accept"],
  ["*", "*"],
] as const) {
  test(`compress: Vary: ${before} becomes ${after}, whatever the coding`, async () => {
    for (const accept of ["gzip", "identity"]) {
      const { response } = await ask(compress(long([["Vary", before]])), accept);
      assert.equal(response.headers.get("Vary"), after);
    }
  });
}

test("compress: a weak tag stays as it is, and none is invented", async () => {
  assert.equal((await ask(compress(long([["ETag", 'W/"a"']])), "gzip")).response.headers.get("ETag"), 'W/"a"');
  assert.equal((await ask(compress(long()), "gzip")).response.headers.get("ETag"), null);
});

const tagged: App = (environ, startResponse) => {
  const isKnown = /^(?:W\/)?"abc"$/.test(environ.HTTP_IF_NONE_MATCH ?? "");
  startResponse(isKnown ? "304 Not Modified" : "200 OK", [
    ["ETag", '"abc"'],
    ["Cache-Control", "max-age=60"],
    ...(isKnown ? [] : [["Content-Type", "text/plain"] as const]),
  ]);
  return isKnown ? undefined : LONG;
};
for (const tag of ['"abc"', 'W/"abc"']) {
  test(`compress: If-None-Match: ${tag} is still a 304, with Vary and the tag that the client knows`, async () => {
    assert.equal(
      await head(compress(tagged), "gzip", { headers: { "If-None-Match": tag } }),
      `304\ncache-control: max-age=60\netag: ${tag}\nvary: Accept-Encoding`,
    );
  });
}

test("compress: a 304 that names a type which is not compressed has no Vary", async () => {
  const app: App = (_environ, startResponse) => void startResponse("304 Not Modified", [["Content-Type", "image/png"]]);
  assert.equal((await ask(compress(app), "gzip")).response.headers.get("Vary"), null);
});

test("compress: HEAD has the headers that GET would have, and no length", async () => {
  for (const body of [() => LONG, () => undefined, () => Readable.from([LONG])]) {
    assert.equal(
      await transcript(compress(answering(body, [["ETag", '"a"']])), "/", {
        method: "HEAD",
        headers: { "Accept-Encoding": "br" },
      }),
      '200 OK\ncontent-encoding: br\ncontent-type: text/plain\netag: W/"a"\nvary: Accept-Encoding\n\n',
    );
  }
  for (const [body, headers] of [
    [() => "abcd", []],
    [() => undefined, [["Content-Length", "4"]]],
  ] as const) {
    assert.equal(
      await transcript(compress(answering(body, headers)), "/", {
        method: "HEAD",
        headers: { "Accept-Encoding": "br" },
      }),
      "200 OK\ncontent-length: 4\ncontent-type: text/plain\nvary: Accept-Encoding\n\n",
    );
  }
});

test("compress: HEAD does not read a stream, and closes it", async () => {
  let pulled = 0;
  const body = () => ({
    async *[Symbol.asyncIterator]() {
      pulled++;
      yield "x";
    },
  });
  const { response } = await ask(compress(answering(body)), "gzip", { method: "HEAD" });
  assert.deepEqual([pulled, response.finished], [0, 1]);
});

test("compress: a range of an app stays a part, and one that goes on after an unknown coding is the whole", async () => {
  const ranged: App = (environ, startResponse) => {
    const isPart = environ.HTTP_RANGE !== undefined;
    startResponse(isPart ? "206 Partial Content" : "200 OK", [
      ["Content-Type", "text/plain"],
      ...(isPart ? [["Content-Range", "bytes 0-3/4400"] as const] : []),
    ]);
    return isPart ? "all " : LONG;
  };
  const asked = async (condition?: string) => {
    const headers = { Range: "bytes=0-3", ...(condition === undefined ? {} : { "If-Range": condition }) };
    const { response, coding } = await ask(compress(ranged), "gzip", { headers });
    return [response.status, coding];
  };
  assert.deepEqual(await asked(), [206, null]);
  assert.deepEqual(await asked('"abc"'), [206, null]);
  assert.deepEqual(await asked('W/"abc"'), [200, "gzip"]);
  assert.deepEqual(await asked("Sat, 21 Nov 2026 20:00:00 GMT"), [200, "gzip"]);
});

test("compress: an app opts out by tsgi.state, an options filter by what it sees", async () => {
  const app: App = (environ, startResponse) => {
    environ["tsgi.state"].compress = false;
    return long()(environ, startResponse);
  };
  assert.equal((await ask(compress(app), "gzip")).coding, null);
  const filter: CompressOptions["filter"] = ({ status, headers }, environ) =>
    status === "200 OK" && environ.PATH_INFO === "/" && getHeader(headers, "X-Raw") === undefined;
  assert.equal((await ask(compress(long(), { filter }), "gzip")).coding, "gzip");
  assert.equal((await ask(compress(long([["X-Raw", "1"]]), { filter }), "gzip")).coding, null);
});

test("compress: protectSecrets leaves what sets a cookie, or is not to be stored, as it is", async () => {
  for (const headers of [[["Set-Cookie", "a=b"]], [["Cache-Control", "private, no-store"]]] as const) {
    assert.equal((await ask(compress(long(headers), { protectSecrets: true }), "gzip")).coding, null);
    assert.equal((await ask(compress(long(headers)), "gzip")).coding, "gzip");
  }
  assert.equal((await ask(compress(long(), { protectSecrets: true }), "gzip")).coding, "gzip");
});

test("compress: encodings are offered in the order of the option, at the levels of the option", async () => {
  const { coding } = await ask(compress(long(), { encodings: ["gzip", "br"] }), "br, gzip");
  assert.equal(coding, "gzip");
  const sizeAt = async (gzip: number) => {
    const app = compress(text(noise(50).repeat(20) + LONG), { levels: { gzip } });
    return Number((await ask(app, "gzip")).response.headers.get("Content-Length"));
  };
  assert.ok((await sizeAt(1)) > (await sizeAt(9)));
  assert.equal((await ask(compress(long(), { encodings: [] }), "br, gzip")).coding, null);
});

test("compress: options that are wrong throw when the app is built", () => {
  for (const options of [{ encodings: ["lzma"] }, { levels: { br: 12 } }, { levels: { bz2: 1 } }, { treshold: 1 }]) {
    assert.throws(() => compress(text("x"), options as never), { code: "TSGI_BAD_OPTION" });
  }
  assert.throws(() => compress(undefined as never), { code: "TSGI_NO_APP" });
});

test("compress: header lists of the app are never changed", async () => {
  const headers: HeaderList = Object.freeze([Object.freeze(["Content-Type", "text/plain"] as const)]);
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", headers);
    return LONG;
  };
  assert.equal((await ask(compress(app), "gzip")).coding, "gzip");
  assert.deepEqual(headers, [["Content-Type", "text/plain"]]);
});

test("compress: a response that an error handler replaces is judged anew", async () => {
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Type", "image/png"]]);
    startResponse("500 Internal Server Error", [["Content-Type", "text/plain"]], new Error("boom"));
    return LONG;
  };
  for (const accept of ["gzip", "identity"]) {
    const { response } = await ask(compress(app), accept);
    assert.deepEqual([response.status, response.headers.get("Vary")], [500, "Accept-Encoding"]);
  }
});

test("compress: the bytes do not depend on where a body is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.string(), fc.constant(""), fc.constant(LONG), fc.constant("€".repeat(500))), {
        maxLength: 8,
      }),
      fc.constantFrom("br", "gzip", "deflate"),
      fc.boolean(),
      async (chunks, coding, isSlow) => {
        const body = async function* () {
          for (const chunk of chunks) {
            if (isSlow) await new Promise(setImmediate);
            yield chunk;
          }
        };
        assert.equal((await ask(compress(answering(body), { threshold: 0 }), coding)).text, chunks.join(""));
      },
    ),
    { numRuns: 60 },
  );
});

/** The chunks of a response as they come. */
async function reading(app: App, accept = "gzip") {
  const response = await request(app, "/", { headers: { "Accept-Encoding": accept } });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  return { response, reader };
}

/** A body that gives what is pushed. */
function pushed() {
  const waiting: ((step: IteratorResult<string>) => void)[] = [];
  const queue: IteratorResult<string>[] = [];
  const counts = { pulled: 0, closed: 0 };
  const put = (step: IteratorResult<string>) => {
    const next = waiting.shift();
    if (next === undefined) queue.push(step);
    else next(step);
  };
  const iterator: AsyncIterator<string> = {
    next() {
      counts.pulled++;
      const step = queue.shift();
      return step === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(step);
    },
    async return() {
      counts.closed++;
      return { done: true, value: undefined };
    },
  };
  return {
    counts,
    push: (value: string) => put({ done: false, value }),
    end: () => put({ done: true, value: undefined }),
    body: { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<string>,
  };
}

for (const [coding, unfinished] of [
  ["gzip", { finishFlush: 2 }],
  ["br", { finishFlush: 1 }],
] as const) {
  test(`compress: what a slow page has sent so far can be decoded in ${coding}, though nobody flushes`, async () => {
    const source = pushed();
    source.push(LONG);
    const { reader } = await reading(compress(answering(() => source.body)), coding);
    const zlib = await import("node:zlib");
    const decodeSoFar = coding === "gzip" ? zlib.gunzipSync : zlib.brotliDecompressSync;
    let received = Buffer.alloc(0);
    let expected = LONG;
    for (const more of ["", "one", "two", "three"]) {
      if (more !== "") source.push(more);
      expected += more;
      while (received.length === 0 || !decodeSoFar(received, unfinished).toString().endsWith(expected)) {
        const { value, done } = await reader.read();
        assert.equal(done, false);
        received = Buffer.concat([received, value as Uint8Array]);
      }
    }
    source.end();
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      received = Buffer.concat([received, step.value]);
    }
    assert.equal(decode(coding, received).toString(), expected);
    assert.equal(source.counts.closed, 0);
  });
}

test("compress: an empty chunk has what is held back sent, and no empty chunk is", async () => {
  const { response, reader } = await reading(
    compress(
      answering(async function* () {
        yield LONG;
        yield "";
        yield "";
        yield noise(70_000);
      }),
    ),
  );
  assert.equal(response.headers.get("Content-Length"), null);
  const lengths: number[] = [];
  for (let step = await reader.read(); !step.done; step = await reader.read()) lengths.push(step.value.length);
  assert.ok((lengths[0] as number) < 200, String(lengths));
  assert.ok(!lengths.includes(0));
});

test("compress: a body that is busy is not flushed", async () => {
  const pieces = Array.from({ length: 200 }, (_, index) => JSON.stringify({ index, text: noise(20) }).repeat(20));
  const app = compress(
    answering(async function* () {
      yield* pieces;
    }),
  );
  const streamed = await request(app, "/", { headers: { "Accept-Encoding": "gzip" } });
  const { length } = new Uint8Array(await streamed.arrayBuffer());
  const { gzipSync } = await import("node:zlib");
  assert.ok(length < gzipSync(pieces.join("")).length * 1.02);
});

test("compress: event streams are sent as they are, unless they are asked for", async () => {
  const events =
    (body: Body): App =>
    (_environ, startResponse) => {
      startResponse("200 OK", [["Content-Type", "text/event-stream"]]);
      return body;
    };
  assert.equal(await head(compress(events("data: 1\n\n")), "gzip"), "200\ncontent-type: text/event-stream");
  const source = pushed();
  source.push("data: 1\n\n");
  const { response, reader } = await reading(compress(events(source.body), { eventStreams: true }));
  assert.equal(response.headers.get("Content-Encoding"), "gzip");
  const { gunzipSync } = await import("node:zlib");
  let received = Buffer.alloc(0);
  for (const event of ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]) {
    if (event !== "data: 1\n\n") source.push(event);
    while (received.length === 0 || !gunzipSync(received, { finishFlush: 2 }).toString().endsWith(event)) {
      received = Buffer.concat([received, (await reader.read()).value as Uint8Array]);
    }
  }
  await reader.cancel();
  await eventually(() => source.counts.closed === 1);
});

test("compress: a thousand flushes leave no listeners behind", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  const app = compress(
    answering(async function* () {
      yield LONG;
      for (let index = 0; index < 1000; index++) {
        yield "x";
        yield "";
      }
    }),
  );
  assert.equal((await ask(app, "gzip")).text, LONG + "x".repeat(1000));
  await new Promise(setImmediate);
  process.off("warning", onWarning);
  assert.deepEqual(warnings, []);
});

test("compress: a body is not read on while its client does not read", async () => {
  let given = 0;
  const app = compress(
    answering(async function* () {
      for (;;) {
        const piece = noise(16_384);
        given += piece.length;
        yield piece;
        await new Promise(setImmediate);
      }
    }),
  );
  const { startResponse, body } = await capturedBody(app);
  assert.equal(startResponse, "gzip");
  const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  await iterator.next();
  const before = given;
  await sleep(30);
  assert.equal(given, before);
  assert.ok(given <= 256 * 1024, String(given));
  await iterator.return?.();
});

async function capturedBody(app: App) {
  const { capture } = await import("../../src/exchange/capture.ts");
  let captured: { startResponse: string | undefined; body: Body } | undefined;
  await request(
    async (environ, startResponse) => {
      const { headers, body } = await capture(app, environ);
      captured = { startResponse: getHeader(headers, "Content-Encoding"), body };
      return text("x")(environ, startResponse);
    },
    "/",
    { headers: { "Accept-Encoding": "gzip" }, lint: false },
  );
  return captured as NonNullable<typeof captured>;
}

test("compress: a chunk of many megabytes is encoded in pieces", async () => {
  const big = noise(1000).repeat(5000);
  let longest = 0;
  const { reader } = await reading(
    compress(
      answering(async function* () {
        yield big;
        yield Buffer.from(big);
      }),
    ),
  );
  const parts: Uint8Array[] = [];
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    parts.push(step.value);
    longest = Math.max(longest, step.value.length);
  }
  assert.equal(decode("gzip", Buffer.concat(parts)).equals(Buffer.from(big + big)), true);
  assert.ok(longest <= 128 * 1024, String(longest));
});

test("compress: many large bodies at once are all encoded", async () => {
  const body = noise(1000).repeat(300);
  const app = compress(text(body));
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask(app, "br")));
  assert.ok(answers.every((answer) => answer.coding === "br" && answer.text === body));
});

test("compress: a client that leaves while its body waits for its turn has nothing encoded", async () => {
  const app = compress(text(noise(1000).repeat(600)));
  const { opened, result } = await countingCodecs(() =>
    Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => {
        const controller = new AbortController();
        const asked = request(app, "/", { headers: { "Accept-Encoding": "br" }, signal: controller.signal });
        // By then the first four are at work.
        if (index >= 4) setImmediate(() => controller.abort());
        return asked;
      }),
    ),
  );
  assert.equal(result.slice(0, 4).filter(({ status }) => status === "fulfilled").length, 4);
  assert.ok(opened < 10, String(opened));
  assert.equal((await ask(app, "br")).coding, "br");
});

test("compress: the codec is freed at the end, where the body fails, and where the client leaves", async () => {
  const failing = async function* () {
    yield noise(40_000);
    throw new Error("boom");
  };
  const endless = async function* () {
    for (;;) yield noise(40_000);
  };
  const slow = async function* () {
    yield LONG;
    await new Promise(() => {});
  };
  const { opened } = await countingCodecs(async () => {
    for (const coding of ["gzip", "br"]) {
      await ask(compress(answering(() => Readable.from([LONG, noise(40_000)]))), coding);
      await assert.rejects(ask(compress(answering(failing)), coding), /boom/);
      for (const body of [endless, slow]) {
        const { reader } = await reading(compress(answering(body)), coding);
        await reader.read();
        await reader.cancel();
      }
    }
  });
  assert.ok(opened >= 8, String(opened));
});

test("compress: a client that leaves before the head has the body closed, once", async () => {
  const source = pushed();
  const controller = new AbortController();
  const asked = ask(compress(answering(() => source.body)), "gzip", { signal: controller.signal });
  await eventually(() => source.counts.pulled === 1);
  controller.abort();
  await assert.rejects(asked);
  await eventually(() => source.counts.closed === 1);
  source.push("too late");
  await sleep(5);
  assert.equal(source.counts.closed, 1);
});

test("compress: a body that fails before anything was sent is a 500, without a coding", async (t) => {
  const app = compress(
    answering(async function* () {
      yield LONG;
      throw new Error("boom");
    }),
  );
  const { connect, log } = await start(t, app);
  const client = (await connect()).get("/", "Accept-Encoding: gzip");
  await client.until("Internal Server Error\n");
  assert.doesNotMatch(client.received, /Content-Encoding/);
  assert.equal(log.join("").split("Error: boom").length, 2);
});

test("compress: a body that fails after that cuts the connection, and what came cannot be decoded as a whole", async (t) => {
  const app = compress(
    answering(async function* () {
      yield noise(100_000);
      throw new Error("boom");
    }),
  );
  const { connect, log } = await start(t, app);
  const client = (await connect()).get("/", "Accept-Encoding: gzip");
  const received = await client.all();
  assert.match(received, /Content-Encoding: gzip/);
  assert.doesNotMatch(received, /\r\n0\r\n\r\n$/);
  assert.equal(log.join("").split("Error: boom").length, 2);
});

test("compress: a body that is shorter than it declares cannot look whole, and one that is longer is cut there", async (t) => {
  const declaring = (length: number, size = 100_000) =>
    compress(answering(() => Readable.from([noise(size)]), [["Content-Length", String(length)]]));
  await assert.rejects(ask(declaring(100_001), "gzip"), { code: "TSGI_BODY_TOO_SHORT" });
  const { connect, log } = await start(t, declaring(2000));
  const client = (await connect()).get("/", "Accept-Encoding: gzip", "Connection: close");
  const received = await client.all();
  assert.match(received, /Content-Encoding: gzip/);
  assert.match(log.join(""), /longer than its Content-Length of 2000/);
  // A known body is left to the server.
  await assert.rejects(ask(compress(long([["Content-Length", "1"]])), "gzip", { lint: false }), {
    code: "TSGI_BODY_TOO_LONG",
  });
});

test("compress: a filter that throws is the app's error, and the body is closed", async () => {
  const source = pushed();
  const filter = () => {
    throw new Error("filter");
  };
  await allOwned(async () => {
    await assert.rejects(
      ask(
        compress(
          answering(() => source.body),
          { filter },
        ),
        "gzip",
      ),
      /filter/,
    );
  });
  assert.equal(source.counts.closed, 1);
});

test("compress: works with staticFiles, whose own variants and ranges it leaves alone", async () => {
  const app = compress(staticFiles(text("x"), { "/": "." }, { memory: false }));
  const asked = async (path: string, headers: Record<string, string>) => {
    const response = await request(app, path, { headers: { "Accept-Encoding": "gzip", ...headers } });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const coding = response.headers.get("Content-Encoding");
    return { response, coding, bytes: decode(coding, bytes) };
  };
  const whole = await asked("/CONTRIBUTING.md", {});
  assert.deepEqual([whole.response.status, whole.coding], [200, "gzip"]);
  assert.match(String(whole.bytes), /^# Contributing/);
  const tag = String(whole.response.headers.get("ETag"));
  assert.match(tag, /^W\//);
  assert.equal((await asked("/CONTRIBUTING.md", { "If-None-Match": tag })).response.status, 304);
  const part = await asked("/CONTRIBUTING.md", { Range: "bytes=0-13" });
  assert.deepEqual([part.response.status, part.coding, String(part.bytes)], [206, null, "# Contributing"]);
  assert.match(String(part.response.headers.get("ETag")), /^"/);
});

test("compress: works outside and inside of transform, and twice compresses once", async () => {
  const upper = mapText("text/plain", (piece) => piece.toUpperCase());
  for (const app of [
    compress(transform(long(), upper)),
    transform(compress(long()), upper),
    compress(compress(transform(long(), upper))),
  ]) {
    const { coding, text: decoded, response } = await ask(app, "gzip");
    assert.equal(decoded, LONG.toUpperCase());
    assert.equal(response.headers.get("Vary"), "Accept-Encoding");
    assert.ok(coding === "gzip" || coding === null);
  }
});

test("compress: leaves alone what Express and Hono have compressed by themselves, and compresses what they have not", async () => {
  for (const isCompressing of [false, true]) {
    const app = express();
    if (isCompressing) app.use(compression());
    app.get("/", (_request, response) => void response.send(LONG));
    const hono = new Hono();
    if (isCompressing) hono.use(honoCompress());
    hono.get("/", (context) => context.text(LONG));
    for (const inner of [fromNode(app), fromFetch(hono)]) {
      const { coding, text: decoded } = await ask(compress(inner), "gzip");
      assert.deepEqual([coding, decoded], ["gzip", LONG]);
    }
  }
});

test("compress: over a socket, a page that is not read to its end leaves nothing behind", async (t) => {
  let closed = 0;
  const piece = noise(60_000);
  const app = compress(
    answering(async function* () {
      try {
        for (;;) yield piece;
      } finally {
        closed++;
      }
    }),
  );
  const { connect } = await start(t, app);
  await countingCodecs(async () => {
    const clients = await Promise.all(
      Array.from({ length: 10 }, async () => (await connect()).get("/", "Accept-Encoding: br")),
    );
    for (const client of clients) await client.until("Content-Encoding: br");
    for (const client of clients) client.socket.destroy();
    await eventually(() => closed === 10);
  });
});

test("compress: known bodies of html and json apps", async () => {
  for (const app of [html(LONG), json({ LONG })]) assert.equal((await ask(compress(app), "gzip")).coding, "gzip");
});
