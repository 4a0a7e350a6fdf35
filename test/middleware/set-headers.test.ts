import assert from "node:assert/strict";
import { test } from "node:test";
import { setHeaders } from "../../middleware/set-headers.ts";
import type { App, HeaderList } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { transcript } from "../support/transcript.ts";

const app: App = (environ, startResponse) => {
  const headers: HeaderList = [
    ["x-powered-by", "app"],
    ["X-Kept", "yes"],
    ["X-POWERED-BY", "again"],
  ];
  startResponse(environ.PATH_INFO === "/none" ? "404 Not Found" : "200 OK", Object.freeze(headers));
  return "body";
};

test("setHeaders: sets, replaces and removes, whatever the case", async () => {
  assert.equal(
    await transcript(setHeaders(app, { "X-Powered-By": "tsgi", "X-New": "1" }), "/none"),
    "404 Not Found\ncontent-length: 4\nx-kept: yes\nx-new: 1\nx-powered-by: tsgi\n\nbody",
  );
  assert.equal(
    await transcript(setHeaders(app, { "X-Powered-By": null }), "/"),
    "200 OK\ncontent-length: 4\nx-kept: yes\n\nbody",
  );
});

test("setHeaders: a function decides for each response", async () => {
  const made = setHeaders(app, {
    "X-Kept": (environ, status, headers) => `${environ.PATH_INFO} ${status} ${headers.length}`,
    "X-Powered-By": ({ PATH_INFO }) => (PATH_INFO === "/" ? null : undefined),
  });
  assert.equal(await transcript(made, "/"), "200 OK\ncontent-length: 4\nx-kept: / 200 OK 3\n\nbody");
  assert.match(await transcript(made, "/none"), /x-powered-by: app, again\n/);
});

test("setHeaders: a response that replaces another one has them too", async () => {
  const failing: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    startResponse("500 Internal Server Error", [], new Error("boom"));
    return "sorry";
  };
  assert.equal(
    await transcript(setHeaders(failing, { A: "1" }), "/"),
    "500 Internal Server Error\na: 1\ncontent-length: 5\n\nsorry",
  );
});

test("setHeaders: what a function throws, or gives that cannot be sent, is an error of the app", async () => {
  const value = (text: string) => request(setHeaders(app, { A: () => text }), "/", { lint: false });
  await assert.rejects(value("a\r\nB: c"), { code: "TSGI_BAD_HEADER" });
  const failing = setHeaders(app, {
    A: () => {
      throw new Error("boom");
    },
  });
  await assert.rejects(request(failing, "/"), /boom/);
});

for (const [settings, code] of [
  [{ "X Y": "1" }, "TSGI_BAD_HEADER"],
  [{ A: "b\nc" }, "TSGI_BAD_HEADER"],
  [{ "X Y": () => "1" }, "TSGI_BAD_HEADER"],
  [{ Connection: "close" }, "TSGI_HOP_BY_HOP"],
  [{ A: 5 }, "TSGI_BAD_OPTION"],
  [[["A", "b"]], "TSGI_BAD_OPTION"],
  [undefined, "TSGI_BAD_OPTION"],
] as const) {
  test(`setHeaders: refuses ${JSON.stringify(settings)}: ${code}`, () => {
    assert.throws(() => setHeaders(app, settings as never), { code });
  });
}
