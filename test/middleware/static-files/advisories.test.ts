// What has been published against servers of static files, each as it would be done to this one: paths and redirects.
import assert from "node:assert/strict";
import { rm, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { staticFiles } from "../../../middleware/static-files.ts";
import { notFound, text } from "../../../src/apps.ts";
import { fileTree, PASSED_ON } from "../../support/file-tree.ts";
import { type Reply, serveApp, serveFiles } from "../../support/static-fixture.ts";

const SECRET = "secret";
const tree = await fileTree({
  "public/a.txt": "public",
  "public/index.html": "public",
  "public/admin/panel.html": "panel",
  "public/evil.com/index.html": "public",
  "public/new\nline/index.html": "public",
  'public/"><script>alert(1)</index.html': "public",
  "public/fonts/test.woff": "font",
  "public/.env": SECRET,
  "public/.git/config": SECRET,
  "public/sub/.env": SECRET,
  "public/sub/a.txt": "public",
  "public-secret/key.txt": SECRET,
  "public-secret/index.html": SECRET,
  "public.txt": SECRET,
  "publi/key.txt": SECRET,
  "secret.txt": SECRET,
});
const folder = join(tree, "public");
const EXPORTS = { "/": folder, "/static": folder, "/one.txt": join(folder, "a.txt") };

/** Says neither what lies elsewhere nor where anything lies. */
function assertSilent(reply: Reply, target: string): void {
  assert.ok([301, 400, 404].includes(reply.status), `${target}: ${reply.status} ${reply.body}`);
  const all = JSON.stringify(reply);
  for (const told of [SECRET, basename(tree), "root:", "/etc"]) assert.ok(!all.includes(told), `${target}: ${told}`);
}

const PASSWD = "etc/passwd";
for (const [advisory, what, ...targets] of [
  [
    "send CVE-2014-6394, sirv and vite CVE-2025-58751, node-static CVE-2023-26111, Rack CVE-2026-22860",
    "a folder beside the root whose name begins as the root's is outside",
    ...["/static/../public-secret/key.txt", "/../public-secret/key.txt", "/..%2fpublic-secret/key.txt"],
    ...["/static/..%2Fpublic-secret%2Fkey.txt", "/%2e%2e/public-secret/", "/../public-secret", "/../publi/key.txt"],
  ],
  [
    "Starlette CVE-2023-29159",
    "a file beside the root whose name begins as the root's is outside",
    ...["/static/../public.txt", "/../public.txt", "/static/..%2fpublic.txt", "/static/../../public.txt"],
  ],
  [
    "Rack CVE-2026-34785",
    "a prefix ends where its segment does",
    ...["/static-secret/key.txt", "/static.txt", "/one.txt.bak", "/static../secret.txt", "/static..%2fsecret.txt"],
  ],
  [
    "send CVE-2015-8859",
    "the name of the root cannot be found out by leaving and entering it",
    ...["/../public/a.txt", "/sub/../../public/a.txt", "/%2e%2e/public/a.txt", "/..%2fpublic%2fa.txt"],
    ...["/static/../../public/a.txt", `/../../${basename(tree)}/public/a.txt`],
  ],
  [
    "st CVE-2014-3744, serve CVE-2018-3712, webpack-dev-middleware CVE-2024-29180",
    "escaped dots and slashes do not climb",
    ...["/%2e%2e/secret.txt", "/%2e%2e%2fsecret.txt", "/.%2e/secret.txt", "/%2e./secret.txt", "/..%2fsecret.txt"],
    ...[`/static/${"%2e%2e/".repeat(12)}${PASSWD}`, `/static/${"..%2f".repeat(12)}${PASSWD}`],
  ],
  [
    "Node CVE-2017-14849",
    "dots after a name that is not there do not climb",
    ...["/static/../../../foo/../../../../etc/passwd", "/none/../../../../../../etc/passwd", "/none/../../secret.txt"],
  ],
  [
    "Apache CVE-2021-41773 and CVE-2021-42013",
    "dots that are escaped in part or twice do not climb",
    ...["/static/.%2e/.%2e/secret.txt", "/%%32%65%%32%65/secret.txt", "/static/.%%32%65/secret.txt"],
  ],
  [
    "h3 GHSA-wr4h-v87w-p3r7",
    "escapes of escapes do not climb",
    ...["/%252e%252e/secret.txt", "/%252e%252e%252fsecret.txt", "/..%252fsecret.txt", "/%25252e%25252e/secret.txt"],
  ],
  [
    "resolve-path CVE-2018-3732 (koa-send, koa-static), tower-http RUSTSEC-2022-0043, hyper-staticfile RUSTSEC-2022-0069",
    "drives are names",
    ...["/static/c:/windows/win.ini", "/c%3A/windows/win.ini", "/C:../secret.txt", "/C:..%5c..%5csecret.txt"],
    ...["/file%3a///etc/passwd", "/file:%2F%2F%2Fetc%2Fpasswd", `/static/${tree}/secret.txt`],
    `/static/${encodeURIComponent(join(tree, "secret.txt"))}`,
  ],
  [
    "hono CVE-2026-54286, @hono/node-server GHSA-frvp-7c67-39w9, esbuild GHSA-g7r4-m6w7-qqqr",
    "a backslash separates nothing",
    ...["/..\\secret.txt", "/..%5csecret.txt", "/static/..%5C..%5Csecret.txt", "/sub%5C.env", "/.git\\config"],
  ],
  [
    "inert CVE-2014-10068, serve CVE-2018-3718 and CVE-2018-3809",
    "what is hidden stays hidden below a hidden folder and however it is escaped",
    ...["/.env", "/%2eenv", "/%2Eenv", "/.git/config", "/.git%2fconfig", "/%2egit/config", "/./.env", "//.env"],
    ...["/.env/", "/.git", "/.git/", "/sub/.env", "/sub/%2e%65%6e%76", "/x/../.env", "/static/.env"],
  ],
  [
    "vite CVE-2025-30208, CVE-2025-31125 and CVE-2025-31486",
    "a query makes no hidden file a module",
    ...["/.env?raw??", "/.env?import&raw??", "/.env?inline&import", "/.env?import&?inline=1.wasm?init", "/.env?.svg"],
    ...[
      "/@fs/etc/passwd?raw??",
      "/.env?.svg?.wasm?init",
      "/@fs/x/x/x/vite-project/?/../../../../../etc/passwd?import&?raw",
    ],
  ],
  [
    "vite CVE-2025-32395",
    "a fragment is not part of a target",
    ...["/@fs/x/#/../../../../etc/passwd", "/#/../.env", "/a.txt#", "/.env#", "/.env?#.svg"],
  ],
  [
    "vite CVE-2025-46565",
    "a dot or a slash after a hidden name changes nothing",
    "/.env/.",
    "/.env/./",
    "/.env//",
    "/.git/config/.",
  ],
  ["vite CVE-2025-62522", "a backslash after a hidden name changes nothing", "/.env\\", "/.env%5c", "/.env%5C?raw"],
  [
    "vite CVE-2025-58752",
    "pages outside are not pages of an index, of an extension or of a fallback",
    ...["/../public-secret/index.html", "/../public-secret/index", "/..%2fpublic-secret/", "/../public-secret"],
  ],
  [
    "aiohttp CVE-2025-69226",
    "what is there outside is told from what is not by nothing",
    ...["/../secret.txt", "/../none.txt", "/..%2fsecret.txt", "/..%2fnone.txt", "/static/..%5csecret.txt"],
  ],
] as const) {
  test(`${advisory}: ${what}`, async (t) => {
    for (const options of [
      {},
      { memory: false },
      { symlinks: "follow" },
      { listing: true },
      { manifest: true },
    ] as const) {
      const site = await serveFiles(t, EXPORTS, { ...options, extensions: ["html"] });
      for (const target of targets) assertSilent(await site.get(target), target);
    }
    const replies = new Set<string>();
    const site = await serveFiles(t, EXPORTS, { fallthrough: false });
    for (const target of targets) replies.add(JSON.stringify(await site.get(target)));
    assert.ok(replies.size <= 2, "a bad target and one that is not there are all that can be told apart");
  });
}

test("aiohttp CVE-2024-23334: following links does not switch off the check of names", async (t) => {
  const site = await serveFiles(t, EXPORTS, { symlinks: "follow" });
  for (const prefix of ["", "/static", "/sub"]) {
    for (const climb of ["../", "..%2f", "%2e%2e/", "../../", "../../../../../../../../"]) {
      assertSilent(await site.get(`${prefix}/${climb}secret.txt`), prefix + climb);
      assertSilent(await site.get(`${prefix}/${climb}etc/passwd`), prefix + climb);
    }
  }
});

test("vite CVE-2025-58751, Rack CVE-2026-22860: links to what lies beside the root, named as it, lead out", async (t) => {
  const links = { beside: "../public-secret", file: "../public.txt", up: "..", inside: "../public/sub" };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(folder, name));
  t.after(() => Promise.all(Object.keys(links).map((name) => rm(join(folder, name)))));
  for (const options of [{}, { memory: false }, { listing: true }, { manifest: true }] as const) {
    const site = await serveFiles(t, EXPORTS, options);
    for (const target of [
      "/beside/key.txt",
      "/beside/",
      "/beside",
      "/file",
      "/up/secret.txt",
      "/up/public-secret/key.txt",
    ]) {
      assertSilent(await site.get(target), target);
    }
    assert.equal(await site.text("/inside/a.txt"), "public");
  }
});

test("Starlette CVE-2023-29159: a root that is a link has no more in it", async (t) => {
  const link = join(tree, "current");
  await symlink("public", link);
  const site = await serveFiles(t, link);
  assert.equal(await site.text("/a.txt"), "public");
  for (const target of ["/../secret.txt", "/../public-secret/key.txt", "/../current.txt"]) {
    assertSilent(await site.get(target), target);
  }
});

test("actix-files: a folder that is not there is not the working directory", () => {
  for (const missing of ["", "./none", join(tree, "none")]) {
    assert.throws(() => staticFiles(notFound, { "/": missing }), { code: "TSGI_BAD_EXPORT" });
  }
});

// Guards: what stands before a part of the files is not passed by another spelling of the path.

const GUARDED = ["/admin/panel.html", "/%61dmin/panel.html", "/admin/%70anel.html", "/admin/./panel.html"];
for (const [advisory, what, ...targets] of [
  [
    "@fastify/static CVE-2026-6414, hono GHSA-q5qw-h33p-qvwr, @hono/node-server CVE-2026-29087",
    "an escaped slash",
    "/admin%2Fpanel.html",
    "/admin%2fpanel.html",
    "/static/..%2fadmin/panel.html",
  ],
  [
    "@fastify/static CVE-2026-15074, echo GHSA-3pmx-cf9f-34xr",
    "dots",
    "/x/../admin/panel.html",
    "/sub/%2E%2E/admin/panel.html",
    "/sub%2F..%2Fadmin%2Fpanel.html",
    "/static/../admin/panel.html",
  ],
  [
    "@fastify/static GHSA-423g-23ch-w7c6, @hono/node-server CVE-2026-39406",
    "empty segments and single dots",
    "//admin/panel.html",
    "/admin//panel.html",
    "/./admin/panel.html",
    "/.//./admin/panel.html",
    "///admin///panel.html",
  ],
  ["hono CVE-2026-54286", "a backslash", "/admin%5Cpanel.html", "/admin\\panel.html", "/x%5C..%5Cadmin/panel.html"],
  [
    "srvx CVE-2026-33732",
    "an absolute target",
    "http://a/admin/panel.html",
    "http://a//admin/panel.html",
    "http://a/x/../%61dmin/panel.html",
    "HTTP://b/admin/panel.html",
  ],
  [
    "Caddy, Go net/http",
    "another case, a semicolon or a dot at the end",
    "/Admin/panel.html",
    "/admin;/panel.html",
    "/admin./panel.html",
    "/admin%20/panel.html",
  ],
] as const) {
  test(`${advisory}: ${what} passes no guard`, async (t) => {
    const site = await serveApp(t, dispatcher(staticFiles(notFound, { "/": folder }), { "/admin": text("guard") }));
    for (const target of [...GUARDED, ...targets]) {
      const reply = await site.get(target);
      assert.ok(reply.body === "guard" || [400, 404].includes(reply.status), `${target}: ${reply.body}`);
    }
    const open = await serveFiles(t, folder);
    for (const target of GUARDED) assert.equal(await open.text(target), "panel");
  });

  test(`@fastify/static CVE-2026-7120: ${what} passes no filter`, async (t) => {
    const filter = (path: string) => !path.startsWith("/admin/");
    const site = await serveFiles(t, folder, { filter });
    for (const target of [...GUARDED, ...targets]) {
      const reply = await site.get(target);
      assert.ok([400, 404].includes(reply.status), `${target}: ${reply.body}`);
    }
  });
}

test("Rack CVE-2025-27610: what is exported under one prefix does not lead to the rest of the folder", async (t) => {
  const site = await serveFiles(t, { "/fonts": join(folder, "fonts") });
  for (const target of [
    "/fonts/../a.txt",
    "/fonts/%2e%2e/a.txt",
    "/fonts/..%2fa.txt",
    "/a.txt",
    "/fonts%2f..%2fa.txt",
  ]) {
    assert.deepEqual(await site.get(target), PASSED_ON, target);
  }
});

test("Rack CVE-2026-34786: headers of your own go by the file, not by the spelling of the path", async (t) => {
  const headers = (path: string): [string, string][] => (path.endsWith(".woff") ? [["X-Frame-Options", "DENY"]] : []);
  const site = await serveFiles(t, EXPORTS, { headers });
  for (const target of [
    "/fonts/test.woff",
    "/fonts/test%2Ewoff",
    "/%66onts/%74est.wof%66",
    "//static/./fonts//test.woff",
  ]) {
    const reply = await site.get(target);
    assert.deepEqual([reply.body, reply.headers["x-frame-options"]], ["font", "DENY"], target);
  }
});

// Redirects.

for (const [advisory, what, ...targets] of [
  [
    "serve-static CVE-2015-1164, st CVE-2017-16224, fastify-static CVE-2021-22963",
    "two slashes and dots at the end redirect to no other host",
    ...["//evil.com/..", "//evil.com/%2e%2e", "//evil.com//%2e%2e", "//evil.com/.%2e", "//a//evil.com/%2e%2e%2f%2e%2e"],
    ...["//evil.com/%2e%2e%2f", "/x//evil.com/../evil.com", "//www.evil.com/../evil.com"],
  ],
  ["fastify-static CVE-2021-22964", "no redirect fails", "//^/..", "//^", "//[/..", "//%5B%5D/..", "//:0/..", "//@/.."],
  [
    "tornado CVE-2023-28370, Astro CVE-2025-54793, Caddy CVE-2022-28923, Django CVE-2018-14574",
    "a folder after two slashes is a folder",
    ...[
      "//evil.com",
      "///evil.com",
      "////evil.com",
      "/.//evil.com",
      "/x/..//evil.com",
      "//evil.com?a",
      "//evil.com?//evil.com",
    ],
  ],
  [
    "Express CVE-2024-29041",
    "backslashes and at signs name no host",
    ...[
      "/\\evil.com",
      "/%5Cevil.com",
      "/\\/evil.com",
      "\\\\evil.com",
      "//a\\@evil.com",
      "//a@evil.com",
      "/%09/evil.com",
    ],
  ],
  [
    "ecstatic CVE-2019-10775",
    "a folder's name fits in no header as it is",
    ...["/new%0aline", "/new%0Aline?a", "/new%0d%0aX:%20y", "/evil.com?\x80\xff", "/evil.com?%0d%0aX:%20y"],
  ],
] as const) {
  test(`${advisory}: ${what}`, async (t) => {
    for (const mount of ["", "/static"]) {
      const site = await serveFiles(t, { [`${mount}/`]: folder }, { extensions: ["html"] });
      for (const target of targets.flatMap((each) => [each, `${mount}${each}`])) {
        const reply = await site.get(target);
        assert.ok([200, 301, 400, 404].includes(reply.status), `${target}: ${reply.status}`);
        assert.equal(reply.headers.x, undefined);
        const { location } = reply.headers;
        if (location === undefined) continue;
        assert.match(location, /^\/[^/\\]/, target);
        assert.equal(new URL(location, "http://here.example").host, "here.example", target);
      }
    }
  });
}

test("send CVE-2024-43799, serve-static CVE-2024-43800: a redirect says nothing of what was asked", async (t) => {
  const site = await serveFiles(t, folder);
  for (const target of [
    "/%22%3E%3Cscript%3Ealert(1)%3C",
    '/"><script>alert(1)<',
    "/evil.com?<script>alert(1)</script>",
    "/evil.com?%3Cscript%3E",
  ]) {
    const reply = await site.get(target);
    assert.equal(reply.status, 301, target);
    assert.deepEqual([reply.body, reply.headers["content-type"]], ["Moved Permanently\n", "text/plain; charset=utf-8"]);
    assert.doesNotMatch(reply.headers.location?.split("?")[0] ?? "", /[<>"]/);
  }
});
