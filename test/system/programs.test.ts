/** Programs of other languages as apps, as the example has them, and PHP-FPM. */

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { fastcgi } from "../../src/adapters/fastcgi.ts";
import { start } from "../support/raw-client.ts";
import { curl, root, startSite, steps } from "../support/session.ts";

const run = promisify(execFile);

/** The reason to skip a test: what cannot be run here. */
function missing(...commands: [string, ...string[]][]): string | false {
  const absent = commands.filter(([file, ...args]) => {
    try {
      execFileSync(file, args, { stdio: "ignore" });
      return false;
    } catch {
      return true;
    }
  });
  return absent.length > 0 && `not here: ${absent.map((command) => command.join(" ")).join(", ")}`;
}

const GIT: [string, ...string[]] = ["git", "--version"];
const MODULES = ["flask", "django", "pyramid"];
const EXAMPLE = "examples/programs/site.ts";

test("programs: Flask, Django, Pyramid and PHP beside Express and Hono answer as the example says", {
  skip: missing(
    ...MODULES.map((name): [string, ...string[]] => ["/usr/bin/python3", "-c", `import ${name}`]),
    ["php-cgi", "--version"],
    GIT,
  ),
}, async () => {
  const comment = /^(?:\/\/.*\n)+/.exec(readFileSync(join(root, EXAMPLE), "utf8"))?.[0] ?? "";
  const session = steps(comment.replace(/^\/\/ ?/gm, "")).filter(({ command }) => command.startsWith("curl "));
  assert.ok(session.length > 6);
  const site = await startSite(EXAMPLE, root);
  try {
    for (const { command, output } of session) assert.equal(await curl(site, command), output, command);
  } finally {
    site.stop();
  }
});

test("programs: Git clones and pushes, small and large", {
  skip: missing(["php-cgi", "--version"], ["/usr/bin/python3", "--version"], GIT),
}, async (t) => {
  const folder = temporary(t);
  const git = (...args: string[]) => run("git", args, { cwd: folder });
  await git("init", "--quiet", "--bare", "a.git");
  writeFileSync(join(folder, "a.git/git-daemon-export-ok"), "");
  await git("-C", "a.git", "config", "http.receivepack", "true");
  const site = await startSite(EXAMPLE, root, { GIT_PROJECT_ROOT: folder });
  t.after(site.stop);
  await git("clone", "--quiet", `${site.url}/git/a.git`, "one");
  // Git sends no length with what is larger than a megabyte.
  for (const [name, size] of [
    ["small", 10],
    ["large", 3_000_000],
  ] as const) {
    writeFileSync(join(folder, "one", name), Buffer.from(Array.from({ length: size }, (_, at) => (at * 7919) >> 3)));
    await git("-C", "one", "add", ".");
    await git("-C", "one", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", name);
    await git("-C", "one", "-c", "core.compression=0", "push", "--quiet", "origin", "HEAD");
  }
  await git("clone", "--quiet", `${site.url}/git/a.git`, "two");
  for (const name of ["small", "large"]) {
    assert.deepEqual(readFileSync(join(folder, "two", name)), readFileSync(join(folder, "one", name)));
  }
});

const fpm = ["/usr/sbin", "/usr/local/sbin"].flatMap((folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.startsWith("php-fpm"))
        .map((name) => join(folder, name))
    : [],
)[0];

const PHP = `<?php
if ($_SERVER["PATH_INFO"] === "/fail") throw new Exception("on purpose");
if ($_SERVER["PATH_INFO"] === "/die") posix_kill(posix_getpid(), 9);
if ($_SERVER["PATH_INFO"] === "/slow") usleep(20000);
header("X-Method: {$_SERVER["REQUEST_METHOD"]}");
setcookie("a", "1");
setcookie("b", "2");
if ($_SERVER["PATH_INFO"] === "/big") for ($i = 0; $i < 300; $i++) echo str_repeat("x", 100000);
else echo json_encode([$_SERVER["SCRIPT_NAME"], $_SERVER["PATH_INFO"], $_GET, $_POST, strlen(file_get_contents("php://input"))]);
`;

test("programs: PHP-FPM", { skip: fpm === undefined && "not here: php-fpm" }, async (t) => {
  const folder = temporary(t);
  const script = join(folder, "index.php");
  writeFileSync(script, PHP);
  const path = join(folder, "socket");
  // One process, which a kept connection would hold.
  const pool = `[www]\nlisten = ${path}\npm = static\npm.max_children = 1\npm.max_requests = 20\n${process.getuid?.() === 0 ? "user = root\n" : ""}`;
  writeFileSync(join(folder, "fpm.conf"), `[global]\nerror_log = ${folder}/log\n${pool}`);
  const server = spawn(
    fpm as string,
    ["--allow-to-run-as-root", "--nodaemonize", "--fpm-config", `${folder}/fpm.conf`],
    {
      stdio: "ignore",
    },
  );
  t.after(() => server.kill("SIGKILL"));
  while (!existsSync(path)) {
    assert.equal(server.exitCode, null, "php-fpm ended");
    await sleep(10);
  }
  const { server: site, log } = await start(t, fastcgi({ path }, { env: { SCRIPT_FILENAME: script } }));
  const ask = (path: string, init?: RequestInit): Promise<Response> => fetch(site.url + path, init);

  const response = await ask("/a/b?c=d", { method: "POST", body: new URLSearchParams({ e: "f" }) });
  assert.deepEqual(await response.json(), ["", "/a/b", { c: "d" }, { e: "f" }, 3]);
  assert.deepEqual([response.headers.get("x-method"), response.headers.getSetCookie()], ["POST", ["a=1", "b=2"]]);
  const upload = { method: "PUT", body: Buffer.alloc(5_000_000) };
  assert.deepEqual(await (await ask("/", upload)).json(), ["", "/", [], [], 5_000_000]);
  assert.equal((await (await ask("/big")).text()).length, 30_000_000);
  assert.equal((await ask("/fail")).status, 500);
  assert.match(log.join(""), /on purpose/);
  assert.equal((await ask("/die")).status, 502);
  // Past the number of requests of a process, and more at once than there are processes.
  for (let round = 0; round < 30; round++) assert.equal((await ask("/")).status, 200);
  const many = await Promise.all(Array.from({ length: 30 }, async () => (await ask("/slow")).status));
  assert.deepEqual(new Set(many), new Set([200]));
});

/** A folder for one test. */
function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-programs-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
