import assert from "node:assert/strict";
import { test } from "node:test";
import { accessLog } from "../../middleware/access-log.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { head } from "../../middleware/head.ts";
import { notFound, text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { transcript } from "../support/transcript.ts";

const getOnly: App = (environ, startResponse) =>
  environ.REQUEST_METHOD === "GET" && environ.HTTP_RANGE === undefined
    ? text("hello")(environ, startResponse)
    : notFound(environ, startResponse);

const HEAD = { method: "HEAD" };

test("head: HEAD has the head of a GET, with the length of its body", async () => {
  const expected = "200 OK\ncontent-length: 5\ncontent-type: text/plain; charset=utf-8\n\n";
  assert.equal(await transcript(head(getOnly), "/", HEAD), expected);
  assert.equal(await transcript(head(getOnly), "/", { ...HEAD, headers: { Range: "bytes=0-1" } }), expected);
  assert.equal(await transcript(head(getOnly), "/"), `${expected}hello`);
  assert.match(await transcript(head(getOnly), "/", { method: "POST" }), /^404 /);
});

test("head: a stream is closed without being read, and keeps the length that it declares", async () => {
  let read = 0;
  let closed = 0;
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [["Content-Length", "3"]]);
    const next = () => ({ done: read++ > 2, value: "a" });
    return { [Symbol.iterator]: () => ({ next }), close: () => closed++ } as Iterable<string>;
  };
  assert.equal(await transcript(head(app), "/", HEAD), "200 OK\ncontent-length: 3\n\n");
  assert.deepEqual([read, closed], [0, 1]);
});

test("head: the log tells of HEAD, also below a mount", async () => {
  const lines: string[] = [];
  const app = accessLog(head(dispatcher(notFound, { "/a": text("x") })), {
    to: { write: (line) => void lines.push(line) },
  });
  await transcript(app, "/a", HEAD);
  await new Promise(setImmediate);
  assert.match(lines.join(""), /"HEAD \/a /);
});
