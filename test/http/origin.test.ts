import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOfOrigin, isSameHost, originOption } from "../../src/http/origin.ts";

test("origin: an option is taken in the form that browsers send", () => {
  assert.equal(originOption("it", "https://Example.com:443"), "https://example.com");
  assert.equal(originOption("it", "http://localhost:3000"), "http://localhost:3000");
  for (const wrong of ["https://example.com/", "example.com", "https://a@b", "file:///", "*", "https://*.a", ""]) {
    assert.throws(() => originOption("it", wrong), { code: "TSGI_BAD_OPTION" }, wrong);
  }
});

test("origin: the host of a header is its own, or none", () => {
  assert.equal(hostOfOrigin("https://A.example:8443"), "a.example:8443");
  for (const wrong of ["null", "", "https://a@b", "https://a/b", "https://", "ftp://a", "https://a b"]) {
    assert.equal(hostOfOrigin(wrong), undefined, wrong);
  }
});

test("origin: the usual port of the scheme does not count", () => {
  assert.ok(isSameHost("a:443", "A", "https"));
  assert.ok(!isSameHost("a:443", "a", "http"));
});
