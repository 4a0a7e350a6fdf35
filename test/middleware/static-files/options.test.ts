// What the options of static files do, and what the file system may do to them.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { chmod, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { type StaticFilesOptions, staticFiles } from "../../../middleware/static-files.ts";
import { notFound, text } from "../../../src/apps.ts";
import type { HeaderList } from "../../../src/gateway.ts";
import { allClosed, file, fileTree, openBelow, PASSED_ON, plain, tagOf } from "../../support/file-tree.ts";
import { eventually } from "../../support/raw-client.ts";
import { assertBytes, serveFiles } from "../../support/static-fixture.ts";

const TEXT = "text/plain; charset=utf-8";
const HTML = "text/html; charset=utf-8";
const SECRET = "secret";
const tree = await fileTree({
  "public/a.txt": "a",
  "public/index.html": "<p>index</p>",
  "public/shader.glsl": "glsl",
  "public/data.toml": "toml",
  "public/.hidden": "hidden",
  "public/.dir/a.txt": "in a hidden folder",
  "public/sub/.hidden": "hidden below",
  "public/sub/b.txt": "b",
  "public/.well-known/acme-challenge/token": "token",
  "public/.well-known/.hidden": "hidden in well-known",
  "public/sub/.well-known/a.txt": "well-known elsewhere",
  "public/private/keys.txt": "keys",
  ".config/a.txt": "below a hidden folder",
  "second/a.txt": "second a",
  "second/c.txt": "second c",
  "second/index.html": "<p>second</p>",
  "second/only/index.html": "<p>only</p>",
  "outside/secret.txt": SECRET,
  "outside/index.html": SECRET,
});
const folder = join(tree, "public");
const unixOnly = { skip: process.platform === "win32" };
const linuxOnly = { skip: process.platform !== "linux" };

// Caching.

for (const [options, expected] of [
  [{}, "no-cache"],
  [{ maxAge: 0 }, "no-cache"],
  [{ maxAge: 999 }, "no-cache"],
  [{ maxAge: 1000 }, "max-age=1"],
  [{ maxAge: 123_956 }, "max-age=123"],
  [{ maxAge: 31_536_000_000 }, "max-age=31536000"],
  // `immutable` alone is enough, where sirv and send want `maxAge` too.
  [{ immutable: /^\/a\.txt$/ }, "max-age=31536000, immutable"],
  [{ immutable: /^\/a\.txt$/g, maxAge: 1000 }, "max-age=31536000, immutable"],
  [{ immutable: true, maxAge: 1000 }, "max-age=1"],
] as readonly [StaticFilesOptions, string][]) {
  test(`static files: ${Object.keys(options)} ${Object.values(options)} is ${expected}, not public as sirv and send have it`, async (t) => {
    const site = await serveFiles(t, folder, options);
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(await site.get("/a.txt"), file(TEXT, "a", { "cache-control": expected }));
    }
    const unmodified = await site.get("/a.txt", "If-None-Match: *");
    assert.equal(unmodified.headers["cache-control"], expected);
  });
}

test("static files: immutable: true is for names with a fingerprint", async (t) => {
  const names = ["app.3f2a1b9c.js", "app-3f2a1b9c.css", "app_3f2a1b9c0d.min.js", "a/b.0123456789abcdef.woff2"];
  const others = ["app.js", "20240506.txt", "photo-20240506.jpg", "app.deadbeef.js", "app.3f2a1b9.js", "3f2a1b9c.js"];
  const files = Object.fromEntries([...names, ...others].map((name) => [name, name]));
  const site = await serveFiles(t, await fileTree(files), { immutable: true });
  for (const name of [...names, ...others]) {
    const { headers } = await site.get(`/${name}`);
    assert.equal(headers["cache-control"], names.includes(name) ? "max-age=31536000, immutable" : "no-cache", name);
  }
});

// Names.

const HIDDEN = ["/.hidden", "/.dir/a.txt", "/sub/.hidden", "/.well-known/.hidden", "/sub/.well-known/a.txt"];

test("static files: dotfiles are hidden, in hidden folders as well, /.well-known/ is not", async (t) => {
  const site = await serveFiles(t, folder);
  for (const target of [...HIDDEN, "/%2ehidden", "/.dir", "/.dir/", "/.none", "/.dir/none"]) {
    assert.deepEqual(await site.get(target), PASSED_ON, target);
  }
  assert.equal(await site.text("/.well-known/acme-challenge/token"), "token");
});

test("static files: dotfiles that are wanted", async (t) => {
  const site = await serveFiles(t, folder, { dotfiles: true });
  for (const target of HIDDEN) assert.equal((await site.get(target)).status, 200, target);
  assert.deepEqual(await site.get("/.none"), PASSED_ON);
});

test("static files: an exported folder may be hidden itself", async (t) => {
  const site = await serveFiles(t, join(tree, ".config"));
  assert.equal(await site.text("/a.txt"), "below a hidden folder");
});

test("static files: the filter is asked for paths below the export, decoded, of indexes and extensions as well", async (t) => {
  const asked: string[] = [];
  const filter = (path: string) => {
    asked.push(path);
    return !path.startsWith("/private/") && path !== "/index.html";
  };
  const options = { filter, extensions: ["txt"], memory: false } as const;
  const site = await serveFiles(t, { "/files": folder, "/a.txt": join(folder, "a.txt") }, options);
  for (const target of ["/files/private/keys.txt", "/files/%70rivate/keys.txt", "/files/private/keys", "/files/"]) {
    assert.deepEqual(await site.get(target), PASSED_ON, target);
  }
  for (const target of ["/files/a.txt", "/files/a", "/a.txt"]) assert.equal(await site.text(target), "a", target);
  const keys = ["/private/keys.txt", "/private/keys.txt.txt"];
  const refused = [...keys, ...keys, "/private/keys", "/private/keys.txt", "/index.html"];
  assert.deepEqual(asked, [...refused, "/a.txt", "/a", "/a.txt", "/a.txt"]);
});

test("static files: a filter that throws is a 500 and a line for who runs the server, not for the client", async (t) => {
  const filter = () => {
    throw new Error(SECRET);
  };
  const site = await serveFiles(t, folder, { filter });
  const reply = await site.get("/a.txt");
  assert.equal(reply.status, 500);
  assert.doesNotMatch(reply.body, /secret/);
  assert.match(site.log.join(""), /secret/);
});

test("static files: types of your own", async (t) => {
  const types = { ".glsl": "text/x-shader", TOML: "application/toml; charset=utf-8", txt: "text/markdown" };
  const site = await serveFiles(t, folder, { types });
  for (const [target, type] of [
    ["/shader.glsl", "text/x-shader; charset=utf-8"],
    ["/data.toml", "application/toml; charset=utf-8"],
    ["/a.txt", "text/markdown; charset=utf-8"],
    ["/", HTML],
  ] as const) {
    assert.equal((await site.get(target)).headers["content-type"], type, target);
  }
});

test("static files: headers of your own, in place of those that there would be", async (t) => {
  const headers = (path: string, { size, modified }: { size: number; modified: Date }): HeaderList => [
    ["Content-Type", "text/x-custom"],
    ["cache-control", "private"],
    ["X-Of", `${path} ${size} ${modified.toISOString()}`],
    ["Set-Cookie", "a=1"],
    ["Set-Cookie", "b=2"],
  ];
  const site = await serveFiles(t, { "/static": folder }, { headers });
  const own = { "content-type": "text/x-custom", "cache-control": "private", "set-cookie": "a=1, b=2" };
  const of = (path: string) => ({ ...own, "x-of": path });
  assert.deepEqual(await site.get("/static/a.txt"), file(TEXT, "a", of("/a.txt 1 2024-05-06T07:08:09.000Z")));
  const index = await site.get("/static/");
  assert.deepEqual(index, file(HTML, "<p>index</p>", of("/index.html 12 2024-05-06T07:08:09.000Z")));
  assert.equal((await site.get("/static/none")).headers["x-of"], undefined);
  assert.equal((await site.get("/static/a.txt", "Range: bytes=5-")).headers["x-of"], undefined);
});

for (const [name, value] of [
  ["ETag", '"mine"'],
  ["last-modified", "Mon, 06 May 2024 07:08:09 GMT"],
  ["Content-Length", "1"],
  ["Content-Encoding", "gzip"],
  ["Content-Range", "bytes 0-0/1"],
  ["Accept-Ranges", "none"],
  ["X-Bad", "a\r\nSet-Cookie: b=c"],
  ["X Bad", "a"],
  ["Connection", "close"],
] as const) {
  test(`static files: headers that give ${JSON.stringify([name, value])} are a 500 that says what is wrong`, async (t) => {
    const site = await serveFiles(t, folder, { headers: () => [[name, value]], memory: false });
    for (const method of ["GET", "HEAD"]) {
      const reply = await site.ask(method, "/a.txt");
      assert.deepEqual([reply.status, reply.headers["set-cookie"]], [500, undefined]);
    }
    assert.match(site.log.join(""), new RegExp(`TsgiError: .*${name}`));
    if (process.platform === "linux") await allClosed(folder);
    assert.deepEqual(await site.get("/none"), PASSED_ON);
  });
}

test("static files: without falling through it is 404 and 405 below an export, the app's elsewhere", async (t) => {
  const exports = { "/static": folder, "/one.txt": join(folder, "a.txt") };
  const site = await serveFiles(t, exports, { fallthrough: false }, text("the app"));
  for (const target of [
    "/static/none",
    "/static/sub/",
    "/static/.hidden",
    "/static/a.txt/",
    "/one.txt/",
    "/one.txt/x",
  ]) {
    assert.deepEqual(await site.get(target), plain(404, "Not Found\n"), target);
  }
  const notAllowed = plain(405, "Method Not Allowed\n", { allow: "GET, HEAD" });
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
    for (const target of ["/static/a.txt", "/static/none", "/static", "/one.txt"]) {
      assert.deepEqual(await site.ask(method, target), notAllowed, `${method} ${target}`);
    }
  }
  for (const target of ["/", "/stati", "/statics/a.txt", "/one.txt2"]) assert.equal(await site.text(target), "the app");
  assert.equal((await site.ask("POST", "/elsewhere")).body, "the app");
});

test("static files: a list of folders is tried in order, file by file and folder by folder", async (t) => {
  const site = await serveFiles(t, { "/": [folder, join(tree, "second")] });
  for (const [target, body] of [
    ["/a.txt", "a"],
    ["/c.txt", "second c"],
    ["/", "<p>index</p>"],
    ["/only/", "<p>only</p>"],
    ["/sub/b.txt", "b"],
  ] as const) {
    assert.equal(await site.text(target), body, target);
  }
  assert.equal((await site.get("/only")).headers.location, "/only/");
  assert.deepEqual(await site.get("/outside/secret.txt"), PASSED_ON);
});

test("static files: a folder of a package", async (t) => {
  const site = await serveFiles(t, { "/vendor": ["mime-db", "."], "/db.json": ["mime-db", "db.json"] });
  const whole = await site.get("/db.json");
  assertBytes((await site.get("/vendor/db.json")).bytes, whole.bytes);
  assert.deepEqual(await site.get("/vendor/../mime-types/package.json"), PASSED_ON);
  assert.deepEqual(await site.get("/vendor/..%2fmime-types%2fpackage.json"), PASSED_ON);
});

// Links and what is not a file.

test("static files: links stay inside, unless they are to be followed", unixOnly, async (t) => {
  const linked = await fileTree({ "in/a.txt": "inside", "secrets/secret.txt": SECRET });
  const inside = join(linked, "in");
  for (const [name, target] of [
    ["file.txt", "a.txt"],
    ["folder", "."],
    ["out.txt", "../secrets/secret.txt"],
    ["out", "../secrets"],
    ["dangling", "none"],
    ["loop", "loop"],
  ] as const) {
    await symlink(target, join(inside, name));
  }
  const site = await serveFiles(t, inside);
  for (const target of ["/file.txt", "/folder/a.txt", "/folder/folder/file.txt"]) {
    assert.equal(await site.text(target), "inside", target);
  }
  for (const target of ["/out.txt", "/out/secret.txt", "/out", "/dangling", "/loop", "/folder/out.txt"]) {
    assert.deepEqual(await site.get(target), PASSED_ON, target);
  }
  const following = await serveFiles(t, inside, { symlinks: "follow" });
  for (const target of ["/out.txt", "/out/secret.txt"]) assert.equal(await following.text(target), SECRET);
  for (const target of ["/dangling", "/loop", "/../secrets/secret.txt", "/..%2fsecrets/secret.txt"]) {
    assert.deepEqual(await following.get(target), PASSED_ON, target);
  }
});

test("static files: pipes, sockets and devices are not served, nor waited for", linuxOnly, async (t) => {
  const odd = await fileTree({ "index/": "", "a.txt": "a" });
  execFileSync("mkfifo", [join(odd, "pipe"), join(odd, "index/index.html")]);
  const listening = createServer().listen(join(odd, "socket"));
  t.after(() => listening.close());
  await symlink("/dev/zero", join(odd, "zero"));
  for (const options of [{}, { memory: false }, { symlinks: "follow" }, { manifest: true }] as const) {
    const site = await serveFiles(t, odd, { ...options, navigationFallback: "pipe" });
    for (const target of ["/pipe", "/socket", "/zero", "/index", "/index/", "/users"]) {
      for (let round = 0; round < 2; round++) assert.deepEqual(await site.get(target), PASSED_ON, target);
      assert.deepEqual(await site.head(target), { ...PASSED_ON, body: "" }, target);
    }
    assert.equal(await site.text("/a.txt"), "a");
  }
  const devices = await serveFiles(t, "/dev");
  for (const target of ["/zero", "/null", "/tty", "/random"]) assert.deepEqual(await devices.get(target), PASSED_ON);
});

// What may not be read.

test("static files: what may not be read is a 403, whether it was in memory or not", linuxOnly, async (t) => {
  const locked = await fileTree({
    "a.txt": SECRET,
    "folder/index.html": SECRET,
    "b.js": "b".repeat(100),
    "b.js.br": "b",
  });
  await chmod(locked, 0o755);
  const site = await serveFiles(t, locked, { memory: { interval: 0 } });
  for (const target of ["/a.txt", "/folder/"]) assert.equal(await site.text(target), SECRET);
  for (const name of ["a.txt", "folder", "b.js.br"]) await chmod(join(locked, name), 0);
  await asNobody(async () => {
    for (const target of ["/a.txt", "/folder/", "/folder/index.html"]) {
      assert.deepEqual(await site.get(target), plain(403, "Forbidden\n"), target);
      assert.deepEqual(await site.head(target), { ...plain(403, "Forbidden\n"), body: "" }, target);
    }
    const variant = await site.get("/b.js", "Accept-Encoding: br");
    assert.deepEqual([variant.status, variant.headers["content-encoding"]], [200, undefined]);
  });
  assert.match(site.log.join(""), /^GET \/a\.txt: EACCES: permission denied, open '.*'\n/);
  await chmod(join(locked, "folder"), 0o755);
});

/** Root may read everything. */
async function asNobody(use: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return use();
  process.seteuid?.(65_534);
  try {
    await use();
  } finally {
    process.seteuid?.(0);
  }
}

test("static files: a root that vanishes is the app's, and found again", async (t) => {
  const parent = await fileTree({ "site/a.txt": "a" });
  const site = await serveFiles(t, { "/site": join(parent, "site") }, { memory: { interval: 0 } });
  assert.equal(await site.text("/site/a.txt"), "a");
  await rename(join(parent, "site"), join(parent, "away"));
  for (const target of ["/site/a.txt", "/site", "/site/"]) assert.deepEqual(await site.get(target), PASSED_ON);
  await mkdir(join(parent, "site"));
  await writeFile(join(parent, "site/a.txt"), "again");
  assert.equal(await site.text("/site/a.txt"), "again");
  await rm(join(parent, "site"), { recursive: true });
  assert.deepEqual(await site.get("/site/a.txt"), PASSED_ON);
});

for (const memory of [false, { interval: 0 }] as const) {
  test(`static files: a root that vanishes is reported, looked at just before or not, with memory ${JSON.stringify(memory)}`, async (t) => {
    const parent = await fileTree({ "site/a.txt": "a" });
    const site = await serveFiles(t, { "/site": join(parent, "site") }, { memory });
    assert.equal(await site.text("/site/a.txt"), "a");
    assert.deepEqual(await site.get("/site/none.txt"), PASSED_ON);
    await rename(join(parent, "site"), join(parent, "away"));
    for (let round = 0; round < 400 && site.log.length === 0; round++) {
      assert.deepEqual(await site.get("/site/a.txt"), PASSED_ON);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.match(site.log.join(""), /^GET \/site\/a\.txt: the exported .*site is gone: ENOENT/);
  });
}

test("static files: without descriptors it is a 503, and all is well again with them", linuxOnly, async (t) => {
  const many = await fileTree({ "a.txt": "a", "large.bin": Buffer.alloc(300_000, "large") });
  const site = await serveFiles(t, many, { memory: false });
  const client = await site.connect();
  client.get("/a.txt");
  await client.until("\r\n\r\na");
  const giveBack = takeDescriptors();
  try {
    for (const target of ["/a.txt", "/large.bin", "/a.txt"]) {
      client.clear();
      client.get(target);
      assert.match(await client.until("Service Unavailable\n"), /^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/s);
    }
  } finally {
    await giveBack();
  }
  client.clear();
  client.get("/a.txt", `If-None-Match: ${tagOf("a")}`);
  await client.until("304 Not Modified");
  assert.equal(await site.text("/a.txt"), "a");
  assert.match(site.log.join(""), /^(?:GET \/\S+: EMFILE: too many open files, open '.*'\n){3}$/);
  await eventually(() => openBelow(many) === 0);
});

test("static files: files that are open without need are closed when descriptors run out", linuxOnly, async (t) => {
  const names = Array.from({ length: 50 }, (_, index) => `${index}.bin`);
  const many = await fileTree(Object.fromEntries(names.map((name) => [name, Buffer.alloc(300_000, name)])));
  const site = await serveFiles(t, many, { memory: { fileSize: 0, interval: 3_600_000 } });
  for (const name of names.slice(1)) await site.get(`/${name}`);
  assert.ok(openBelow(many) > 40);
  const client = await site.connect();
  client.get("/1.bin", "Range: bytes=0-1");
  await client.until("\r\n\r\n1.");
  const giveBack = takeDescriptors(Math.max(...readdirSync("/proc/self/fd").map(Number)));
  try {
    client.clear();
    client.get("/0.bin", "Range: bytes=0-1");
    await client.until("\r\n\r\n0.");
  } finally {
    await giveBack();
  }
  assert.deepEqual(site.log, []);
});

/** From here on this process can open no files from that number on, until they are given back: by a process that runs already. */
function takeDescriptors(first = 3): () => Promise<unknown> {
  const limit = ["--pid", String(process.pid), "--nofile"];
  const soft = execFileSync("prlimit", [...limit, "--output", "SOFT", "--noheadings"])
    .toString()
    .trim();
  const waiting = spawn("sh", ["-c", `read _; exec prlimit ${limit.join(" ")}=${soft}:`], { stdio: "pipe" });
  execFileSync("prlimit", [...limit.slice(0, 2), `--nofile=${first}:`]);
  return () => {
    const isOver = once(waiting, "exit");
    waiting.stdin.end("\n");
    return isOver;
  };
}

test("static files: no app but ours was asked for what is served", async (t) => {
  const app = staticFiles(notFound, { "/": folder });
  assert.equal(app.name, "staticFiles");
  const site = await serveFiles(t, folder, {}, () => {
    throw new Error("asked");
  });
  for (const target of ["/a.txt", "/", "/sub/b.txt"]) assert.equal((await site.get(target)).status, 200);
});
