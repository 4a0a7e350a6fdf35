import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern, type Extent, type Pattern } from "../../src/routing/pattern.ts";

function compile(key: string, extent: Extent = "prefix", caseSensitive = true) {
  return compilePattern(key, { extent, caseSensitive, code: "TSGI_BAD_MOUNT" });
}

for (const [key, head] of [
  ["/", ""],
  ["/a/b/", "/a/b"],
  ["//a/./b/../c", "/a/c"],
  ["/caf\u00e9", "/caf%C3%A9"],
  ["/%61b%2fc", "/ab%2Fc"],
  ["/a b", "/a%20b"],
  ["/at\\:colon", "/at:colon"],
  ["/at\\:colon//x/../y/", "/at:colon/y"],
  ["/star\\*/\\{x\\}", "/star*/%7Bx%7D"],
] as const) {
  test(`compilePattern: ${key} is literal`, () => {
    for (const extent of ["prefix", "whole"] as const) {
      assert.deepEqual(compile(key, extent), { head, match: undefined, identity: head });
    }
  });
}

/** What a pattern takes of a path. */
function matched({ match }: Pattern, path: string): object | undefined {
  const found = match?.(path);
  return found && { length: found.length, params: found.params };
}

/** Each shape as a path, with `?` for a segment with a parameter, and what comes after a wildcard. */
for (const [key, ...shapes] of [
  ["/:a", "/?"],
  ["/users/:id/posts", "/users/?/posts"],
  ["/users/x:id", "/users/?"],
  ["/a/b/*rest", "/a/b/*"],
  ["/a/*rest/b/:c/d-*e/f", "/a/* b f"],
  ["/:a.*rest/b", "/* b"],
  ["/docs{/:page}", "/docs/?", "/docs"],
  ["/docs/{:page}", "/docs/?", "/docs"],
  ["/docs{s}/:x", "/docss/?", "/docs/?"],
  ["/a/b{/c{/:d}}", "/a/b/c/?", "/a/b/c", "/a/b"],
  ["{/:lang}/docs", "/?/docs", "/docs"],
  ["/{:lang}", "/?", ""],
  ["/caf\u00e9/:x", "/caf%C3%A9/?"],
] as const) {
  test(`compilePattern: the matches of ${key} look like ${shapes.join(" or ") || "nothing"}`, () => {
    const pattern = compile(key);
    assert.ok(pattern.match);
    const shown = pattern.shapes.map(({ segments, later }) => {
      const path = segments.map((segment) => `/${segment ?? "?"}`).join("");
      return later === undefined ? path : [`${path}/*`, ...later].join(" ");
    });
    assert.deepEqual(shown, shapes);
  });
}

for (const [key, path, length, params] of [
  ["/:a", "/x/y", 2, { a: "x" }],
  ["/:a", "/x", 2, { a: "x" }],
  ["/:a", "/", undefined],
  ["/:a", "", undefined],
  ["/:a/", "/x/y", 2, { a: "x" }],
  ["/:a//", "/x/", 2, { a: "x" }],
  ["/v:n/x", "/v12/x/y", 6, { n: "12" }],
  ["/v:n/x", "/v12/xy", undefined],
  ["/:a.:b", "/x.y/z", 4, { a: "x", b: "y" }],
  ["/*all", "/x/y/", 4, { all: ["x", "y"] }],
  ["/*all/edit", "/x/y/edit/z/", 9, { all: ["x", "y"] }],
  ["/*all", "/", undefined],
  ["{/:lang}/docs", "/de/docs/x", 8, { lang: "de" }],
  ["{/:lang}/docs", "/docs/x", 5, {}],
  ["/{:lang}", "/de/x", 3, { lang: "de" }],
  ["/{:lang}", "/", 0, {}],
  ["/a/{:b}", "/a/", 2, {}],
  ["/a/{:b}", "/ab", undefined],
  ["/:a", "/x%2Fy%20%C3%A9", 15, { a: "x/y \u00e9" }],
  ["/*all", "/x%2Fy/z", 8, { all: ["x/y", "z"] }],
  ["/:a", "/%FF", 4, undefined],
  ["/*all", "/x/%FF", 6, undefined],
  ["/:caf\u00e9", "/x", 2, { caf\u00e9: "x" }],
] as [string, string, number?, object?][]) {
  test(`compilePattern: the prefix ${key} takes ${length ?? "nothing"} of ${path || "the empty path"}`, () => {
    assert.deepEqual(matched(compile(key), path), length === undefined ? undefined : { length, params });
  });
}

for (const [key, path, params] of [
  ["/:a", "/x", { a: "x" }],
  ["/:a", "/x/", { a: "x" }],
  ["/:a/", "/x", { a: "x" }],
  ["/:a", "/x/y"],
  ["/:a", "/x//"],
  ["/*all", "/x/y/", { all: ["x", "y"] }],
  ["{/:a}", "/", {}],
  ["{/:a}", "", {}],
  ["/a{/:b}", "/a/", {}],
  ["/a{/:b}", "/a", {}],
  ["/:a/Edit", "/x/edit"],
] as [string, string, object?][]) {
  test(`compilePattern: the whole ${key} ${params ? "is" : "is not"} ${path || "the empty path"}`, () => {
    const found = compile(key, "whole").match?.(path);
    assert.deepEqual(found?.params, params);
  });
}

for (const key of [
  "",
  "a",
  "a/:b",
  "*a",
  ":a",
  "{a}/b",
  "?",
  "/a?b",
  "/a#b",
  "/:a#b",
  "/:a?",
  "/%zz",
  "/%",
  "/%00",
  "/:a/%zz",
  "/:a/%00",
  "/\ud800",
  "/:a/\ud800",
  "/:",
  "/*",
  "/:a:b",
  "/{a",
  "/:a}",
  "/:a(x)",
  "/:a/../b",
  "/:a/./b",
  "/:a//b",
  "/a/{:b}/c",
  "{/:a}b",
  `/${"{a}".repeat(40)}:b`,
]) {
  test(`compilePattern: ${JSON.stringify(key.slice(0, 20))} throws`, () => {
    for (const extent of ["prefix", "whole"] as const) {
      assert.throws(() => compile(key, extent), { name: "TsgiError", code: "TSGI_BAD_MOUNT" });
    }
  });
}

test("compilePattern: what is not a string throws", () => {
  assert.throws(() => compile(undefined as unknown as string), { code: "TSGI_BAD_MOUNT" });
});

test("compilePattern: keys that match the same under the same names are identical, others are not", () => {
  const same = (one: string, other: string) => compile(one).identity === compile(other).identity;
  assert.ok(same("/:a/x", "/:a/%78/"));
  assert.ok(same("/at\\:x", "/at%3Ax"));
  assert.ok(!same("/:a/x", "/:b/x"));
  assert.ok(!same("/:a", "/*a"));
});

test("compilePattern: no pattern makes a hostile path cost more than its length", () => {
  const length = 128 * 1024;
  const units = ["/", "a", "-", "/a", "a/", "-a", "/-", "a-/", "/a/a", "/x/", "/x/a", ".", "a.-", "%41", "%FF"];
  for (const key of [
    "/:a",
    "/*a",
    "/:a-:b-:c-:d",
    "/:a/:b/:c/:d/x",
    "/*a/x/*b",
    "/*a/x/*b/y",
    "/*a/*b/*c/*d/x",
    "/*a-*b-*c",
    "/*a-:b-:c.:d",
    "/*a/:b-:c/x/*d-:e",
    "/:a-*b-:c/a",
    "{/:a}{/:b}{/:c}{/:d}{/*e}/x",
    "/a{a}{a}{a}{a}:b-{a}{a}x",
  ]) {
    for (const extent of ["prefix", "whole"] as const) {
      const { match } = compile(key, extent);
      // A pattern of quadratic cost would take minutes, and never reach the next line.
      for (const unit of units)
        for (const end of ["", "!", "/!"]) match?.(`/${unit.repeat(length / unit.length)}${end}`);
    }
  }
});

for (const [key, path, length, params] of [
  ["/Users/:id", "/uSERS/AbC/x", 10, { id: "AbC" }],
  ["/caf\u00e9/:id", "/CAF%C3%89/%C3%84b/x", 18, { id: "\u00c4b" }],
  ["/caf\u00e9/:id", "/caf%C3%A9/%C3%84b/x", 18, { id: "\u00c4b" }],
  ["/:id/keys", "/A/%E2%84%AAeys/x", 15, { id: "A" }],
  ["/*path/keys", "/A/B%C3%84/%E2%84%AAeys/x", 23, { path: ["A", "B\u00c4"] }],
  ["/\u00c4-:id", "/%C3%84-Ab/x", 10, { id: "ab" }],
  ["/:id/stra\u00dfe", "/x/STRASSE/y", 10, { id: "x" }],
  ["/:id/keys", "/A/%FFkeys/x", undefined, undefined],
] as const) {
  test(`compilePattern: without regard to case ${key} takes ${length ?? "nothing"} of ${path}`, () => {
    assert.deepEqual(
      matched(compile(key, "prefix", false), path),
      length === undefined ? undefined : { length, params },
    );
  });
}

test("compilePattern: without regard to case, keys of different case are identical", () => {
  for (const [one, other] of [
    ["/A", "/a"],
    ["/:a/X", "/:a/x"],
    ["/\u00c9", "/\u00e9"],
  ] as const) {
    assert.equal(compile(one, "prefix", false).identity, compile(other, "prefix", false).identity);
  }
});
