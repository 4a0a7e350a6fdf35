import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { Command, until } from "../support/command.ts";
import { install } from "../support/installation.ts";
import { cli, root } from "../support/session.ts";

const modules = fileURLToPath(new URL("modules", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "tsgi-cli-"));

after(() => rmSync(scratch, { recursive: true, force: true }));

const { ended, running } = new Command(modules);
const page = async (url: string) => (await fetch(url)).text();

for (const [what, args, message] of [
  ["no module", [], "which module? Name one, for example: tsgi site.ts:app (see tsgi --help)"],
  ["a module that is not there", ["nope.ts"], "there is no module nope.ts; check the path"],
  ["a module without its extension", ["site"], "there is no module site; did you mean site.mjs?"],
  ["a folder", ["."], ". is a folder; name a file, or serve it: tsgi static ."],
  [
    "an export that is not there",
    ["site.mjs:ap"],
    "site.mjs has no export ap; it has app, broken, default, number, slow. Try: tsgi site.mjs:app",
  ],
  [
    "a module without an app",
    ["no-app.mjs"],
    "no-app.mjs exports no app; it has other. Name one: tsgi no-app.mjs:other",
  ],
  [
    "an export that is not an app",
    ["site.mjs:number"],
    "site.mjs:number is a number, not an app; an app is a function: (environ, startResponse) => body",
  ],
  ["an unknown option", ["--prot", "1"], "Unknown option '--prot'; did you mean --port?"],
  ["an argument too many", ["site.mjs", "x"], '"x" is one argument too many; see tsgi --help'],
  ["a port that is none", ["site.mjs", "--port", "99999"], "--port 99999 is not a port; choose 0 to 65535"],
  [
    "a socket and a port",
    ["site.mjs", "--unix", "s", "--port", "1"],
    "--unix replaces --host and --port; leave those out",
  ],
  ["a key without its certificate", ["site.mjs", "--tls-key", "k"], "https needs both --tls-key and --tls-cert"],
  ["a key that is not there", ["site.mjs", "--tls-key", "k", "--tls-cert", "c"], "--tls-key k cannot be read: ENOENT"],
  ["an empty address", ["site.mjs", "--host", ""], "--host is empty; for every interface give 0.0.0.0 or ::"],
  ["a mistyped command", ["statik", "public"], "there is no command statik; did you mean: tsgi static public"],
  ["a mistyped command alone", ["chek"], "there is no command chek; did you mean: tsgi check"],
  ["a command that needs no name", ["serve", "site.mjs"], "there is no command serve; did you mean: tsgi site.mjs"],
  ["a path that is none", ["check", "site.mjs", "x"], '"x" is not a path of the app; it starts with a slash'],
  [
    "an option of static for an app",
    ["site.mjs", "--listing"],
    "--listing is an option of tsgi static; see tsgi --help",
  ],
  [
    "an option of servers for a check",
    ["check", "site.mjs", "--port", "1"],
    "--port is an option of tsgi <module>, tsgi static, tsgi proxy and tsgi config; see tsgi --help",
  ],
] as [string, string[], string][]) {
  test(`tsgi: ${what} is one line and exit code 2`, () => {
    assert.deepEqual(ended(...args), { code: 2, out: "", error: `tsgi: ${message}\n` });
  });
}

for (const [file, message] of [
  ["throws.mjs", /^tsgi: throws\.mjs cannot be loaded: Error: at the top \(throws\.mjs:1:7\)\n$/],
  [
    "missing-import.mjs",
    /^tsgi: missing-import\.mjs cannot be loaded: Error: Cannot find module '.*not-there\.mjs'.*\n$/,
  ],
  ["syntax.mjs", /^tsgi: syntax\.mjs cannot be loaded: SyntaxError: Unexpected token ';' \(\S*syntax\.mjs:1\)\n$/],
] as const) {
  test(`tsgi: ${file} is one line that says where`, () => {
    // A file that is no JavaScript would fail the linter, so it is written here.
    if (file === "syntax.mjs") writeFileSync(join(scratch, file), "export const app = ;\n");
    const { code, error } = ended(file === "syntax.mjs" ? join(scratch, file) : file);
    assert.equal(code, 2);
    assert.match(error.replace(`${scratch}/`, ""), message);
  });
}

test("tsgi: a port in use is one line and exit code 1", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const { code, error } = ended("site.mjs", "--port", String(port));
  server.close();
  assert.equal(code, 1);
  assert.match(
    error,
    /^tsgi: 127\.0\.0\.1:\d+ is in use\. Stop the program that listens there, or choose another port; .*\n$/,
  );
});

test("tsgi: --help and --version", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  assert.deepEqual(ended("--version"), { code: 0, out: `${version}\n`, error: "" });
  const { code, out } = ended("--help");
  assert.equal(code, 0);
  assert.match(out, /^Usage: tsgi \[module/);
  for (const line of out.split("\n")) assert.ok(line.length < 80, line);
});

test("tsgi: without tsx, a Node that runs no TypeScript says what to install", {
  skip: "typescript" in process.features && !!process.features.typescript && "this Node runs TypeScript",
}, () => {
  const cli = install(scratch);
  writeFileSync(join(scratch, "site.ts"), "export const app = 1;\n");
  const { status, stderr } = spawnSync(process.execPath, [cli, "site.ts"], { cwd: scratch, encoding: "utf8" });
  assert.equal(status, 2);
  assert.equal(
    stderr,
    `tsgi: Node ${process.versions.node} needs tsx to run site.ts; install it: npm install --save-dev tsx\n`,
  );
});

for (const [target, name, answer] of [
  ["site.mjs", "site.mjs:app", "http /x\n"],
  ["site.mjs:default", "site.mjs:default", "http /x\n"],
  ["typed.ts", "typed.ts:default", "typed\n"],
  ["common.cjs", "common.cjs:app", "common\n"],
] as const) {
  test(`tsgi: serves ${target}`, async () => {
    const { url, printed } = await running(target, "--port", "0");
    assert.equal(printed(), `tsgi: serving ${name} on ${url}\n`);
    assert.equal(await page(`${url}/x`), answer);
  });
}

test("tsgi: serves on every interface, on a Unix socket, and over https", async () => {
  assert.match((await running("site.mjs", "--port", "0", "--host", "0.0.0.0")).url, /^http:\/\/localhost:\d+$/);
  const socket = join(scratch, "socket");
  await running("site.mjs", "--unix", socket);
  assert.equal(execFileSync("curl", ["-s", "--unix-socket", socket, "http://x/y"], { encoding: "utf8" }), "http /y\n");
  const [key, cert] = [join(scratch, "key.pem"), join(scratch, "cert.pem")];
  const openssl = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-subj",
    "/CN=localhost",
  ];
  execFileSync("openssl", [...openssl, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const { url } = await running("site.mjs", "--port", "0", "--tls-key", key, "--tls-cert", cert);
  assert.equal(execFileSync("curl", ["-sk", `${url}/z`], { encoding: "utf8" }), "https /z\n");
});

test("tsgi: a site is printed as a tree", async () => {
  const { url, printed } = await running("mounts.mjs", "--port", "0");
  await until(() => printed().endsWith("notFound\n"));
  assert.equal(
    printed(),
    `tsgi: serving mounts.mjs:app on ${url}
      dispatcher
      ├── /fine → text
      ├── /users/:id{/:tab} → dispatcher
      │   ├── /broken → broken
      │   └── (else) → notFound
      └── (else) → dispatcher
          ├── /below → text
          └── (else) → notFound
`,
  );
});

test("tsgi: of a large site, and of names that command a terminal, as much is printed as helps", async () => {
  writeFileSync(
    join(scratch, "large.mjs"),
    `const inner = () => ""; Object.defineProperty(inner, "name", { value: "\\x1b[2Jred" });
export const app = (environ, startResponse) => "";
Object.defineProperty(app, Symbol.for("tsgi.wraps"), { value: Array.from({ length: 100 }, (_, index) => ({ app: inner, label: "/m" + index })) });`,
  );
  const { url, printed } = await running(join(scratch, "large.mjs"), "--port", "0");
  await until(() => printed().includes("more"));
  const lines = printed().split("\n");
  assert.deepEqual(
    [lines[0], lines[1], lines[2], lines[40], lines[41], lines.length],
    [
      `tsgi: serving ${join(scratch, "large.mjs")}:app on ${url}`,
      "      app",
      "      ├── /m0 → \\x1b[2Jred",
      "      ├── /m38 → \\x1b[2Jred",
      "      … and 61 more",
      43,
    ],
  );
});

test("tsgi: --development shows errors, without it nothing of them leaves", async () => {
  const shown = await running("site.mjs", "--port", "0", "--development");
  assert.match(await page(`${shown.url}/error`), /Error: secret/);
  const bare = await running("site.mjs", "--port", "0");
  assert.equal(await page(`${bare.url}/error`), "500 Internal Server Error\n");
  assert.match(bare.printed(), /GET \/error: Error: secret\n {4}at /);
});

test("tsgi: --development shows the source of compiled code", async () => {
  const source = `interface Unused {\n  a: string;\n}\n\nexport const app = (_environ: Unused, _startResponse: unknown) => {\n  throw new Error("here");\n};\n`;
  const { code } = transformSync(source, { loader: "ts", sourcefile: "source.ts", sourcemap: "inline" });
  writeFileSync(join(scratch, "source.ts"), source);
  writeFileSync(join(scratch, "compiled.mjs"), code);
  const { url } = await running(join(scratch, "compiled.mjs"), "--port", "0", "--development");
  const text = await page(url);
  assert.ok(text.includes('> 6 |   throw new Error("here");'), text);
  assert.match(text, /\n {4}at app \(\S*\/source\.ts:6:9\)\n/);
});

test("tsgi: --verbose prints what came and what went", async () => {
  const { url, printed } = await running("site.mjs", "--port", "0", "--verbose");
  execFileSync("curl", ["-s", "-A", "me", `${url}/v`]);
  while (!printed().includes("> Keep-Alive")) await new Promise((resolve) => setTimeout(resolve, 10));
  const exchange = printed()
    .slice(printed().indexOf("*"))
    .replace(/^> Date: .*\n/m, "");
  assert.equal(
    exchange,
    `* exchange 1 with 127.0.0.1
< GET /v HTTP/1.1
< Host: ${url.slice(7)}
< User-Agent: me
< Accept: */*
<
> HTTP/1.1 200 OK
> Content-Type: text/plain
> Content-Length: 8
> Connection: keep-alive
> Keep-Alive: timeout=5
>
`,
  );
});

test("tsgi: --verbose prints what was no request, and what was cut", async () => {
  const { url, printed } = await running("strays.mjs:events", "--port", "0", "--verbose");
  const port = Number(new URL(url).port);
  const malformed = connect(port, "127.0.0.1", () =>
    malformed.write("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"),
  );
  await once(malformed.resume(), "close");
  const leaving = connect(port, "127.0.0.1", () => leaving.write("GET /left HTTP/1.1\r\nHost: a\r\n\r\n"));
  await once(leaving, "data");
  leaving.destroy();
  await until(() => printed().includes("* the connection ended"));
  const exchanges = printed()
    .slice(printed().indexOf("*"))
    .replace(/^> Date: .*\n/m, "");
  assert.equal(
    exchanges,
    `* exchange 1 with 127.0.0.1
< GET / HTTP/1.1
< Host: a
< Content-Length: x
<${" "}
<${" "}
> HTTP/1.1 400 Bad Request
>
* exchange 2 with 127.0.0.1
< GET /left HTTP/1.1
< Host: a
<
> HTTP/1.1 200 OK
> Content-Type: text/event-stream
> Connection: keep-alive
> Keep-Alive: timeout=5
> Transfer-Encoding: chunked
>
* the connection ended before the response was complete
`,
  );
});

test("tsgi: --verbose prints that a connection was taken over", async () => {
  const { url, printed } = await running("upgrading.mjs", "--port", "0", "--verbose");
  const client = connect(Number(new URL(url).port), "127.0.0.1", () =>
    client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
  );
  await once(client.resume(), "close");
  await until(() => printed().includes("* exchange"));
  assert.equal(
    printed().slice(printed().indexOf("*")),
    `* exchange 1 with 127.0.0.1
< GET / HTTP/1.1
< Host: a
< Connection: upgrade
< Upgrade: x
<
* the connection was taken over
`,
  );
});

for (const [what, environment, args, expected] of [
  ["HOST and PORT of the environment", { HOST: "localhost", PORT: "0" }, [], /^http:\/\/localhost:\d+$/],
  [
    "options before the environment",
    { HOST: "192.0.2.1", PORT: "1" },
    ["--host", "127.0.0.1", "-p", "0"],
    /^http:\/\/127\.0\.0\.1:\d+$/,
  ],
  ["an empty HOST as none", { HOST: "", PORT: "0" }, [], /^http:\/\/127\.0\.0\.1:\d+$/],
] as const) {
  test(`tsgi: takes ${what}`, async () => {
    assert.match((await new Command(modules, environment).running("site.mjs", ...args)).url, expected);
  });
}

test("tsgi: a PORT of the environment that is none is one line", () => {
  assert.deepEqual(new Command(modules, { PORT: "http" }).ended("site.mjs"), {
    code: 2,
    out: "",
    error: "tsgi: PORT in the environment: http is not a port; choose 0 to 65535\n",
  });
});

test("tsgi: a socket in a folder that is not there is one line and exit code 1", () => {
  assert.deepEqual(ended("site.mjs", "--unix", "nowhere/socket"), {
    code: 1,
    out: "",
    error: `tsgi: cannot listen on nowhere/socket: there is no folder ${join(modules, "nowhere")}. Make the folder, or choose another path\n`,
  });
});

test("tsgi: a listener that passes for an app of tsgi says once how to name it", async () => {
  const { url, printed } = await running("strays.mjs:listener", "--port", "0");
  for (let count = 0; count < 2; count++) assert.equal(await page(url), "500 Internal Server Error\n");
  const hint =
    "tsgi: what strays.mjs:listener is was detected from the number of its parameters; " +
    "if it is something else, name it: --interface tsgi, node or fetch\n";
  await until(() => printed().split("is not a function").length === 3);
  assert.equal(printed().split(hint).length, 2);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`tsgi: ${signal} lets what runs finish`, async () => {
    const { child, url } = await running("site.mjs:slow", "--port", "0");
    const pending = page(url);
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.kill(signal);
    assert.equal(await pending, "slow\n");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
  });
}

test("tsgi: a second signal ends it at once", async () => {
  const { child, url, printed } = await running("site.mjs:slow", "--port", "0");
  const pending = page(url).catch(() => "cut");
  await new Promise((resolve) => setTimeout(resolve, 100));
  child.kill("SIGINT");
  while (!printed().includes("closing")) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGINT");
  const [code] = await once(child, "exit");
  assert.equal(code, 130);
  assert.equal(await pending, "cut");
});

test("tsgi check: whoever reads its output may stop", () => {
  const script = `set -o pipefail; "${process.execPath}" "${cli}" check site.mjs | true`;
  const { status, stderr } = spawnSync("bash", ["-c", script], { cwd: modules, encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
});

test("tsgi check: reports each request, exit code 0 or 1", () => {
  const good = ended("check", "site.mjs");
  assert.equal(good.code, 0);
  assert.match(
    good.out,
    /^ok {6}GET \/ +200 OK, 7 bytes\n(?:ok .*\n)+site\.mjs:app keeps the contract in 13 requests\n$/,
  );
  const bad = ended("check", "site.mjs:broken");
  assert.equal(bad.code, 1);
  assert.match(bad.out, /^FAILED {2}GET \/ +TSGI_LINT_RESPONSE: the app answered without startResponse, .*\n/);
  assert.match(bad.out, /site\.mjs:broken failed in 13 of 13 requests\n$/);
  assert.equal(ended("check", "nope.mjs").code, 2);
});

test("tsgi check: asks every mount, also those within mounts", () => {
  const { code, out } = ended("check", "mounts.mjs");
  assert.equal(code, 1);
  const lines = out.split("\n").map((line) => line.replace(/ {2,}/g, " "));
  for (const line of [
    "ok GET /fine 200 OK, 4 bytes",
    "ok GET /below 200 OK, 5 bytes",
    "ok GET /users/x/x 404 Not Found, 10 bytes",
    "FAILED GET /users/x/x/broken Error: no database",
    "ok HEAD /fine/ 200 OK, 0 bytes",
  ]) {
    assert.ok(lines.includes(line), `${line}\n${out}`);
  }
  assert.match(out, /mounts\.mjs:app failed in 4 of 29 requests\n$/);
  assert.equal(ended("check", "mounts.mjs:fine").code, 0);
});

test("tsgi check: says how to name an interface that was guessed wrongly", () => {
  const { code, error } = ended("check", "strays.mjs:listener");
  assert.equal(code, 1);
  assert.equal(
    error,
    "tsgi: what strays.mjs:listener is was detected from the number of its parameters; " +
      "if it is something else, name it: --interface tsgi, node or fetch\n",
  );
});

test("tsgi check: sees through middleware that says what it wraps, and asks routes", () => {
  const { code, out } = ended("check", "mounts.mjs:wrapped");
  assert.equal(code, 0);
  assert.deepEqual(
    [...out.matchAll(/^ok {6}GET (\/(?:fine|users)\S*) +(\d+)/gm)].map(([, path, status]) => `${path} ${status}`),
    ["/fine 200", "/fine/tsgi-check 200", "/users/x 404", "/users/x/tsgi-check 404"],
  );
});

test("tsgi check: asks the paths that it is given", () => {
  const { code, out } = ended("check", "mounts.mjs", "/fine", "/users/1/tab/broken?x=1");
  assert.equal(code, 1);
  assert.match(
    out,
    /^ok {6}GET \/fine +200 OK, 4 bytes\n(?:ok .*\n){7}FAILED {2}GET \/users\/1\/tab\/broken\?x=1 +Error: no/,
  );
  assert.match(out, /failed in 8 of 16 requests\n$/);
});

test("tsgi check: an error that nobody handles is a failure", () => {
  const { code, out } = ended("check", "mounts.mjs:strays", "/stray");
  assert.equal(code, 1);
  assert.match(out, /^FAILED {2}GET \/stray +200 OK, and an error that nobody handles: Error: nobody waits\n/);
});

test("tsgi: the command is executable from the package", () => {
  assert.ok(existsSync(cli));
  assert.match(readFileSync(cli, "utf8"), /^#!\/usr\/bin\/env node\n/);
});
