import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { NO_INPUT } from "../../src/body/input.ts";
import { type BuildEnviron, environBuilder, plainAddress, type ServerInfo } from "../../src/exchange/environ.ts";
import type { Environ } from "../../src/gateway.ts";

const errors = { write() {} };
const info: ServerInfo = { name: "a.test", port: "8000", scheme: "http", errors };
const peer = { address: "192.0.2.1", port: "50000" };

/** The environ of a GET with these header lines. */
const build = (lines: string[], target = "/", changes: Partial<ServerInfo> = {}) =>
  environBuilder({ ...info, ...changes })("GET", target, "HTTP/1.1", lines, peer, {});

test("environBuilder: the whole environ", () => {
  const exchange = {};
  const environ = environBuilder(info)(
    "POST",
    "/a/../%62?c=%64",
    "HTTP/1.1",
    ["Host", "b.test", "content-type", "text/x", "Content-Length", "3", "X-Two-Words", "1"],
    peer,
    exchange,
  );
  assert.deepEqual(environ, {
    REQUEST_METHOD: "POST",
    SCRIPT_NAME: "",
    PATH_INFO: "/b",
    QUERY_STRING: "c=%64",
    REQUEST_URI: "/a/../%62?c=%64",
    SERVER_NAME: "a.test",
    SERVER_PORT: "8000",
    SERVER_PROTOCOL: "HTTP/1.1",
    REMOTE_ADDR: "192.0.2.1",
    REMOTE_PORT: "50000",
    CONTENT_TYPE: "text/x",
    CONTENT_LENGTH: "3",
    HTTP_HOST: "b.test",
    HTTP_X_TWO_WORDS: "1",
    "tsgi.version": [1, 0],
    "tsgi.url_scheme": "http",
    "tsgi.input": NO_INPUT,
    "tsgi.errors": errors,
    "tsgi.multithread": false,
    "tsgi.multiprocess": false,
    "tsgi.run_once": false,
    "tsgi.exchange": exchange,
    "tsgi.params": {},
    "tsgi.route": "",
    "tsgi.state": {},
  });
});

test("environBuilder: requests share neither values nor state", () => {
  const builder = environBuilder(info);
  const one = builder("GET", "/", "HTTP/1.1", ["Host", "a", "X", "1"], peer, {});
  const other = builder("GET", "/", "HTTP/1.1", ["Host", "b", "X", "2"], peer, {});
  assert.deepEqual([one?.HTTP_HOST, one?.HTTP_X, other?.HTTP_HOST, other?.HTTP_X], ["a", "1", "b", "2"]);
  assert.notEqual(one?.["tsgi.state"], other?.["tsgi.state"]);
});

for (const [what, lines, expected] of [
  ["repeats are joined with a comma", ["X-A", "1", "x-a", "2", "X-A", ""], { HTTP_X_A: "1, 2, " }],
  ["repeats of Cookie are joined with a semicolon", ["Cookie", "a=1", "Cookie", "b=2"], { HTTP_COOKIE: "a=1; b=2" }],
  ["a name with an underscore is dropped", ["X_A", "1", "X-A", "2"], { HTTP_X_A: "2" }],
  ["an underscore makes no CONTENT_LENGTH", ["Content_Length", "1"], {}],
  ["an underscore makes no Host", ["HTTP_Host", "evil"], {}],
] as const) {
  test(`environBuilder: ${what}`, () => {
    const environ = build([...lines]) ?? {};
    const headers = Object.entries(environ).filter(([key]) => /^(?:HTTP|CONTENT)_/.test(key));
    assert.deepEqual(Object.fromEntries(headers), expected);
  });
}

for (const [what, lines, target] of [
  ["two Hosts", ["Host", "a", "host", "a"], "/"],
  ["a Host that is not one", ["Host", "a/b"], "/"],
  ["a Host with a space", ["Host", "a b"], "/"],
  ["a target that is not a path", [], "a"],
  ["a malformed escape", [], "/%"],
  ["an authority that is not a host", [], "http://a b/"],
] as const) {
  test(`environBuilder: ${what} is a 400`, () => assert.equal(build([...lines], target), undefined));
}

test("environBuilder: the authority of the target is the host", () => {
  assert.equal(build(["Host", "a"], "http://b:1/c")?.HTTP_HOST, "b:1");
});

test("environBuilder: what the server says of itself", () => {
  const environ = build([], "/a//b", { scheme: "https", multiprocess: true, mergeSlashes: false });
  assert.deepEqual(
    [environ?.["tsgi.url_scheme"], environ?.["tsgi.multiprocess"], environ?.PATH_INFO],
    ["https", true, "/a//b"],
  );
});

test("environBuilder: clients that send ever other names fill no memory", () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const builder = environBuilder(info);
  const ask = (from: number, to: number): number => {
    for (let index = from; index < to; index++) builder("GET", "/", "HTTP/1.1", [`X-${index}`, "1"], peer, {});
    gc();
    return process.memoryUsage().heapUsed;
  };
  const before = ask(0, 1_000);
  // Each set of names that is kept costs more than 2 KB.
  assert.ok(ask(1_000, 6_000) - before < 4_000_000);
});

test("plainAddress: an IPv4 peer of a socket for both shows as itself", () => {
  assert.deepEqual(["::ffff:127.0.0.1", "127.0.0.1", "::1", "::ffff:0:1", undefined].map(plainAddress), [
    "127.0.0.1",
    "127.0.0.1",
    "::1",
    "::ffff:0:1",
    "",
  ]);
});

/** The environ that a builder makes of header lines. */
function environOf(lines: readonly string[], builder: BuildEnviron): Environ | undefined {
  return builder("GET", "/", "HTTP/1.1", lines, peer, {});
}

test("environBuilder: an environ is the same, however often its header names were seen", () => {
  const builder = environBuilder(info);
  const [first, ...others] = Array.from({ length: 4 }, () =>
    environOf(["Host", "a", "X_Y", "b", "Accept", "c"], builder),
  );
  for (const environ of others) assert.deepEqual(environ, first);
  assert.equal(Object.getPrototypeOf(first), Object.prototype);
});

for (const [what, lines, key, value] of [
  ["list fields are joined with a comma", ["Accept", "a", "accept", "b", "ACCEPT", "c"], "HTTP_ACCEPT", "a, b, c"],
  ["Cookie is joined with a semicolon", ["Cookie", "a=1", "cookie", "b=2"], "HTTP_COOKIE", "a=1; b=2"],
  ["of User-Agent the first counts", ["User-Agent", "a", "user-agent", "b"], "HTTP_USER_AGENT", "a"],
  [
    "two of Range make none that is well-formed",
    ["Range", "bytes=0-1", "Range", "bytes=5-"],
    "HTTP_RANGE",
    "bytes=0-1, bytes=5-",
  ],
  ["of Referer the first counts", ["Referer", "/a", "Referer", "/b"], "HTTP_REFERER", "/a"],
  ["a name with an underscore is dropped", ["X_A", "a", "X-A", "b"], "HTTP_X_A", "b"],
] as const) {
  test(`environBuilder: ${what}`, () => {
    const build = environBuilder(info);
    for (let time = 0; time < 3; time++) assert.equal(environOf(["Host", "h", ...lines], build)?.[key], value);
  });
}

for (const name of ["Authorization", "Proxy-Authorization", "Content-Type", "Content-Length", "Origin", "Host"]) {
  test(`environBuilder: two ${name} are a 400, the same value twice too`, () => {
    const build = environBuilder(info);
    for (const second of ["1", "2", "1"]) {
      assert.equal(environOf(["Host", "1", name, "1", name.toLowerCase(), second], build), undefined);
    }
  });
}

test("environBuilder: more header lines than any shape has are taken all the same", () => {
  const build = environBuilder(info);
  const lines = Array.from({ length: 200 }, (_, index) => [`X-${index}`, String(index)]).flat();
  for (let time = 0; time < 3; time++) assert.equal(environOf(lines, build)?.HTTP_X_199, "199");
});
