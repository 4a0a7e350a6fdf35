import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { type DefaultTreeAdapterTypes, parse, Tokenizer, TokenizerMode } from "parse5";
import { compress } from "../../middleware/compress.ts";
import type { Parse5 } from "../../middleware/rewrite-html/package.ts";
import { TagReader } from "../../middleware/rewrite-html/tag-reader.ts";
import { type HtmlElement, type HtmlHandler, rewriteHtml } from "../../middleware/rewrite-html.ts";
import type { App, Body, HeaderList } from "../../src/gateway.ts";
import { serve } from "../../src/server/serve.ts";
import { request } from "../../src/testing.ts";
import { bodyOf, transcript } from "../support/transcript.ts";

const HTML: HeaderList = [["Content-Type", "text/html; charset=utf-8"]];

function page(body: Body | (() => Body), headers: HeaderList = HTML): App {
  return (_environ, startResponse) => {
    startResponse("200 OK", headers);
    return typeof body === "function" ? body() : body;
  };
}

const rewritten = (html: Body, handlers: Record<string, HtmlHandler>): Promise<string> =>
  bodyOf(rewriteHtml(page(html), handlers), "/");

const mark: HtmlHandler = (element) => element.setAttribute("x", "");

/** Which elements a selector matches, by the ids that they have. */
async function matched(selector: string, html: string): Promise<string> {
  const ids: string[] = [];
  await rewritten(html, { [selector]: (element) => ids.push(element.getAttribute("id") ?? element.tagName) });
  return ids.join(" ");
}

for (const [what, change, expected] of [
  ["nothing", () => {}, "<p>a <B  Class=x>b</B> c</p>"],
  ["setAttribute", (e) => e.setAttribute("title", `"<&'`), '<p>a <B Class=x title="&quot;&lt;&amp;&#39;">b</B> c</p>'],
  ["setAttribute of one that is there", (e) => e.setAttribute("CLASS", "y"), '<p>a <B class="y">b</B> c</p>'],
  ["removeAttribute", (e) => e.removeAttribute("class"), "<p>a <B>b</B> c</p>"],
  ["removeAttribute of one that is not there", (e) => e.removeAttribute("y"), "<p>a <B Class=x>b</B> c</p>"],
  ["before", (e) => e.before("<1").before("2"), "<p>a &lt;12<B  Class=x>b</B> c</p>"],
  ["after", (e) => e.after("1").after("2"), "<p>a <B  Class=x>b</B>21 c</p>"],
  ["prepend", (e) => e.prepend("1").prepend("2"), "<p>a <B  Class=x>21b</B> c</p>"],
  ["append", (e) => e.append("1").append("<i>", { html: true }), "<p>a <B  Class=x>b1<i></B> c</p>"],
  ["setInnerContent", (e) => e.prepend("0").setInnerContent("1").append("2"), "<p>a <B  Class=x>12</B> c</p>"],
  ["replace", (e) => e.replace("<i>1</i>", { html: true }).after("2"), "<p>a <i>1</i>2 c</p>"],
  ["remove", (e) => e.append("x").remove(), "<p>a  c</p>"],
  ["removeAndKeepContent", (e) => e.removeAndKeepContent().append("!"), "<p>a b! c</p>"],
  ["markup beyond ASCII", (e) => e.append("é").setAttribute("y", "ü"), '<p>a <B Class=x y="ü">bé</B> c</p>'],
] as [string, (element: HtmlElement) => unknown, string][]) {
  test(`rewriteHtml: ${what}, however the page is cut`, async () => {
    const html = "<p>a <B  Class=x>b</B> c</p>";
    const handlers: Record<string, HtmlHandler> = { b: (element) => void change(element) };
    assert.equal(await rewritten(html, handlers), expected);
    for (const size of [1, 2, 7]) {
      const chunks = html.match(new RegExp(`.{1,${size}}`, "gs")) ?? [];
      assert.equal(await rewritten(chunks, handlers), expected, String(size));
      assert.equal(
        await bodyOf(
          rewriteHtml(
            page(() => Readable.from(chunks)),
            handlers,
          ),
          "/",
        ),
        expected,
      );
    }
  });
}

test("rewriteHtml: an element without content gets none", async () => {
  const change: HtmlHandler = (image) => image.before("1").prepend("2").setInnerContent("3").append("4").after("5");
  assert.equal(await rewritten("<img src=a><br/>", { img: change }), "1<img src=a>5<br/>");
  assert.equal(await rewritten("<img src=a>b", { img: (image) => image.remove() }), "b");
  assert.equal(await rewritten("<img src=a>b", { img: (image) => image.replace("c") }), "cb");
});

test("rewriteHtml: handlers run in their order, see what those before did, and not what was removed", async () => {
  const seen: unknown[] = [];
  const handlers: Record<string, HtmlHandler> = {
    "a, b": (element) => element.setAttribute("n", "1").after("first"),
    "[id=q]": (element) => {
      seen.push(element.getAttribute("N"), element.hasAttribute("id"), element.hasAttribute("y"), element.attributes);
      element.remove();
    },
    a: () => assert.fail("called"),
    "a i": () => assert.fail("called"),
  };
  assert.equal(await rewritten("<a id=q><i>1</i></a><b></b>", handlers), 'first<b n="1"></b>first');
  assert.deepEqual(seen, [
    "1",
    true,
    false,
    [
      ["id", "q"],
      ["n", "1"],
    ],
  ]);
});

for (const [selector, expected] of [
  ["*", "d s m i q1 q2"],
  ["div", "d"],
  ["DIV", "d"],
  ["#m", "m"],
  [".b", "s m"],
  [".a.b", "s"],
  ["[lang]", "d"],
  ["[lang|=en]", "d"],
  ["[class~=a]", "s"],
  ["[class='a b']", "s"],
  ["[data-x^=on]", "i"],
  ["[data-x$=ce]", "i"],
  ["[data-x*='nc']", "i"],
  ["[data-x=ONCE]", ""],
  ["[data-x=ONCE i]", "i"],
  ["[type=TEXT]", "q1"],
  ["[type=TEXT s]", ""],
  ["[data-x^='']", ""],
  ["div q", "q1 q2"],
  ["div > q", ""],
  ["section > q", "q1"],
  ["div > section q", "q1 q2"],
  ["div > m-n > q, i", "i"],
  ["section m-n > q", "q2"],
  ["q:not([type])", "q2"],
  ["q:not(.z, [type])", "q2"],
  [":is(q, i):not([type])", "i q2"],
  ["[title='é ü']", "q2"],
] as const) {
  test(`rewriteHtml: the selector ${selector}`, async () => {
    const html = `<div id=d lang=en-GB><section id=s class="a b"><q type=text id=q1></q><m-n id=m class="bb b"><i id=i data-x=once>
      </i><q id=q2 title="é &uuml;"></q></m-n></section></div>`;
    const sorted = (await matched(selector, html)).split(" ").sort().join(" ");
    assert.equal(sorted, expected.split(" ").sort().join(" "));
  });
}

for (const selector of [
  "",
  "a >",
  "a[",
  "a + b",
  "a ~ b",
  "a:hover",
  "a::before",
  "a:first-child",
  "svg|a",
  "a[b!=c]",
  ":not(a b)",
  ":has(a)",
  "> a",
]) {
  test(`rewriteHtml: refuses the selector ${JSON.stringify(selector)}`, () => {
    assert.throws(() => rewriteHtml(page(""), { [selector]: mark }), { code: "TSGI_BAD_SELECTOR" });
  });
}

test("rewriteHtml: refuses what are not handlers", () => {
  for (const handlers of [undefined, 5, [], { a: 5 }, { a: { element: mark } }]) {
    assert.throws(() => rewriteHtml(page(""), handlers as never), { code: "TSGI_BAD_OPTION" });
  }
});

for (const [what, html] of [
  ["a script", "<script>'<p>'</script>"],
  ["a script that looks like its end", "<script></scrip><p></scripts></script>"],
  ["a script with a comment in it", "<script><!-- <script> </script> <p> --></script>"],
  ["a style", "<style><p></style>"],
  ["a title", "<title><p></title>"],
  ["a text area", "<textarea><p></textarea>"],
  ["a comment", "<!-- <p> -- > --><!-- <p> --!>"],
  ["CDATA", "<svg><![CDATA[<p>]]></svg>"],
  ["CDATA in a page, a comment", "<![CDATA[<p>"],
  ["an attribute", `<a x="<p>" y='<p>' z=<p></a>`],
  ["noscript", "<noscript><p></noscript>"],
  ["an iframe", "<iframe><p></iframe>"],
  ["plain text", "<plaintext><p></plaintext>"],
  ["a tag without an end", "a <p x='"],
  ["angles", "a < p > << /p>"],
  ["an instruction", "<?p ?>"],
  ["an end tag with attributes", "</a <p>"],
] as const) {
  test(`rewriteHtml: nothing matches in ${what}, however it is cut`, async () => {
    for (const chunks of [[html], [...html]]) {
      assert.equal(await rewritten(chunks, { p: mark }), html);
      const after =
        what === "plain text" || what === "a tag without an end" || what.startsWith("CDATA in") ? "" : '<p x="">';
      if (after !== "") assert.equal(await rewritten([...chunks, "<p>"], { p: mark }), `${html}${after}`);
    }
  });
}

test("rewriteHtml: titles and styles of SVG are not text", async () => {
  const html = "<svg><title><i-j></i-j></title><style><g></style></svg>";
  assert.equal(await matched("i-j, g", html), "i-j g");
  assert.equal(await matched("svg > title > i-j, svg > style > g", html), "i-j g");
});

for (const [what, html, expected] of [
  ["a paragraph by a block", "<p id=a>1<div id=b>2", "<p id=a>1[a]<div id=b>2[b]"],
  ["a paragraph by the end of its parent", "<div id=d><p id=a>1</div>2", "<div id=d><p id=a>1[a]</div>[d]2"],
  ["items", "<ul><li id=a>1<li id=b>2</ul>", "<ul><li id=a>1[a]<li id=b>2[b]</ul>"],
  ["items of lists in lists", "<ul><li id=a><ul><li id=b>2</ul>1</ul>", "<ul><li id=a><ul><li id=b>2[b]</ul>1[a]</ul>"],
  ["terms", "<dl><dt id=a>1<dd id=b>2<dt id=c>3</dl>", "<dl><dt id=a>1[a]<dd id=b>2[b]<dt id=c>3[c]</dl>"],
  [
    "rows and cells",
    "<table id=t><tr id=r><td id=a>1<td id=b>2<tr id=s><th id=c>3</table>4",
    "<table id=t><tr id=r><td id=a>1[a]<td id=b>2[b][r]<tr id=s><th id=c>3[c][s]</table>[t]4",
  ],
  ["options", "<select><option id=a>1<option id=b>2</select>", "<select><option id=a>1[a]<option id=b>2[b]</select>"],
  ["the head by the body", "<head id=h><title>x</title><body id=b>1", "<head id=h><title>x</title>[h]<body id=b>1[b]"],
  ["links", "<a id=a>1<a id=b>2</a>", "<a id=a>1[a]<a id=b>2</a>[b]"],
  ["headings by headings", "<h1 id=a>1</h2>2<h1 id=b>3<h2 id=c>4", "<h1 id=a>1</h2>[a]2<h1 id=b>3[b]<h2 id=c>4[c]"],
  ["a foreign element by one of HTML", "<svg id=s><g id=g><p id=p>1", "<svg id=s><g id=g>[g][s]<p id=p>1[p]"],
  ["not a self-closing element of SVG", "<svg id=s><g id=g />1</svg>", "<svg id=s><g id=g />[g]1</svg>[s]"],
  ["not one beyond a cell", "<div id=d><table><td></div>1", "<div id=d><table><td></div>1[d]"],
  [
    "not the HTML in a foreign object",
    "<svg id=s><foreignObject><p id=p>1</p></foreignObject></svg>2",
    "<svg id=s><foreignObject><p id=p>1</p>[p]</foreignObject></svg>[s]2",
  ],
  ["all at the end of the page, before a tag without one", "<b id=a><i id=b>1<u", "<b id=a><i id=b>1[b][a]<u"],
] as const) {
  test(`rewriteHtml: an end tag that is left out ends ${what}`, async () => {
    const handlers: Record<string, HtmlHandler> = {
      "[id]": (element) => element.after(`[${element.getAttribute("id")}]`),
    };
    for (const chunks of [[html], [...html]]) assert.equal(await rewritten(chunks, handlers), expected);
  });
}

test("rewriteHtml: what is not changed is passed on at once, and nothing but a tag is held back", async () => {
  const seen: string[] = [];
  const app = rewriteHtml(
    page(async function* () {
      for (const part of ["<p>one", " & two", "&am", "p; <b", "r>three<!", "-- x", " -->four"]) {
        yield part;
        seen.push(part);
      }
    }),
    { br: mark },
  );
  const parts: string[] = [];
  const decoder = new TextDecoder();
  const { body } = await request(app, "/");
  for await (const chunk of body as ReadableStream<Uint8Array>) parts.push(decoder.decode(chunk));
  assert.deepEqual(parts, ["<p>one", " & two", "&am", "p; ", '<br x="">three', "<!-- x -->four"]);
});

test("rewriteHtml: headers are those of the new body", async () => {
  const app = page("<p></p>", [
    ...HTML,
    ["ETag", '"a"'],
    ["Last-Modified", "x"],
    ["Content-Length", "7"],
    ["Accept-Ranges", "bytes"],
  ]);
  assert.equal(
    await transcript(rewriteHtml(app, { p: (p) => p.append("é") }), "/"),
    "200 OK\ncontent-length: 9\ncontent-type: text/html; charset=utf-8\n\n<p>é</p>",
  );
  assert.equal(
    await transcript(rewriteHtml(app, { p: mark }), "/", { method: "HEAD" }),
    "200 OK\ncontent-type: text/html; charset=utf-8\n\n",
  );
});

for (const [what, headers] of [
  ["text", [["Content-Type", "text/plain"]]],
  ["UTF-16", [["Content-Type", "text/html; charset=utf-16le"]]],
  ["ISO-2022-JP", [["Content-Type", "text/html; charset=iso-2022-jp"]]],
  ["a charset that nobody knows", [["Content-Type", "text/html; charset=klingon"]]],
  ["an encoded page", [...HTML, ["Content-Encoding", "x-own"]]],
  ["a page that is not to be changed", [...HTML, ["Cache-Control", "no-transform"]]],
] as [string, HeaderList][]) {
  test(`rewriteHtml: ${what} is left alone`, async () => {
    const app = page("<p>", headers);
    assert.equal(await transcript(rewriteHtml(app, { p: mark }), "/"), await transcript(app, "/"));
  });
}

test("rewriteHtml: a page that begins as UTF-16 does is left alone", async () => {
  const bytes = Buffer.from("\ufeff<p>", "utf16le");
  const response = await request(rewriteHtml(page([bytes], [["Content-Type", "text/html"]]), { p: mark }), "/");
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
});

for (const [charset, bytes, value] of [
  ["utf-8", "<p a='\xc3\xa9&uuml;\xff' b>\xff\xc3(", "éü\ufffd"],
  ["windows-1252", "<p a='\x93&eacute;' b>\x93\xe9", "“é"],
  ["shift_jis", "<p a='\x82\xa0\x95\x5c' b>\x83\x5c", "あ表"],
  ["gb18030", "<p a='\xc4\xe3\x94\x39\xfc\x36' b>\xc4", "你😀"],
] as const) {
  test(`rewriteHtml: ${charset} keeps its bytes, is read as text, and gets references or its own bytes`, async () => {
    const seen: unknown[] = [];
    const handlers: Record<string, HtmlHandler> = {
      "p[b]": (p) => {
        seen.push(p.getAttribute("a"));
        p.setAttribute("b", "é").append("ü");
      },
    };
    const e = charset === "utf-8" ? "\xc3\xa9" : "&#233;";
    const u = charset === "utf-8" ? "\xc3\xbc" : "&#252;";
    const expected = `${bytes.replace(" b>", ` b="${e}">`)}${u}`;
    for (const named of [`text/html; charset=${charset}`, "text/html"]) {
      const meta = named === "text/html" ? `<meta charset="${charset}">` : "";
      const whole = Buffer.from(meta + bytes, "latin1");
      const chunks = Array.from(whole, (byte) => new Uint8Array([byte]));
      const response = await request(rewriteHtml(page(chunks, [["Content-Type", named]]), handlers), "/");
      assert.equal(Buffer.from(await response.arrayBuffer()).toString("latin1"), meta + expected);
      assert.equal(response.headers.get("Content-Type"), named);
    }
    assert.deepEqual(seen, [value, value]);
  });
}

test("rewriteHtml: a charset in http-equiv counts as one in charset, and the first one counts", async () => {
  const html = `<meta http-equiv=Content-Type content="text/html; charset=iso-8859-1"><meta charset=utf-8><p a=\xe9>`;
  const seen: unknown[] = [];
  const app = rewriteHtml(page(Buffer.from(html, "latin1"), [["Content-Type", "text/html"]]), {
    p: (p) => void seen.push(p.getAttribute("a")),
  });
  await (await request(app, "/")).arrayBuffer();
  assert.deepEqual(seen, ["é"]);
});

for (const [what, html, expected] of [
  ["an attribute that stands twice", "<p a=1 a=2>", "<p b>"],
  ["a name that begins with =", "<p a/=b c>", "<p /=b c b>"],
  ["a quote in a name", '<p b"=c>', '<p b"=c b>'],
] as const) {
  test(`rewriteHtml: ${what} does not become another one`, async () => {
    const change: HtmlHandler = (p) => p.removeAttribute("a").setAttribute("b", "");
    assert.equal(await rewritten(html, { p: change }), expected.replace(/ b>$/, ' b="">'));
  });
}

test("rewriteHtml: names of attributes and content are checked, text is not put into scripts", async () => {
  for (const change of [
    (e) => e.setAttribute("a b", "x"),
    (e) => e.setAttribute("", "x"),
    (e) => e.setAttribute("on>", "x"),
    (e) => e.setAttribute("a", 5 as never),
    (e) => e.append(Promise.reject(new Error("never seen")) as never),
    (e) => e.append("1 < 2"),
    (e) => e.setInnerContent("x"),
  ] as HtmlHandler[]) {
    await assert.rejects(rewritten("<script></script>", { script: change }), { code: "TSGI_BAD_CHANGE" });
  }
  const code: HtmlHandler = (script) => script.append("1 < 2", { html: true }).after("<");
  assert.equal(await rewritten("<script></script>", { script: code }), "<script>1 < 2</script>&lt;");
});

test("rewriteHtml: an element is not changed after its handler", async () => {
  let kept: HtmlElement | undefined;
  const keep: HtmlHandler = (element) => {
    kept = element;
  };
  await rewritten("<p>", { p: keep });
  for (const change of ["append", "setAttribute", "removeAttribute", "remove", "replace"] as const) {
    assert.throws(() => kept?.[change]("a", "b" as never), { code: "TSGI_BAD_CHANGE" });
  }
});

test("rewriteHtml: a handler that throws, or returns a promise, is an error of the app", async () => {
  for (const stream of [false, true]) {
    const app = () => page(stream ? () => Readable.from(["<p>"]) : "<p>");
    const throwing = rewriteHtml(app(), {
      p: () => {
        throw new Error("boom");
      },
    });
    await assert.rejects(bodyOf(throwing, "/"), /boom/);
    const asynchronous = rewriteHtml(app(), { p: (async () => Promise.reject(new Error("never seen"))) as never });
    await assert.rejects(bodyOf(asynchronous, "/"), { code: "TSGI_BAD_CHANGE" });
  }
});

test("rewriteHtml: handlers get the environ, and a compressed app is asked for the whole", async () => {
  const inner = compress(page(`<p>${"x".repeat(3000)}</p>`));
  const app = rewriteHtml(inner, { p: (p, { PATH_INFO }) => p.append(PATH_INFO) });
  assert.match(await bodyOf(app, "/here", { headers: { "Accept-Encoding": "gzip" } }), /x\/here<\/p>$/);
});

test("rewriteHtml: from a tag of more than a MiB on, a page is passed on as it is, and that is reported", async (t) => {
  const long = `<p>1<a b="${"x".repeat(1_100_000)}"><p>2`;
  for (const body of [long, long.match(/[\s\S]{1,65536}/g) ?? []]) {
    const errors: string[] = [];
    const app = rewriteHtml(page(body), { p: mark });
    const server = await serve(app, { port: 0, errors: { write: (text) => errors.push(text) } });
    t.after(() => server.close({ grace: 0 }));
    const answer = await (await fetch(server.url)).text();
    assert.ok(answer === long.replace("<p>1", '<p x="">1'), answer.slice(0, 100));
    assert.equal(errors.join("").split("more than 1 MiB").length, 2);
  }
});

test("rewriteHtml: such a tag within an element that is removed does not take the rest of the page with it", async () => {
  const html = `<div><a b="${"x".repeat(1_100_000)}"></div><p>1`;
  await assert.rejects(rewritten(html, { div: (div) => div.remove() }), { code: "TSGI_BAD_CHANGE" });
});

test("rewriteHtml: hostile pages take linear time and bounded depth", async () => {
  for (const html of [
    `<a b="${">".repeat(200_000)}">`,
    "<".repeat(200_000),
    "<div>".repeat(50_000),
    "<p><b>".repeat(30_000),
    `<!--${"-->".repeat(10)}${"<!--".repeat(50_000)}-->`,
    `<a ${"b ".repeat(50_000)}>`,
    "</p>".repeat(50_000),
    "<div>".repeat(400) + "<br>".repeat(200),
  ]) {
    const handlers = { "p b i": mark, "div > div > div > p": mark, "i div div div div > div br": mark };
    assert.equal(await rewritten(html.match(/[\s\S]{1,16384}/g) ?? [], handlers), html);
  }
  const letters = `<a b="${">".repeat(20_000)}">`;
  assert.equal(await rewritten([...letters, "<p>"], { p: mark }), `${letters}<p x="">`);
});

test("rewriteHtml: a long comment in single characters is not copied again for each of them", async () => {
  let copied = 0;
  class Counting extends Tokenizer {
    override write(text: string, isLast: boolean): void {
      super.write(text, isLast);
      copied += this.preprocessor.html.length;
    }
  }
  for (const page of [`<!--${"x".repeat(30_000)}-->`, `<!-- ${">".repeat(30_000)}-->`, `<a ${"b ".repeat(15_000)}>`]) {
    let read = "";
    const handler = {
      isForeign: false,
      onText: (raw: string) => {
        read += raw;
      },
      onStartTag(_token: unknown, raw: string) {
        read += raw;
        return "DATA" as const;
      },
      onEndTag: () => {},
    };
    copied = 0;
    const reader = new TagReader({ Tokenizer: Counting, TokenizerMode } as unknown as Parse5, handler);
    for (const character of page) reader.read(character);
    const rest = reader.end();
    assert.ok(read + rest === page);
    assert.ok(copied < 200 * page.length, String(copied));
  }
});

test("rewriteHtml: the attributes of a tag with many are told in one go", async () => {
  // At a quadratic cost this would take many seconds.
  const html = `<a ${Array.from({ length: 30_000 }, (_, index) => `a${index}`).join(" ")}>`;
  const told = await rewritten(html, {
    a: (link) =>
      link.removeAttribute("a0").setAttribute("a1", "é").after(`${link.attributes.length} ${link.attributes[0]}`),
  });
  assert.equal(told, `${html.replace(" a0 a1", ' a1="é"')}29999 a1,é`);
});

/** The elements of a page by their parents, as the tree of a parser has them. */
function parentsIn(html: string): Map<string, string> {
  const parents = new Map<string, string>();
  const visit = (node: DefaultTreeAdapterTypes.Node): void => {
    if (!("childNodes" in node)) return;
    for (const child of node.childNodes) {
      const id = "attrs" in child ? child.attrs.find(({ name }) => name === "id")?.value : undefined;
      if (id !== undefined) parents.set(id, node.nodeName.toLowerCase());
      visit(child);
    }
  };
  visit(parse(html));
  return parents;
}

const NAMES = "p div ul li dl dd dt h1 h2 section svg g desc math mi button address option ruby rt x-y".split(" ");

test("rewriteHtml: an element is a child of what it is a child of in a browser", async () => {
  const tags = NAMES.flatMap((name) => [`<${name} id=#>`, `<${name} id=#>`, `</${name}>`]);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...tags, "text", "<p id=#/>", "<g id=#/>"), { maxLength: 14 }),
      async (soup) => {
        const html = `<!doctype html><body>${soup.map((tag, index) => tag.replace("#", String(index))).join("")}`;
        const found = new Map<string, string>();
        const rules = ["body", ...NAMES].map((name): [string, HtmlHandler] => [
          `${name} > [id]`,
          (element) => found.set(element.getAttribute("id") ?? "", name),
        ]);
        await rewritten(html, Object.fromEntries(rules));
        assert.deepEqual([...found].sort(), [...parentsIn(html)].sort(), html);
      },
    ),
    { numRuns: Number(process.env.TSGI_FUZZ ?? 150) },
  );
});

test("rewriteHtml: what a page ends within stays where it is, however it is cut", async () => {
  const change: Record<string, HtmlHandler> = {
    li: (element) => element.remove(),
    "div > *": (element) => element.append("2").after("3"),
  };
  for (const [page, expected] of [
    ["<li><title><!--</b>", ""],
    ["<li><a b", ""],
    ["<div><title><!--</b>", "<div><title><!--</b>23"],
    ["<div><p><a b", "<div><p>23<a b"],
  ] as const) {
    for (const chunks of [[page], [...page]]) assert.equal(await rewritten(chunks, change), expected);
  }
});

const PIECES = [
  "<p>",
  "</p>",
  "<div a=1>",
  "</div>",
  "<b b>",
  "</b>",
  "<li>",
  "<ul>",
  "</ul>",
  "<td>",
  "<tr>",
  "<table>",
  "</table>",
  "<svg>",
  "</svg>",
  "<title>",
  "</title>",
  "<script>",
  "</script>",
  "<style>",
  "</style>",
  "<!--",
  "-->",
  "<![CDATA[",
  "]]>",
  "text",
  " & ",
  "&amp;",
  "<",
  ">",
  '"',
  "'",
  "=",
  "/",
  "<img a='x'>",
  "<br/>",
  "é",
  "<template>",
  "</template>",
  "<foreignObject>",
  '<a c="<p>">',
  "</a>",
  "\r\n",
  "\0",
  "-",
  "<math>",
  "<mi>",
  "<textarea>",
  "</textarea>",
  "<select>",
  "<option>",
  "<h1>",
  "</h2>",
  "<body>",
  "</body>",
  "</html>",
];

test("rewriteHtml: whatever the page and wherever it is cut, the outcome is the same, and without a change the page is", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }),
      fc.array(fc.nat({ max: 300 }), { maxLength: 8 }),
      async (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(""));
        const ends = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
        const chunks = ends.slice(1).map((end, index) => bytes.subarray(ends[index], end));
        const change: Record<string, HtmlHandler> = {
          "*": (element) => void element.hasAttribute("a"),
          "div > *": (element) => element.before("1").append("2", { html: true }).after("3"),
          b: (element) => element.setAttribute("x", element.tagName).setInnerContent("4"),
          "li, h1": (element) => element.remove(),
          "ul a": (element) => element.removeAndKeepContent(),
        };
        assert.equal(await rewritten(chunks, { "*": (element) => void element.attributes }), bytes.toString());
        const whole = await rewritten([bytes], change);
        assert.equal(await rewritten(chunks, change), whole);
        assert.equal(
          await rewritten(
            Array.from(bytes, (byte) => new Uint8Array([byte])),
            change,
          ),
          whole,
        );
      },
    ),
    { numRuns: Number(process.env.TSGI_FUZZ ?? 60) },
  );
});
