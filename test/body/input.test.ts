import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_INPUT, readBytes, toRequest } from "../../src/body/input.ts";
import type { App, Environ } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { transcript } from "../support/transcript.ts";

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

test("readBytes: does not keep each byte of a body that comes byte by byte", async () => {
  let most = 0;
  const body = async function* () {
    const given: Uint8Array[] = [];
    for (let index = 0; index < 2000; index++) {
      const byte = Uint8Array.of(65 + (index % 26));
      given.push(byte);
      yield byte;
      // What is kept is seen to change.
      if (index === 1500) for (const each of given) each.fill(0);
    }
    most = given.length;
  };
  const read = await (await request(bytes(), "/", { method: "POST", body: body() })).text();
  assert.equal(read.length, most);
  assert.ok([...read].filter((each) => each === "\0").length <= 256);
});

test("readBytes: small and large chunks stay in order", async () => {
  const chunks = Array.from({ length: 1500 }, (_, index) => `${index}${index % 400 === 0 ? "x".repeat(3000) : "."}`);
  assert.equal(await (await request(bytes(), "/", post(chunks))).text(), chunks.join(""));
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

for (const [what, body, type, read] of [
  ["JSON", "{", "application/json", (asked) => asked.json()],
  ["JSON, empty", "", "application/json", (asked) => asked.json()],
  [
    "a form without its end",
    "--x\r\nContent-Disposition",
    "multipart/form-data; boundary=x",
    (asked) => asked.formData(),
  ],
  ["a form without its boundary", "--x", "multipart/form-data", (asked) => asked.formData()],
  ["a form of another type", "a=b", "text/plain", (asked) => asked.formData()],
  ["JSON of a clone", "{", "application/json", (asked) => asked.clone().json()],
] as [string, string, string, (asked: Request) => Promise<unknown>][]) {
  test(`toRequest: a malformed body is a 400: ${what}`, async () => {
    const app = reading(async (environ) => String(await read(toRequest(environ))));
    const response = await request(app, "/", post(body, { "Content-Type": type }));
    assert.deepEqual([response.status, await response.text(), response.errors], [400, "400 Bad Request\n", ""]);
  });
}

test("toRequest: the error of a malformed body says what is wrong with it", async () => {
  const app = reading(async (environ) => {
    const error = await toRequest(environ)
      .json()
      .catch((thrown: Error) => thrown);
    return `${(error as { code: string }).code} ${(error as Error).message}`;
  });
  assert.match(
    await (await request(app, "/", post("{"))).text(),
    /^TSGI_MALFORMED_BODY the request body is not JSON: .*JSON/,
  );
});

test("toRequest: a body that is read twice is the app's error, not the client's", async () => {
  const app = reading(async (environ) => {
    const asked = toRequest(environ);
    await asked.text();
    return String(await asked.json());
  });
  await assert.rejects(request(app, "/", post("{}")), TypeError);
});

test("toRequest: a method that no Request may have is a 405", async () => {
  const app = reading(async (environ) => toRequest(environ).method);
  assert.equal(
    await transcript(app, "/", { method: "TRACE" }),
    "405 Method Not Allowed\ncontent-length: 23\ncontent-type: text/plain; charset=utf-8\n\n405 Method Not Allowed\n",
  );
});

test("readBytes, toRequest: a limit that is none is refused", async () => {
  for (const limit of [Number.NaN, -1, "5"]) {
    for (const read of [readBytes, toRequest]) {
      const app = reading(async (environ) => String(await read(environ, { limit: limit as number })));
      await assert.rejects(request(app, "/", post("a")), { code: "TSGI_BAD_OPTION" });
    }
  }
});

test("toRequest: chunks that are empty are passed over", async () => {
  const text = reading((environ) => toRequest(environ).text());
  assert.equal(await (await request(text, "/", post(["", "a", "", "", "b", ""]))).text(), "ab");
});

for (const [what, read] of [
  ["readBytes", readBytes],
  ["json", (environ) => toRequest(environ).json()],
  ["text", (environ) => toRequest(environ).text()],
  ["blob", (environ) => toRequest(environ).blob()],
  ["formData", (environ) => toRequest(environ).formData()],
  ["arrayBuffer", (environ) => toRequest(environ).arrayBuffer()],
] as [string, (environ: Environ) => Promise<unknown>][]) {
  test(`readBytes, toRequest: ${what} that nobody awaits ends nothing when the client leaves`, async () => {
    let failed = false;
    async function* leaving(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1);
      failed = true;
      throw new Error("gone");
    }
    const app = reading(async (environ) => {
      void read(environ);
      await new Promise((resolve) => setImmediate(resolve));
      return "answered";
    });
    const type = { "Content-Type": "multipart/form-data; boundary=x" };
    const response = await request(app, "/", { method: "POST", body: leaving(), headers: type, lint: false });
    assert.deepEqual([await response.text(), failed], ["answered", true]);
  });
}

test("NO_INPUT: ends at once, each time", async () => {
  for (let round = 0; round < 2; round++) for await (const _ of NO_INPUT) assert.fail("a chunk");
});
