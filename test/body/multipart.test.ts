import assert from "node:assert/strict";
import { createWriteStream, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { text } from "../../src/apps.ts";
import { type MultipartOptions, multipart } from "../../src/body/multipart.ts";
import type { App, Environ } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { fileTree, openBelow } from "../support/file-tree.ts";
import { eventually, start } from "../support/raw-client.ts";

const TYPE = "multipart/form-data; boundary=x";
const part = (disposition: string, content: string, type = "") =>
  `--x\r\nContent-Disposition: form-data; ${disposition}\r\n${type === "" ? "" : `Content-Type: ${type}\r\n`}\r\n${content}\r\n`;
const END = "--x--\r\n";

async function* pieces(form: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < form.length; at += 7) yield new TextEncoder().encode(form.slice(at, at + 7));
}

const listing = (options?: MultipartOptions): App =>
  async function listing(environ, startResponse) {
    const found: unknown[] = [];
    for await (const each of multipart(environ, options)) {
      found.push([each.name, each.filename ?? null, each.type, await each.text()]);
    }
    return text(JSON.stringify(found))(environ, startResponse);
  };

const send = async (app: App, body: string, type = TYPE, size = 7) => {
  const bytes = new TextEncoder().encode(body);
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
  return (await request(app, "/", { method: "POST", headers: { "Content-Type": type }, body: chunks })).text();
};

test("multipart: fields and files come in their order", async () => {
  const body =
    part('name="a"', "ä") +
    part('name="f"; filename="../../etc/passwd"', "one\r\ntwo", "text/html") +
    part('name="a"', "") +
    END;
  for (const size of [1, 7, 100_000]) {
    assert.deepEqual(JSON.parse(await send(listing(), body, TYPE, size)), [
      ["a", null, "text/plain", "ä"],
      ["f", "passwd", "text/html", "one\r\ntwo"],
      ["a", null, "text/plain", ""],
    ]);
  }
});

test("multipart: no name of a file leads out of a folder", async () => {
  for (const [sent, seen] of [
    ['filename=".."', ""],
    ['filename="a/.."', ""],
    ['filename="/"', ""],
    ['filename="..\\\\..\\\\x"', "x"],
    ['filename="C:\\\\a\\\\b"', "b"],
    ["filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"],
    ["filename=\"../a\"; filename*=UTF-8''%2e%2e", "a"],
    ['filename=""', ""],
  ] as const) {
    const [[, name]] = JSON.parse(await send(listing(), part(`name="f"; ${sent}`, "1") + END));
    assert.equal(name, seen, sent);
  }
});

test("multipart: files that nobody reads are skipped", async () => {
  const names: App = async (environ, startResponse) => {
    let names = "";
    for await (const { name } of multipart(environ)) names += name;
    return text(names)(environ, startResponse);
  };
  const file = (name: string) => part(`name="${name}"; filename="f"`, "x".repeat(300_000));
  assert.equal(await send(names, file("a") + part('name="b"', "c") + file("d") + END, TYPE, 60_000), "abd");
});

test("multipart: files that are read in part are skipped from there", async () => {
  const beginnings: App = async (environ, startResponse) => {
    let lengths = "";
    for await (const { name, body } of multipart(environ)) {
      for await (const chunk of body) {
        lengths += `${name}${chunk.byteLength > 0} `;
        break;
      }
    }
    return text(lengths)(environ, startResponse);
  };
  const long = (name: string) => part(`name="${name}"; filename="f"`, "x".repeat(300_000));
  assert.equal(await send(beginnings, long("a") + long("b") + END, TYPE, 60_000), "atrue btrue ");
});

const file = part('name="f"; filename="f"', "x".repeat(50));
const field = part('name="a"', "x".repeat(50));
for (const [what, body, options, type, answer] of [
  ["of another type", file + END, {}, "application/json", "415 Unsupported Media Type\n"],
  ["without a boundary", file + END, {}, "multipart/form-data; a=b", "400 Bad Request\n"],
  ["with an empty boundary", file + END, {}, 'multipart/form-data; boundary=""', "400 Bad Request\n"],
  ["with two boundaries", file + END, {}, `${TYPE}; boundary=y`, "400 Bad Request\n"],
  [
    "with a boundary of 10 KB",
    file + END,
    {},
    `multipart/form-data; boundary=${"x".repeat(10_000)}`,
    "400 Bad Request\n",
  ],
  ["with a file without a name", part('filename="f"', "1") + END, {}, TYPE, "400 Bad Request\n"],
  ["with a field without a name", part("x=y", "1") + END, {}, TYPE, "400 Bad Request\n"],
  ["of 10,000 parts that say nothing", "--x\r\n\r\n\r\n".repeat(10_000) + END, {}, TYPE, "413 Content Too Large\n"],
  ["that is cut short in a file", file.slice(0, -10), {}, TYPE, "400 Bad Request\n"],
  ["that is cut short in a head", `${file}--x\r\nContent-Disp`, {}, TYPE, "400 Bad Request\n"],
  ["with a file that is too large", file + END, { fileSize: 49 }, TYPE, "413 Content Too Large\n"],
  ["with a field that is too long", field + END, { fieldSize: 49 }, TYPE, "413 Content Too Large\n"],
  ["with too many files", file + file + END, { files: 1 }, TYPE, "413 Content Too Large\n"],
  ["with too many fields", field + field + END, { fields: 1 }, TYPE, "413 Content Too Large\n"],
] as const) {
  test(`multipart: a form ${what} is a ${answer.slice(0, 3)}`, async () => {
    assert.equal(await send(listing(options), body, type), answer);
  });
}

test("multipart: at its limits a form is taken", async () => {
  const limits = { fileSize: 51, fieldSize: 51, files: 1, fields: 1 };
  assert.equal(JSON.parse(await send(listing(limits), file + field + END)).length, 2);
});

test("multipart: it reads no further than the file is read", async () => {
  let sent = 0;
  const input = (async function* () {
    yield new TextEncoder().encode('--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n');
    for (;;) {
      sent += 65_536;
      yield new Uint8Array(65_536);
    }
  })();
  const environ = { CONTENT_TYPE: TYPE, "tsgi.input": input } as unknown as Environ;
  const parts = multipart(environ, { fileSize: 1e9 });
  const { value: first } = await parts.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(sent <= 5 * 65_536, `${sent} bytes`);
  const reader = first.body[Symbol.asyncIterator]();
  for (let length = 0; length < 1_000_000; ) length += (await reader.next()).value.byteLength;
  assert.ok(sent >= 1_000_000);
  await parts.return?.();
  assert.deepEqual(await parts.next(), { done: true, value: undefined });
  await assert.rejects(reader.next(), { code: "TSGI_CLIENT_GONE" });
});

test("multipart: a client that leaves fails the file that is read", async () => {
  let code = "";
  const app: App = async (environ) => {
    for await (const { body } of multipart(environ)) {
      try {
        for await (const _chunk of body);
      } catch (error) {
        code = (error as { code: string }).code;
        throw error;
      }
    }
    return "";
  };
  const gone = Object.assign(new Error("gone"), { code: "GONE" });
  const body = (async function* () {
    yield file.slice(0, 90);
    throw gone;
  })();
  await assert.rejects(request(app, "/", { method: "POST", headers: { "Content-Type": TYPE }, body }));
  await eventually(() => code === "GONE");
});

test("multipart: an upload whose client leaves leaves neither an open file nor a file", async (t) => {
  const folder = await fileTree({});
  let failure: unknown;
  const { connect } = await start(t, async (environ) => {
    for await (const { body } of multipart(environ)) {
      const path = join(folder, "upload");
      failure = await pipeline(body, createWriteStream(path)).catch((error) =>
        rm(path, { force: true }).then(() => error),
      );
    }
    return "";
  });
  const client = await connect();
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${TYPE}\r\nContent-Length: 1000000\r\n\r\n`);
  client.send(file.slice(0, 90) + "a".repeat(200_000));
  await eventually(() => readdirSync(folder).length === 1 && openBelow(folder) === 1);
  client.socket.destroy();
  await eventually(() => failure !== undefined && openBelow(folder) === 0);
  assert.deepEqual(readdirSync(folder), []);
  assert.equal((failure as { code?: string }).code, "TSGI_CLIENT_GONE");
});

test("multipart: readers that ask ahead get the chunks in order, and the end", async () => {
  const content = Array.from({ length: 100 }, (_, index) => index).join();
  const form = part('name="f"; filename="f"', content) + END;
  const environ = { CONTENT_TYPE: TYPE, "tsgi.input": pieces(form) } as unknown as Environ;
  for await (const { body } of multipart(environ)) {
    const reader = body[Symbol.asyncIterator]();
    const steps = await Promise.all(Array.from({ length: 200 }, () => reader.next()));
    const chunks = steps.flatMap(({ done, value }) => (done === true ? [] : [Buffer.from(value).toString()]));
    assert.equal(chunks.join(""), content);
    assert.deepEqual(steps.at(-1), { done: true, value: undefined });
  }
});

test("multipart: wrong options throw at once", () => {
  for (const options of [{ fileSize: 0 }, { files: -1 }, { maxFiles: 1 }]) {
    assert.throws(() => multipart({ CONTENT_TYPE: TYPE } as never, options as never), { code: "TSGI_BAD_OPTION" });
  }
});
