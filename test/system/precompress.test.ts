import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as zlib from "node:zlib";
import { Command, exchange, until } from "../support/command.ts";
import { cli, root } from "../support/session.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsgi-precompress-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const { ended, running, started } = new Command(scratch);
const both = ["--only", "br,gzip"];
const { zstdDecompressSync: unzstd } = zlib as unknown as { zstdDecompressSync?: (bytes: Uint8Array) => Buffer };

/** Text that takes its time to be compressed: words in no order. */
function prose(size: number): string {
  let state = 1;
  let text = "";
  while (text.length < size) {
    state = (state * 48_271) % 2_147_483_647;
    text += `${(state % 5000).toString(36)} `;
  }
  return text.slice(0, size);
}

const PAGE = prose(3000);
const SCRIPT = prose(20_000);
const LONG = prose(8_000_000);

/** A new folder of files. */
function folder(files: Record<string, string | Uint8Array>): string {
  const path = mkdtempSync(join(scratch, "site-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, ".."), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}

function listed(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" }).sort();
}

/** The line of the summary that tells of what was made of files. */
function made(encoding: "br" | "gzip", originals: readonly string[]): string {
  const sum = (paths: readonly string[]) => paths.reduce((total, path) => total + statSync(path).size, 0);
  const before = sum(originals);
  const after = sum(originals.map((path) => `${path}.${encoding === "br" ? "br" : "gz"}`));
  const count = originals.length === 1 ? "1 file" : `${originals.length} files`;
  const bytes = `${before.toLocaleString("en")} -> ${after.toLocaleString("en")} bytes`;
  return `${encoding}: ${count}, ${bytes} (${Math.round((100 * after) / before)} %)`;
}

function assertUsable(original: string, variant: string): void {
  const [of, stats] = [original, variant].map((path) => statSync(path, { bigint: true }));
  assert.ok(of !== undefined && stats !== undefined);
  assert.ok(stats.mtimeNs >= of.mtimeNs, `${variant} is older`);
  assert.ok(stats.mtimeNs - of.mtimeNs < 2_000_000n, `${variant} is much newer`);
  assert.ok(stats.size < of.size, `${variant} is larger`);
  assert.equal(stats.mode, of.mode);
}

const tree = folder({
  "index.html": PAGE,
  "assets/app.js": SCRIPT,
  "assets/logo.png": SCRIPT,
  "assets/small.css": "a".repeat(1023),
  "assets/large.css": "a".repeat(1024),
  "assets/noise.txt": randomBytes(5000),
  ".well-known/page.html": PAGE,
  "assets/.well-known/page.html": PAGE,
  ".git/page.html": PAGE,
  ".page.html": PAGE,
  "given.html.gz": PAGE,
});
const originals = ["index.html", "assets/app.js", "assets/large.css", ".well-known/page.html"].map((name) =>
  join(tree, name),
);

test("tsgi precompress: makes variants of what compresses, and of nothing else", () => {
  symlinkSync("index.html", join(tree, "link.html"));
  const outside = folder({ "page.html": PAGE });
  symlinkSync(outside, join(tree, "linked"));
  execFileSync("mkfifo", [join(tree, "fifo.html")]);
  chmodSync(join(tree, "index.html"), 0o640);
  // A whole millisecond, which Node cannot always give back to a file.
  for (let index = 0; index < 4; index++)
    utimesSync(originals[index] as string, 1_600_000_000.123 + index * 7, 1_600_000_000.123);
  const before = listed(tree);
  const { code, out, error } = ended("precompress", tree, ...both);
  assert.deepEqual([code, error], [0, ""]);
  assert.equal(
    out,
    `${made("br", originals)}; 1 not smaller
${made("gzip", originals)}; 1 not smaller
skipped: 1 file below 1,024 bytes; 1 file of other types
`,
  );
  const variants = originals.flatMap((path) => [`${path}.br`, `${path}.gz`]).map((path) => path.slice(tree.length + 1));
  assert.deepEqual(listed(tree), [...before, ...variants].sort());
  assert.deepEqual(listed(outside), ["page.html"]);
  for (const path of originals) {
    assertUsable(path, `${path}.br`);
    assertUsable(path, `${path}.gz`);
    assert.deepEqual(zlib.brotliDecompressSync(readFileSync(`${path}.br`)), readFileSync(path));
    assert.deepEqual(zlib.gunzipSync(readFileSync(`${path}.gz`)), readFileSync(path));
  }
});

test("tsgi precompress: a second run leaves what is up to date", () => {
  const versions = () => originals.map((path) => statSync(`${path}.br`, { bigint: true }).ctimeNs);
  const before = versions();
  assert.deepEqual(ended("precompress", tree, ...both), {
    code: 0,
    out: `br: 4 up to date; 1 not smaller
gzip: 4 up to date; 1 not smaller
skipped: 1 file below 1,024 bytes; 1 file of other types
`,
    error: "",
  });
  assert.deepEqual(versions(), before);
});

test("tsgi precompress: what it makes is what tsgi static sends", async () => {
  const { url } = await running("static", tree, "--port", "0");
  const head = async (path: string, accepted: string) =>
    exchange(`${url}${path}`, "--head", "-H", `Accept-Encoding: ${accepted}`);
  const answer = await head("/assets/app.js", "gzip, br");
  assert.match(answer, /^HTTP\/1\.1 200 OK\n/);
  assert.match(answer, /\nContent-Encoding: br\n/);
  assert.match(answer, new RegExp(`\\nContent-Length: ${statSync(join(tree, "assets/app.js.br")).size}\\n`));
  assert.match(await head("/", "gzip"), /\nContent-Encoding: gzip\n/);
  assert.doesNotMatch(await head("/", "identity"), /\nContent-Encoding:/);
});

test("tsgi precompress: makes stale variants again, and deletes those of what does not shrink any more", () => {
  const site = folder({ "a.html": PAGE, "b.html": PAGE });
  assert.equal(ended("precompress", site, ...both).code, 0);
  writeFileSync(join(site, "a.html"), SCRIPT);
  writeFileSync(join(site, "b.html"), randomBytes(3000));
  const { out } = ended("precompress", site, ...both);
  assert.equal(
    out,
    ["br", "gzip"].map((each) => `${made(each as "br", [join(site, "a.html")])}; 1 not smaller\n`).join(""),
  );
  assert.deepEqual(listed(site), ["a.html", "a.html.br", "a.html.gz", "b.html"]);
  assert.equal(zlib.gunzipSync(readFileSync(join(site, "a.html.gz"))).toString(), SCRIPT);
  assertUsable(join(site, "a.html"), join(site, "a.html.br"));
});

test("tsgi precompress: leaves the variants that another program has made since", () => {
  const site = folder({ "a.html": PAGE });
  const own = zlib.gzipSync(PAGE, { level: 1 });
  writeFileSync(join(site, "a.html.gz"), own);
  assert.match(ended("precompress", site, ...both).out, /^br: 1 file, .*\ngzip: 1 up to date\n$/);
  assert.deepEqual(readFileSync(join(site, "a.html.gz")), own);
});

test("tsgi precompress: --only makes these codings, --quiet prints nothing", () => {
  const site = folder({ "a.html": PAGE });
  assert.deepEqual(ended("precompress", site, "--only", "gzip", "--quiet"), { code: 0, out: "", error: "" });
  assert.deepEqual(listed(site), ["a.html", "a.html.gz"]);
});

test("tsgi precompress: makes zstd where Node does", { skip: unzstd === undefined && "this Node has no zstd" }, () => {
  const site = folder({ "a.html": PAGE });
  assert.match(ended("precompress", site).out, /^br: 1 file, .*\nzstd: 1 file, .*\ngzip: 1 file, .*\n$/);
  assert.equal(unzstd?.(readFileSync(join(site, "a.html.zst"))).toString(), PAGE);
  assertUsable(join(site, "a.html"), join(site, "a.html.zst"));
});

test("tsgi precompress: zstd is left out where Node does not make it, unless it is asked for", {
  skip: unzstd !== undefined && "this Node has zstd",
}, () => {
  const site = folder({ "a.html": PAGE });
  assert.deepEqual(ended("precompress", site, "--only", "br,zstd"), {
    code: 2,
    out: "",
    error: `tsgi: zstd needs Node 22.15 or later; this is Node ${process.versions.node}\n`,
  });
  assert.match(ended("precompress", site).out, /^br: 1 file, .*\ngzip: 1 file, .*\n$/);
});

test("tsgi precompress: a large file goes through a stream", () => {
  const site = folder({ "large.txt": prose(100_000).repeat(180) });
  const large = join(site, "large.txt");
  assert.equal(ended("precompress", site, "--only", "gzip").out, `${made("gzip", [large])}\n`);
  assert.ok(zlib.gunzipSync(readFileSync(`${large}.gz`)).equals(readFileSync(large)));
  assertUsable(large, `${large}.gz`);
});

test("tsgi precompress: an empty folder has nothing to compress", () => {
  assert.equal(ended("precompress", folder({}), ...both).out, "br: nothing to compress\ngzip: nothing to compress\n");
});

test("tsgi precompress: what fails is one line each and exit code 1; the rest is made, and nothing is left over", () => {
  const site = folder({ "a\n.html": PAGE, "b.html": PAGE });
  mkdirSync(join(site, "a\n.html.br"));
  const { code, out, error } = ended("precompress", site, ...both);
  assert.equal(code, 1);
  assert.match(error, /^tsgi: .*\/a\\x0a\.html\.br: EISDIR: .*\n$/);
  assert.match(out, /^br: 1 file, .*; 1 failed\ngzip: 2 files, .*\n$/);
  assert.deepEqual(listed(site), ["a\n.html", "a\n.html.br", "a\n.html.gz", "b.html", "b.html.br", "b.html.gz"]);
});

/** The files that are being written. */
function unfinished(site: string): string[] {
  return readdirSync(site).filter((name) => name.startsWith("."));
}

test("tsgi precompress: a file that is changed meanwhile gets no variant", async () => {
  const site = folder({ "a.txt": LONG.slice(0, 1_000_000) });
  const { child, printed } = started("precompress", site, "--only", "br");
  await until(() => unfinished(site).length > 0);
  appendFileSync(join(site, "a.txt"), "more");
  assert.equal(unfinished(site).length, 1, "it was compressed before it could be changed");
  await until(() => child.exitCode !== null);
  assert.equal(child.exitCode, 1);
  const line = `tsgi: ${join(site, "a.txt.br")}: the file was changed while it was compressed\n`;
  assert.equal(printed(), `${line}br: 1 failed\n`);
  assert.deepEqual(readdirSync(site), ["a.txt"]);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`tsgi precompress: ${signal} ends it at once, and leaves no unfinished file`, async () => {
    const site = folder({ "a.txt": LONG, "b.txt": LONG, "c.txt": LONG });
    const { child } = started("precompress", site, "--only", "br");
    await until(() => unfinished(site).length > 0);
    const exited = once(child, "exit");
    child.kill(signal);
    assert.deepEqual(await exited, [null, signal]);
    assert.deepEqual(readdirSync(site).sort(), ["a.txt", "b.txt", "c.txt"]);
  });
}

const terminal = { skip: !existsSync("/usr/bin/script") && "there is no script to make a terminal" };

/** What the command writes on a terminal. */
function onTerminal(...args: string[]): string {
  const command = [process.execPath, cli, "precompress", ...args].map((each) => `'${each}'`).join(" ");
  return execFileSync("/usr/bin/script", ["-qec", `${command} > /dev/null`, "/dev/null"], { encoding: "utf8" });
}

test("tsgi precompress: on a terminal, a line tells how far it is, and goes away", terminal, () => {
  const site = folder({ "a.html": PAGE, "b.html": PAGE });
  const drawn = onTerminal(site, ...both);
  assert.ok(drawn.startsWith(`\x1b[1G[${".".repeat(30)}]   0 %, 0 of 4 variants\x1b[0K`), JSON.stringify(drawn));
  assert.ok(drawn.endsWith("\x1b[1G\x1b[2K"), JSON.stringify(drawn));
  assert.equal(drawn.includes("\n"), false);
  assert.equal(onTerminal(site, ...both), "", "there is nothing to do");
  assert.equal(onTerminal(folder({ "a.html": PAGE }), "--quiet"), "");
});

for (const [what, args, message] of [
  ["no folder", [], "which folder? Name one, for example: tsgi precompress public (see tsgi --help)"],
  ["a folder that is not there", ["nope"], "there is no folder nope; check the path"],
  ["two folders", [".", "."], '"." is one argument too many; see tsgi --help'],
  [
    "a coding that is none",
    [".", "--only", "deflate"],
    "--only deflate is not a list of codings; choose from br,zstd,gzip",
  ],
  ["no coding", [".", "--only", ""], "--only  is not a list of codings; choose from br,zstd,gzip"],
  ["an option of static", [".", "--listing"], "--listing is an option of tsgi static; see tsgi --help"],
  [
    "an option of servers",
    [".", "--port", "1"],
    "--port is an option of tsgi <module>, tsgi static, tsgi proxy and tsgi config; see tsgi --help",
  ],
] as [string, string[], string][]) {
  test(`tsgi precompress: ${what} is one line and exit code 2`, () => {
    assert.deepEqual(ended("precompress", ...args), { code: 2, out: "", error: `tsgi: ${message}\n` });
  });
}

test("tsgi precompress: runs from its sources", {
  skip: process.versions.node.startsWith("20.") && "tsx does not reach the threads of Node 20",
}, () => {
  const site = folder({ "a.html": PAGE });
  const args = ["--import", "tsx", join(root, "src/cli.ts"), "precompress", site, ...both];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
  assert.deepEqual(listed(site), ["a.html", "a.html.br", "a.html.gz"]);
});
