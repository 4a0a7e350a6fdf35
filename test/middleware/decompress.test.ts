import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import express from "express";
import fc from "fast-check";
import { Hono } from "hono";
import { canDecode } from "../../middleware/decompress/decoders.ts";
import { type DecompressOptions, decompress } from "../../middleware/decompress.ts";
import { fromFetch } from "../../src/adapters/from-fetch.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { text } from "../../src/apps.ts";
import { readBytes, toRequest } from "../../src/body/input.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { countingCodecs } from "../support/codings.ts";
import { aWhile, eventually, start } from "../support/raw-client.ts";
import { transcript } from "../support/transcript.ts";
import { allOwned } from "../support/unowned.ts";

const LONG = "all work and no play makes jack a dull boy. ".repeat(100);

const { zstdCompressSync } = zlib as unknown as { zstdCompressSync: (bytes: Buffer) => Buffer };

const encode: Record<string, (text: string | Buffer) => Buffer> = {
  br: zlib.brotliCompressSync,
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  ...(canDecode("zstd") ? { zstd: (plain) => zstdCompressSync(Buffer.from(plain)) } : {}),
};

/** Tells what came. */
const echo: App = async (environ, startResponse) => {
  const body = await readBytes(environ, { limit: Number.POSITIVE_INFINITY });
  startResponse("200 OK", []);
  return body;
};

async function post(app: App, coding: string, body: Uint8Array | AsyncIterable<Uint8Array>) {
  const response = await request(app, "/", { method: "POST", body, headers: { "Content-Encoding": coding } });
  const answer = Buffer.from(await response.arrayBuffer()).toString();
  return response.ok ? answer : response.status;
}

for (const [coding, encoded] of Object.entries(encode)) {
  test(`decompress: a body in ${coding}, of any size and cut anywhere`, async () => {
    for (const plain of ["", "a", LONG, LONG.repeat(100)]) {
      assert.equal(await post(decompress(echo), coding, encoded(plain)), plain);
    }
    const pieces = async function* () {
      for (const byte of encoded(LONG)) yield Buffer.of(byte);
    };
    assert.equal(await post(decompress(echo), coding, pieces()), LONG);
  });

  test(`decompress: a body in ${coding} that is cut short, or goes on, is a 400`, async () => {
    const whole = encoded(LONG);
    for (const body of [
      whole.subarray(0, -1),
      whole.subarray(0, 5),
      whole.subarray(0, 1),
      Buffer.concat([whole, Buffer.from("garbage")]),
      Buffer.from("this is not encoded at all"),
    ]) {
      assert.equal(await post(decompress(echo), coding, body), 400);
    }
    const apart = async function* () {
      yield whole;
      yield new Uint8Array();
      yield Buffer.from("garbage");
    };
    assert.equal(await post(decompress(echo), coding, apart()), 400);
  });
}

test("decompress: deflate may lack the header of zlib", async () => {
  for (const plain of ["", "a", LONG]) {
    assert.equal(await post(decompress(echo), "deflate", zlib.deflateRawSync(plain)), plain);
  }
});

test("decompress: gzip may have several members", async () => {
  const two = Buffer.concat([zlib.gzipSync("one "), zlib.gzipSync("two")]);
  assert.equal(await post(decompress(echo), "x-gzip", two), "one two");
  const apart = async function* () {
    yield zlib.gzipSync("one ");
    yield zlib.gzipSync("two");
  };
  assert.equal(await post(decompress(echo), "GZIP", apart()), "one two");
});

test("decompress: two codings are decoded in the reverse of their order", async () => {
  assert.equal(await post(decompress(echo), "gzip, br", zlib.brotliCompressSync(zlib.gzipSync(LONG))), LONG);
});

test("decompress: an empty body is empty, whatever its coding", async () => {
  assert.equal(await post(decompress(echo), "gzip", new Uint8Array()), "");
  assert.equal(await post(decompress(echo), "gzip", (async function* () {})()), "");
});

test("decompress: the app gets a request that was never encoded", async () => {
  const seen: unknown[] = [];
  const app = decompress(async (environ, startResponse) => {
    seen.push([
      "HTTP_CONTENT_ENCODING" in environ,
      "CONTENT_LENGTH" in environ,
      environ.HTTP_TRANSFER_ENCODING,
      environ.CONTENT_TYPE,
    ]);
    return text("x")(environ, startResponse);
  });
  const headers = { "Content-Type": "text/plain" };
  await request(app, "/", {
    method: "POST",
    body: zlib.gzipSync("x"),
    headers: { ...headers, "Content-Encoding": "gzip" },
  });
  await request(app, "/", { method: "POST", body: "x", headers: { ...headers, "Content-Encoding": "identity" } });
  assert.deepEqual(seen, [
    [false, false, "chunked", "text/plain"],
    [false, true, undefined, "text/plain"],
  ]);
});

test("decompress: a request without a coding is passed on as it is", async () => {
  let environ: unknown;
  const app: App = (given, startResponse) => {
    environ = given;
    return text("x")(given, startResponse);
  };
  const outer: App = (given, startResponse) => {
    const answer = decompress(app)(given, startResponse);
    assert.equal(environ, given);
    return answer;
  };
  await request(outer, "/", { method: "POST", body: "x", lint: false });
});

for (const coding of ["compress", "snappy", "gzip, snappy", "gzip, gzip, gzip", "gzip;q=1"]) {
  test(`decompress: ${coding} is a 415 that says what is taken, and the app is not asked`, async () => {
    const app = decompress(() => assert.fail(), { encodings: ["br", "gzip"] });
    assert.equal(
      await transcript(app, "/", { method: "POST", body: "x", headers: { "Content-Encoding": coding } }),
      `415 Unsupported Media Type
accept-encoding: br, gzip
content-length: 23
content-type: text/plain; charset=utf-8

Unsupported Media Type
`,
    );
  });
}

/** Reads a body to its end, and tells how much came. */
async function bomb(body: Uint8Array, options: DecompressOptions, coding = "gzip") {
  let came = 0;
  const app = decompress(async (environ, startResponse) => {
    for await (const chunk of environ["tsgi.input"]) came += chunk.length;
    return text("x")(environ, startResponse);
  }, options);
  const status = await post(app, coding, body);
  return { came, status };
}

test("decompress: a body that becomes larger than the limit is a 413, decoded no further than that", async () => {
  const zeros = Buffer.alloc(8 * 1024 * 1024);
  for (const coding of ["gzip", "br", "deflate"]) {
    const body = (encode[coding] as (plain: Buffer) => Buffer)(zeros);
    const { came, status } = await bomb(body, { limit: 100_000, ratio: 1e6 }, coding);
    assert.equal(status, 413);
    assert.ok(came <= 100_000);
  }
  assert.equal((await bomb(zlib.gzipSync(zeros), { limit: zeros.length, ratio: 1e6 })).status, "x");
  assert.equal((await bomb(zlib.gzipSync(zeros), { limit: zeros.length - 1, ratio: 1e6 })).status, 413);
});

test("decompress: a body of which little becomes much is a 413, beyond the first MiB", async () => {
  const zeros = Buffer.alloc(8 * 1024 * 1024);
  const { came, status } = await bomb(zlib.gzipSync(zeros), {});
  assert.equal(status, 413);
  assert.ok(came <= 1024 * 1024);
  assert.equal((await bomb(zlib.gzipSync(zeros.subarray(0, 1024 * 1024)), {})).status, "x");
  assert.equal((await bomb(zlib.gzipSync(zlib.gzipSync(zeros)), {}, "gzip, gzip")).status, 413);
});

const MIB = Buffer.alloc(1024 * 1024);
/** A frame that claims a window of 2 GiB, which a decoder would have to hold. */
const WIDE_ZSTD = Buffer.from("28b52ffd00a8010000", "hex");
const bombs: [what: string, coding: string, body: Buffer, status: number][] = [
  ["of many members", "gzip", Buffer.concat(Array.from({ length: 50 }, () => zlib.gzipSync(MIB))), 413],
  ["in two codings", "gzip, br", zlib.brotliCompressSync(zlib.gzipSync(Buffer.alloc(20 * MIB.length))), 413],
  ["without a header", "deflate", zlib.deflateRawSync(Buffer.alloc(20 * MIB.length)), 413],
  ["of blocks without content", "gzip", emptyBlocks(), 200],
  ...(canDecode("zstd") ? [["with a wide window", "zstd", WIDE_ZSTD, 400] as (typeof bombs)[number]] : []),
];

/** A gzip body of which a megabyte decodes to nothing. */
function emptyBlocks(): Buffer {
  const [head, tail] = [zlib.gzipSync("").subarray(0, 10), zlib.gzipSync("").subarray(-8)];
  const block = Buffer.from([0, 0, 0, 0xff, 0xff]);
  const last = Buffer.from([1, 0, 0, 0xff, 0xff]);
  return Buffer.concat([head, Buffer.alloc(200_000 * block.length, block), last, tail]);
}

for (const [what, coding, body, expected] of bombs) {
  test(`decompress: a bomb ${what} is a ${expected}, and never large`, async () => {
    const { came, status } = await bomb(body, {}, coding);
    assert.equal(status, expected === 200 ? "x" : expected);
    assert.ok(came <= Math.max(MIB.length, 100 * body.length), String(came));
  });
}

test("decompress: the server answers what is wrong with a body", async (t) => {
  const { connect, log } = await start(t, decompress(echo, { limit: 1000 }));
  const client = await connect();
  const send = (body: Buffer) =>
    client
      .send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`)
      .send(body);
  send(Buffer.from("nonsense"));
  await client.until("HTTP/1.1 400 Bad Request");
  const another = await connect();
  const body = zlib.gzipSync(LONG);
  another
    .send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`)
    .send(body);
  await another.until("HTTP/1.1 413 Content Too Large");
  assert.deepEqual(log, []);
});

test("decompress: works in front of the parsers of Express, Hono and toRequest", async () => {
  const framework = express();
  framework.use(express.json());
  framework.post("/", (incoming, response) => void response.send(String((incoming.body as { a: string }).a.length)));
  const hono = new Hono();
  hono.post("/", async (context) => context.text(String(((await context.req.json()) as { a: string }).a.length)));
  const plain: App = async (environ, startResponse) => {
    const { a } = (await toRequest(environ).json()) as { a: string };
    return text(String(a.length))(environ, startResponse);
  };
  for (const inner of [fromNode(framework), fromFetch(hono), plain]) {
    const response = await request(decompress(inner), "/", {
      method: "POST",
      body: zlib.gzipSync(JSON.stringify({ a: LONG })),
      headers: { "Content-Encoding": "gzip", "Content-Type": "application/json" },
    });
    assert.equal(await response.text(), String(LONG.length));
  }
});

test("decompress: several reads may be under way, and none has to be awaited", () =>
  allOwned(async () => {
    const body = zlib.gzipSync(LONG.repeat(50));
    const app = decompress(async (environ, startResponse) => {
      const input = environ["tsgi.input"][Symbol.asyncIterator]();
      const steps = await Promise.all(Array.from({ length: 30 }, () => input.next()));
      startResponse("200 OK", []);
      return steps.flatMap((step) => (step.done ? [] : [step.value]));
    });
    assert.equal(await post(app, "gzip", body), LONG.repeat(50));
    const careless = decompress((environ, startResponse) => {
      const input = environ["tsgi.input"][Symbol.asyncIterator]();
      for (let index = 0; index < 3; index++) void input.next();
      return text("x")(environ, startResponse);
    });
    assert.equal(await post(careless, "gzip", Buffer.from("nonsense")), "x");
    await aWhile();
  }));

test("decompress: a failed read fails again, and a body that is no longer wanted is at its end", async () => {
  const seen: unknown[] = [];
  const app = decompress(async (environ, startResponse) => {
    const input = environ["tsgi.input"][Symbol.asyncIterator]();
    for (let index = 0; index < 2; index++) await input.next().catch((error) => seen.push(error.code));
    return text("x")(environ, startResponse);
  });
  await post(app, "gzip", Buffer.from("nonsense"));
  assert.deepEqual(seen, ["TSGI_MALFORMED_BODY", "TSGI_MALFORMED_BODY"]);
  const stopping = decompress(async (environ, startResponse) => {
    const input = environ["tsgi.input"][Symbol.asyncIterator]();
    await input.next();
    await input.return?.();
    assert.equal((await input.next()).done, true);
    return text("x")(environ, startResponse);
  });
  await countingCodecs(() => post(stopping, "gzip", zlib.gzipSync(LONG)));
});

test("decompress: nothing is decoded that the app does not read, and no codec is opened for it", async () => {
  let read = 0;
  const body = async function* () {
    read++;
    yield zlib.gzipSync(LONG);
  };
  assert.equal(await post(decompress(text("x")), "gzip", body()), "x");
  assert.equal(read, 0);
});

test("decompress: a client that leaves amid its body leaves no codec behind", async (t) => {
  const failures: string[] = [];
  const { connect } = await start(
    t,
    decompress(async (environ, startResponse) => {
      await readBytes(environ).catch((error) => failures.push(error.code));
      return text("x")(environ, startResponse);
    }),
  );
  await countingCodecs(async () => {
    const client = await connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n");
    client.send(zlib.gzipSync(LONG).subarray(0, 40));
    await aWhile();
    client.socket.destroy();
    await eventually(() => failures.length === 1);
  });
  assert.deepEqual(failures, ["TSGI_CLIENT_GONE"]);
});

test("decompress: hostile bytes are decoded or refused, and never anything else", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(encode)),
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }),
      async (coding, plain, edits) => {
        const body = Buffer.from((encode[coding] as (b: Buffer) => Buffer)(Buffer.from(plain)));
        for (const [at, value] of edits) if (at < body.length) body[at] = value;
        const answer = await request(decompress(echo), "/", {
          method: "POST",
          body,
          headers: { "Content-Encoding": coding },
        });
        assert.ok([200, 400, 413].includes(answer.status));
      },
    ),
    { numRuns: 150 },
  );
});

test("decompress: options that are wrong throw when the app is built", () => {
  for (const options of [{ encodings: ["lzma"] }, { limit: -1 }, { ratio: 0 }, { limits: 1 }]) {
    assert.throws(() => decompress(echo, options as never), { code: "TSGI_BAD_OPTION" });
  }
  assert.throws(() => decompress(undefined as never), { code: "TSGI_NO_APP" });
});
