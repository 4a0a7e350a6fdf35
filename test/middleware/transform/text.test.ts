/** Changes of text and of whole bodies: what is found wherever chunks end, charsets, JSON, limits. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Change,
  mapChunks,
  mapDocument,
  mapJson,
  mapText,
  replaceBody,
  replaceText,
  transform,
} from "../../../middleware/transform.ts";
import { json } from "../../../src/apps.ts";
import type { App, Body, Chunk } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { bodyOf, transcript } from "../../support/transcript.ts";

const typed =
  (body: Body | (() => Body), type = "text/plain"): App =>
  (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Type", type]]);
    return typeof body === "function" ? body() : body;
  };

const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** The same bytes in chunks of one size, as a list and as a stream. */
function cut(bytes: Uint8Array, size: number): (() => Body)[] {
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    yield* chunks;
  };
  return [() => chunks, stream];
}

for (const [what, change, source, expected] of [
  ["a string", replaceText("text/plain", "aab", "<$&>"), "aaab aaabaab", "a<$&> a<$&><$&>"],
  ["a string of one character", replaceText("text/plain", "€", "$"), "€a€€", "$a$$"],
  ["a string with characters of patterns", replaceText("text/plain", "a.b*(c)", "x"), "a.b*(c) aXb", "x aXb"],
  ["nothing", replaceText("text/plain", "b", ""), "abcb", "ac"],
  [
    "a pattern",
    replaceText("text/plain", /\bx(\d{1,3})\b/, ([, digits]) => `<${digits}>`, { longest: 6 }),
    "x1 xx2 x345 x6789 x0",
    "<1> xx2 <345> x6789 <0>",
  ],
  ["a pattern with anchors", replaceText("text/plain", /^a|b$/, "-", { longest: 2 }), "aabb", "-ab-"],
  ["a pattern with lines", replaceText("text/plain", /^a/m, "-", { longest: 2 }), "aa\nab\n a", "-a\n-b\n a"],
  ["a pattern that looks ahead", replaceText("text/plain", /a(?!b)/, "-", { longest: 2 }), "abaca", "ab-c-"],
  ["a pattern that matches nothing", replaceText("text/plain", /x*/, "-", { longest: 3 }), "axxb", "a-b"],
  ["mapText", mapText("text/plain", (text) => text.toUpperCase()), "aé€😀ß", "AÉ€😀SS"],
  ["mapDocument", mapDocument("text/plain", (text) => `${text}${text.length}`), "aé€😀", "aé€😀5"],
  ["replaceBody", replaceBody("text/plain", (bytes) => Uint8Array.from(bytes).reverse()), "abc", "cba"],
] as [string, Change, string, string][]) {
  test(`text: ${what} is the same wherever the chunks end`, async () => {
    for (const size of [1, 2, 7, 64 * 1024]) {
      for (const body of cut(Buffer.from(source), size)) {
        assert.equal(await bodyOf(transform(typed(body), change), "/"), expected, String(size));
      }
    }
  });
}

test("replaceText: whatever the text and its cuts, the outcome is that of the whole", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("a", "b", "aa", "é", "😀", "\n"), { maxLength: 30 }),
      fc.constantFrom("a", "ab", "aab", "aba", "😀a", "é\n"),
      fc.nat({ max: 5 }),
      async (parts, needle, size) => {
        const text = parts.join("");
        for (const body of cut(Buffer.from(text), size + 1)) {
          const app = transform(typed(body), replaceText("text/plain", needle, "[x]"));
          assert.equal(await bodyOf(app, "/"), text.replaceAll(needle, "[x]"));
          const pattern = new RegExp(`(?<=a)${needle}+`, "u");
          const other = transform(typed(body), replaceText("text/plain", pattern, "[y]", { longest: 40 }));
          assert.equal(await bodyOf(other, "/"), text.replace(new RegExp(pattern, "gu"), "[y]"));
        }
      },
    ),
    { numRuns: Number(process.env.TSGI_FUZZ ?? 100) },
  );
});

for (const [charset, bytes, needle] of [
  ["utf-8", Buffer.from("a😀b€😀b😀😁", "utf8"), "😀b€"],
  ["utf-16le", Buffer.from("a😀b€😀b😀😁", "utf16le"), "😀b€"],
  ["shift_jis", latin1("a\x95\x5c\x83\x5cb\x95\x5c"), "表ソ"],
  ["gb18030", latin1("a\x81\x30\x81\x30\xb9\xfab"), "\x80国"],
  ["big5", latin1("\xb3\x5c\xa5\x5c\xb3\x5c"), "許功"],
  ["euc-kr", latin1("\xb0\xa1\xb3\xaa\xb0\xa1"), "가나"],
  ["iso-2022-jp", latin1('a\x1b$B$"$$\x1b(Bb'), "あい"],
] as const) {
  test(`replaceText: a needle in ${charset} is found wherever its bytes are cut`, async () => {
    const text = new TextDecoder(charset).decode(bytes, { stream: true });
    const change = replaceText("text/plain", needle, "<>");
    assert.ok(text.includes(needle));
    for (let at = 0; at <= bytes.length; at++) {
      const chunks = [bytes.subarray(0, at), bytes.subarray(at)];
      for (const body of [chunks, new Set(chunks), [...bytes].map((byte) => Buffer.from([byte]))]) {
        const app = transform(typed(body, `text/plain; charset=${charset}`), change);
        assert.equal(await bodyOf(app, "/"), text.replaceAll(needle, "<>"));
      }
    }
  });
}

test("replaceText: no character is cut by what a pattern may look back at, or may be the beginning of", async () => {
  const text = "a😀😁bx😀😁😀";
  for (const [pattern, longest] of [
    [/x/, 1],
    [/x/u, 1],
    [/x/, 3],
    [/😀/u, 2],
    [/./u, 2],
    [/(?<=a)😀/u, 3],
    [/😁(?=b)/, 3],
  ] as const) {
    const change = replaceText("text/plain", pattern, "Y", { longest });
    const expected = text.replaceAll(new RegExp(pattern, `${pattern.flags}g`), "Y");
    for (const size of [1, 2, 3, 5]) {
      for (const body of cut(Buffer.from(text), size)) {
        assert.equal(await bodyOf(transform(typed(body), change), "/"), expected, `${pattern} ${size}`);
      }
    }
  }
});

test("replaceText: holds back what may be the beginning of a match, and nothing else", async () => {
  const app = typed(async function* () {
    yield* ["one ", "tw", "o thr", "x thre", "e"];
  });
  const { body } = await request(transform(app, replaceText("text/plain", "three", "3")), "/");
  const parts: string[] = [];
  for await (const part of body as ReadableStream<Uint8Array>) parts.push(Buffer.from(part).toString());
  assert.deepEqual(parts, ["one ", "tw", "o ", "thrx ", "3"]);
});

test("replaceText: a function gets the match and the environ, and is to return text", async () => {
  const seen: unknown[] = [];
  const change = replaceText("text/plain", "a", (match, { PATH_INFO }) => {
    seen.push(match[0], PATH_INFO);
    return "b";
  });
  assert.equal(await bodyOf(transform(typed("a"), change), "/p"), "b");
  assert.deepEqual(seen, ["a", "/p"]);
  const wrong = replaceText("text/plain", "a", (() => 5) as never);
  await assert.rejects(bodyOf(transform(typed("a"), wrong), "/"), { code: "TSGI_BAD_CHANGE" });
});

test("replaceText: a match that is longer than it may be is an error, wherever the chunks end", async () => {
  const change = replaceText("text/plain", /a+/, "b", { longest: 3 });
  for (const size of [1, 100]) {
    for (const body of cut(Buffer.from("aaaa"), size)) {
      await assert.rejects(bodyOf(transform(typed(body), change), "/"), { code: "TSGI_BAD_CHANGE" });
    }
  }
  assert.equal(await bodyOf(transform(typed("aaa"), change), "/"), "b");
});

test("replaceText: refuses what cannot be found or put in", () => {
  assert.throws(() => replaceText("text/plain", "\ude00", "?"), { code: "TSGI_BAD_OPTION" });
  for (const [find, replacement, options] of [
    ["", "x"],
    [5, "x"],
    [/a/, "x"],
    [/a/, "x", { longest: 0 }],
    ["a", 5],
    ["a", "b", { longets: 3 }],
  ] as [never, never, never][]) {
    assert.throws(() => replaceText("text/plain", find, replacement, options), { code: "TSGI_BAD_OPTION" });
  }
});

for (const [what, type, bytes, expected, charset] of [
  ["a byte order mark", "text/html", latin1("\xef\xbb\xbfé").slice(0, 3), "\ufeff", "text/html"],
  ["UTF-16 by its mark", "text/html", Buffer.from("\ufeffé", "utf16le"), "\ufeffÉ", "text/html; charset=utf-8"],
  [
    "<meta charset>",
    "text/html",
    latin1("<meta charset=latin1>\xe9"),
    "<META CHARSET=LATIN1>É",
    "text/html; charset=utf-8",
  ],
  [
    "http-equiv",
    "text/html",
    latin1(`<META content='text/html; charset="windows-1252"' http-equiv=Content-Type>\x93`),
    `<META CONTENT='TEXT/HTML; CHARSET="WINDOWS-1252"' HTTP-EQUIV=CONTENT-TYPE>“`,
    "text/html; charset=utf-8",
  ],
  [
    "the first that is known",
    "text/html",
    latin1("<meta charset=x><meta charset=latin1>\xe9"),
    undefined,
    "text/html; charset=utf-8",
  ],
  ["not one in a comment", "text/html", Buffer.from("<!-- <meta charset=latin1> -->é"), undefined, "text/html"],
  [
    "not one in a description",
    "text/html",
    Buffer.from("<meta name=a content='charset=latin1'>é"),
    undefined,
    "text/html",
  ],
  [
    "not one after 1024 bytes",
    "text/html",
    Buffer.from(`${" ".repeat(1020)}<meta charset=latin1>é`),
    undefined,
    "text/html",
  ],
  ["no UTF-16 in ASCII", "text/html", Buffer.from("<meta charset=utf-16>é"), undefined, "text/html"],
  [
    "the header first",
    "text/html; charset=utf-8",
    Buffer.from("<meta charset=latin1>é"),
    undefined,
    "text/html; charset=utf-8",
  ],
  ["nothing in plain text", "text/plain", Buffer.from("<meta charset=latin1>é"), undefined, "text/plain"],
] as [string, string, Uint8Array, string | undefined, string][]) {
  test(`text: the charset of a page is ${what}, however it is cut`, async () => {
    const upper = (text: string): string => text.toUpperCase();
    const text =
      expected ??
      (what.startsWith("the first") ? Buffer.from(bytes).toString("latin1") : Buffer.from(bytes).toString());
    for (const size of [1, 1000, 5000]) {
      for (const body of cut(bytes, size)) {
        for (const change of [mapText("text/*", upper), mapDocument("text/*", upper)]) {
          const response = await request(transform(typed(body, type), change), "/");
          assert.equal(response.headers.get("Content-Type"), charset);
          assert.equal(Buffer.from(await response.arrayBuffer()).toString(), upper(text));
        }
      }
    }
  });
}

test("text: a page without a charset is looked into, and no more is read than that takes", async () => {
  let read = 0;
  const app = typed(async function* () {
    for (const chunk of ["<p>a", "", "b"]) {
      read++;
      yield chunk;
    }
  }, "text/html");
  const response = await request(
    transform(
      app,
      mapText("text/html", (text) => text),
    ),
    "/",
  );
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  assert.equal(Buffer.from((await reader.read()).value as Uint8Array).toString(), "<p>a");
  assert.equal(read, 2);
  await reader.cancel();
});

test("text: a page that is looked into is closed when the client leaves, and when it fails", async () => {
  let closed = 0;
  const gone = new AbortController();
  const app = (fails: boolean) =>
    typed(async function* () {
      try {
        yield "a";
        await new Promise(setImmediate);
        if (fails) throw new Error("boom");
        gone.abort();
        await new Promise(setImmediate);
        yield "b";
        await new Promise(() => {});
      } finally {
        closed++;
      }
    }, "text/html");
  const change = mapText("text/html", (text) => text);
  await assert.rejects(request(transform(app(true), change), "/"), /boom/);
  await assert.rejects(request(transform(app(false), change), "/", { signal: gone.signal }), { name: "AbortError" });
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  assert.equal(closed, 2);
});

test("text: HEAD of a page without a charset is not looked into", async () => {
  const app = typed(async function* () {
    yield "";
    assert.fail("read");
  }, "text/html");
  const change = mapText("text/html", (text) => text);
  assert.equal(
    await transcript(transform(app, change), "/", { method: "HEAD" }),
    "200 OK\ncontent-type: text/html\n\n",
  );
});

test("text: replaceInvalid makes U+FFFD of bytes that are not text", async () => {
  const bytes = latin1("a\xffb\xe2\x82");
  const options = { replaceInvalid: true };
  for (const change of [
    mapText("text/plain", (text) => text.toUpperCase(), options),
    mapDocument("text/plain", (text) => text.toUpperCase(), options),
    replaceText("text/plain", /[ab]/, ([letter]) => letter.toUpperCase(), { ...options, longest: 1 }),
  ]) {
    for (const body of cut(bytes, 1)) assert.equal(await bodyOf(transform(typed(body), change), "/"), "A\ufffdB\ufffd");
  }
});

test("replaceText: bytes that are not text are passed on with what was held back", async () => {
  const app = typed([latin1("ax th"), latin1("r\xff three")]);
  const response = await request(transform(app, replaceText("text/plain", "three", "3")), "/");
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), latin1("ax thr\xff three"));
});

test("mapChunks: a long chunk comes in pieces", async () => {
  const sizes: number[] = [];
  const change = mapChunks("text/plain", () => ({
    chunk(chunk: Chunk) {
      sizes.push(chunk.length);
      return chunk;
    },
  }));
  const long = "x".repeat(1_500_000);
  assert.equal(await bodyOf(transform(typed(long), change), "/"), long);
  assert.ok(sizes.length > 20 && Math.max(...sizes) <= 65_536);
});

const bump = mapJson((value, { PATH_INFO }) => ({ ...(value as object), path: PATH_INFO }));

test("mapJson: a value is changed, and the length is that of the new one", async () => {
  assert.equal(
    await transcript(transform(json({ a: "é" }), bump), "/x"),
    '200 OK\ncontent-length: 22\ncontent-type: application/json\n\n{"a":"é","path":"/x"}',
  );
  for (const body of cut(Buffer.from('\ufeff {"a": 1}\n'), 1)) {
    assert.equal(await bodyOf(transform(typed(body, "application/ld+json"), bump), "/"), '{"a":1,"path":"/"}');
  }
  const later = mapJson(async (value) => [value]);
  assert.equal(await bodyOf(transform(json(null), later), "/"), "[null]");
});

for (const [what, body, type] of [
  ["what is not JSON", '{"a":', "application/json"],
  ["what is not UTF-8", latin1('{"a":"\xff"}'), "application/json"],
  ["nothing", "", "application/json"],
  ["another type", '{"a":1}', "text/plain"],
  ["lines of JSON", '{"a":1}\n{"a":2}', "application/jsonl"],
] as const) {
  test(`mapJson: ${what} is left as it is`, async () => {
    const response = await request(transform(typed(body, type), bump), "/");
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), Buffer.from(body as string));
  });
}

test("mapJson: undefined leaves a body as it is, a value without a form is an error of the app", async () => {
  const app = typed('{ "a": 12345678901234567890 }', "application/json");
  assert.equal(
    await bodyOf(
      transform(
        app,
        mapJson(() => undefined),
      ),
      "/",
    ),
    '{ "a": 12345678901234567890 }',
  );
  const circle: unknown[] = [];
  circle.push(circle);
  for (const value of [() => {}, 5n, circle]) {
    await assert.rejects(
      bodyOf(
        transform(
          app,
          mapJson(() => value),
        ),
        "/",
      ),
      { code: "TSGI_BAD_JSON" },
    );
  }
});

for (const [what, change] of [
  ["mapJson", mapJson(() => 1, { limit: 8 })],
  ["replaceBody", replaceBody("application/json", () => "1", { limit: 8 })],
  ["mapDocument", mapDocument("application/json", () => "1", { limit: 8 })],
] as const) {
  test(`${what}: what is larger than the limit is passed on to its last byte, what is as large is changed`, async () => {
    for (const size of [1, 3, 100]) {
      for (const body of cut(Buffer.from('"1234567"'), size)) {
        assert.equal(await bodyOf(transform(typed(body, "application/json"), change), "/"), '"1234567"');
      }
      for (const body of cut(Buffer.from('"123456"'), size)) {
        assert.equal(await bodyOf(transform(typed(body, "application/json"), change), "/"), "1");
      }
    }
  });

  test(`${what}: HEAD does not read the body`, async () => {
    const app = typed(function* () {
      yield "";
      assert.fail("read");
    }, "application/json");
    assert.equal(
      await transcript(transform(app, change), "/", { method: "HEAD" }),
      "200 OK\ncontent-type: application/json\n\n",
    );
  });
}

test("replaceBody: an error of the change is one of the app", async () => {
  const change = replaceBody("text/plain", async () => Promise.reject(new Error("boom")));
  await assert.rejects(bodyOf(transform(typed("a"), change), "/"), /boom/);
});

test("text: options are checked", () => {
  const same = (text: string): string => text;
  assert.throws(() => mapText("a/b", same, { limit: 1 } as never), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => mapDocument("a/b", same, { replaceInvalid: 1 as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => mapJson(same as never, { limit: -1 }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => replaceBody("a/b", (bytes) => bytes, { limit: "1" as never }), { code: "TSGI_BAD_OPTION" });
});
