/** What holds for every middleware that reworks bodies: what it leaves alone, what becomes of headers, and when it reads what. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { constants, gunzipSync } from "node:zlib";
import { compress } from "../../middleware/compress.ts";
import { conditional } from "../../middleware/conditional.ts";
import { inject } from "../../middleware/inject.ts";
import { range } from "../../middleware/range.ts";
import { rewriteHtml } from "../../middleware/rewrite-html.ts";
import { rewriteLinks } from "../../middleware/rewrite-links.ts";
import {
  mapChunks,
  mapDocument,
  mapJson,
  mapText,
  replaceBody,
  replaceText,
  transform,
} from "../../middleware/transform.ts";
import { joinBytes, toBytes } from "../../src/body/chunk.ts";
import type { App, Body, Chunk, HeaderList, StatusLine } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { countingCodecs } from "../support/codings.ts";
import { eventually } from "../support/raw-client.ts";
import { transcript } from "../support/transcript.ts";
import { TRANSFORMER_RULES } from "../support/transformer-rules.ts";

interface Transformer {
  readonly wrap: (app: App) => App;
  /** What it makes of a whole body. */
  readonly makes: (text: string) => string;
  /** Whether it reads all of a body before it sends any of it. */
  readonly isWhole?: boolean;
  readonly type?: string;
}

const HTML = "text/html; charset=utf-8";
/** Stands for what none of them changes. */
const PAGE = "<p>one two</p>";
const FILLED = `${PAGE}${"<i>three &amp; four €</i>\n".repeat(60)}`;

const TRANSFORMERS: Readonly<Record<string, Transformer>> = {
  compress: { wrap: (app) => compress(app, { threshold: 0 }), makes: (text) => text },
  inject: { wrap: (app) => inject(app, { body: "[B]", atEnd: true }), makes: (text) => `${text}[B]` },
  rewriteHtml: {
    wrap: (app) => rewriteHtml(app, { p: (element) => element.append("!") }),
    makes: (text) => text.replaceAll("</p>", "!</p>"),
  },
  rewriteLinks: {
    wrap: (app) =>
      rewriteLinks(rewriteHtml(app, { p: (element) => element.setAttribute("cite", "a") }), {
        map: (url) => `${url}b`,
      }),
    makes: (text) => text.replaceAll("<p>", '<p cite="ab">'),
  },
  mapText: {
    wrap: (app) =>
      transform(
        app,
        mapText("text/html", (text) => text.toUpperCase()),
      ),
    makes: (text) => text.toUpperCase(),
  },
  replaceText: {
    wrap: (app) => transform(app, replaceText("text/html", "one two", "1 2")),
    makes: (text) => text.replaceAll("one two", "1 2"),
  },
  mapChunks: {
    wrap: (app) =>
      transform(
        app,
        mapChunks("text/html", () => ({ chunk: (chunk) => chunk, end: () => "." })),
      ),
    makes: (text) => `${text}.`,
  },
  mapDocument: {
    wrap: (app) =>
      transform(
        app,
        mapDocument("text/html", async (text) => `${text}.`, { limit: 8_000_000 }),
      ),
    makes: (text) => `${text}.`,
    isWhole: true,
  },
  replaceBody: {
    wrap: (app) =>
      transform(
        app,
        replaceBody("text/html", (bytes) => joinBytes([bytes, toBytes(".")]), { limit: 8_000_000 }),
      ),
    makes: (text) => `${text}.`,
    isWhole: true,
  },
  mapJson: {
    wrap: (app) =>
      transform(
        app,
        mapJson((value) => [value], { limit: 8_000_000 }),
      ),
    makes: (text) => (text === "" ? "" : `[${text}]`),
    isWhole: true,
    type: "application/json",
  },
};

/** How many clients leave; from 1000 on, what they leave in memory is measured too. */
const ABORTS = Number(process.env.TSGI_ABORTS ?? 20);

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What is kept in memory, in megabytes: what V8 counts, and all of the process. */
async function kept(): Promise<{ readonly counted: number; readonly resident: number }> {
  // What is finalised is let go by the next collection.
  for (let round = 0; round < (ABORTS < 1000 ? 0 : 5); round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { counted: (heapUsed + external) / 1e6, resident: rss / 1e6 };
}

const GZIP: RequestOptions = { headers: { "Accept-Encoding": "gzip" } };

function answering(body: Body | (() => Body), headers: HeaderList, status: StatusLine = "200 OK"): App {
  return (_environ, startResponse) => {
    startResponse(status, headers);
    return typeof body === "function" ? body() : body;
  };
}

/** The body of a response, decoded. */
async function textOf(response: Response): Promise<string> {
  const bytes = Buffer.from(await response.arrayBuffer());
  return (response.headers.get("Content-Encoding") === "gzip" ? gunzipSync(bytes) : bytes).toString();
}

/** What can be decoded of the beginning of a response. */
function soFar(response: Response, bytes: Buffer): string {
  if (bytes.length === 0) return "";
  const isCoded = response.headers.get("Content-Encoding") === "gzip";
  return (isCoded ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes).toString();
}

/** A body that pauses after some chunks, and never goes on. */
function slow(...chunks: string[]): { readonly body: AsyncIterable<string>; closed(): number } {
  let closed = 0;
  const left = [...chunks];
  const iterator: AsyncIterator<string> = {
    next() {
      const value = left.shift();
      return value === undefined ? new Promise(() => {}) : Promise.resolve({ done: false, value });
    },
    async return() {
      closed++;
      return { done: true, value: undefined };
    },
  };
  return { body: { [Symbol.asyncIterator]: () => iterator }, closed: () => closed };
}

for (const [name, { wrap, makes, isWhole = false, type = HTML }] of Object.entries(TRANSFORMERS)) {
  const source = type === HTML ? FILLED : JSON.stringify(FILLED);
  const tagged: HeaderList = [
    ["Content-Type", type],
    ["ETag", '"a"'],
  ];

  for (const [what, status, headers, asked] of [
    ["a part", "206 Partial Content", [["Content-Range", "bytes 0-1/9"]], {}],
    ["a range under another status", "200 OK", [["Content-Range", "bytes 0-1/9"]], {}],
    ["what is not to be transformed", "200 OK", [["Cache-Control", "max-age=1, No-Transform"]], {}],
    ["what its client wants as it is", "200 OK", [], { headers: { "Cache-Control": "no-transform" } }],
    ["an unknown coding", "200 OK", [["Content-Encoding", "x-own"]], {}],
    ["a coding after identity", "200 OK", [["Content-Encoding", "identity, br"]], {}],
    ["a 204", "204 No Content", [], {}],
    ["a 205", "205 Reset Content", [], {}],
    ["a 304", "304 Not Modified", [], {}],
  ] as [string, StatusLine, HeaderList, RequestOptions][]) {
    // What a 304 stands for was negotiated: compress says so.
    if (name === "compress" && what === "a 304") continue;
    test(`transformers: ${name} leaves ${what} alone`, async () => {
      const app = answering(/^(?:20[45]|304)/.test(status) ? undefined : source, [...tagged, ...headers], status);
      const options = { headers: { ...GZIP.headers, ...asked.headers } };
      assert.equal(await transcript(wrap(app), "/", options), await transcript(app, "/", options));
    });
  }

  test(`transformers: ${name} leaves a body without a type alone, and one of another type`, async () => {
    for (const headers of [[], [["Content-Type", "image/png"]]] as HeaderList[]) {
      const app = answering(source, [...headers, ["ETag", '"a"']]);
      assert.equal(await transcript(wrap(app), "/", GZIP), await transcript(app, "/", GZIP));
    }
  });

  test(`transformers: ${name} takes a type whatever its case and parameters`, async () => {
    const app = answering(source, [["content-type", `${type.split(";")[0]?.toUpperCase()} ; charset="UTF-8"`]]);
    assert.equal(await textOf(await request(wrap(app), "/", GZIP)), makes(source));
  });

  test(`transformers: ${name} leaves nothing that described the bytes, and no tag that could be taken for theirs`, async () => {
    const described: HeaderList = [
      ...tagged,
      ["Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"],
      ["Content-Length", String(Buffer.byteLength(source))],
      ["Accept-Ranges", "bytes"],
      ["Content-MD5", "a"],
      ["Digest", "sha-256=a"],
      ["Content-Digest", "sha-256=:a:"],
      ["Repr-Digest", "sha-256=:a:"],
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
      ["Link", "<https://a/>; rel=x"],
      ["Content-Security-Policy", "img-src *"],
    ];
    const response = await request(wrap(answering(source, described)), "/", GZIP);
    const names = [...response.headers.keys()].filter((each) => !/^(?:content-(?:encoding|length)|vary)$/.test(each));
    const validators = name === "compress" ? ["etag", "last-modified"] : [];
    const others = ["content-security-policy", "content-type", "link", "set-cookie", "set-cookie"];
    assert.deepEqual(names, [...others, ...validators].sort());
    if (name === "compress") assert.equal(response.headers.get("ETag"), 'W/"a"');
    assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(Number(response.headers.get("Content-Length") ?? bytes.length), bytes.length);
  });

  test(`transformers: under ${name} a client revalidates with either form of the tag`, async () => {
    const app = wrap(conditional(answering(source, tagged)));
    for (const tag of ['"a"', 'W/"a"']) {
      const response = await request(app, "/", { headers: { ...GZIP.headers, "If-None-Match": tag } });
      assert.deepEqual([response.status, await response.text()], [304, ""]);
    }
  });

  test(`transformers: ${name} never changes a part, and never mixes two representations`, async () => {
    const app = wrap(range(answering(source, tagged)));
    const response = await request(app, "/", { headers: { Range: "bytes=0-3" } });
    const isPart = response.status === 206;
    assert.equal(await response.text(), isPart ? source.slice(0, 4) : makes(source));
    assert.equal(isPart, name === "compress");
    if (!isPart) assert.equal(response.headers.get("Accept-Ranges"), null);
  });

  test(`transformers: HEAD under ${name} has the tag, type and coding that GET has, and no length that is not known`, async () => {
    const app = wrap(answering(() => new Set([source]), tagged));
    const [get, headed] = await Promise.all([request(app, "/", GZIP), request(app, "/", { ...GZIP, method: "HEAD" })]);
    for (const field of ["ETag", "Content-Type", "Content-Encoding", "Vary"]) {
      assert.equal(headed.headers.get(field), get.headers.get(field), field);
    }
    assert.equal(headed.headers.get("Content-Length"), null);
    await get.arrayBuffer();
  });

  test(`transformers: ${name} takes header lists that are frozen, and shared by all responses`, async () => {
    const frozen = Object.freeze(tagged.map((line) => Object.freeze(line)));
    const app = wrap(answering(source, frozen));
    for (let time = 0; time < 2; time++) assert.equal(await textOf(await request(app, "/", GZIP)), makes(source));
    assert.deepEqual(frozen, tagged);
  });

  test(`transformers: ${name} makes the same of a body wherever it is cut, known or streamed`, async () => {
    const bytes = Buffer.from(source);
    for (const size of [1, 7, 64 * 1024]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      );
      const stream = async function* (): AsyncGenerator<Chunk> {
        for (const chunk of chunks) {
          yield chunk;
          // Which means "flush", and is not the end.
          if (chunk[0] === 0x20) yield "";
        }
      };
      for (const body of [() => chunks, () => new Set(chunks), stream]) {
        assert.equal(await textOf(await request(wrap(answering(body, tagged)), "/", GZIP)), makes(source));
      }
    }
  });

  test(`transformers: ${name} passes on bodies of any size to their last byte`, async () => {
    for (const size of [0, 1, 16_383, 16_384, 16_385, 1024 * 1024]) {
      const text =
        type === HTML ? "x".repeat(size) : size < 2 ? "1".repeat(size) : JSON.stringify("x".repeat(size - 2));
      for (const body of [text, new Set(text === "" ? [] : [text])]) {
        assert.ok(
          (await textOf(await request(wrap(answering(body, tagged)), "/", GZIP))) === makes(text),
          String(size),
        );
      }
    }
  });

  test(`transformers: a chunk of many megabytes goes through ${name} in pieces`, async () => {
    const long = type === HTML ? "x".repeat(3_000_000) : JSON.stringify("x".repeat(3_000_000));
    const response = await request(wrap(answering(() => new Set([long]), tagged)), "/");
    let longest = 0;
    let length = 0;
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      longest = Math.max(longest, chunk.length);
      length += chunk.length;
    }
    assert.equal(length, makes(long).length);
    // Without an encoding, compress leaves it as it is.
    if (!isWhole && name !== "compress") assert.ok(longest <= 65_540, String(longest));
  });

  test(`transformers: ${name} passes an event stream on as it comes`, async () => {
    const source = slow("data: 1\n\n");
    const app = wrap(answering(source.body, [["Content-Type", "text/event-stream"]]));
    const response = await request(app, "/", GZIP);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    assert.equal(Buffer.from((await reader.read()).value as Uint8Array).toString(), "data: 1\n\n");
    await reader.cancel();
    await eventually(() => source.closed() === 1);
  });

  if (!isWhole) {
    test(`transformers: ${name} sends the head that its app flushes, and what a page has shown before it pauses`, async () => {
      const source = slow(FILLED, "");
      const app: App = (environ, startResponse) => {
        startResponse("200 OK", tagged);
        environ["tsgi.exchange"].flush?.();
        return source.body;
      };
      const response = await request(wrap(app), "/", GZIP);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const end = makes(FILLED)
        .slice(-40)
        .replace(/\[B\]|\.$/, "");
      let received = Buffer.alloc(0);
      while (!soFar(response, received).endsWith(end)) {
        received = Buffer.concat([received, (await reader.read()).value as Uint8Array]);
      }
      await reader.cancel();
      await eventually(() => source.closed() === 1);
    });

    test(`transformers: ${name} does not read on while its client does not, and closes once when that leaves`, async () => {
      let read = 0;
      let closed = 0;
      const app: App = async function* (_environ, startResponse) {
        startResponse("200 OK", tagged);
        try {
          for (;;) {
            read += 16_384;
            yield `<p>${"x".repeat(16_377)}</p>`;
          }
        } finally {
          closed++;
        }
      };
      const response = await request(wrap(app), "/", GZIP);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
      assert.ok(read <= 256 * 1024, String(read));
      await reader.cancel();
      await eventually(() => closed > 0);
      assert.equal(closed, 1);
    });
  }

  test(`transformers: a body that fails under ${name} amid its bytes does not look whole`, async () => {
    let finished = 0;
    const app: App = async function* (_environ, startResponse) {
      startResponse("200 OK", tagged);
      try {
        for (let chunk = 0; chunk < 5; chunk++) yield source.repeat(10);
        throw new Error("amid");
      } finally {
        finished++;
      }
    };
    await assert.rejects(async () => textOf(await request(wrap(app), "/", GZIP)), /amid/);
    assert.equal(finished, 1);
  });

  test(`transformers: clients that leave ${name} amid their bodies leave nothing behind`, async (t) => {
    let open = 0;
    const app: App = async function* (_environ, startResponse) {
      startResponse("200 OK", tagged);
      open++;
      try {
        for (let chunk = 0; chunk < 100; chunk++) {
          yield source.repeat(10);
          await new Promise(setImmediate);
        }
      } finally {
        open--;
      }
    };
    const wrapped = wrap(app);
    const leave = async (): Promise<void> => {
      const leaving = new AbortController();
      const asked = request(wrapped, "/", { ...GZIP, signal: leaving.signal });
      if (isWhole) setTimeout(() => leaving.abort());
      else await (await asked).body?.cancel();
      await asked.catch(() => {});
    };
    const { opened } = await countingCodecs(async () => {
      let before = await kept();
      for (let left = 0; left < ABORTS; left += 10) {
        // What the first ones leave are caches and compiled code.
        if (left === 500) before = await kept();
        await Promise.all(Array.from({ length: 10 }, leave));
      }
      await eventually(() => open === 0);
      if (ABORTS < 1000) return;
      const after = await kept();
      const [counted, resident] = [after.counted - before.counted, after.resident - before.resident];
      t.diagnostic(`${name}: ${counted.toFixed(1)} MB counted, ${resident.toFixed(1)} MB resident`);
      assert.ok(counted < 20, `${counted} MB`);
    });
    assert.equal(opened > 0, name === "compress");
  });

  test(`transformers: a response that an error handler replaces is judged anew by ${name}`, async () => {
    const app: App = (_environ, startResponse) => {
      startResponse("200 OK", tagged);
      startResponse("500 Internal Server Error", [["Content-Type", "image/png"]], new Error("seen"));
      return source;
    };
    assert.equal(
      await transcript(wrap(app), "/", GZIP),
      `500 Internal Server Error\ncontent-length: ${Buffer.byteLength(source)}\ncontent-type: image/png\n\n${source}`,
    );
  });
}

const root = join(import.meta.dirname, "../..");

for (const [rule, titles] of Object.entries(TRANSFORMER_RULES)) {
  test(`transformers: rule ${rule}`, () => {
    for (const named of titles) {
      const [file = "", title = ""] = named.split(/: (.*)/);
      const pattern = title.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll("…", "\\$\\{.+?\\}");
      const tests = readFileSync(join(root, `test/${file}.test.ts`), "utf8");
      assert.match(tests, new RegExp(`\\btest\\(\\s*(["\`])${pattern}\\1,`), named);
    }
  });
}
