import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { compress } from "../../middleware/compress.ts";
import { type InjectOptions, inject } from "../../middleware/inject.ts";
import type { App, Body, HeaderList } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { bodyOf, transcript } from "../support/transcript.ts";

const HTML: HeaderList = [["Content-Type", "text/html; charset=utf-8"]];

function page(body: Body | (() => Body), headers: HeaderList = HTML): App {
  return (_environ, startResponse) => {
    startResponse("200 OK", headers);
    return typeof body === "function" ? body() : body;
  };
}

const inserted = (html: string): Promise<string> => bodyOf(inject(page(html), { head: "[H]", body: "[B]" }), "/");

for (const [what, html, expected] of [
  ["a page", "<head></head><body></body>", "<head>[H]</head><body>[B]</body>"],
  ["capitals", "<HEAD></HeAd><body></BODY >", "<HEAD>[H]</HeAd><body>[B]</BODY >"],
  ["space and attributes", "</head\n></body a='>'>", "[H]</head\n>[B]</body a='>'>"],
  ["the first of several", "</head></head></body></body>", "[H]</head></head>[B]</body></body>"],
  ["other names", "</header></heads></hea></bodyguard></ head>", undefined],
  ["start tags", "<head><body><head/>", undefined],
  ["a script", '<script>"</head>"</script></head>', '<script>"</head>"</script>[H]</head>'],
  [
    "a script that looks like its end",
    "<script></scrip></head></scripts></head></script\t></head>",
    "<script></scrip></head></scripts></head></script\t>[H]</head>",
  ],
  ["a style", "<style></head></STYLE></head>", "<style></head></STYLE>[H]</head>"],
  ["a title", "<title></head></title></head>", "<title></head></title>[H]</head>"],
  ["a text area", "<textarea></body></textarea></body>", "<textarea></body></textarea>[B]</body>"],
  ["a comment", "<!-- </head> -- > --></head>", "<!-- </head> -- > -->[H]</head>"],
  ["a comment that ends in a bang", "<!-- </head> --!></head>", "<!-- </head> --!>[H]</head>"],
  ["empty comments", "<!--></head><!---></body>", "<!-->[H]</head><!--->[B]</body>"],
  ["a comment without an end", "<!-- </head>", undefined],
  ["CDATA", "<svg><![CDATA[</head>]]></svg></head>", "<svg><![CDATA[</head>]]></svg>[H]</head>"],
  ["a declaration", "<!doctype html></head>", "<!doctype html>[H]</head>"],
  ["an attribute", `<a x="</head>" y='</head>' z=</head></head>`, `<a x="</head>" y='</head>' z=</head>[H]</head>`],
  ["an attribute with a quote in its name", '<a b"></head>', '<a b">[H]</head>'],
  ["an attribute whose name is =", '<a ="></head>', '<a =">[H]</head>'],
  ["a value after spaces", '<a b = "</head>"></head>', '<a b = "</head>">[H]</head>'],
  [
    "templates",
    "<template><template></body></template></body></template></body>",
    "<template><template></body></template></body></template>[B]</body>",
  ],
  ["plain text", "<plaintext></head>", undefined],
  ["angles", "a < b << </head>", "a < b << [H]</head>"],
  ["an angle at the end", "</head><", "[H]</head><"],
  ["no page", "", undefined],
] as const) {
  test(`inject: ${what}, however it is cut`, async () => {
    const whole = expected ?? html;
    assert.equal(await inserted(html), whole);
    for (const size of [1, 2, 3, 7]) {
      const chunks = html.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
      assert.equal(await bodyOf(inject(page(chunks), { head: "[H]", body: "[B]" }), "/"), whole, String(size));
      const stream = inject(page(Readable.from(chunks)), { head: "[H]", body: "[B]" });
      assert.equal(await bodyOf(stream, "/"), whole, String(size));
    }
  });
}

test("inject: a tag that is cut is found without holding anything else back", async () => {
  const seen: string[] = [];
  const app = inject(
    page(async function* () {
      for (const part of ["<p>one", "<b", "r>two</", "p></bo", "dy>"]) {
        yield part;
        seen.push(part);
      }
    }),
    { body: "[B]" },
  );
  const response = await request(app, "/");
  const parts: string[] = [];
  const decoder = new TextDecoder();
  for await (const chunk of response.body as ReadableStream<Uint8Array>) parts.push(decoder.decode(chunk));
  assert.deepEqual(parts, ["<p>one", "<b", "r>two", "</p>", "[B]</body>"]);
});

test("inject: headers are those of the new body", async () => {
  const app = inject(page("<head></head>", [...HTML, ["ETag", '"a"'], ["Content-Length", "13"]]), { head: "é" });
  assert.equal(
    await transcript(app, "/"),
    '200 OK\ncontent-length: 15\ncontent-type: text/html; charset=utf-8\netag: W/"a"\n\n<head>é</head>',
  );
});

for (const [what, headers, markup] of [
  ["text", [["Content-Type", "text/plain"]], "x"],
  ["UTF-16", [["Content-Type", "text/html; charset=utf-16le"]], "x"],
  ["another charset, and markup beyond ASCII", [["Content-Type", "text/html; charset=iso-8859-1"]], "é"],
  ["an encoded page", [...HTML, ["Content-Encoding", "x-own"]], "x"],
  ["a page that is not to be changed", [...HTML, ["Cache-Control", "no-transform"]], "x"],
] as const satisfies readonly (readonly [string, HeaderList, string])[]) {
  test(`inject: ${what} is left alone`, async () => {
    const app = page("</head>", headers);
    assert.equal(await transcript(inject(app, { head: markup }), "/"), await transcript(app, "/"));
  });
}

test("inject: a page in another charset gets ASCII", async () => {
  const app = inject(page(Buffer.from("\xe9</head>", "latin1"), [["Content-Type", "text/html; charset=iso-8859-1"]]), {
    head: "x",
  });
  const bytes = Buffer.from(await (await request(app, "/")).arrayBuffer());
  assert.equal(bytes.toString("latin1"), "\xe9x</head>");
});

test("inject: markup is made for each request, and what that throws is an error of the app", async () => {
  const app = inject(page("</head>"), { head: ({ PATH_INFO }) => (PATH_INFO === "/" ? "root" : fail()) });
  assert.equal(await bodyOf(app, "/"), "root</head>");
  await assert.rejects(request(app, "/x"), /boom/);
  await assert.rejects(request(inject(page(""), { head: (() => 5) as never }), "/"), { code: "TSGI_BAD_OPTION" });
});

function fail(): never {
  throw new Error("boom");
}

test("inject: a compressed app is asked for the whole", async () => {
  const app = inject(compress(page(`${"x".repeat(3000)}</body>`)), { body: "[B]" });
  assert.match(await bodyOf(app, "/", { headers: { "Accept-Encoding": "gzip" } }), /x\[B\]<\/body>$/);
});

for (const options of [{}, { head: 5 }, { had: "" }] as unknown[] as InjectOptions[]) {
  test(`inject: refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => inject(page(""), options), { code: "TSGI_BAD_OPTION" });
  });
}
