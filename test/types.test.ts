/** What compiles and what does not: `npm run types` fails where a line marked as an error compiles. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type App,
  type Environ,
  fromNode,
  type HeaderList,
  type Middleware,
  type Next,
  type NodeHandler,
  stack,
  TsgiError,
  type TsgiErrorCode,
} from "../src/index.ts";
import { request } from "../src/testing.ts";

const P: HeaderList = [["Content-Type", "text/plain"]];

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_is: Same<A, B>): void => {};

test("types: the keys of an environ are known by name, as headers, or by a dot", async () => {
  const app: App = (environ, startResponse) => {
    same<typeof environ.PATH_INFO, string>(true);
    same<typeof environ.REMOTE_USER, string | undefined>(true);
    same<typeof environ.AUTH_TYPE, string | undefined>(true);
    same<typeof environ.REMOTE_IDENT, string | undefined>(true);
    same<typeof environ.HTTP_X_ANYTHING, string | undefined>(true);
    same<(typeof environ)["bearer.user"], unknown>(true);
    startResponse("200 OK", P);
    // @ts-expect-error: misspelt
    return String(environ.PATHINFO);
  };
  assert.equal(await (await request(app, "/")).text(), "undefined");
});

test("types: an environ is not changed, but copied with more keys", async () => {
  const show: App = (environ, startResponse) => {
    startResponse("200 OK", P);
    return `${environ.REMOTE_USER} ${environ["bearer.scope"]}`;
  };
  const app: App = (environ, startResponse) => {
    // @ts-expect-error: read-only
    const _change = () => (environ.PATH_INFO = "/");
    // @ts-expect-error: read-only
    const _changeOwn = () => (environ["bearer.user"] = "ada");
    // @ts-expect-error: without a dot
    const _own: Environ = { ...environ, OTHER: "1" };
    return show({ ...environ, REMOTE_USER: "ada", "bearer.scope": "all" }, startResponse);
  };
  assert.equal(await (await request(app, "/")).text(), "ada all");
});

test("types: status and headers of a response", async () => {
  const constant = [["Content-Type", "text/plain"]] as const;
  const app: App = (_environ, startResponse) => {
    // @ts-expect-error: no code
    assert.throws(() => startResponse("OK", P));
    // @ts-expect-error: a single line instead of a list
    assert.throws(() => startResponse("200 OK", ["Content-Type", "text/plain"]));
    // @ts-expect-error: a list is a value
    const _push = () => P.push(["X", "1"]);
    startResponse("200 OK", constant);
    return "hi";
  };
  assert.equal((await request(app, "/")).headers.get("content-type"), "text/plain");
});

test("types: what an app may return", () => {
  const apps: App[] = [
    () => "text",
    () => new Uint8Array(1),
    () => ["a", new Uint8Array(1)],
    () => {},
    async () => null,
    function* () {
      yield "a";
    },
    async function* () {
      yield "a";
    },
    () => new ReadableStream<Uint8Array>() as AsyncIterable<Uint8Array>,
  ];
  for (const app of apps) assert.equal(typeof app, "function");
  // @ts-expect-error: a number is not a chunk
  const _number: App = () => [1];
  // @ts-expect-error: an object is not a body
  const _object: App = () => ({ ok: true });
});

test("types: a middleware's options are those that `use` takes", () => {
  const none: Middleware = (app) => app;
  const required: Middleware<[{ name: string }]> = (app, { name }) => (name === "" ? none(app) : app);
  const optional: Middleware<[options?: { name?: string }]> = (app) => app;
  const two: Middleware<[name: string, count: number]> = (app) => app;
  const good = stack().use(none).use(required, { name: "a" }).use(optional).use(optional, {}).use(two, "a", 1);
  assert.equal(typeof good.run, "function");
  // @ts-expect-error: its options are missing
  const _missing = () => stack().use(required);
  // @ts-expect-error: an option of the wrong kind
  const _wrong = () => stack().use(required, { name: 1 });
  // @ts-expect-error: it takes none
  const _none = () => stack().use(none, {});
});

test("types: error codes are a union", () => {
  const error = new TsgiError("TSGI_BAD_MOUNT", "no");
  same<typeof error.code, TsgiErrorCode>(true);
  // @ts-expect-error: no such code
  const _unknown = (): TsgiError => new TsgiError("TSGI_BAD_MONUT", "no");
  // @ts-expect-error: no such code
  assert.equal(error.code === "TSGI_BAD_MONUT", false);
});

test("types: a Node handler with three parameters is given next, one of type NodeHandler fits", async () => {
  const app = fromNode((_incoming, _response, next) => {
    same<typeof next, Next>(true);
    next();
  });
  assert.equal((await request(app, "/")).status, 404);
  const handler: NodeHandler = (_incoming, response) => response.end("hi");
  assert.equal(await (await request(fromNode(handler), "/")).text(), "hi");
});
