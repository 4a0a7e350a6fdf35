import assert from "node:assert/strict";
import { test } from "node:test";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { hosts } from "../../middleware/hosts.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { bodyOf, probe, probed } from "../support/transcript.ts";

const site = hosts(probe("fallback"), {
  "api.example.com": probe("api"),
  ":Tenant.Example.com": probe("tenant"),
  "*rest.deep.example.com": probe("deep"),
  "[::1]": probe("loopback"),
  "b\u00fccher.example": probe("books"),
  "Upper.Example.": probe("upper"),
  ":shop.b\u00dccher.example": probe("shop"),
  "{www.}optional.example": probe("optional"),
  ":a-:b.parts.example": probe("parts"),
  "192.0.2.1": probe("address"),
});

for (const [host, name, params] of [
  ["api.example.com", "api"],
  ["API.Example.COM:8080", "api"],
  ["api.example.com.", "api"],
  ["api.example.com.:80", "api"],
  ["acme.example.com", "tenant", { Tenant: "acme" }],
  ["ACME.EXAMPLE.COM", "tenant", { Tenant: "acme" }],
  ["a.b.deep.example.com", "deep", { rest: "a.b" }],
  ["[::1]:8000", "loopback"],
  ["xn--bcher-kva.example", "books"],
  ["example.com", "fallback"],
  ["a.b.example.com", "fallback"],
  ["api.example.com@evil", "fallback"],
  ["api.example.com/x", "fallback"],
  ["api.example.com:x", "fallback"],
  ["api.example.com:", "api"],
  ["api.example.com.:", "api"],
  ["api.example.com..", "fallback"],
  [".api.example.com", "fallback"],
  ["api..example.com", "fallback"],
  ["a..deep.example.com", "fallback"],
  ["api.example.com:80:80", "fallback"],
  ["api.example.com, a.example.com", "fallback"],
  ["api.example.com x", "fallback"],
  ["api.example.com?x", "fallback"],
  ["api.example.com#x", "fallback"],
  ["api.example.com\\x", "fallback"],
  ["api%2eexample.com", "fallback"],
  ["xapi.example.com", "tenant", { Tenant: "xapi" }],
  ["a_b-c.example.com", "tenant", { Tenant: "a_b-c" }],
  ["apiXexample.com", "fallback"],
  ["upper.example", "upper"],
  ["UPPER.EXAMPLE.", "upper"],
  ["one.xn--bcher-kva.example:1", "shop", { shop: "one" }],
  ["WWW.Optional.example", "optional"],
  ["optional.example", "optional"],
  ["x.optional.example", "fallback"],
  ["x-y.parts.example", "parts", { a: "x", b: "y" }],
  ["xy.parts.example", "fallback"],
  ["[::1]", "loopback"],
  ["[::2]", "fallback"],
  ["[::1", "fallback"],
  ["[::1]x", "fallback"],
  ["::1", "fallback"],
  ["192.0.2.1:8000", "address"],
  ["b\u00fccher.example", "fallback"],
  ["", "fallback"],
  [":80", "fallback"],
  [".", "fallback"],
] as [string, string, Record<string, string>?][]) {
  test(`hosts: ${host} goes to ${name}`, async () => {
    // Not every server refuses a malformed Host, as ours does.
    const answer = await bodyOf(site, "/x", { environ: { HTTP_HOST: host } });
    const shown = params?.rest === undefined ? params : { rest: params.rest.split(".") };
    assert.equal(answer, probed(name, "", "/x", shown));
  });
}

test("hosts: a request without a host goes to the fallback, whatever the patterns", async () => {
  const app = hosts(probe("fallback"), { "*all": probe("all"), "{:any}": probe("any") });
  for (const HTTP_HOST of [undefined, "", "a b", "."]) {
    assert.equal(await bodyOf(app, "/x", { environ: { HTTP_HOST } as object }), probed("fallback", "", "/x"));
  }
});

test("hosts: a literal comes before a pattern, and of two patterns the first", async () => {
  const app = hosts(notFound, {
    ":any.example": probe("first"),
    "*all.example": probe("second"),
    "www.example": probe("literal"),
  });
  const from = (host: string) => bodyOf(app, "/", { headers: { Host: host } });
  assert.equal(await from("www.example"), probed("literal", "", "/"));
  assert.equal(await from("a.example"), probed("first", "", "/", { any: "a" }));
  assert.equal(await from("a.b.example"), probed("second", "", "/", { all: ["a", "b"] }));
});

test("hosts: parameters are merged with those of what is around, and the path stays", async () => {
  const app = dispatcher(notFound, { "/:a": hosts(notFound, { ":b.example": probe("inner") }) });
  assert.equal(
    await bodyOf(app, "/1/x", { headers: { Host: "two.example" } }),
    probed("inner", "/1", "/x", { a: "1", b: "two" }),
  );
});

test("hosts: a name of 253 characters is looked at, a longer one goes to the fallback", async () => {
  const app = hosts(probe("fallback"), { "*all.example": probe("all") });
  const name = `${"a.".repeat(122)}b.example`;
  assert.equal(name.length, 253);
  for (const [host, answer] of [
    [name, "all"],
    [`${name}.:65535`, "all"],
    [`a${name}`, "fallback"],
    [`${name}:0065535`, "fallback"],
  ] as const) {
    assert.equal((await bodyOf(app, "/", { environ: { HTTP_HOST: host } })).split(" ")[0], answer, host);
  }
});

test("hosts: of a thousand patterns one is tried, found by its labels", async () => {
  const keys = Array.from({ length: 1000 }, (_, index) => [
    `:a.h${index}.example`,
    `*b.i${index}.example`,
    `x.*c.j${index}`,
  ]);
  const app = hosts(probe("fallback"), Object.fromEntries(keys.flat().map((key) => [key, probe(key)])));
  for (const [host, key, params] of [
    ["one.h7.example", ":a.h7.example", { a: "one" }],
    ["one.two.i999.example", "*b.i999.example", { b: ["one", "two"] }],
    ["x.y.z.j500", "x.*c.j500", { c: ["y", "z"] }],
    ["one.two.h7.example", "fallback", undefined],
    ["y.z.j500", "fallback", undefined],
  ] as const) {
    assert.equal(await bodyOf(app, "/", { environ: { HTTP_HOST: host } }), probed(key, "", "/", params), host);
  }
});

test("hosts: a hostile host of 256 KB costs no more than its length", async () => {
  const app = hosts(notFound, { "*a.x.*b.y": notFound, ":a-:b-:c.x": notFound, "*a.:b.:c.x": notFound });
  for (const unit of ["a", ".", "a.", "a-", "x.", "-", ".x", "[", ":"]) {
    // At a quadratic cost this would take minutes, and never reach the next line.
    const host = `a${unit.repeat(2 ** 18 / unit.length)}!`;
    assert.equal((await request(app, "/", { environ: { HTTP_HOST: host } })).status, 404);
    assert.equal((await request(app, "/", { environ: { HTTP_HOST: host.replace("!", "z") } })).status, 404);
  }
});

for (const [what, table] of [
  ["a port", { "example.com:80": notFound }],
  ["a path", { "example.com/x": notFound }],
  ["an empty key", { "": notFound }],
  ["a host twice", { "a.example": notFound, "A.example.": notFound }],
  ["a malformed pattern", { ":.example": notFound }],
  ["an open group", { "{a.example": notFound }],
  ["a port of an address", { "[::1]:80": notFound }],
  ["another port of an address", { "[::1]:8080": notFound }],
  ["a port of a pattern", { ":a.example:80": notFound }],
  ["a malformed address", { "[::x]": notFound }],
  ["a scheme", { "http://a.example": notFound }],
  ["a slash before it", { "//a.example": notFound }],
  ["a slash behind it", { "a.example/": notFound }],
  ["a path in a pattern", { ":a.example/x": notFound }],
  ["a query", { "a.example?": notFound }],
  ["a fragment", { "a.example#": notFound }],
  ["a user", { "@a.example": notFound }],
  ["a space", { "a. example": notFound }],
  ["a line break", { "a.example\n": notFound }],
  ["an empty label", { "a..example": notFound }],
  ["two trailing dots", { "a.example..": notFound }],
  ["a label beyond ASCII with a parameter in it", { "b\u00fc:x.example": notFound }],
  ["an address twice", { "[::1]": notFound, "[0:0::1]": notFound }],
  ["an international host in two forms", { "b\u00fccher.example": notFound, "xn--bcher-kva.example": notFound }],
  ["a pattern in two spellings", { ":a.example": notFound, ":a.EXAMPLE.": notFound }],
] as [string, Record<string, App>][]) {
  test(`hosts: ${what} throws when the app is built`, () => {
    assert.throws(() => hosts(notFound, table), { code: "TSGI_BAD_HOST" });
  });
}

test("hosts: a value or a fallback that is not an app throws when the app is built", () => {
  assert.throws(() => hosts(notFound, { "a.example": "x" as unknown as App }), { code: "TSGI_NO_APP" });
  assert.throws(() => hosts({} as App, {}), { code: "TSGI_NO_APP" });
});
