import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fileNames } from "../../../middleware/static-files/file-name.ts";

const POSIX = { dotfiles: false, windows: false };
const WINDOWS = { dotfiles: false, windows: true };

const named: [path: string, names: string[]][] = [
  ["", []],
  ["/", []],
  ["/a.txt", ["a.txt"]],
  ["/a/b/c.txt", ["a", "b", "c.txt"]],
  ["/a/b/", ["a", "b"]],
  ["/caf%C3%A9%20cr%C3%A8me.txt", ["café crème.txt"]],
  ["/100%25.txt", ["100%.txt"]],
  // Decoded once only.
  ["/%252e%252e", ["%2e%2e"]],
  ["/%252Fetc", ["%2Fetc"]],
  ["/a..b", ["a..b"]],
  ["/__proto__/constructor", ["__proto__", "constructor"]],
  ["/.well-known/acme-challenge/x", [".well-known", "acme-challenge", "x"]],
];

for (const [path, names] of named) {
  test(`fileNames: ${JSON.stringify(path)} names ${JSON.stringify(names)}`, () => {
    assert.deepEqual(fileNames(path, POSIX), names);
  });
}

const unnamed: [what: string, path: string][] = [
  ["an empty segment", "/a//b"],
  ["a leading empty segment", "//a"],
  ["a trailing empty segment", "/a//"],
  ["a relative path", "a"],
  ["a dot segment", "/."],
  ["a double dot segment", "/a/.."],
  ["an encoded dot segment", "/%2e"],
  ["an encoded double dot segment", "/%2E%2e/etc/passwd"],
  ["an encoded slash", "/a%2Fb"],
  ["an encoded traversal", "/..%2F..%2Fetc%2Fpasswd"],
  ["an encoded backslash", "/a%5Cb"],
  ["a raw backslash", "/..\\..\\etc"],
  ["NUL", "/a%00.txt"],
  ["a malformed escape", "/a%zz"],
  ["an overlong encoding of a slash", "/..%C0%AF..%C0%AFetc"],
  ["bytes that are no UTF-8", "/%FF"],
  ["half a surrogate pair", "/%ED%A0%80"],
  ["a dotfile", "/.env"],
  ["a dotfile by an escape", "/%2Eenv"],
  ["a folder of dotfiles", "/.git/config"],
  ["a name of three dots", "/..."],
  ["a dotfile further down", "/a/b/.htpasswd"],
  ["a dotfile in .well-known", "/.well-known/.secret"],
  [".well-known further down", "/a/.well-known/x"],
];

for (const [what, path] of unnamed) {
  test(`fileNames: ${what} names no file`, () => {
    assert.equal(fileNames(path, POSIX), undefined);
  });
}

test("fileNames: dotfiles where they are allowed, dot segments never", () => {
  assert.deepEqual(fileNames("/.git/config", { ...POSIX, dotfiles: true }), [".git", "config"]);
  assert.equal(fileNames("/a/..", { ...POSIX, dotfiles: true }), undefined);
  assert.equal(fileNames("/%2E%2E/a", { ...POSIX, dotfiles: true }), undefined);
});

// werkzeug CVE-2019-14322, CVE-2025-66221, CVE-2026-21860 and CVE-2026-27199, vite CVE-2026-53571.
for (const path of [
  "/C:/Windows/win.ini",
  "/C:",
  "/a.txt::$DATA",
  "/a.txt:stream",
  "/ENV~1",
  "/TLS~1.PEM",
  "/NUL",
  "/nul",
  "/a/CON/b",
  "/con.txt",
  "/aux%20",
  "/COM1",
  "/lpt9.log",
  "/COM%C2%B9",
  "/nul%20.txt",
  "/CONIN$",
  "/a.txt.",
  "/a.txt%20",
  "/a%22b",
  "/a%3Cb",
  "/a%3Fb",
  "/a%7Cb",
  "/a*b",
  "/a%1Fb",
  "/...%20/a",
]) {
  test(`fileNames: ${path} names no file on Windows`, () => {
    assert.equal(fileNames(path, WINDOWS), undefined);
  });
}

test("fileNames: what only looks like a device of Windows", () => {
  assert.deepEqual(fileNames("/console/auxiliary/com10/null.txt", WINDOWS), [
    "console",
    "auxiliary",
    "com10",
    "null.txt",
  ]);
  assert.deepEqual(fileNames("/nul/a:b", POSIX), ["nul", "a:b"]);
});

test("fileNames: no path names anything but entries of folders", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "/",
      ".",
      "..",
      "%2e",
      "%2E",
      "%2f",
      "%2F",
      "%5c",
      "\\",
      "%00",
      "%25",
      "%",
      "a",
      ".well-known",
      ":",
    ),
    fc.string({ unit: "binary", maxLength: 3 }),
  );
  const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);
  fc.assert(
    fc.property(path, fc.boolean(), fc.boolean(), (text, dotfiles, windows) => {
      for (const name of fileNames(text, { dotfiles, windows }) ?? []) {
        assert.ok(name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name), JSON.stringify(name));
        assert.ok(dotfiles || !name.startsWith(".") || name === ".well-known", JSON.stringify(name));
      }
    }),
    { numRuns: 2000 },
  );
});
