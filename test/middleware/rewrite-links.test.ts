import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { type RewriteLinksOptions, rewriteLinks } from "../../middleware/rewrite-links.ts";
import { replaceText, transform } from "../../middleware/transform.ts";
import { html, notFound, text } from "../../src/apps.ts";
import type { App, HeaderList } from "../../src/gateway.ts";
import { bodyOf, transcript } from "../support/transcript.ts";

const mounted = (app: App, options?: RewriteLinksOptions): App =>
  dispatcher(notFound, { "/blog": rewriteLinks(app, options) });

for (const [what, page, expected] of [
  ["a path", '<a href="/post/1?a=1&amp;b#c">', '<a href="/blog/post/1?a=1&amp;b#c">'],
  ["the root", "<a href=/ id=x>", '<a href="/blog/" id=x>'],
  ["a path after spaces", '<a href=" \n/x">', '<a href="/blog/x">'],
  ["an address of its own", "<a href=HTTP://Localhost/x>", '<a href="http://localhost/blog/x">'],
  ["an address of its own without a path", "<a href=http://localhost?x>", '<a href="http://localhost/blog/?x">'],
  ["a path below the mount", '<a href="/blog/x"><a href="/blog"><a href="/blog?x">', undefined],
  ["a path that only looks like it", '<a href="/blogger">', '<a href="/blog/blogger">'],
  ["a relative path", '<a href="x"><a href="../x"><a href="?x"><a href="#x"><a href="">', undefined],
  ["another host", '<a href="//elsewhere/x"><a href="/\\elsewhere/x"><a href="https://localhost/x">', undefined],
  ["a host that begins like its own", '<a href="http://localhost.evil/x"><a href="http://localhost:81/">', undefined],
  ["another scheme", '<a href="mailto:a@b"><a href="javascript:/x/">', undefined],
  ["an image", "<img src=/a.png alt='/b'>", `<img src="/blog/a.png" alt='/b'>`],
  ["a form", "<form action=/a><button formaction=/b>", '<form action="/blog/a"><button formaction="/blog/b">'],
  ["objects", '<object data="/a"><div data="/b">', '<object data="/blog/a"><div data="/b">'],
  ["SVG", '<svg><use xlink:href="/a#b"/></svg>', '<svg><use xlink:href="/blog/a#b" /></svg>'],
  ["pings", '<a ping="/a https://b/ /c">', '<a ping="/blog/a https://b/ /blog/c">'],
  [
    "sources",
    '<img srcset="/a.png, /b.png 2x,/c,d.png 100w, e.png 3x, /f.png (a, /b) 4x,/g.png,">',
    '<img srcset="/blog/a.png, /blog/b.png 2x,/blog/c,d.png 100w, e.png 3x, /blog/f.png (a, /b) 4x,/blog/g.png,">',
  ],
  // At a quadratic cost this would take a minute.
  [
    "commas amid a source",
    `<img srcset="/a${",".repeat(200_000)}b 1x, /c">`,
    `<img srcset="/blog/a${",".repeat(200_000)}b 1x, /blog/c">`,
  ],
  ["empty sources", '<img srcset=" , ,"><source srcset="">', undefined],
  [
    "a refresh",
    `<meta http-equiv=Refresh content="5; URL='/x'"><meta http-equiv=refresh content=5><meta name=refresh content="5;/x">`,
    `<meta http-equiv=Refresh content="5; URL=&#39;/blog/x&#39;"><meta http-equiv=refresh content=5><meta name=refresh content="5;/x">`,
  ],
  ["a script", `<script src="/a.js">"<a href='/x'>"</script>`, `<script src="/blog/a.js">"<a href='/x'>"</script>`],
] as const) {
  test(`rewriteLinks: ${what}`, async () => {
    assert.equal(await bodyOf(mounted(html(page)), "http://localhost/blog/"), expected ?? page);
  });
}

test("rewriteLinks: headers with references, and no others", async () => {
  const headers: HeaderList = [
    ["Location", "/a"],
    ["Content-Location", "http://localhost/b"],
    ["Link", "</c.css>; rel=preload, <https://d/>; rel=next"],
    ["Refresh", "3;url=/e"],
    ["X-Path", "/f"],
  ];
  const app: App = (_environ, startResponse) => {
    startResponse("302 Found", headers);
    return "moved";
  };
  assert.equal(
    await transcript(mounted(app), "http://localhost/blog/"),
    "302 Found\ncontent-length: 5\ncontent-location: http://localhost/blog/b\nlink: </blog/c.css>; rel=preload, <https://d/>; rel=next\n" +
      "location: /blog/a\nrefresh: 3;url=/blog/e\nx-path: /f\n\nmoved",
  );
});

test("rewriteLinks: an app at the root is left alone, and a page with nothing to change keeps its bytes", async () => {
  const app = html("<A  HREF=/x>");
  assert.equal(await transcript(rewriteLinks(app), "/"), await transcript(app, "/"));
  assert.equal(await bodyOf(mounted(html("<A  HREF=x >")), "/blog/"), "<A  HREF=x >");
});

test("rewriteLinks: a mount with a quote in it stays between quotes", async () => {
  const app = dispatcher(notFound, { "/o'b": rewriteLinks(html(`<meta http-equiv=refresh content="1;url='/x'">`)) });
  assert.equal(await bodyOf(app, "/o'b/"), `<meta http-equiv=refresh content="1;url=&#39;/o%27b/x&#39;">`);
});

test("rewriteLinks: a function decides, at the root too", async () => {
  const map = (url: string, { PATH_INFO }: { PATH_INFO: string }) =>
    url.startsWith("/img/") ? `https://cdn.example${url}?from=${PATH_INFO}` : undefined;
  const app = rewriteLinks(html("<img src=/img/a.png><a href=/x>"), { map });
  assert.equal(await bodyOf(app, "/p"), '<img src="https://cdn.example/img/a.png?from=/p"><a href=/x>');
});

test("rewriteLinks: what the function throws, or gives instead of text, is an error of the app", async () => {
  const boom = () => {
    throw new Error("boom");
  };
  await assert.rejects(bodyOf(rewriteLinks(html("<a href=x>"), { map: boom }), "/"), /boom/);
  await assert.rejects(bodyOf(rewriteLinks(html("<a href=x>"), { map: (() => 5) as never }), "/"), {
    code: "TSGI_BAD_CHANGE",
  });
});

test("rewriteLinks: replaceText leads the references of a style sheet below the mount", async () => {
  const sheet =
    "a{background:url(/a.png)}b{src:URL('/b.woff2'),url(\"/c\"),url(//cdn/d),url(e/f),url(./g),url(data:h)}";
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Type", "text/css"]]);
    return [...sheet];
  };
  const change = replaceText(
    "text/css",
    /\burl\([\x22\x27]?(?=\/[^/])/i,
    ([url], { SCRIPT_NAME }) => url + SCRIPT_NAME,
    { longest: 10 },
  );
  assert.equal(
    await bodyOf(dispatcher(text(""), { "/m": transform(rewriteLinks(app), change) }), "/m/x.css"),
    "a{background:url(/m/a.png)}b{src:URL('/m/b.woff2'),url(\"/m/c\"),url(//cdn/d),url(e/f),url(./g),url(data:h)}",
  );
});

test("rewriteLinks: refuses what is not a function", () => {
  assert.throws(() => rewriteLinks(notFound, { map: "/x" as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => rewriteLinks(notFound, { maps: () => "" } as never), { code: "TSGI_BAD_OPTION" });
});
