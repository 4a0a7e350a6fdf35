import assert from "node:assert/strict";
import { appendFile, rename, rm, truncate, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import { closeBody } from "../../../src/body/reader.ts";
import { capture } from "../../../src/exchange/capture.ts";
import type { App, Body } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { allClosed, fileTree, openBelow, withHeader } from "../../support/file-tree.ts";

const root = await fileTree({ "small.txt": "small" });
const app = staticFiles(notFound, { "/": root }, { memory: false });
const SIZE = 300_000;
const linuxOnly = { skip: process.platform !== "linux" };

/** A large file of one letter, and its response with the first chunk read. */
async function begun(name: string, letter: string) {
  const path = join(root, name);
  await writeFile(path, letter.repeat(SIZE));
  const response = await request(app, `/${name}`);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const first = await reader.read();
  return { path, response, reader, first: Buffer.from(first.value as Uint8Array) };
}

async function rest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for (let step = await reader.read(); !step.done; step = await reader.read()) parts.push(step.value);
  return Buffer.concat(parts).toString();
}

for (const [what, change] of [
  ["is cut short", (path: string) => truncate(path, 100_000)],
  ["is emptied", (path: string) => truncate(path, 0)],
  ["is written over", (path: string) => writeFile(path, "b".repeat(SIZE))],
  ["is written over by a longer one", (path: string) => writeFile(path, "b".repeat(2 * SIZE))],
  ["grows", (path: string) => appendFile(path, "more")],
  ["is touched", (path: string) => utimes(path, 1, 1)],
] as const) {
  test(`staticFiles: a file that ${what} while it is being sent never looks whole`, async () => {
    const { path, response, reader } = await begun("changing.txt", "a");
    await change(path);
    await assert.rejects(rest(reader), { code: "TSGI_FILE_CHANGED" });
    assert.match(response.errors, /TSGI_FILE_CHANGED|the file was changed while it was being sent/);
    assert.equal(response.finished, 1);
    await allClosed(root);
  });
}

for (const [what, change] of [
  ["replaced by another", (path: string) => rename(join(root, "other.txt"), path)],
  ["deleted", (path: string) => unlink(path)],
  ["renamed", (path: string) => rename(path, `${path}.old`)],
] as const) {
  test(`staticFiles: a file that is ${what} while it is being sent is sent to its end`, async () => {
    await writeFile(join(root, "other.txt"), "b".repeat(SIZE));
    const { path, reader, first } = await begun("replaced.txt", "a");
    await change(path);
    assert.equal(first.toString() + (await rest(reader)), "a".repeat(SIZE));
    await rm(`${path}.old`, { force: true });
  });
}

test("staticFiles: a small file that is written to all the time is sent whole in some version, or as 503", async () => {
  const path = join(root, "busy.txt");
  const sizes = [10, 20_000, 5_000, 64_000];
  const versions = new Set(sizes.map((size, index) => String(index).repeat(size)));
  let isOver = false;
  const writing = (async () => {
    for (let turn = 0; !isOver; turn++) {
      const index = turn % sizes.length;
      await writeFile(path, String(index).repeat(sizes[index] as number));
      await new Promise((resolve) => setTimeout(resolve, turn % 100 === 99 ? 50 : 1));
    }
  })();
  try {
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (let round = 0; round < 20; round++) {
      const response = await request(app, "/busy.txt");
      const body = await response.text();
      if (response.status === 503) assert.equal(response.headers.get("retry-after"), "1");
      else assert.ok(body === "" || versions.has(body), `torn: ${body.slice(0, 20)}… of ${body.length}`);
    }
  } finally {
    isOver = true;
    await writing;
  }
  assert.ok(versions.has(await (await request(app, "/busy.txt")).text()));
});

test("staticFiles: a change between two requests is seen at once", async () => {
  const path = join(root, "twice.txt");
  await writeFile(path, "one");
  const first = await request(app, "/twice.txt");
  await utimes(path, 1, 1);
  await writeFile(path, "two");
  const again = await request(app, "/twice.txt", withHeader("If-None-Match", first.headers.get("etag") as string));
  assert.equal(again.status, 200);
  assert.equal(await again.text(), "two");
});

// Descriptors.

await writeFile(join(root, "large.bin"), Buffer.alloc(1_000_000));

/** Answers with the body that `use` makes of the file's. */
function using(use: (body: Body) => Body | Promise<Body>): App {
  return async function using(environ, startResponse) {
    const { status, headers, body } = await capture(app, environ);
    const used = await use(body);
    startResponse(status, used === body ? headers : []);
    return used;
  };
}

test("staticFiles: a client that leaves closes the file", linuxOnly, async () => {
  const response = await request(app, "/large.bin");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  assert.equal(openBelow(root), 1);
  await reader.cancel();
  await allClosed(root);
  assert.equal(response.finished, 1);
});

test("staticFiles: a client that leaves before the file is open", linuxOnly, async () => {
  for (const wait of [0, 0, 1, 2]) {
    const controller = new AbortController();
    const pending = request(app, "/large.bin", { signal: controller.signal });
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    controller.abort();
    await pending.then((response) => response.body?.cancel()).catch(() => {});
  }
  await allClosed(root);
});

test("staticFiles: a body that nobody reads is closed when it is finished", linuxOnly, async () => {
  const response = await request(
    using(async (body) => {
      assert.equal(openBelow(root), 1);
      await closeBody(body);
      return "instead";
    }),
    "/large.bin",
  );
  assert.equal(await response.text(), "instead");
  assert.equal(openBelow(root), 0);
});

test("staticFiles: finishing twice, or while a chunk is being read, closes once", linuxOnly, async () => {
  await request(
    using(async (body) => {
      const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]() as AsyncGenerator<Uint8Array>;
      const pending = iterator.next();
      await Promise.all([iterator.return(undefined), iterator.return(undefined)]);
      assert.equal(openBelow(root), 0);
      await pending;
      assert.deepEqual(await iterator.next(), { done: true, value: undefined });
      return "over";
    }),
    "/large.bin",
    { lint: false },
  );
});

test("staticFiles: an outer layer that refuses the head closes the file", linuxOnly, async () => {
  const refusing: App = (environ, startResponse) =>
    app(environ, (status, headers, error) => {
      if (openBelow(root) === 1) throw new Error("refused");
      return startResponse(status, headers, error);
    });
  await assert.rejects(request(refusing, "/large.bin"), { message: "refused" });
  assert.equal(openBelow(root), 0);
});

test("staticFiles: the last chunk is sent with the file closed", linuxOnly, async () => {
  const response = await request(app, "/large.bin");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (let read = 0; read < 1_000_000; ) read += (await reader.read()).value?.byteLength as number;
  assert.equal(openBelow(root), 0);
  assert.equal((await reader.read()).done, true);
});

test("staticFiles: HEAD, 304, 412 and 416 close the file", linuxOnly, async () => {
  for (let round = 0; round < 20; round++) {
    const responses = await Promise.all([
      request(app, "/large.bin", { method: "HEAD" }),
      request(app, "/large.bin", withHeader("If-None-Match", "*")),
      request(app, "/large.bin", withHeader("If-Match", '"other"')),
      request(app, "/large.bin", withHeader("Range", "bytes=2000000-")),
    ]);
    assert.deepEqual(
      responses.map(({ status }) => status),
      [200, 304, 412, 416],
    );
  }
  await allClosed(root);
});
