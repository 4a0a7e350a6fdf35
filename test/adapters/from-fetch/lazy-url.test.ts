import assert from "node:assert/strict";
import { test } from "node:test";
import { lazyUrl } from "../../../src/adapters/from-fetch/lazy-url.ts";

/** Every string that a URL has. */
const PARTS = "href origin protocol username password host hostname port pathname search hash".split(
  " ",
) as (keyof URL & "href")[];

function partsOf(url: URL): unknown[] {
  return [...PARTS.map((name) => url[name]), String(url), url.toJSON(), [...url.searchParams]];
}

for (const [path, query] of [
  ["/", ""],
  ["/a/b%20c%2Fd", "x=1&y=%20"],
  ["/!$&'()*+,;=:@-._~", "a=b?c/d:e@f"],
  ["/a//b", ""],
  ["/x", "a b"],
  ["/x", "a'b"],
  ["/x", 'a"b<c>'],
  ["/x", "{|}^`\\[]"],
  ["/x", "caf\u00e9"],
] as const) {
  const href = `http://a.example:8000${path}${query === "" ? "" : `?${query}`}`;

  test(`lazyUrl: ${href} is what a URL is`, () => {
    assert.deepEqual(partsOf(lazyUrl(href, path, query)), partsOf(new URL(href)));
    // The path alone, and whatever is read after all else.
    const lazy = lazyUrl(href, path, query);
    assert.deepEqual([lazy.pathname, lazy.search], [new URL(href).pathname, new URL(href).search]);
    assert.equal(lazy.host, "a.example:8000");
    assert.deepEqual([lazy.pathname, lazy.search], [new URL(href).pathname, new URL(href).search]);
  });
}

test("lazyUrl: it passes for a URL, and can be changed like one", () => {
  const url = lazyUrl("http://a/b?c", "/b", "c");
  assert.ok(url instanceof URL);
  assert.equal(new URL("d", url).href, "http://a/d");
  url.pathname = "/x y";
  url.searchParams.set("z", "1");
  url.hash = "end";
  assert.equal(url.href, "http://a/x%20y?c=&z=1#end");
  assert.deepEqual([url.pathname, url.search], ["/x%20y", "?c=&z=1"]);
});
