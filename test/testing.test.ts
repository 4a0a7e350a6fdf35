import assert from "node:assert/strict";
import { test } from "node:test";
import { readBytes } from "../src/body/input.ts";
import type { App, Environ } from "../src/gateway.ts";
import { request } from "../src/testing.ts";
import { transcript } from "./support/transcript.ts";

/** Answers with some keys of its environ. */
const keys =
  (...names: string[]): App =>
  (environ, startResponse) => {
    startResponse("200 OK", []);
    return JSON.stringify(Object.fromEntries(names.map((name) => [name, environ[name as keyof Environ]])));
  };

const seen = async (app: App, ...args: Parameters<typeof request> extends [unknown, ...infer Rest] ? Rest : never) =>
  JSON.parse(await (await request(app, ...args)).text());

test("request: a path is sent exactly as it is", async () => {
  assert.deepEqual(await seen(keys("PATH_INFO", "QUERY_STRING", "REQUEST_URI"), "//%61/../b?x=%zz"), {
    PATH_INFO: "/b",
    QUERY_STRING: "x=%zz",
    REQUEST_URI: "//%61/../b?x=%zz",
  });
});

test("request: an absolute URL sets scheme and host", async () => {
  assert.deepEqual(
    await seen(keys("HTTP_HOST", "PATH_INFO", "tsgi.url_scheme", "SERVER_PORT"), "https://a.example:1/x"),
    {
      HTTP_HOST: "a.example:1",
      PATH_INFO: "/x",
      "tsgi.url_scheme": "https",
      SERVER_PORT: "443",
    },
  );
});

test("request: a target that no server lets through is a 400", async () => {
  assert.equal(await transcript(keys(), "/%zz"), "400 \ncontent-type: text/plain;charset=UTF-8\n\n400 Bad Request\n");
});

test("request: headers come as pairs or as an object, repeats joined, underscores dropped", async () => {
  const app = keys("HTTP_X_A", "HTTP_COOKIE", "HTTP_X_B", "HTTP_HOST");
  const headers: [string, string][] = [
    ["X-A", "1"],
    ["x-a", "2"],
    ["Cookie", "a=1"],
    ["Cookie", "b=2"],
    ["X_B", "no"],
  ];
  assert.deepEqual(await seen(app, "/", { headers }), {
    HTTP_X_A: "1, 2",
    HTTP_COOKIE: "a=1; b=2",
    HTTP_HOST: "localhost",
  });
  assert.deepEqual(await seen(app, "/", { headers: { "X-A": "1", Host: "h" } }), { HTTP_X_A: "1", HTTP_HOST: "h" });
});

test("request: bodies of every kind", async () => {
  const app: App = async (environ, startResponse) => {
    const body = new TextDecoder().decode(await readBytes(environ));
    startResponse("200 OK", []);
    return `${environ.CONTENT_TYPE} ${environ.CONTENT_LENGTH} ${environ.HTTP_TRANSFER_ENCODING} ${body}`;
  };
  const answer = async (
    body: Parameters<typeof request>[2] extends infer Options ? NonNullable<Options>["body" & keyof Options] : never,
  ) => (await request(app, "/", { method: "POST", body: body as string })).text();
  assert.equal(await answer("é" as never), "text/plain;charset=UTF-8 2 undefined é");
  assert.equal(await answer(new Uint8Array([97]) as never), "undefined 1 undefined a");
  assert.equal(
    await answer(new URLSearchParams({ a: "b c" }) as never),
    "application/x-www-form-urlencoded;charset=UTF-8 5 undefined a=b+c",
  );
  assert.equal(await answer(["a", "b"] as never), "undefined undefined chunked ab");
});

test("request: keys of the environ can be replaced", async () => {
  const environ = { SCRIPT_NAME: "/mount", REMOTE_ADDR: "10.0.0.1", "my.key": 1 };
  assert.deepEqual(await seen(keys("SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "my.key"), "/x", { environ }), {
    ...environ,
    PATH_INFO: "/x",
  });
});

test("request: what was written to tsgi.errors can be read", async () => {
  const app: App = (environ, startResponse) => {
    environ["tsgi.errors"].write("one ");
    environ["tsgi.errors"].write("two");
    startResponse("204 No Content", []);
  };
  assert.equal((await request(app, "/")).errors, "one two");
});

test("request: chunks keep their boundaries, and the finishing of the body is counted", async () => {
  const app: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "ab";
    yield "c";
  };
  const response = await request(app, "/");
  assert.equal(response.finished, 0);
  const sizes: number[] = [];
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) sizes.push(chunk.length);
  assert.deepEqual(sizes, [2, 1]);
  assert.equal(response.finished, 1);
});

test("request: aborting the signal is the client going away", async () => {
  const controller = new AbortController();
  let aborted = false;
  const app: App = async (environ, startResponse) => {
    await new Promise<void>((resolve) => environ["tsgi.exchange"].onAbort?.(resolve));
    aborted = true;
    startResponse("200 OK", []);
  };
  const pending = request(app, "/", { signal: controller.signal });
  setImmediate(() => controller.abort());
  await assert.rejects(pending, { name: "AbortError" });
  assert.equal(aborted, true);
});

test("request: a URL that has a query and no path is that of the root, and a fragment stays with the client", async () => {
  const app = keys("PATH_INFO", "QUERY_STRING", "HTTP_HOST");
  assert.deepEqual(await seen(app, "http://h.test?q"), { PATH_INFO: "/", QUERY_STRING: "q", HTTP_HOST: "h.test" });
  assert.deepEqual(await seen(app, "http://h.test/a?q#b"), { PATH_INFO: "/a", QUERY_STRING: "q", HTTP_HOST: "h.test" });
  assert.deepEqual(await seen(app, "http://h.test#b"), { PATH_INFO: "/", QUERY_STRING: "", HTTP_HOST: "h.test" });
});

test("request: all writes that wait for room go on together", async () => {
  const app: App = async (_environ, startResponse) => {
    const write = startResponse("200 OK", []);
    await Promise.all([write("a"), write("b"), write("c")]);
    return "d";
  };
  assert.equal(await (await request(app, "/")).text(), "abcd");
});

test("request: unknown options are refused", async () => {
  for (const options of [{ methd: "POST" }, { method: 1 }, { headers: "a" }, { signal: {} }, { lint: "no" }]) {
    await assert.rejects(request(keys(), "/", options as never), { code: "TSGI_BAD_OPTION" });
  }
});

test("request: informational responses are told beside the response", async () => {
  const app: App = (environ, startResponse) => {
    environ["tsgi.exchange"].inform?.("103 Early Hints", [["Link", "</a.css>"]]);
    startResponse("204 No Content", []);
  };
  assert.deepEqual((await request(app, "/")).informational, [
    { status: "103 Early Hints", headers: [["Link", "</a.css>"]] },
  ]);
});

test("request: what closing the body fails with fails reading the response", async () => {
  const error = new Error("mine");
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    return Object.assign(["a"], {
      close() {
        throw error;
      },
    });
  };
  await assert.rejects((await request(app, "/")).text(), error);
});
