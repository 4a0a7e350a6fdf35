import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { staticFiles } from "../../../middleware/static-files.ts";
import { notFound, text } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { allClosed, fileTree, openBelow, PASSED_ON, plain, seen } from "../../support/file-tree.ts";

const SECRET = "secret";
const tree = await fileTree({
  "public/a.txt": "public",
  "public/docs/index.html": "public",
  "public/sub/b.txt": "public",
  "public/%2e%2e/secret.txt": "public",
  "public/.env": SECRET,
  "public/.git/config": SECRET,
  "public/sub/.htpasswd": SECRET,
  "public/.well-known/security.txt": "public",
  "public/.well-known/.secret": SECRET,
  "public/sub/.well-known/x": SECRET,
  "public/back\\slash.txt": SECRET,
  "public/admin/panel.html": "panel",
  "secret.txt": SECRET,
  "public-private/secret.txt": SECRET,
  "publi/secret.txt": SECRET,
  "elsewhere/index.html": SECRET,
  "elsewhere/secret.txt": SECRET,
});
const folder = join(tree, "public");
const app = staticFiles(notFound, { "/": folder, "/static": folder });

/** No spelling of these leaves the folder: each path as sent, then as a `PATH_INFO` that nobody has canonicalised. */
const escapes = [
  "/../secret.txt",
  "/static/../../secret.txt",
  "/static/..%2fsecret.txt",
  "/static/..%2F..%2Fsecret.txt",
  "/static/%2e%2e/secret.txt",
  "/static/%2e%2e%2fsecret.txt",
  "/static/.%2e/secret.txt",
  "/static/%252e%252e%252fsecret.txt",
  "/static/..\\secret.txt",
  "/static/..%5csecret.txt",
  "/static/..%255csecret.txt",
  "/static/sub/../../secret.txt",
  "/static/sub/..%2f..%2fsecret.txt",
  "/static/a.txt/../../secret.txt",
  "/static/%c0%ae%c0%ae/secret.txt",
  "/static/%c0%ae%c0%ae%c0%afsecret.txt",
  "/static/%u002e%u002e/secret.txt",
  "/static/..;/secret.txt",
  "/static/..%00/secret.txt",
  "/static/../secret.txt%00.txt",
  "/static/a.txt%00.html",
  "/static/..%0d%0a/secret.txt",
  // The folder beside it whose name begins the same (send CVE-2014-6394, vite CVE-2025-58751 by way of sirv).
  "/static-private/secret.txt",
  "/static/../public-private/secret.txt",
  "/static/..%2Fpublic-private/secret.txt",
  "/../public-private/secret.txt",
  "/static../secret.txt",
  "/static..%2fsecret.txt",
  // Absolute names, and roots of other systems.
  `/static/${tree}/secret.txt`,
  `/static/${encodeURIComponent(join(tree, "secret.txt"))}`,
  "/static//etc/passwd",
  "/static/%2Fetc%2Fpasswd",
  "/static/C:/Windows/win.ini",
  "/static/C:%5CWindows%5Cwin.ini",
  "/static/%5C%5Clocalhost%5Cshare",
  "/static/file:%2F%2F%2Fetc%2Fpasswd",
  "/static/back%5Cslash.txt",
  "/static/back\\slash.txt",
  // Dotfiles.
  "/static/.env",
  "/static/%2eenv",
  "/static/%2Eenv",
  "/static/./.env",
  "/static/.env/",
  "/static/.git/config",
  "/static/.git%2Fconfig",
  "/static/sub/.htpasswd",
  "/static/.well-known/.secret",
  "/static/.well-known/../.env",
  "/static/sub/.well-known/x",
];

for (const path of escapes) {
  test(`staticFiles: ${JSON.stringify(path)} gives nothing away`, async () => {
    const canonicalised = await request(app, path);
    assert.ok(canonicalised.status === 400 || canonicalised.status === 404, String(canonicalised.status));
    for (const PATH_INFO of [path, path.slice(1), `/${path}`]) {
      const raw = await request(app, "/", { environ: { PATH_INFO }, lint: false });
      assert.deepEqual(await seen(raw), PASSED_ON);
    }
  });
}

test("staticFiles: whatever the path, nothing but public files is sent", async () => {
  const piece = fc.constantFrom(
    ...["/", "//", ".", "..", "%2e", "%2E", "%2f", "%2F", "%5c", "\\", "%00", "%25", "%", "%c0%af", ";", ":"],
    ...["static", "public", "public-private", "secret.txt", "a.txt", "sub", ".env", ".git", "docs", "elsewhere"],
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 10 }), async (pieces) => {
      const path = `/static/${pieces.join("")}`;
      for (const environ of [{}, { PATH_INFO: path }]) {
        const response = await request(app, path, { environ, lint: false });
        const body = await response.text();
        assert.ok([200, 301, 400, 404].includes(response.status), `${response.status} for ${path}`);
        if (response.status === 200) assert.equal(body, "public");
        assert.doesNotMatch(response.headers.get("location") ?? "/", /^[/\\]{2}/);
      }
    }),
    { numRuns: 500 },
  );
});

test("staticFiles: a literal name of escapes is a name", async () => {
  const response = await request(app, "/static/%252e%252e/secret.txt");
  assert.equal(await response.text(), "public");
});

test("staticFiles: /.well-known/ is served (RFC 8615), dotfiles where they are asked for", async () => {
  assert.equal(await (await request(app, "/.well-known/security.txt")).text(), "public");
  const dotfiles = staticFiles(notFound, { "/": folder }, { dotfiles: true });
  assert.equal(await (await request(dotfiles, "/.env")).text(), SECRET);
  assert.equal(await (await request(dotfiles, "/.git/config")).text(), SECRET);
  assert.deepEqual(await seen(await request(dotfiles, "/..%2fsecret.txt")), PASSED_ON);
});

// @hono/node-server CVE-2026-39406.
test("staticFiles: a guard on a part of it is not passed by another spelling", async () => {
  const site = dispatcher(staticFiles(notFound, { "/": folder }), { "/admin": text("guard") });
  assert.equal(await (await request(staticFiles(notFound, { "/": folder }), "/admin/panel.html")).text(), "panel");
  for (const path of [
    "/admin/panel.html",
    "/%61dmin/panel.html",
    "//admin/panel.html",
    "/x/../admin/panel.html",
    "/./admin/panel.html",
    "/%2e/admin/panel.html",
  ]) {
    assert.equal(await (await request(site, path)).text(), "guard", path);
  }
  // An encoded separator makes a path ambiguous (@fastify/static CVE-2026-6414, hono CVE-2026-54286).
  for (const path of [
    "/admin%2Fpanel.html",
    "/admin%2fpanel.html",
    "/admin%5Cpanel.html",
    "/sub/..%2Fadmin/panel.html",
  ]) {
    assert.equal((await request(site, path)).status, 400, path);
  }
  for (const PATH_INFO of [
    "/x/../admin/panel.html",
    "//admin/panel.html",
    "/%61dmin/panel.html",
    "/./admin/panel.html",
  ]) {
    const { status } = await request(site, "/", { environ: { PATH_INFO }, lint: false });
    assert.ok(status === 400 || status === 404, `${PATH_INFO}: ${status}`);
  }
});

// serve-static CVE-2015-1164, @fastify/static CVE-2021-22963 and CVE-2021-22964, serve-static CVE-2024-43800.
test("staticFiles: a redirect never leaves the site nor says what was asked", async () => {
  await mkdir(join(folder, "evil.com"), { recursive: true });
  await writeFile(join(folder, "evil.com/index.html"), "public");
  for (const [path, location] of [
    ["//evil.com", "/evil.com/"],
    ["///evil.com", "/evil.com/"],
    ["//evil.com/..", undefined],
    ["/%2Fevil.com", undefined],
    ["/\\evil.com", undefined],
    ["/%5Cevil.com", undefined],
    ["//^/..", undefined],
    ["/.//evil.com", "/evil.com/"],
    ["/evil.com?//x", "/evil.com/?//x"],
    ["http://localhost//evil.com", "/evil.com/"],
  ] as const) {
    const response = await request(app, path);
    assert.equal(response.headers.get("location") ?? undefined, location, path);
    if (location !== undefined) assert.equal(await response.text(), "Moved Permanently\n");
  }
  for (const environ of [
    { PATH_INFO: "//evil.com" },
    { PATH_INFO: "/\\evil.com" },
    { PATH_INFO: "\\\\evil.com" },
    { PATH_INFO: "/evil.com\r\nX: y" },
  ]) {
    assert.deepEqual(await seen(await request(app, "/", { environ, lint: false })), PASSED_ON);
  }
  const odd = await request(app, "/", { environ: { SCRIPT_NAME: "//x", PATH_INFO: "/evil.com" }, lint: false });
  assert.equal(odd.headers.get("location"), "/x/evil.com/");
});

test("staticFiles: links stay inside", async () => {
  const links = {
    "in.txt": join(folder, "a.txt"),
    "in-folder": join(folder, "sub"),
    "relative.txt": "sub/../a.txt",
    "out.txt": join(tree, "secret.txt"),
    "out-folder": join(tree, "elsewhere"),
    beside: join(tree, "public-private"),
    up: "..",
    passwd: "/etc/passwd",
    "chain.txt": "out.txt",
    "loop.txt": "loop.txt",
    "dangling.txt": "none.txt",
    itself: ".",
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(folder, name));
  await symlink(join(tree, "secret.txt"), join(folder, "sub/index.html"));
  for (const path of ["/in.txt", "/in-folder/b.txt", "/relative.txt", "/itself/itself/a.txt"]) {
    assert.equal(await (await request(app, path)).text(), "public", path);
  }
  for (const path of [
    "/out.txt",
    "/out-folder/secret.txt",
    "/out-folder/",
    "/out-folder",
    "/beside/secret.txt",
    "/up/secret.txt",
    "/up",
    "/passwd",
    "/chain.txt",
    "/loop.txt",
    "/dangling.txt",
    "/sub/",
    "/sub",
    "/in-folder/",
  ]) {
    assert.deepEqual(await seen(await request(app, path)), PASSED_ON, path);
  }
  for (const name of [...Object.keys(links), "sub/index.html"]) await rm(join(folder, name));
});

test("staticFiles: a link that is swapped while requests come never leads out", async () => {
  const swapped = join(folder, "swapped");
  await symlink(join(folder, "sub"), swapped);
  await writeFile(join(tree, "elsewhere/b.txt"), SECRET);
  let isOver = false;
  const swapping = (async () => {
    for (let turn = 0; !isOver; turn++) {
      await symlink(turn % 2 === 0 ? join(tree, "elsewhere") : join(folder, "sub"), `${swapped}.new`);
      await rename(`${swapped}.new`, swapped);
    }
  })();
  const bodies = new Set<string>();
  try {
    for (let round = 0; round < 100; round++) {
      const responses = await Promise.all(Array.from({ length: 10 }, () => request(app, "/swapped/b.txt")));
      for (const response of responses) bodies.add(await response.text());
    }
  } finally {
    isOver = true;
    await swapping;
  }
  await rm(swapped);
  bodies.delete("Not Found\n");
  assert.deepEqual([...bodies], ["public"]);
});

test("staticFiles: FIFOs, sockets and devices are not served, and nobody waits for them", async () => {
  execFileSync("mkfifo", [join(folder, "fifo"), join(folder, "sub/index.html")]);
  const server = createServer().listen(join(folder, "socket"));
  await new Promise((resolve) => server.once("listening", resolve));
  await symlink("/dev/zero", join(folder, "zero"));
  try {
    for (const path of ["/fifo", "/sub", "/sub/", "/socket", "/zero"]) {
      for (const method of ["GET", "HEAD"]) {
        assert.equal((await request(app, path, { method })).status, 404, path);
      }
    }
  } finally {
    server.close();
    for (const name of ["fifo", "sub/index.html", "zero"]) await rm(join(folder, name));
  }
});

test("staticFiles: a device is not served where it lies inside", async () => {
  const devices = staticFiles(notFound, { "/": "/dev" });
  for (const path of ["/zero", "/null", "/tty", "/random"]) {
    assert.deepEqual(await seen(await request(devices, path)), PASSED_ON, path);
  }
});

test("staticFiles: a file that may not be read is a 403, with the reason in tsgi.errors", async () => {
  await chmod(tree, 0o755);
  await writeFile(join(folder, "locked.txt"), SECRET, { mode: 0 });
  await mkdir(join(folder, "locked"), { mode: 0o700 });
  await writeFile(join(folder, "locked/index.html"), SECRET, { mode: 0 });
  await chmod(join(folder, "locked"), 0);
  await asNobody(async () => {
    for (const path of ["/locked.txt", "/locked/index.html", "/locked/"]) {
      const response = await request(app, path);
      assert.deepEqual(await seen(response), plain(403, "Forbidden\n"));
      assert.match(response.errors, /^GET \S+: EACCES: permission denied, open '.*'\n$/);
    }
    const head = await request(app, "/locked.txt", { method: "HEAD" });
    assert.deepEqual(await seen(head), { ...plain(403, "Forbidden\n"), body: "" });
  });
  await chmod(join(folder, "locked"), 0o700);
  await rm(join(folder, "locked"), { recursive: true });
  await rm(join(folder, "locked.txt"));
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

test("staticFiles: names that are too long, and deep paths", async () => {
  for (const path of [`/${"a".repeat(256)}`, `/${"a".repeat(8000)}`, "/a".repeat(4000), "/sub/..".repeat(2000)]) {
    assert.equal((await request(app, path)).status, 404);
  }
});

// Elsewhere than on Linux nobody can be asked what a descriptor is open on.
for (const platform of ["darwin", "win32"] as const) {
  test(`staticFiles: links stay inside as on ${platform}`, async () => {
    await symlink(join(folder, "sub"), join(folder, "inner"));
    await symlink(join(tree, "elsewhere"), join(folder, "outer"));
    await symlink("a.txt", join(folder, "A.TXT"));
    const real = process.platform;
    Object.defineProperty(process, "platform", { value: platform });
    try {
      const there = staticFiles(notFound, { "/": folder });
      assert.equal(await (await request(there, "/a.txt")).text(), "public");
      assert.equal(await (await request(there, "/docs/")).text(), "public");
      assert.equal(await (await request(there, "/inner/b.txt")).text(), "public");
      for (const path of ["/outer/secret.txt", "/outer/", "/none.txt", "/a.txt/"]) {
        assert.deepEqual(await seen(await request(there, path)), PASSED_ON, path);
      }
      // A link stands for a file system that ignores case: a guard of /a.txt has not seen this one.
      assert.deepEqual(await seen(await request(there, "/A.TXT")), PASSED_ON);
    } finally {
      Object.defineProperty(process, "platform", { value: real });
      for (const name of ["inner", "outer", "A.TXT"]) await rm(join(folder, name));
    }
  });
}

test("staticFiles: no refusal leaves a descriptor open", { skip: process.platform !== "linux" }, async () => {
  await symlink(join(tree, "secret.txt"), join(folder, "leak.txt"));
  const pass: App = notFound;
  const files = staticFiles(pass, { "/": folder });
  for (let round = 0; round < 50; round++) {
    await Promise.all(["/leak.txt", "/docs", "/sub", "/sub/", "/none", "/a.txt/"].map((path) => request(files, path)));
  }
  await allClosed(tree);
  assert.equal(openBelow(tree), 0);
  await rm(join(folder, "leak.txt"));
});
