import assert from "node:assert/strict";
import { test } from "node:test";
import { contentLength } from "../../middleware/content-length.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App, HeaderList, StatusLine } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { bodyOf, transcript } from "../support/transcript.ts";

const streaming = (chunks: readonly string[], headers: HeaderList = [], status: StatusLine = "200 OK"): App =>
  async function* (_environ, startResponse) {
    startResponse(status, headers);
    yield* chunks;
  };

test("contentLength: a stream within the limit gets its length, and keeps its tag", async () => {
  const app = contentLength(streaming(["a", "é"], [["ETag", '"x"']]), { limit: 3 });
  assert.equal(await transcript(app, "/"), '200 OK\ncontent-length: 3\netag: "x"\n\naé');
  assert.equal(await transcript(contentLength(streaming([])), "/"), "200 OK\ncontent-length: 0\n\n");
});

for (const [what, app] of [
  ["a longer one", streaming(["ab", "cd", "e"])],
  ["one that asks to be passed on", streaming(["a", "", "b"])],
  ["an event stream", streaming(["data: a\n\n"], [["Content-Type", "text/event-stream"]])],
  ["one that says its length", streaming(["abc"], [["Content-Length", "3"]])],
  ["what is no stream", text("abcdef")],
  ["a 204", streaming([], [], "204 No Content")],
] as const) {
  test(`contentLength: ${what} is passed on as it is`, async () => {
    assert.equal(await transcript(contentLength(app, { limit: 3 }), "/"), await transcript(app, "/"));
  });
}

test("contentLength: HEAD is not read", async () => {
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "";
    assert.fail("read");
  };
  assert.equal(await transcript(contentLength(app), "/", { method: "HEAD" }), "200 OK\n\n");
});

test("contentLength: a stream that fails within the limit is an error of the app, and is closed", async () => {
  let closed = 0;
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    try {
      yield "a";
      throw new Error("boom");
    } finally {
      closed++;
    }
  };
  await assert.rejects(request(contentLength(app), "/"), /boom/);
  assert.equal(closed, 1);
});

test("contentLength: a body is closed once when its client leaves", async () => {
  const gone = new AbortController();
  let closed = 0;
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    try {
      for (;;) {
        gone.abort();
        await new Promise(setImmediate);
        yield "a";
      }
    } finally {
      closed++;
    }
  };
  await assert.rejects(bodyOf(contentLength(app), "/", { signal: gone.signal }), { name: "AbortError" });
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  assert.equal(closed, 1);
});

test("contentLength: options are checked", () => {
  assert.throws(() => contentLength(notFound, { limit: -1 }), { code: "TSGI_BAD_OPTION" });
});
