import assert from "node:assert/strict";
import { test } from "node:test";
import { environBuilder, plainAddress } from "../../src/exchange/environ.ts";
import { environBuilders } from "../../src/exchange/environ-builders.ts";
import { HeaderShapes } from "../../src/exchange/environ-shapes.ts";
import type { Environ, Exchange } from "../../src/gateway.ts";

const errors = { write(): void {} };
const exchange: Exchange = {};
const peer = { address: "192.0.2.1", port: "5000" };
const newBuilder = () => environBuilder({ name: "here", port: "8000", scheme: "http", errors });

function environOf(lines: readonly string[], target = "/", build = newBuilder()): Environ | undefined {
  return build("GET", target, "HTTP/1.1", lines, peer, exchange);
}

test("environBuilder: an environ has every key of the contract, however often its header names were seen", () => {
  const build = newBuilder();
  const lines = ["Host", "a", "Accept", "*/*", "X-Odd_Name", "x", "Content-Type", "text/plain"];
  for (let time = 0; time < 3; time++) {
    const environ = environOf(lines, "/%61?b", build);
    assert.deepEqual(environ, {
      REQUEST_METHOD: "GET",
      SCRIPT_NAME: "",
      PATH_INFO: "/a",
      QUERY_STRING: "b",
      REQUEST_URI: "/%61?b",
      SERVER_NAME: "here",
      SERVER_PORT: "8000",
      SERVER_PROTOCOL: "HTTP/1.1",
      REMOTE_ADDR: "192.0.2.1",
      REMOTE_PORT: "5000",
      HTTP_HOST: "a",
      HTTP_ACCEPT: "*/*",
      CONTENT_TYPE: "text/plain",
      "tsgi.version": [1, 0],
      "tsgi.url_scheme": "http",
      "tsgi.input": environ?.["tsgi.input"],
      "tsgi.errors": errors,
      "tsgi.multithread": false,
      "tsgi.multiprocess": false,
      "tsgi.run_once": false,
      "tsgi.exchange": exchange,
      "tsgi.params": {},
      "tsgi.state": {},
    });
    assert.equal(Object.getPrototypeOf(environ), Object.prototype);
  }
});

test("environBuilder: no request finds anything of another one", () => {
  const build = newBuilder();
  const environs = ["a", "b", "c", "d"].map((value) => environOf(["Host", value, "X-Value", value], "/", build));
  assert.deepEqual(
    environs.map((environ) => [environ?.HTTP_HOST, environ?.HTTP_X_VALUE]),
    ["a", "b", "c", "d"].map((value) => [value, value]),
  );
  assert.equal(new Set(environs.map((environ) => environ?.["tsgi.state"])).size, 4);
});

for (const [what, lines, key, value] of [
  ["list fields are joined with a comma", ["Accept", "a", "accept", "b", "ACCEPT", "c"], "HTTP_ACCEPT", "a, b, c"],
  ["Cookie is joined with a semicolon", ["Cookie", "a=1", "cookie", "b=2"], "HTTP_COOKIE", "a=1; b=2"],
  ["of User-Agent the first counts", ["User-Agent", "a", "user-agent", "b"], "HTTP_USER_AGENT", "a"],
  ["of Range the first counts", ["Range", "bytes=0-1", "Range", "bytes=5-"], "HTTP_RANGE", "bytes=0-1"],
  ["of If-Range the first counts", ["If-Range", '"a"', "if-range", '"b"'], "HTTP_IF_RANGE", '"a"'],
  ["of Referer the first counts", ["Referer", "/a", "Referer", "/b"], "HTTP_REFERER", "/a"],
  ["a name with an underscore is dropped", ["X_A", "a", "X-A", "b"], "HTTP_X_A", "b"],
] as const) {
  test(`environBuilder: ${what}`, () => {
    const build = newBuilder();
    for (let time = 0; time < 3; time++) assert.equal(environOf(["Host", "h", ...lines], "/", build)?.[key], value);
  });
}

for (const name of ["Authorization", "Proxy-Authorization", "Content-Type", "Content-Length", "Origin", "Host"]) {
  test(`environBuilder: two ${name} are a 400, the same value twice too`, () => {
    const build = newBuilder();
    for (const second of ["1", "2", "1"]) {
      assert.equal(environOf(["Host", "1", name, "1", name.toLowerCase(), second], "/", build), undefined);
    }
  });
}

test("environBuilder: more header lines than any shape has are taken all the same", () => {
  const build = newBuilder();
  const lines = Array.from({ length: 200 }, (_, index) => [`X-${index}`, String(index)]).flat();
  for (let time = 0; time < 3; time++) assert.equal(environOf(lines, "/", build)?.HTTP_X_199, "199");
});

test("environBuilder: a malformed Host is a 400, one of an absolute-form target too", () => {
  assert.equal(environOf(["Host", "a b"]), undefined);
  assert.equal(environOf(["Host", "a"], 'http://a"b/'), undefined);
  assert.equal(environOf(["Host", "a"], "http://b:1/")?.HTTP_HOST, "b:1");
});

test("environBuilders: each origin has its own name, port and scheme", () => {
  const builderOf = environBuilders(errors);
  const origins = [
    builderOf("http", "a", undefined),
    builderOf("https", "[::1]", ""),
    builderOf("http", "a", "8080"),
  ].map((build) => environOf([], "/", build));
  assert.deepEqual(
    origins.map((environ) => [environ?.["tsgi.url_scheme"], environ?.SERVER_NAME, environ?.SERVER_PORT]),
    [
      ["http", "a", "80"],
      ["https", "::1", "443"],
      ["http", "a", "8080"],
    ],
  );
});

test("HeaderShapes: a shape is learned when it is seen for the second time", () => {
  const shapes = new HeaderShapes({ A: 1 });
  const lines = ["Host", "a", "Accept", "b"];
  assert.equal(shapes.find(lines), undefined);
  assert.deepEqual(shapes.find(lines)?.template, { A: 1, HTTP_HOST: null, HTTP_ACCEPT: null });
  assert.equal(shapes.find(["Host", "other", "Accept", "values"]), shapes.find(lines));
  assert.equal(shapes.size, 1);
});

test("HeaderShapes: shapes that differ in a letter are learned side by side", () => {
  const shapes = new HeaderShapes({});
  for (let time = 0; time < 2; time++)
    for (let index = 0; index < 10; index++) shapes.find(["Host", "", `X-${index}`, ""]);
  assert.equal(shapes.size, 10);
});

test("HeaderShapes: sets of names that come once are not kept, and of those that come twice a bounded number", () => {
  const once = new HeaderShapes({});
  for (let index = 0; index < 5000; index++) once.find([`X-${index}`, "a"]);
  assert.ok(once.size <= 5, `${once.size} shapes`);
  const twice = new HeaderShapes({});
  for (let index = 0; index < 5000; index++) {
    const lines = Array.from({ length: 1 + (index % 120) }, (_, line) => [`X-${index}-${line}`, "a"]).flat();
    twice.find(lines);
    twice.find(lines);
  }
  assert.ok(twice.size <= 800 && twice.size > 700, `${twice.size} shapes`);
});

test("HeaderShapes: a shape in use is not driven out by those that come and go", () => {
  const shapes = new HeaderShapes({});
  const lines = ["Host", "a", "Accept", "b"];
  shapes.find(lines);
  const shape = shapes.find(lines);
  for (let index = 0; index < 5000; index++) {
    for (let time = 0; time < 2; time++) shapes.find(["Host", "a", `X-${index}`, "b"]);
    assert.equal(shapes.find(lines), shape);
  }
});

test("HeaderShapes: a shape that is not in use any more is replaced", () => {
  const shapes = new HeaderShapes({});
  const lines = ["Host", "a", "Accept", "b"];
  for (let time = 0; time < 5000; time++) shapes.find(lines);
  const shape = shapes.find(lines);
  for (let index = 0; index < 2000; index++)
    for (let time = 0; time < 2; time++) shapes.find(["Host", "", `X-${index}`, ""]);
  assert.notEqual(shapes.find(lines), shape);
});

test("plainAddress: an IPv4 address in an IPv6 one is itself", () => {
  assert.equal(plainAddress("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(plainAddress("::ffff:1"), "::ffff:1");
  assert.equal(plainAddress(undefined), "");
});
