import assert from "node:assert/strict";
import { test } from "node:test";
import { accessLog } from "../../middleware/access-log.ts";
import { type ErrorPagesOptions, errorPages, type Pages } from "../../middleware/error-pages.ts";
import { setHeaders } from "../../middleware/set-headers.ts";
import { html, json, notFound, text } from "../../src/apps.ts";
import { TsgiError } from "../../src/errors.ts";
import type { App, Body, Environ, HeaderList, StatusLine } from "../../src/gateway.ts";
import { serve } from "../../src/server/serve.ts";
import { transcript } from "../support/transcript.ts";

const answering =
  (status: StatusLine, headers: HeaderList, body?: Body): App =>
  (_environ, startResponse) => {
    startResponse(status, headers);
    return body;
  };

/** A page that says what it is shown for. */
const page: App = (environ, startResponse) => {
  const { REQUEST_METHOD: method, CONTENT_TYPE: type, HTTP_RANGE: range, HTTP_IF_NONE_MATCH: tag } = environ;
  const shown = [environ["error.status"], method, type, range, tag, environ["error.cause"]].filter(
    (each) => each !== undefined,
  );
  return html(shown.join("|"), {
    headers: [
      ["Cache-Control", "max-age=60"],
      ["ETag", '"page"'],
      ["X-Page", "1"],
    ],
  })(environ, startResponse);
};

/** What a server sends, and what it reports. */
async function served(app: App, init: RequestInit = {}): Promise<[status: number, body: string, reports: number]> {
  const errors: string[] = [];
  const server = await serve(app, { port: 0, errors: { write: (line) => errors.push(line) } });
  try {
    const response = await fetch(server.url, init);
    const body = await response.text();
    return [response.status, body, errors.join("").split("boom").length - 1];
  } finally {
    await server.close({ grace: 0 });
  }
}

const boom = (): never => {
  throw "boom";
};

for (const [what, app] of [
  ["throws", boom],
  ["rejects", async () => boom()],
  [
    "throws in the first step of a generator",
    function* () {
      yield boom();
    },
  ],
  [
    "fails before its first chunk, after its head",
    function* (_environ, startResponse) {
      startResponse("200 OK", [["Set-Cookie", "a=1"]]);
      yield boom();
    },
  ],
  [
    "fails before its first chunk, later",
    async function* (_environ, startResponse) {
      startResponse("200 OK", []);
      await null;
      yield boom();
    },
  ],
] as [string, App][]) {
  test(`errorPages: where the app ${what}, its page is shown, and the error reported once`, async () => {
    assert.deepEqual(await served(errorPages(app, { 500: page })), [500, "500 Internal Server Error|GET|boom", 1]);
    assert.deepEqual(await served(errorPages(app, { "5xx": page }), { method: "HEAD" }), [500, "", 1]);
  });
}

test("errorPages: the page goes through the layers outside, with the headers that do not describe what it replaces", async () => {
  const lines: string[] = [];
  const headers: HeaderList = [
    ["Content-Type", "text/plain"],
    ["Content-Length", "3"],
    ["ETag", '"x"'],
    ["Retry-After", "5"],
    ["Set-Cookie", "a=1"],
    ["Vary", "Cookie"],
    ["X-Page", "0"],
  ];
  const pages = errorPages(answering("503 Busy", headers, "old"), { "5xx": page });
  const app = accessLog(setHeaders(pages, { "X-Outer": "1" }), { to: { write: (line) => void lines.push(line) } });
  assert.equal(
    await transcript(app, "/"),
    "503 Busy\ncontent-length: 12\ncontent-type: text/html; charset=utf-8\nretry-after: 5\nset-cookie: a=1\nvary: Cookie\n" +
      "x-outer: 1\nx-page: 1\n\n503 Busy|GET",
  );
  await new Promise(setImmediate);
  assert.match(lines.join(""), / 503 12\b/);
});

test("errorPages: a page is asked with GET, without the body, the conditions and the range of the request", async () => {
  const headers = { Range: "bytes=0-1", "If-None-Match": "*", "Content-Type": "text/x" };
  const app = errorPages(text("no", { status: "404 Not Found" }), { "4xx": page });
  assert.deepEqual(await served(app, { method: "POST", body: "x", headers }), [404, "404 Not Found|GET", 0]);
});

test("errorPages: the page of a status comes before that of its kind, and others are left alone", async () => {
  const status = (line: StatusLine): App =>
    line.startsWith("304") ? answering(line, []) : text("plain", { status: line });
  const pages: Pages = { 404: html("not there"), "4xx": html("wrong") };
  for (const [line, expected] of [
    ["404 Not Found", "not there"],
    ["403 Forbidden", "wrong"],
    ["500 Internal Server Error", "plain"],
    ["304 Not Modified", ""],
    ["200 OK", "plain"],
  ] as [StatusLine, string][]) {
    const answer = await transcript(errorPages(status(line), pages), "/");
    assert.equal(answer.slice(answer.indexOf("\n\n") + 2), expected, line);
  }
});

test("errorPages: JSON and pages of the app stay, unless told otherwise", async () => {
  const pages: Pages = { 404: html("page") };
  const bodyFor = async (app: App, options?: ErrorPagesOptions) =>
    (await transcript(errorPages(app, pages, options), "/")).split("\n\n")[1];
  const own = json({ error: 1 }, { status: "404 Not Found" });
  assert.equal(await bodyFor(own), '{"error":1}');
  assert.equal(await bodyFor(html("own", { status: "404 Not Found" })), "own");
  assert.equal(await bodyFor(answering("404 Not Found", [])), "page");
  assert.equal(await bodyFor(notFound), "page");
  assert.equal(await bodyFor(notFound, { replace: () => false }), "Not Found\n");
  const seen: unknown[] = [];
  const replace = ({ status }: { status: string }, { PATH_INFO }: Environ) => seen.push(status, PATH_INFO) > 0;
  assert.equal(await bodyFor(own, { replace }), "page");
  assert.deepEqual(seen, ["404 Not Found", "/"]);
});

test("errorPages: a TsgiError with a status of the client is answered with that, and not reported", async () => {
  const app: App = () => {
    throw new TsgiError("TSGI_BODY_TOO_LARGE", "boom", { status: "413 Content Too Large" });
  };
  assert.deepEqual(await served(errorPages(app, { 413: html("too much") })), [413, "too much", 0]);
  assert.deepEqual(await served(errorPages(app, { 500: html("wrong") })), [413, "413 Content Too Large\n", 0]);
});

test("errorPages: without a page, and where the page fails, it is as if it were not there", async () => {
  const failing: App = () => {
    throw new Error("page failed");
  };
  const late: App = function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield failing as never;
  };
  assert.deepEqual(await served(errorPages(boom, { 404: page })), [500, "500 Internal Server Error\n", 1]);
  for (const broken of [failing, late]) {
    assert.deepEqual(await served(errorPages(boom, { 500: broken })), [500, "500 Internal Server Error\n", 1]);
    assert.deepEqual(await served(errorPages(notFound, { 404: broken })), [404, "Not Found\n", 0]);
  }
});

test("errorPages: a body that fails after its first chunk is cut, and reported once", async () => {
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    yield "a";
    await new Promise((resolve) => setTimeout(resolve, 5));
    boom();
  };
  const errors: string[] = [];
  const server = await serve(errorPages(app, { 500: page }), {
    port: 0,
    errors: { write: (line) => errors.push(line) },
  });
  await assert.rejects(fetch(server.url).then((response) => response.text()));
  await server.close({ grace: 0 });
  assert.equal(errors.join("").split("boom").length, 2);
});

test("errorPages: bodies are closed once, those that are replaced and those whose client leaves", async () => {
  let closed = 0;
  const body = () => ({ [Symbol.iterator]: () => ["a"].values(), close: () => closed++ }) as Iterable<string>;
  const app: App = (_environ, startResponse) => {
    startResponse("404 Not Found", []);
    return body();
  };
  assert.match(await transcript(errorPages(app, { 404: page }), "/"), /404 Not Found\|GET$/);
  assert.equal(closed, 1);
  await transcript(errorPages(app, { 404: page }, { replace: () => false }), "/");
  assert.equal(closed, 2);
  const gone = new AbortController();
  const slow: App = async function* (_environ, startResponse) {
    startResponse("200 OK", []);
    try {
      gone.abort();
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield "a";
    } finally {
      closed++;
    }
  };
  await assert.rejects(transcript(errorPages(slow, { 500: page }), "/", { signal: gone.signal }), {
    name: "AbortError",
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(closed, 3);
});

test("errorPages: what fails because the client has left is not answered", async () => {
  const gone = new AbortController();
  const app: App = async (environ) => {
    gone.abort();
    await new Promise(setImmediate);
    environ["tsgi.exchange"].signal?.throwIfAborted();
    assert.fail("not aborted");
  };
  let asked = 0;
  const counting: App = (environ, startResponse) => {
    asked++;
    return page(environ, startResponse);
  };
  const options = { signal: gone.signal };
  await assert.rejects(transcript(errorPages(app, { 500: counting }), "/", options), { name: "AbortError" });
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  assert.equal(asked, 0);
});

test("errorPages: an event stream is begun before its first event", async () => {
  const app: App = async function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "text/event-stream"]]);
    yield "";
    await new Promise(() => {});
  };
  const asked: string[] = [];
  const outer: App = (environ, startResponse) =>
    errorPages(app, { 500: page })(environ, (status, headers, error) => {
      asked.push(status);
      return startResponse(status, headers, error);
    });
  const gone = new AbortController();
  const answer = transcript(outer, "/", { signal: gone.signal });
  await new Promise(setImmediate);
  assert.deepEqual(asked, ["200 OK"]);
  gone.abort();
  await assert.rejects(answer, { name: "AbortError" });
});

test("errorPages: in development the server shows what was thrown", async () => {
  const server = await serve(errorPages(boom, { 500: page }), { port: 0, development: true, errors: { write() {} } });
  const answer = await (await fetch(server.url, { headers: { Accept: "text/plain" } })).text();
  await server.close({ grace: 0 });
  assert.doesNotMatch(answer, /\|GET\|/);
  assert.match(answer, /boom/);
});

test("errorPages: refuses what are not pages", () => {
  for (const pages of [undefined, [], { 200: page }, { "6xx": page }, { error: page }] as never[]) {
    assert.throws(() => errorPages(page, pages), { code: "TSGI_BAD_OPTION" });
  }
  assert.throws(() => errorPages(page, { 404: "page" as never }), { code: "TSGI_NO_APP" });
  assert.throws(() => errorPages(page, {}, { replace: true as never }), { code: "TSGI_BAD_OPTION" });
});
