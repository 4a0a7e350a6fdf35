/** Files in a real browser. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import { type StaticFilesOptions, staticFiles } from "../../../middleware/static-files.ts";
import { notFound } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { fileTree, writeFileThen } from "../../support/file-tree.ts";
import { start } from "../../support/raw-client.ts";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
const skip = executablePath === undefined ? "chromium is not installed" : false;
const FLAGS =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking " +
  "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required";

/** What runs in the pages. */
const SCRIPTS = new URL("../../support/fixtures/browser", import.meta.url);

let browser: Browser;

before(async () => {
  if (executablePath !== undefined) browser = await chromium.launch({ executablePath, args: FLAGS.split(" ") });
});

after(() => browser?.close());

interface Asked {
  readonly path: string;
  readonly status: string;
  readonly range: string | undefined;
}

/** Serves a folder, remembers what was asked, and opens a page of its own. */
async function open(t: TestContext, folder: string, options: StaticFilesOptions = {}) {
  const asked: Asked[] = [];
  const files = staticFiles(
    notFound,
    { "/": folder, "/muxer": ["webm-muxer", "build"], "/scripts": SCRIPTS },
    { memory: false, ...options },
  );
  const app: App = (environ, startResponse) =>
    files(environ, (status, headers, error) => {
      asked.push({ path: environ.PATH_INFO, status, range: environ.HTTP_RANGE });
      return startResponse(status, headers, error);
    });
  const { server } = await start(t, app);
  const context = await browser.newContext();
  t.after(() => context.close());
  return { asked, url: server.url, page: await context.newPage() };
}

/** Ten seconds of video, made by the browser itself: noise, so that it does not shrink to nothing. */
async function makeVideo(page: Page, url: string): Promise<Buffer> {
  await page.goto(`${url}/blank.html`);
  const video = await page.evaluate<string>('import("/scripts/make-video.js").then(({ makeVideo }) => makeVideo())');
  return Buffer.from(video, "base64");
}

test("browser: it plays a video and seeks in it by ranges", { skip }, async (t) => {
  const folder = await fileTree({
    "blank.html": "<!doctype html><title>blank</title>",
    "player.html": "<!doctype html><title>player</title><video src=video.webm muted preload=metadata></video>",
  });
  const { asked, url, page } = await open(t, folder);
  const video = await makeVideo(page, url);
  assert.ok(video.length > 2_000_000, `a video of ${video.length} bytes is not a test`);
  await writeFileThen(join(folder, "video.webm"), video);
  asked.length = 0;
  await page.goto(`${url}/player.html`);
  const seen = (await page.evaluate('import("/scripts/seek.js").then(({ seek }) => seek(8))')) as {
    currentTime: number;
    duration: number;
    videoWidth: number;
  };
  assert.equal(seen.videoWidth, 320);
  assert.ok(seen.currentTime >= 8 && seen.duration > 9.5, JSON.stringify(seen));
  const ranges = asked.filter(({ path, status }) => path === "/video.webm" && status === "206 Partial Content");
  assert.ok(ranges.length > 1, "it came in one piece");
  const offsets = ranges.map(({ range }) => Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1]));
  assert.ok(Math.max(...offsets) > video.length / 2, `it asked from ${offsets}`);
});

const PAGE = '<!doctype html><link rel=stylesheet href="style.9d8c7b6a.css"><script src="app.3f2a1b9c.js"></script>';

test("browser: fingerprinted files come from its cache the second time, the page is asked for", { skip }, async (t) => {
  const folder = await fileTree({
    "index.html": PAGE,
    "app.3f2a1b9c.js": "globalThis.loaded = 1;",
    "style.9d8c7b6a.css": "body { color: red }",
  });
  const { asked, url, page } = await open(t, folder, { immutable: true });
  const load = async () => {
    asked.length = 0;
    await page.goto("about:blank");
    await page.goto(`${url}/`);
    assert.equal(await page.evaluate("globalThis.loaded"), 1);
    return asked
      .filter(({ path }) => path !== "/favicon.ico")
      .map(({ path, status }) => `${path} ${status}`)
      .sort();
  };
  assert.deepEqual(await load(), ["/ 200 OK", "/app.3f2a1b9c.js 200 OK", "/style.9d8c7b6a.css 200 OK"]);
  assert.deepEqual(await load(), ["/ 304 Not Modified"]);
});

test("browser: a new version that was put in place by renaming is what it shows", { skip }, async (t) => {
  const folder = await fileTree({
    "index.html": "<!doctype html><script src=app.js></script><h1>one</h1>",
    "app.js": "globalThis.version = 'one';",
  });
  const { url, page } = await open(t, folder);
  const load = async () => {
    await page.goto(`${url}/`);
    return [await page.textContent("h1"), await page.evaluate("globalThis.version")];
  };
  assert.deepEqual(await load(), ["one", "one"]);
  for (const [name, content] of [
    ["app.js", "globalThis.version = 'two';"],
    ["index.html", "<!doctype html><script src=app.js></script><h1>two</h1>"],
  ] as const) {
    await writeFile(join(folder, `.${name}`), content);
    await rename(join(folder, `.${name}`), join(folder, name));
  }
  assert.deepEqual(await load(), ["two", "two"]);
});

test("browser: a page that goes by the name of something else does not run", { skip }, async (t) => {
  const script = "<!doctype html><script>globalThis.hasRun = true</script>";
  const folder = await fileTree({
    "note.txt": script,
    "image.png": script,
    "data.json": "globalThis.hasRun = true",
    "unknown.zzz": script,
    "index.html": "<!doctype html><script src=data.json></script><script src=note.txt></script><title>index</title>",
  });
  const { url, page } = await open(t, folder);
  for (const name of ["note.txt", "image.png", "data.json", "", "unknown.zzz"]) {
    // What is of no type it knows becomes a download.
    await page.goto(`${url}/${name}`).catch((error) => assert.match(String(error), /Download is starting|ERR_ABORTED/));
    await sleep(20);
    assert.equal(await page.evaluate("globalThis.hasRun"), undefined, name);
  }
});
