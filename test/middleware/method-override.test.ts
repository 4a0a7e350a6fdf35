import assert from "node:assert/strict";
import { test } from "node:test";
import { csrf } from "../../middleware/csrf.ts";
import { methodOverride } from "../../middleware/method-override.ts";
import { fromFetch } from "../../src/adapters/from-fetch.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import { text } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { plain, seen } from "../support/file-tree.ts";

const told: App = (environ, startResponse) =>
  text(`${environ.REQUEST_METHOD} ${environ["tsgi.state"]["method.original"] ?? "as sent"}`)(environ, startResponse);
const BAD = plain(400, "Bad Request: the method cannot be overridden so\n");

async function ask(app: App, method: string, url: string, named?: string): Promise<string> {
  const headers = named === undefined ? {} : { "X-HTTP-Method-Override": named };
  const response = await request(app, url, { method, headers });
  return response.status === 200 ? response.text() : String(response.status);
}

test("methodOverride: a guard that lets safe methods pass is not passed by a POST", async () => {
  const inside = methodOverride(csrf(told), { query: "_method" });
  const outside = csrf(methodOverride(told, { query: "_method" }));
  for (const app of [inside, outside]) {
    for (const named of ["GET", "HEAD", "OPTIONS", "QUERY", "TRACE", "get", "", "DELETE, GET", "DELETE\t"]) {
      const headers = { "X-HTTP-Method-Override": named, "Sec-Fetch-Site": "cross-site" };
      assert.notEqual((await request(app, "/", { method: "POST", headers })).status, 200, named);
      const url = `/?_method=${encodeURIComponent(named)}`;
      const asked = { method: "POST", headers: { "Sec-Fetch-Site": "cross-site" } };
      assert.notEqual((await request(app, url, asked)).status, 200, url);
    }
  }
});

test("methodOverride: a POST that names another method is one of that", async () => {
  const app = methodOverride(told);
  assert.equal(await ask(app, "POST", "/", "DELETE"), "DELETE POST");
  assert.equal(await ask(app, "POST", "/", "patch"), "PATCH POST");
  assert.equal(await ask(app, "POST", "/", "POST"), "POST as sent");
  assert.equal(await ask(app, "POST", "/"), "POST as sent");
  assert.equal(await ask(app, "POST", "/?_method=DELETE"), "POST as sent");
});

test("methodOverride: no other method is overridden", async () => {
  const app = methodOverride(told, { query: "_method" });
  for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
    assert.equal(await ask(app, method, "/?_method=PATCH", "PATCH"), `${method} as sent`);
  }
});

test("methodOverride: the query counts where the header is missing", async () => {
  const app = methodOverride(told, { query: "_method" });
  assert.equal(await ask(app, "POST", "/?a=b&_method=DELETE&_method=PUT"), "DELETE POST");
  assert.equal(await ask(app, "POST", "/?_method=%44elete"), "DELETE POST");
  assert.equal(await ask(app, "POST", "/?_method=PUT", "DELETE"), "DELETE POST");
  assert.equal(await ask(app, "POST", "/?x_method=PUT"), "POST as sent");
  const byQueryAlone = methodOverride(told, { header: false, query: "_method" });
  assert.equal(await ask(byQueryAlone, "POST", "/", "DELETE"), "POST as sent");
});

test("methodOverride: a method that is not listed is refused", async () => {
  const app = methodOverride(() => assert.fail("asked"), { methods: ["DELETE"] });
  for (const named of ["PUT", "GET", "", "DELETE ME", "\xe9"]) {
    const init = { method: "POST", headers: { "X-HTTP-Method-Override": named } };
    assert.deepEqual(await seen(await request(app, "/", init)), BAD, named);
  }
});

test("methodOverride: handlers of Node and of Fetch get the new method, and the body", async () => {
  const node = fromNode(async (incoming, outgoing) => {
    let body = "";
    for await (const part of incoming) body += part;
    outgoing.end(`${incoming.method} ${body}`);
  });
  const fetching = fromFetch(async (asked: Request) => new Response(`${asked.method} ${await asked.text()}`));
  for (const inner of [node, fetching]) {
    const init = { method: "POST", headers: { "X-HTTP-Method-Override": "PUT" }, body: "hello" };
    assert.equal(await (await request(methodOverride(inner), "/", init)).text(), "PUT hello");
  }
});

test("methodOverride: wrong options throw when the app is built", () => {
  for (const methods of [["GET"], ["HEAD"], ["put"], ["a b"], ["TRACE"], ["CONNECT"], ["QUERY"], ["OPTIONS"]]) {
    assert.throws(() => methodOverride(told, { methods }), { code: "TSGI_BAD_OPTION" }, methods[0]);
  }
  assert.throws(() => methodOverride(told, { header: "X Y" }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => methodOverride(told, { header: true as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => methodOverride(told, { field: "_method" } as never), { code: "TSGI_BAD_OPTION" });
});
