import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeControls, escapeHtml } from "../src/escape.ts";

test("escapeHtml: what means something in HTML is an entity, all else stays", () => {
  assert.equal(
    escapeHtml(`<a href="x" title='y'>&amp;é日\n</a>`),
    "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;é日\n&lt;/a&gt;",
  );
});

test("escapeHtml: neither a quoted attribute nor an element can be left", () => {
  assert.doesNotMatch(escapeHtml(`"'><script>alert(1)</script><!--`), /[<>"']/);
});

test("escapeControls: each control character is shown, and nothing else", () => {
  for (let code = 0; code < 0x180; code++) {
    const char = String.fromCharCode(code);
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    assert.equal(escapeControls(char), isControl ? `\\x${code.toString(16).padStart(2, "0")}` : char);
  }
});

test("escapeControls: a terminal gets no sequence, a log no second line", () => {
  assert.equal(escapeControls("a\x1b[31mb\r\nc"), "a\\x1b[31mb\\x0d\\x0ac");
});
