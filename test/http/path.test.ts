import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalPath, canonicalPrefix, isCanonicalTarget, parseTarget } from "../../src/http/path.ts";

for (const [path, canonical] of [
  ["/", "/"],
  ["/a/b", "/a/b"],
  ["/a/", "/a/"],
  ["/%61dmin", "/admin"],
  ["/%41", "/A"],
  ["/%40dmin", "/@dmin"],
  ["/a%20b", "/a%20b"],
  ["/a b", "/a%20b"],
  ["/%7e%2d%5f", "/~-_"],
  ["/%e9", "/%E9"],
  ["/\xe9", "/%E9"],
  ["/a%2fb", "/a%2Fb"],
  ["/a\\b", "/a%5Cb"],
  ["/%5c", "/%5C"],
  ["/%252e%252e/x", "/%252e%252e/x"],
  ["/%2e%2e/x", "/x"],
  ["/a/../b", "/b"],
  ["/a/./b", "/a/b"],
  ["/a/..", "/"],
  ["/a/.", "/a/"],
  ["/../../a", "/a"],
  ["/a/b/..", "/a/"],
  ["/...", "/..."],
  ["/.a/..b", "/.a/..b"],
  ["//a", "/a"],
  ["/a//b", "/a/b"],
  ["/a//../b", "/a/b"],
  ["/..//a", "/a"],
  ["/a;x=1,2", "/a;x=1,2"],
  ['/"<>^{|}`[]', "/%22%3C%3E%5E%7B%7C%7D%60%5B%5D"],
] as const) {
  test(`canonicalPath: ${path} is ${canonical}`, () => assert.equal(canonicalPath(path), canonical));
}

for (const path of ["", "a", "/%", "/%2", "/%zz", "/%00", "/\0", "/a#b"]) {
  test(`canonicalPath: ${JSON.stringify(path)} is malformed`, () => assert.equal(canonicalPath(path), undefined));
}

test("canonicalPath: inner runs of slashes can be kept, a leading one never", () => {
  assert.equal(canonicalPath("//a//b//", false), "/a//b//");
  assert.equal(canonicalPath("/x/..//a", false), "/a");
});

/** Paths made of what matters: separators, dots, escapes of all kinds, bytes. */
const hostilePath = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "/",
        "//",
        ".",
        "..",
        "/./",
        "/../",
        "%2e",
        "%2E%2e",
        "%2f",
        "%2F",
        "%5c",
        "\\",
        "%25",
        "%",
        "%00",
        "?",
        "@",
        "%40",
        "a",
        "%61",
        "~",
      ),
      fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
      fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, "0")}`),
    ),
    { maxLength: 30 },
  )
  .map((parts) => `/${parts.join("")}`);

test("canonicalPath: a second time changes nothing", () => {
  fc.assert(
    fc.property(hostilePath, fc.boolean(), (path, merge) => {
      const once = canonicalPath(path, merge);
      if (once !== undefined) assert.equal(canonicalPath(once, merge), once);
    }),
    { numRuns: 3000 },
  );
});

test("canonicalPath: what comes out has no dot segment, no empty segment, no small or needless escape", () => {
  fc.assert(
    fc.property(hostilePath, (path) => {
      const canonical = canonicalPath(path);
      if (canonical === undefined) return;
      assert.match(canonical, /^(?:\/(?:[\w\-.~!$&'()*+,;=:@]|%[\dA-F]{2})+)*\/?$/);
      assert.doesNotMatch(canonical, /\/\.{1,2}(?:\/|$)/);
      assert.doesNotMatch(canonical, /%(?:4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9AE]|3[0-9]|2[146-9A-E]|3[ABD]|40|5F|00)/);
    }),
    { numRuns: 3000 },
  );
});

test("canonicalPath: paths whose segments decode to the same are the same", () => {
  const segment = fc
    .string({ minLength: 1, maxLength: 8 })
    .filter((text) => !/^\.{1,2}$|\0/.test(text) && isWellFormed(text));
  const spelled = (text: string, escapeAll: boolean) =>
    escapeAll
      ? [...new TextEncoder().encode(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")
      : encodeURIComponent(text);
  fc.assert(
    fc.property(fc.array(fc.tuple(segment, fc.boolean(), fc.boolean()), { maxLength: 6 }), (segments) => {
      const one = `/${segments.map(([text, first]) => spelled(text, first)).join("/")}`;
      const other = `/${segments.map(([text, , second]) => spelled(text, second)).join("//./")}`;
      assert.equal(canonicalPath(one), canonicalPath(other));
    }),
  );
});

function isWellFormed(text: string): boolean {
  try {
    encodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** The bytes of each segment, dot segments and runs of slashes taken out, the naive way: what a path names. */
function segmentsOf(path: string): string {
  const kept: string[] = [];
  const segments = path.slice(1).split("/");
  const decoded = segments.map((segment) =>
    segment.replace(/%(..)/g, (_match, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
  for (const segment of decoded) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  const isFolder = ["", ".", ".."].includes(decoded.at(-1) as string);
  return JSON.stringify([kept.filter((segment) => segment !== ""), isFolder]);
}

test("canonicalPath: two paths are the same exactly where they name the same segments", () => {
  const part = fc.constantFrom("/", "//", "/.", "/..", ".", "%2e", "%2E", "a", "%61", "b", "%2f", "%2F", "\\", "%5c");
  const path = fc.array(part, { maxLength: 6 }).map((parts) => `/${parts.join("")}`);
  fc.assert(
    fc.property(path, path, (one, other) => {
      assert.equal(canonicalPath(one) === canonicalPath(other), segmentsOf(one) === segmentsOf(other), one + other);
    }),
    { numRuns: 20_000 },
  );
  fc.assert(
    fc.property(hostilePath, (path) => {
      const canonical = canonicalPath(path);
      if (canonical !== undefined) assert.equal(segmentsOf(canonical), segmentsOf(path));
    }),
    { numRuns: 3000 },
  );
});

test("canonicalPath: kept runs of slashes do not change what else a path becomes", () => {
  fc.assert(
    fc.property(hostilePath, (path) => {
      const kept = canonicalPath(path, false);
      assert.equal(kept?.replace(/\/+/g, "/"), canonicalPath(path));
      if (kept !== undefined) assert.doesNotMatch(kept, /^\/\//);
    }),
    { numRuns: 3000 },
  );
});

test("canonicalPath: 200 KB of anything hostile costs no more than its length", () => {
  for (const unit of [
    "/",
    "/a",
    "a",
    "/.",
    "/..",
    "/a/..",
    "//..",
    "/./",
    "%61",
    "%2e",
    "/%2e%2e",
    "%2f",
    "\\",
    "/..a",
  ]) {
    for (const end of ["", "/", "%2f", "!", "/..", " ", "%", "#"]) {
      // At a quadratic cost this would take minutes, and never reach the next line.
      canonicalPath(`/${unit.repeat(200_000 / unit.length)}${end}`);
      canonicalPath(`/${unit.repeat(200_000 / unit.length)}${end}`, false);
    }
  }
});

test("canonicalPrefix: characters beyond ASCII are their UTF-8 bytes, the root is empty", () => {
  assert.equal(canonicalPrefix("/café"), "/caf%C3%A9");
  assert.equal(canonicalPrefix("/caf%c3%a9/"), "/caf%C3%A9");
  assert.equal(canonicalPrefix("/"), "");
  assert.equal(canonicalPrefix("//a/./b/..//"), "/a");
  assert.equal(canonicalPrefix("/a b\\%2f%3f"), "/a%20b%5C%2F%3F");
  for (const bad of ["", "a", "?", "/a?b", "/a?", "/a#b", "/%zz", "/%00", "/\ud800"])
    assert.equal(canonicalPrefix(bad), undefined);
});

test("parseTarget: takes every form apart", () => {
  assert.deepEqual(parseTarget("GET", "/a/../b?x=%zz?y"), { path: "/b", query: "x=%zz?y" });
  assert.deepEqual(parseTarget("GET", "http://h:1/%61?q"), { path: "/a", query: "q", host: "h:1" });
  assert.deepEqual(parseTarget("GET", "HTTPS://h"), { path: "/", query: "", host: "h" });
  assert.deepEqual(parseTarget("GET", "http://h?q"), { path: "/", query: "q", host: "h" });
  assert.deepEqual(parseTarget("OPTIONS", "*"), { path: "*", query: "" });
  for (const bad of ["*", "a", "http://", "http:///x", "http://u@h/", "http://h\\x/", "ftp://h/", "/a?b#c", "/#"]) {
    assert.equal(parseTarget("GET", bad), undefined, bad);
  }
});

test("parseTarget: an absolute URL names the same path as the path alone", () => {
  fc.assert(
    fc.property(hostilePath, fc.boolean(), (path, merge) => {
      const origin = parseTarget("GET", path, merge);
      const absolute = parseTarget("GET", `http://h:1${path}`, merge);
      assert.deepEqual(absolute, origin && { ...origin, host: "h:1" });
    }),
    { numRuns: 1000 },
  );
});

test("parseTarget: 200 KB of anything hostile costs no more than its length", () => {
  for (const unit of ["http://", "h", ":", "@", "/", "?", "a?", "[", "%"]) {
    parseTarget("GET", `http://${unit.repeat(200_000 / unit.length)}#`);
    parseTarget("GET", `/?${unit.repeat(200_000 / unit.length)}#`);
  }
});

for (const target of ["/", "/admin", "/admin/?//x/../%61", "/a%2Fb", "/%252e", "/caf%C3%A9;x=1", "*"]) {
  test(`isCanonicalTarget: ${target} is canonical`, () => assert.equal(isCanonicalTarget(target), true));
}

for (const target of [
  ...[
    "",
    "admin",
    "?x",
    "/%61dmin",
    "//admin",
    "/admin//",
    "/x/../admin",
    "/./admin",
    "/%2e/admin",
    "/%40dmin",
    "/admin/..",
  ],
  ...[
    "/a%2fb",
    "/caf\xe9",
    "/a b",
    "/a\\b",
    "/a[b]",
    "/%",
    "/%00",
    "/#",
    "/a#b",
    "/a?b#c",
    "*?",
    "http://h/admin",
    "//h/admin",
  ],
]) {
  test(`isCanonicalTarget: ${JSON.stringify(target)} is not canonical`, () => {
    assert.equal(isCanonicalTarget(target), false);
  });
}

test("isCanonicalTarget: a target is canonical exactly where its path is what an app gets", () => {
  fc.assert(
    fc.property(hostilePath, (path) => {
      const [sent = ""] = path.split("?");
      assert.equal(isCanonicalTarget(path), parseTarget("GET", path)?.path === sent);
    }),
    { numRuns: 3000 },
  );
});
