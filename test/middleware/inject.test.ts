import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { type DefaultTreeAdapterTypes, Parser, parse, type Token } from "parse5";
import { compress } from "../../middleware/compress.ts";
import { type InjectOptions, inject } from "../../middleware/inject.ts";
import { secureHeaders } from "../../middleware/secure-headers.ts";
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
  [
    "a script in a comment in a script",
    "<script><!-- <script></head></script></head>--></script></head>",
    "<script><!-- <script></head></script></head>--></script>[H]</head>",
  ],
  [
    "a script that ends in a comment",
    "<script><!-- </head></script></head>",
    "<script><!-- </head></script>[H]</head>",
  ],
  [
    "a script with an empty comment",
    "<script><!--><script></script></head>",
    "<script><!--><script></script>[H]</head>",
  ],
  [
    "a script with what only looks like a comment",
    "<script><!- <script></head></script></head>",
    "<script><!- <script></head></script>[H]</head>",
  ],
  ["noscript", "<noscript></head></noscript></head>", "<noscript></head></noscript>[H]</head>"],
  ["a style", "<style></head></STYLE></head>", "<style></head></STYLE>[H]</head>"],
  ["a title", "<title></head></title></head>", "<title></head></title>[H]</head>"],
  ["a text area", "<textarea></body></textarea></body>", "<textarea></body></textarea>[B]</body>"],
  ["a comment", "<!-- </head> -- > --></head>", "<!-- </head> -- > -->[H]</head>"],
  ["a comment that ends in a bang", "<!-- </head> --!></head>", "<!-- </head> --!>[H]</head>"],
  ["empty comments", "<!--></head><!---></body>", "<!-->[H]</head><!--->[B]</body>"],
  ["a comment without an end", "<!-- </head>", undefined],
  ["CDATA", "<svg><![CDATA[</head>]]></svg></head>", "<svg><![CDATA[</head>]]></svg>[H]</head>"],
  ["CDATA of HTML, which is a comment", "<![CDATA[ > </head>]]>", "<![CDATA[ > [H]</head>]]>"],
  ["CDATA after SVG", "<svg></svg><![CDATA[></head>]]>", "<svg></svg><![CDATA[>[H]</head>]]>"],
  ["what only begins like CDATA", "<svg><![CDATA></head></svg>", "<svg><![CDATA>[H]</head></svg>"],
  ["a title of SVG", "<svg><title/></svg></head>", "<svg><title/></svg>[H]</head>"],
  ["tags in a title of SVG", "<svg><title><b></title></svg></head>", "<svg><title><b></title></svg>[H]</head>"],
  ["styles and scripts of SVG", "<svg><style/><script/></svg></head>", "<svg><style/><script/></svg>[H]</head>"],
  [
    "a value that ends in a slash",
    "<svg><style a=b/></head></style></svg>",
    "<svg><style a=b/>[H]</head></style></svg>",
  ],
  ["a title of HTML in SVG", "<svg><desc><title></head></title></head>", "<svg><desc><title></head></title>[H]</head>"],
  [
    "a title after SVG that was left open",
    "<svg><p><title></head></title></head>",
    "<svg><p><title></head></title>[H]</head>",
  ],
  [
    "MathML",
    "<math><mi><style></head></style></mi><style/></math></head>",
    "<math><mi><style></head></style></mi><style/></math>[H]</head>",
  ],
  [
    "SVG that an element around it ends",
    "<div><svg></div><style></head></style></head>",
    "<div><svg></div><style></head></style>[H]</head>",
  ],
  ["SVG that a template around it ends", "<template><svg></template></head>", "<template><svg></template>[H]</head>"],
  ["an end tag too many in SVG", "<svg><path/></path><style/></head>", "<svg><path/></path><style/>[H]</head>"],
  ["a template of SVG", "<svg><template></svg></head>", "<svg><template></svg>[H]</head>"],
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
  const app = inject(
    page("<head></head>", [...HTML, ["ETag", '"a"'], ["Last-Modified", "x"], ["Content-Length", "13"]]),
    { head: "é" },
  );
  assert.equal(
    await transcript(app, "/"),
    "200 OK\ncontent-length: 15\ncontent-type: text/html; charset=utf-8\n\n<head>é</head>",
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

test("inject: a script ends where it ends for a browser, however it is cut", async () => {
  const pieces = [
    "<!--",
    "-->",
    "--",
    "-",
    "!",
    ">",
    "<script>",
    "<script ",
    "</script",
    "</script>",
    "<scripty>",
    "</script/>",
    " ",
    "</head>",
    "<",
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), fc.nat(), async (inside, cut) => {
      const html = `<script>${inside.join("")}`;
      const page5 = parse(`${html}</head>`, { sourceCodeLocationInfo: true });
      const script = find(page5, "script");
      const end = script?.sourceCodeLocation?.endTag?.endOffset;
      const at = end === undefined ? -1 : `${html}</head>`.indexOf("</head>", end);
      const chunks = [html.slice(0, cut % html.length), html.slice(cut % html.length), "</head>"];
      const injected = await bodyOf(inject(page(chunks), { head: "[H]" }), "/");
      // What follows a script may be another one.
      if (at >= 0 && `${html}</head>`.slice(end, at).includes("<")) return;
      assert.equal(injected.indexOf("[H]"), at, html);
    }),
    { numRuns: Number(process.env.TSGI_FUZZ ?? 150) },
  );
});

/** Where the first `</head>` outside templates is for the parser of browsers. */
class FirstEnd extends Parser<DefaultTreeAdapterTypes.DefaultTreeAdapterMap> {
  at = -1;
  /** Whether the end tag of an element around SVG or MathML has ended these, which `inject` does not see. */
  isThrough = false;

  static of(html: string): FirstEnd {
    const parser = new FirstEnd({ sourceCodeLocationInfo: true });
    parser.tokenizer.write(html, true);
    return parser;
  }

  override onEndTag(token: Token.TagToken): void {
    const { tmplCount, items, stackTop } = this.openElements;
    if (this.at < 0 && token.tagName === "head" && tmplCount === 0) this.at = token.location?.startOffset ?? -1;
    const open = items.slice(0, stackTop + 1);
    const outermost = open.findIndex((each) => "namespaceURI" in each && !each.namespaceURI.endsWith("/xhtml"));
    super.onEndTag(token);
    this.isThrough ||= outermost >= 0 && this.openElements.stackTop < outermost - 1;
  }
}

for (const [what, pieces] of [
  // Within elements that hold HTML, the parser takes CDATA for a comment, which browsers do not (HTML Standard §13.2.5.42).
  [
    "CDATA",
    "<svg> </svg> <math> </math> <g> </g> <style> </style> <style/> <script/> <![CDATA[ ]]> > <p> <svg/> </head>",
  ],
  [
    "elements that hold HTML",
    `<svg> </svg> <math> </math> <g> </g> <title> </title> <title/> <style> </style> <script/> <p> <desc> </desc> <foreignObject>
    </foreignObject> <mi> </mi> <mglyph> <br> <template> </template> </head>`,
  ],
] as const) {
  test(`inject: SVG and MathML with ${what} are read as by a browser, however they are cut`, async () => {
    const part = fc.constantFrom(...pieces.split(/\s+/));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 14 }), fc.nat(), async (inside, cut) => {
        const whole = `<body>${inside.join("")}</head>`;
        const chunks = [whole.slice(0, cut % whole.length), whole.slice(cut % whole.length)];
        const injected = await bodyOf(inject(page(chunks), { head: "[H]" }), "/");
        const { at, isThrough } = FirstEnd.of(whole);
        if (!isThrough) assert.equal(injected.indexOf("[H]"), at, whole);
      }),
      { numRuns: Number(process.env.TSGI_FUZZ ?? 100) },
    );
  });
}

function find(node: DefaultTreeAdapterTypes.Node, name: string): DefaultTreeAdapterTypes.Element | undefined {
  if (node.nodeName === name) return node as DefaultTreeAdapterTypes.Element;
  for (const child of "childNodes" in node ? node.childNodes : []) {
    const found = find(child, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

for (const [what, html, expected] of [
  ["without either tag", "<p>1", "<p>1[H][B]"],
  ["without the one", "<head></head><p>1", "<head>[H]</head><p>1[B]"],
  ["with both", "</head></body>2", "[H]</head>[B]</body>2"],
  ["that ends in an angle", "1<", "1<"],
  ["that ends in a comment", "1<!-- ", "1<!-- "],
  ["that ends in a script", "1<script>", "1<script>"],
  ["that ends in a template", "1<template>", "1<template>"],
  ["that is empty", "", "[H][B]"],
] as const) {
  test(`inject: atEnd puts what is left at the end of a page ${what}`, async () => {
    const options: InjectOptions = { head: "[H]", body: "[B]", atEnd: true };
    for (const chunks of [html, [...html]]) assert.equal(await bodyOf(inject(page(chunks), options), "/"), expected);
  });
}

const SCRIPT = "<script>start()</script>";

test("inject: scripts, styles and links get the nonce of secureHeaders, on either side of it", async () => {
  const head = `<!-- <script> --><script>"<script>"</script><STYLE >p{}</STYLE><link href=a><scripty><script nonce=own>1</script>`;
  const state = { "csp.nonce": "n0n0n0n0n0n0n0n0" };
  const options = { environ: { "tsgi.state": state } };
  const expected = `<!-- <script> --><script nonce="n0n0n0n0n0n0n0n0">"<script>"</script><STYLE nonce="n0n0n0n0n0n0n0n0" >p{}</STYLE><link nonce="n0n0n0n0n0n0n0n0" href=a><scripty><script nonce=own>1</script></head>`;
  for (const given of [head, () => head]) {
    assert.equal(await bodyOf(inject(page("</head>"), { head: given }), "/", options), expected);
    assert.equal(
      await bodyOf(inject(secureHeaders(page("</head>"), { nonce: true }), { head: given }), "/", options),
      expected,
    );
    assert.equal(
      await bodyOf(secureHeaders(inject(page("</head>"), { head: given }), { nonce: true }), "/", options),
      expected,
    );
  }
});

const withPolicy = (policy: string): App => page("</head>", [...HTML, ["Content-Security-Policy", policy]]);

for (const [what, policy, head, expected] of [
  ["names a nonce", "script-src 'self' 'nonce-AbC+/='", SCRIPT, `<script nonce="AbC+/=">start()</script>`],
  ["allows what is inline", "script-src 'unsafe-inline'", SCRIPT, SCRIPT],
  ["says nothing of scripts", "img-src 'self'", SCRIPT, SCRIPT],
  [
    "is for scripts that are elsewhere",
    "script-src 'self'",
    "<script src=/a.js></script>",
    "<script src=/a.js></script>",
  ],
  ["forbids styles alone", "style-src 'none'", SCRIPT, SCRIPT],
  ["forbids scripts", "script-src 'self'", "<p>1", "<p>1"],
] as const) {
  test(`inject: a policy that ${what} is left as it is`, async () => {
    const response = await request(inject(withPolicy(policy), { head }), "/");
    assert.equal(response.headers.get("Content-Security-Policy"), policy);
    assert.equal(await response.text(), `${expected}</head>`);
  });
}

for (const [what, policy, head] of [
  ["scripts", "script-src 'self'", SCRIPT],
  ["scripts by default", "default-src 'self'; img-src *", SCRIPT],
  ["script elements", "script-src 'unsafe-inline'; script-src-elem 'self'", SCRIPT],
  ["styles", "style-src 'none'", "<style>p{}</style>"],
  ["what is inline, as it names a hash", "script-src 'unsafe-inline' 'sha256-x'", SCRIPT],
  ["scripts in its second part", "script-src 'unsafe-inline', script-src 'self'", SCRIPT],
] as const) {
  test(`inject: a page whose policy forbids ${what} is left alone, and the log says so once`, async () => {
    const app = inject(withPolicy(policy), { head });
    const errors: string[] = [];
    const options = { environ: { "tsgi.errors": { write: (text: string) => errors.push(text) } } };
    for (let time = 0; time < 2; time++) {
      assert.equal(await transcript(app, "/", options), await transcript(withPolicy(policy), "/"));
    }
    assert.equal(errors.length, 1);
    assert.match(errors.join(""), /Content-Security-Policy forbids/);
  });
}

for (const [policy, head, expected] of [
  ["script-src 'self'; img-src *", SCRIPT, "script-src 'self' 'nonce-n0'; img-src *"],
  ["default-src 'self';", SCRIPT, "default-src 'self'; script-src 'self' 'nonce-n0'"],
  ["script-src 'none', img-src *", SCRIPT, "script-src 'nonce-n0', img-src *"],
  [
    "default-src 'none'",
    `${SCRIPT}<style>p{}</style>`,
    "default-src 'none'; script-src 'nonce-n0'; style-src 'nonce-n0'",
  ],
  ["Script-Src 'self'; script-src 'none'", SCRIPT, "Script-Src 'self' 'nonce-n0'; script-src 'none'"],
] as const) {
  test(`inject: extendPolicy makes of ${policy} one that allows the markup`, async () => {
    const options = { environ: { "tsgi.state": { "csp.nonce": "n0" } } };
    const response = await request(inject(withPolicy(policy), { head, extendPolicy: true }), "/", options);
    assert.equal(response.headers.get("Content-Security-Policy"), expected);
    assert.match(await response.text(), /^<script nonce="n0">start/);
  });
}

test("inject: extendPolicy makes a nonce where there is none, another for each response", async () => {
  const app = inject(withPolicy("script-src 'self'"), { head: SCRIPT, extendPolicy: true });
  const pages = await Promise.all([transcript(app, "/"), transcript(app, "/")]);
  const nonces = pages.map((each) => /'nonce-([0-9a-f]{32})'\n/.exec(each)?.[1]);
  for (const [index, each] of pages.entries())
    assert.ok(each.endsWith(`<script nonce="${nonces[index]}">start()</script></head>`));
  assert.notEqual(nonces[0], nonces[1]);
});

test("inject: cookies and links of a page are left as they are", async () => {
  const headers: HeaderList = [
    ...HTML,
    ["Set-Cookie", "a=1"],
    ["Set-Cookie", "b=2"],
    ["Link", "</a.css>; rel=preload"],
  ];
  const response = await request(inject(page("</head>", headers), { head: SCRIPT }), "/");
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assert.equal(response.headers.get("Link"), "</a.css>; rel=preload");
});
