import assert from "node:assert/strict";
import { test } from "node:test";
import { readBytes, toRequest } from "../../src/body/input.ts";
import type { App, Environ } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";

const post = (body: string | string[] | FormData, headers: Record<string, string> = {}) => ({
  method: "POST",
  body,
  headers,
});

/** An app that answers with what `read` makes of the request. */
function reading(read: (environ: Environ) => Promise<string>): App {
  return async function reading(environ, startResponse) {
    const text = await read(environ);
    startResponse("200 OK", []);
    return text;
  };
}

const bytes = (limit?: number) =>
  reading(async (environ) => new TextDecoder().decode(await readBytes(environ, limit === undefined ? {} : { limit })));

test("readBytes: gives the whole body", async () => {
  assert.equal(await (await request(bytes(), "/", post("hello"))).text(), "hello");
  assert.equal(await (await request(bytes(), "/", post(["he", "", "llo"]))).text(), "hello");
  assert.equal(await (await request(bytes(), "/")).text(), "");
});

for (const [what, body] of [
  ["declared", "12345"],
  ["in chunks", ["123", "45"]],
] as const) {
  test(`readBytes: a body over the limit, ${what}, is a 413`, async () => {
    assert.equal((await request(bytes(5), "/", post(body as string))).status, 200);
    const response = await request(bytes(4), "/", post(body as string));
    assert.equal(response.status, 413);
    assert.equal(await response.text(), "413 Content Too Large\n");
    assert.equal(response.errors, "");
  });
}

test("toRequest: Fetch's parsers read the body", async () => {
  const json = reading(async (environ) => JSON.stringify(await toRequest(environ).json()));
  assert.equal(await (await request(json, "/", post('{"a": 1}'))).text(), '{"a":1}');
  const text = reading((environ) => toRequest(environ).text());
  assert.equal(await (await request(text, "/", post(["a", "b"]))).text(), "ab");
  const form = new FormData();
  form.set("name", "é");
  form.set("file", new File(["content"], "a.txt"));
  const fields = reading(async (environ) => {
    const data = await toRequest(environ).formData();
    return `${data.get("name")} ${await (data.get("file") as File).text()}`;
  });
  assert.equal(await (await request(fields, "/", post(form))).text(), "é content");
});

test("toRequest: method, URL and headers are the request's", async () => {
  const seen = reading(async (environ) => {
    const { method, url, headers } = toRequest(environ);
    return `${method} ${url} ${headers.get("X-A")} ${headers.get("Content-Type")}`;
  });
  const init = { ...post("x", { "X-A": "1" }), environ: { SCRIPT_NAME: "/m" } };
  assert.equal(
    await (await request(seen, "https://example.com:1/p?q", init)).text(),
    "POST https://example.com:1/m/p?q 1 text/plain;charset=UTF-8",
  );
  assert.equal(
    await (
      await request(
        reading(async (environ) => String(toRequest(environ).body)),
        "/",
      )
    ).text(),
    "null",
  );
});

test("toRequest: a body over the limit is a 413", async () => {
  const text = reading((environ) => toRequest(environ, { limit: 4 }).text());
  for (const body of ["12345", ["123", "45"]]) assert.equal((await request(text, "/", post(body))).status, 413);
});

test("toRequest: chunks that share their memory all arrive", async () => {
  const memory = Buffer.from("one two three");
  const chunks = [memory.subarray(0, 4), memory.subarray(4, 8), memory.subarray(8)];
  const app: App = async (environ, startResponse) => {
    const body = await toRequest(environ).text();
    startResponse("200 OK", []);
    return body;
  };
  assert.equal(await (await request(app, "/", { method: "POST", body: chunks })).text(), "one two three");
});
