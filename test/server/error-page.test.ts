import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { cascade } from "../../middleware/cascade.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { notFound } from "../../src/apps.ts";
import { TsgiError } from "../../src/errors.ts";
import type { App, Environ } from "../../src/gateway.ts";
import { editorLink } from "../../src/server/error-page/editor.ts";
import { isUserFrame } from "../../src/server/error-page/stack.ts";
import { developmentPage } from "../../src/server/error-page.ts";
import { wrapping } from "../../src/wrapping.ts";
import { aWhile, start, wire } from "../support/raw-client.ts";

const HOSTILE = `<script>alert("1")</script>&'`;

const failing: App = function failingApp() {
  throw new Error(HOSTILE, { cause: new Error("the cause") });
};

/** The page for a person, taken apart. */
async function pageOf(client: { until(text: string): Promise<string> }): Promise<{ head: string; html: string }> {
  const [head, html] = (await client.until("</pre></details>\n")).split("\r\n\r\n") as [string, string];
  return { head, html };
}

/** The page of an error that is thrown by an app. */
async function pageOfError(t: TestContext, error: unknown, ...headers: string[]): Promise<string> {
  const app: App = () => {
    throw error;
  };
  const { connect } = await start(t, app, { development: true });
  return (await pageOf((await connect()).get("/", "Accept: text/html", ...headers))).html;
}

test("error page: a browser gets HTML in which nothing hostile stands as it is", async (t) => {
  const { log, connect } = await start(t, failing, { development: true });
  const client = await connect();
  client.get(`/${HOSTILE.replaceAll(" ", "")}?${HOSTILE}`, "Accept: text/html", `X-Hostile: ${HOSTILE}`);
  const { head, html } = await pageOf(client);
  assert.match(
    head,
    new RegExp(
      `^HTTP/1.1 500 Internal Server Error
Content-Type: text/html; charset=utf-8
Cache-Control: no-store
X-Content-Type-Options: nosniff
Content-Security-Policy: default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'
Content-Length: \\d+
Connection: keep-alive
Keep-Alive: timeout=5$`.replaceAll("\n", "\r\n"),
    ),
  );
  assert.doesNotMatch(html, /<script| style=| on\w+=/i);
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] as string;
  const hash = createHash("sha256").update(Buffer.from(style, "latin1")).digest("base64");
  assert.ok(head.includes(`style-src 'sha256-${hash}'`));
  const escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;";
  assert.ok(html.includes(`<title>Error: ${escaped}</title>`));
  assert.ok(html.includes(`<p class="message">Error: ${escaped}</p>`));
  assert.ok(html.includes(`<tr><th>HTTP_X_HOSTILE<td>${escaped}`));
  assert.ok(html.includes(`<p class="relation">Caused by</p>\n<p class="message">Error: the cause</p>`));
  assert.equal(log.length, 1);
});

test("error page: names of apps, mounts, functions, files, details and keys are escaped", async (t) => {
  const thrower = { [HOSTILE]: () => assert.fail("x") }[HOSTILE] as App;
  const app = dispatcher(notFound, { "/a": thrower });
  Object.defineProperty(app, "name", { value: HOSTILE });
  const error = Object.assign(new Error("x"), { name: HOSTILE, [HOSTILE]: HOSTILE });
  error.stack = `x\n    at ${HOSTILE} (/nowhere/${HOSTILE}.ts:1:2)\n    at y (/nowhere/node_modules/${HOSTILE}/z.ts:1:2)`;
  const outer: App = (environ, startResponse) => {
    environ["tsgi.state"].kept = error;
    return app(Object.assign({ ...environ }, { [`x.${HOSTILE}`]: [HOSTILE] }), () => startResponse("200 OK", []));
  };
  for (const served of [wrapping(outer, app), () => Promise.reject(error)] as App[]) {
    const { connect } = await start(t, served, { development: true });
    const { html } = await pageOf((await connect()).get("/a", "Accept: text/html"));
    assert.doesNotMatch(html, /<script/i);
    assert.ok(html.includes("&lt;script&gt;"));
  }
});

test("error page: own frames are open with their source, those of packages, tsgi and Node are folded", async (t) => {
  const { connect } = await start(t, failing, { development: true });
  const { html } = await pageOf((await connect()).get("/", "Accept: text/html"));
  const [first = "", ...others] =
    html.split('<p class="relation">Caused by</p>')[0]?.match(/<details[\s\S]*?<\/details>/g) ?? [];
  assert.match(
    first,
    /^<details open><summary>failingApp <span class="where"><a href="vscode:[^"]*">.*error-page\.test\.ts:\d+:\d+</,
  );
  assert.equal(first.match(/<i>/g)?.length, 11);
  assert.match(
    first,
    /<span class="at"><i>\d+<\/i> +<span class="keyword">throw<\/span> <span class="keyword">new<\/span> Error\(HOSTILE, /,
  );
  assert.ok(others.length > 0);
  for (const each of others) {
    assert.match(
      each,
      /^<details class="others"><summary>\d+ frames? in (?:tsgi|Node)(?:, (?:tsgi|Node))?<\/summary><ul>\n<li>/,
    );
  }
});

for (const [frame, isUsers] of [
  ["    at app (/home/me/site/app.js:1:2)", true],
  ["    at file:///home/me/site/app.js:1:2", true],
  ["    at async app (file:///home/me/site/app.js:1:2)", true],
  ["    at app (/home/me/site/node_modules/left/index.js:1:2)", false],
  ["    at Array.map (<anonymous>)", false],
  ["    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)", false],
  ["    at node:internal/main/run_main_module:23:47", false],
  [`    at Responder.run (${new URL("../../src/exchange/responder.ts", import.meta.url)}:1:2)`, false],
  [`    at Responder.run (${new URL("../../src/exchange/responder.ts", import.meta.url).pathname}:1:2)`, false],
  ["Error: at app (/home/me/site/app.js:1:2)", false],
] as const) {
  test(`error page: ${JSON.stringify(frame.trim().replace(/\/\S*src/, "src"))} is ${isUsers ? "" : "not "}the user's`, () => {
    assert.equal(isUserFrame(frame), isUsers);
  });
}

test("error page: an error from elsewhere has no source", async (t) => {
  const { connect } = await start(
    t,
    () => {
      throw Object.assign(new Error("foreign"), { stack: "Error: foreign\n    at /nowhere/at/all.js:1:2" });
    },
    { development: true },
  );
  const { html } = await pageOf((await connect()).get("/", "Accept: text/html"));
  assert.doesNotMatch(html, /class="source"/);
});

test("error page: a message cannot pass for a frame", async (t) => {
  const file = fileURLToPath(import.meta.url);
  const message = `oops\n    at evil (${file}:1:1)`;
  assert.match(await pageOfError(t, new Error("oops")), /class="source"/);
  assert.doesNotMatch(await pageOfError(t, new Error(message)), /<summary>evil/);
  const changed = new Error(message);
  changed.message = "another";
  assert.doesNotMatch(await pageOfError(t, changed), /<summary>evil/);
});

test("error page: only source is shown, whatever file a stack names", async (t) => {
  const file = fileURLToPath(new URL("../../package.json", import.meta.url));
  const error = Object.assign(new Error("x"), { stack: `Error: x\n    at y (${file}:2:1)` });
  assert.doesNotMatch(await pageOfError(t, error), /class="source"|description/);
});

test("error page: the parts of an AggregateError and their causes are shown", async (t) => {
  const parts = [new Error("part one"), new Error("part two", { cause: "a wire" })];
  const html = await pageOfError(t, new AggregateError(parts, "all failed", { cause: new TypeError("and this") }));
  const found = [...html.matchAll(/(?:<p class="relation">(.*?)<\/p>\n)?<p class="message">(.*?)<\/p>/g)];
  assert.deepEqual(
    found.map(([, relation, message]) => [relation, message]),
    [
      [undefined, "AggregateError: all failed"],
      ["Part 1 of 2", "Error: part one"],
      ["Part 2 of 2", "Error: part two"],
      ["Caused by", "a wire"],
      ["Caused by", "TypeError: and this"],
    ],
  );
});

test("error page: what an error carries is shown", async (t) => {
  const html = await pageOfError(
    t,
    Object.assign(new Error("x"), { stack: "", code: "ENOENT", errno: -2, password: "hunter2" }),
  );
  assert.ok(html.includes('<p class="relation">code: <code>ENOENT</code></p>'));
  assert.ok(html.includes('<p class="relation">errno: <code>-2</code></p>'));
  assert.ok(!html.includes("hunter2"));
});

test("error page: errors without end are shown in part", async (t) => {
  const circle = new AggregateError([], "circle");
  circle.cause = circle;
  circle.errors.push(circle);
  assert.match(await pageOfError(t, circle), /AggregateError: circle/);
  let chain = new Error("the innermost");
  for (let count = 0; count < 1000; count++) chain = new Error("link", { cause: chain });
  assert.equal((await pageOfError(t, chain)).match(/class="message"/g)?.length, 30);
  const many = Array.from({ length: 1000 }, () => new Error("part"));
  assert.equal((await pageOfError(t, new AggregateError(many, "many"))).match(/class="message"/g)?.length, 30);
  assert.ok((await pageOfError(t, new Error("x".repeat(1_000_000)))).length < 100_000);
});

test("error page: the environ is that of the innermost mount, and the way there is shown", async (t) => {
  const inner = dispatcher(notFound, { "/cart": wrapping((...args) => failing(...args), failing) });
  const app = cascade([notFound, dispatcher(notFound, { "/shop": inner, "/:any/x": failing })]);
  const { connect } = await start(t, app, { development: true });
  const { html } = await pageOf((await connect()).get("/shop/cart/1", "Accept: text/html"));
  assert.match(html, /<th>SCRIPT_NAME<td>\/shop\/cart\n/);
  assert.match(html, /<th>PATH_INFO<td>\/1\n/);
  assert.equal(
    /<ol class="way" aria-label="Passed on the way">(.*)<\/ol>/.exec(html)?.[1],
    "<li>cascade</li><li><small>(2)</small> dispatcher</li><li><small>/shop</small> dispatcher</li>" +
      '<li><small>/cart</small> (anonymous)</li><li class="failed">failingApp</li>',
  );
});

test("error page: a mount that only passed the request on is not the innermost one", async (t) => {
  const passing = dispatcher(notFound, { "/a": notFound });
  const { connect } = await start(t, cascade([passing, failing]), { development: true });
  const { html } = await pageOf((await connect()).get("/a/b", "Accept: text/html"));
  assert.match(html, /<th>SCRIPT_NAME<td>\n/);
  assert.match(
    html,
    /<ol class="way" aria-label="Passed on the way"><li>cascade<\/li><li class="failed"><small>\(2\)<\/small> failingApp<\/li><\/ol>/,
  );
});

test("error page: secrets are masked, in every form", async (t) => {
  t.after(() => {
    delete process.env.TSGI_TEST_TOKEN;
    delete process.env.TSGI_TEST_PLAIN;
  });
  process.env.TSGI_TEST_TOKEN = "s3cret-of-environment";
  process.env.TSGI_TEST_PLAIN = "s3cret-plain";
  const app: App = (environ) => {
    environ["tsgi.state"].settings = { ...process.env, database: { password: "s3cret-deep" } };
    environ["tsgi.state"].env = process.env;
    const message = "no access with s3cret-of-environment to pg://me:s3cret-of-url@host/db";
    // Without the source of this test.
    throw Object.assign(new Error(message), { stack: "" });
  };
  const { connect } = await start(t, app, { development: true });
  for (const type of ["text/html", "text/plain", "application/json"]) {
    const client = await connect();
    const all = await client
      .get(
        "/?page=2&access_token=s3cret-query",
        `Accept: ${type}`,
        "Cookie: sid=s3cret-cookie; theme=s3cret-theme",
        "Authorization: Bearer s3cret-bearer",
        "X-Api-Key: s3cret-key",
        "Referer: http://a/?token=s3cret-referer",
        "Connection: close",
      )
      .all();
    assert.doesNotMatch(all, /s3cret/, type);
    assert.match(all, /page=2/);
    if (type === "text/html")
      assert.match(Buffer.from(all, "latin1").toString(), /<th>HTTP_COOKIE<td>sid=••••; theme=••••\n/);
  }
});

test("error page: links open the editor that is chosen, for a client on this machine", () => {
  const place = { path: "/home/me/my site&co/app.ts", line: 3, column: 7 };
  const link = (environment: NodeJS.ProcessEnv, address = "127.0.0.1") => editorLink(place, address, environment);
  assert.equal(link({}), "vscode://file/home/me/my%20site%26co/app.ts:3:7");
  assert.equal(link({ EDITOR: "vim" }), link({}));
  assert.equal(
    link({ EDITOR: "/usr/bin/subl --wait" }),
    "subl://open?url=file:///home/me/my%20site%26co/app.ts&line=3&column=7",
  );
  assert.equal(link({ TSGI_EDITOR: "zed", EDITOR: "subl" }), "zed://file/home/me/my%20site%26co/app.ts:3:7");
  assert.equal(
    link({ TSGI_EDITOR: "my-editor://x?f={path}#{line}" }),
    "my-editor://x?f=/home/me/my%20site%26co/app.ts#3",
  );
  assert.equal(link({ TSGI_EDITOR: "none", EDITOR: "code" }), undefined);
  assert.equal(link({}, "::ffff:127.0.0.1"), link({}));
  assert.equal(link({}, "192.0.2.1"), undefined);
  assert.equal(link({}, ""), undefined);
});

test("error page: clients that take anything get plain text", async (t) => {
  const { connect } = await start(t, failing, { development: true });
  for (const headers of [["Accept: */*"], [], ["Accept: image/png"]]) {
    const all = await (await connect()).get("/", ...headers, "Connection: close").all();
    const [head, text = ""] = Buffer.from(all, "latin1").toString().split("\r\n\r\n");
    assert.match(head as string, /\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
    const shown = text
      .replace(/\d+ \|/g, "N |")
      .replace(/\(\S*error-page/, "(error-page")
      .replace(/:\d+:\d+\)/g, ":L:C)");
    assert.equal(
      shown.slice(0, shown.indexOf("    … ")),
      `500 Internal Server Error

Error: <script>alert("1")</script>&'

  N | 
  N | const failing: App = function failingApp() {
> N |   throw new Error(HOSTILE, { cause: new Error("the cause") });
  N | };
  N | 

    at failingApp (error-page.test.ts:L:C)
`,
    );
    assert.match(text, /\n {4}… \d+ in tsgi, Node\n\nCaused by: Error: the cause\n {4}at /);
    assert.match(text, /\n\nRequest: GET \/\n$/);
  }
});

test("error page: text does not command a terminal", async (t) => {
  const { connect } = await start(t, () => Promise.reject(new Error("\x1b[2J\x07cleared\nline two")), {
    development: true,
  });
  const all = await (await connect()).get("/", "Connection: close").all();
  assert.ok(all.includes("Error: \\x1b[2J\\x07cleared\nline two\n"));
});

test("error page: programs get problem details", async (t) => {
  const { connect } = await start(t, failing, { development: true });
  for (const type of ["application/json", "application/problem+json"]) {
    const all = await (await connect()).get("/x?y", `Accept: ${type}, */*;q=0.1`, "Connection: close").all();
    const [head = "", body = ""] = all.split("\r\n\r\n");
    assert.ok(head.includes(`\r\nContent-Type: ${type}\r\n`));
    const { error, environ, ...rest } = JSON.parse(body);
    assert.deepEqual(rest, {
      type: "about:blank",
      title: "Internal Server Error",
      status: 500,
      detail: `Error: ${HOSTILE}`,
      request: "GET /x?y",
      mount: "",
      passed: [{ name: "failingApp" }],
    });
    assert.equal(environ.PATH_INFO, "/x");
    assert.equal(error.name, "Error");
    const [frame] = error.frames;
    assert.equal(frame.function, "failingApp");
    assert.equal(frame.path, fileURLToPath(import.meta.url));
    assert.equal(typeof frame.line, "number");
    assert.equal(error.inner[0].relation, "Caused by");
    assert.equal(error.inner[0].message, "the cause");
  }
});

test("error page: HEAD gets the head of the page", async (t) => {
  const { connect } = await start(t, failing, { development: true });
  const client = await connect();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  assert.match(await client.all(), /^HTTP\/1\.1 500 .*\r\nContent-Length: \d{3,}\r\n.*\r\n\r\n$/s);
});

const revoked = (() => {
  const { proxy, revoke } = Proxy.revocable(new Error("x"), {});
  revoke();
  return proxy;
})();
const throwing = Object.defineProperties(Object.create(Error.prototype), {
  message: { get: () => assert.fail() },
  stack: { get: () => assert.fail() },
  cause: { get: () => assert.fail() },
  more: { get: () => assert.fail(), enumerable: true },
});

for (const [what, error, shown] of [
  ["an object without a prototype", Object.assign(Object.create(null), { a: 1 }), "{&quot;a&quot;:1}"],
  ["nothing", undefined, "undefined"],
  ["a symbol", Symbol("s"), "Symbol(s)"],
  ["a revoked proxy", revoked, "a value that cannot be shown"],
  ["an error whose members throw", throwing, "Error"],
  ["an error without a stack", Object.assign(new Error("bare"), { stack: undefined }), "Error: bare"],
  ["an error with a strange cause", Object.assign(new Error("odd"), { cause: revoked, errors: 5 }), "Error: odd"],
] as const) {
  test(`error page: ${what} is shown`, async (t) => {
    const html = await pageOfError(t, error);
    assert.ok(html.includes(`<p class="message">${shown}</p>`), html.slice(0, 3000));
  });
}

test("error page: values that cannot be shown do not keep it from being shown", async (t) => {
  const circle: Record<string, unknown> = {
    get wrong() {
      return assert.fail();
    },
  };
  circle.circle = circle;
  const app: App = (environ) => {
    Object.assign(environ["tsgi.state"], { deep: { circle }, revoked, big: 1n, many: Array(100_000).fill("x") });
    throw new Error("shown");
  };
  const { connect, log } = await start(t, app, { development: true });
  const { html } = await pageOf((await connect()).get("/", "Accept: text/html"));
  assert.ok(html.includes('<p class="message">Error: shown</p>'));
  assert.ok(html.includes("<th>tsgi.state<td>a value that cannot be shown"));
  assert.equal(log.length, 1);
});

test("error page: a page that fails shows the error as the log does", () => {
  const environ = { "tsgi.state": {} } as unknown as Environ;
  const page = developmentPage("500 Internal Server Error", new Error("the first"), environ, failing);
  assert.match(
    page?.body ?? "",
    /^500 Internal Server Error\n\nError: the first\n[\s\S]*\nAnd this page failed: TypeError/,
  );
});

test("error page: a gateway error is a page of its status", async (t) => {
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", []);
    throw new TsgiError("TSGI_BAD_GATEWAY", "no answer");
  };
  const { connect } = await start(t, app, { development: true });
  const { html } = await pageOf((await connect()).get("/", "Accept: text/html"));
  assert.ok(html.includes('<p class="relation">code: <code>TSGI_BAD_GATEWAY</code></p>'));
});

test("error page: a 4xx stays what it is", async (t) => {
  const { connect } = await start(t, () => assert.fail(), { development: true });
  const client = await connect();
  const expected = wire(`HTTP/1.1 400 Bad Request
Content-Type: text/plain; charset=utf-8
Content-Length: 16
Connection: close

400 Bad Request`).concat("\n");
  assert.equal(await client.get("/%", "Accept: text/html").all(), expected);
});

test("error page: an error after the first chunk is not a page", async (t) => {
  const { connect } = await start(
    t,
    (_environ, startResponse) => {
      startResponse("200 OK", []);
      return (async function* () {
        yield "abc";
        await aWhile();
        throw new Error("midway");
      })();
    },
    { development: true },
  );
  assert.match(await (await connect()).get("/", "Accept: text/html").all(), /\r\n3\r\nabc\r\n$/);
});
