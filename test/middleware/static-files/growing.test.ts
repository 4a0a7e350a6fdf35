// Files that grow: logs and recordings.
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { appendFile, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type StaticFilesOptions, staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import { request } from "../../../src/testing.ts";
import { allClosed, fileTree, plain, withHeader } from "../../support/file-tree.ts";
import { serveFiles } from "../../support/static-fixture.ts";

const SIZE = 300_000;

/** A folder whose `log.txt` grows by a line every few milliseconds while the test runs. */
async function growingLog(t: TestContext): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  // Before the folder is removed.
  t.after(() => clearInterval(timer));
  const folder = await fileTree({ "log.txt": "" });
  const path = join(folder, "log.txt");
  timer = setInterval(() => appendFileSync(path, "line\n"), 5);
  appendFileSync(path, "line\n");
  return folder;
}

for (const memory of [undefined, false] as const) {
  const options: StaticFilesOptions = memory === undefined ? {} : { memory };
  const what = JSON.stringify(memory) ?? "the default";

  test(`growing: HEAD and ranges are answered while a file is appended to, with memory ${what}`, async (t) => {
    const site = await serveFiles(t, await growingLog(t), options);
    const head = await site.head("/log.txt");
    assert.equal(head.status, 200);
    assert.ok(Number(head.headers["content-length"]) > 0);
    for (const range of ["bytes=0-3", "bytes=1-"]) {
      const part = await site.get("/log.txt", `Range: ${range}`);
      assert.equal(part.status, 206);
      assert.match(part.body, /^l?ine/);
      // Another version has the same stamps perhaps: nothing to compare with.
      assert.deepEqual([part.headers.etag, part.headers["last-modified"]], [undefined, undefined]);
    }
  });

  test(`growing: the whole of a file that is appended to all the time is a 503, with memory ${what}`, async (t) => {
    const site = await serveFiles(t, await growingLog(t), options);
    assert.deepEqual(await site.get("/log.txt"), plain(503, "Service Unavailable\n", { "retry-after": "1" }));
  });

  test(`growing: with appendOnly the whole is what was there when it was opened, with memory ${what}`, async (t) => {
    const site = await serveFiles(t, await growingLog(t), { ...options, appendOnly: "/log" });
    for (let round = 0; round < 10; round++) {
      const { status, body } = await site.get("/log.txt");
      assert.equal(status, 200);
      assert.match(body, /^(?:line\n)+$/);
    }
    assert.deepEqual(site.log, []);
  });
}

/** A large file, and its response with the first chunk read. */
async function begun(options: StaticFilesOptions, headers = {}) {
  const folder = await fileTree({ "log.txt": "a".repeat(SIZE) });
  const app = staticFiles(notFound, { "/": folder }, { memory: false, ...options });
  const response = await request(app, "/log.txt", headers);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const first = (await reader.read()).value as Uint8Array;
  const rest = async () => {
    const parts = [first];
    for (let step = await reader.read(); !step.done; step = await reader.read()) parts.push(step.value);
    await allClosed(folder);
    return Buffer.concat(parts).toString();
  };
  return { path: join(folder, "log.txt"), rest };
}

for (const [what, options, headers, expected] of [
  ["with appendOnly", { appendOnly: true }, {}, SIZE],
  ["that is sent as a range", {}, withHeader("Range", "bytes=0-"), SIZE],
  ["of which ranges are sent", { appendOnly: false }, withHeader("Range", "bytes=0-199999,299999-"), undefined],
] as const) {
  test(`growing: a file ${what} is sent to the end that it had, whatever is appended meanwhile`, async () => {
    const { path, rest } = await begun(options, headers);
    await appendFile(path, "more");
    const body = await rest();
    if (expected === undefined) assert.match(body, /^\r?\n?--[\s\S]*a+[\s\S]*--\r\n$/);
    else assert.equal(body, "a".repeat(expected));
  });
}

for (const [what, change] of [
  ["cut short", (path: string) => truncate(path, 100_000)],
  ["written over", (path: string) => writeFile(path, "b".repeat(SIZE))],
  ["touched", (path: string) => utimes(path, 1, 1)],
] as const) {
  for (const [how, options, headers] of [
    ["as a range", {}, withHeader("Range", "bytes=0-")],
    ["with appendOnly", { appendOnly: true }, {}],
  ] as const) {
    test(`growing: a file that is ${what} while it is sent ${how} never looks whole`, async () => {
      const { path, rest } = await begun(options, headers);
      await change(path);
      await assert.rejects(rest(), { code: "TSGI_FILE_CHANGED" });
    });
  }
}
