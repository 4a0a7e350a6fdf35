import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type NetworkInterfaceInfo, networkInterfaces, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { addressesOf } from "../../src/cli/addresses.ts";
import { Command, exchange, until } from "../support/command.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsgi-static-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A folder of files, all of the same moment, so that their tags are known. */
function folder(name: string, files: Record<string, string>): string {
  for (const [path, content] of Object.entries(files)) {
    const file = join(scratch, name, path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, content);
    utimesSync(file, 1_000_000_000, 1_000_000_000);
  }
  return name;
}

const site = folder("site", {
  "index.html": "<h1>home\n",
  "about.html": "<h1>about\n",
  "app.3f2a1b9c.js": "script\n",
  "docs/guide.txt": "guide\n",
  ".env": "secret\n",
});
const { ended, running } = new Command(scratch);

/** A response as `exchange` shows it. */
function response(status: string, headers: readonly string[], body: string): string {
  return [`HTTP/1.1 ${status}`, ...[...headers].sort(), "", body].join("\n");
}

const OF_ABOUT = [
  "Content-Type: text/html; charset=utf-8",
  "Content-Length: 10",
  "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT",
  'ETag: "QoPfFr2kjXELcAWr6kyxIA"',
  "Cache-Control: no-cache",
  "Accept-Ranges: bytes",
  "X-Content-Type-Options: nosniff",
];
const ABOUT = response("200 OK", OF_ABOUT, "<h1>about\n");
const OF_NOTHING = ["Content-Type: text/plain; charset=utf-8", "Content-Length: 10"];
const NOT_FOUND = response("404 Not Found", OF_NOTHING, "Not Found\n");

test("tsgi static: serves a folder, pages without their extension too", async () => {
  const { url, printed } = await running("static", site, "--port", "0");
  assert.equal(printed(), `tsgi: serving site on ${url}\n`);
  assert.equal(await exchange(`${url}/about`), ABOUT);
  assert.match(await exchange(`${url}/`), /\n\n<h1>home\n$/);
  assert.equal(await exchange(`${url}/none`), NOT_FOUND);
  assert.equal(await exchange(`${url}/docs/`), NOT_FOUND);
  assert.equal(await exchange(`${url}/.env`), NOT_FOUND);
  assert.equal(
    await exchange(`${url}/about`, "-X", "DELETE"),
    response(
      "405 Method Not Allowed",
      ["Content-Type: text/plain; charset=utf-8", "Allow: GET, HEAD", "Content-Length: 19"],
      "Method Not Allowed\n",
    ),
  );
});

test("tsgi static: serves the folder it is started in", async () => {
  const { url, printed } = await new Command(join(scratch, site)).running("static", "--port", "0");
  assert.equal(printed(), `tsgi: serving . on ${url}\n`);
  assert.match(await exchange(`${url}/docs/guide.txt`), /\n\nguide\n$/);
});

test("tsgi static: what is not there is the folder's own 404.html, whole", async () => {
  const own = folder("own", { "404.html": "<h1>lost\n", "a.txt": "a\n" });
  const { url } = await running("static", own, "--port", "0", "--cache", "60");
  const lost = [
    "Content-Type: text/html; charset=utf-8",
    "Content-Length: 9",
    "Cache-Control: no-cache",
    "X-Content-Type-Options: nosniff",
  ];
  const page = response("404 Not Found", lost, "<h1>lost\n");
  assert.equal(await exchange(`${url}/none`), page);
  assert.equal(await exchange(`${url}/none`, "--head"), response("404 Not Found", lost, ""));
  const conditions = ["-H", "Range: bytes=0-1", "-H", "If-None-Match: *", "-H", "If-Match: x"];
  assert.equal(await exchange(`${url}/none`, ...conditions), page);
  assert.match(await exchange(`${url}/404.html`), /^HTTP\/1\.1 200 OK\n/);
  assert.match(await exchange(`${url}/none`, "-X", "POST"), /^HTTP\/1\.1 405 Method Not Allowed\n/);
});

test("tsgi static: --listing lists folders", async () => {
  const { url } = await running("static", site, "--port", "0", "--listing");
  const page = await exchange(`${url}/docs/`, "-H", "Accept: text/html");
  assert.match(page, /^HTTP\/1\.1 200 OK\n[\s\S]*\nContent-Type: text\/html; charset=utf-8\n/);
  assert.match(page, /href="\.\/guide\.txt"/);
  assert.match(await exchange(`${url}/`), /\n\n<h1>home\n$/);
});

test("tsgi static: --single answers paths that are not found with index.html", async () => {
  const { url } = await running("static", site, "--port", "0", "--single");
  assert.match(
    await exchange(`${url}/users/7`, "-H", "Accept: text/html"),
    /^HTTP\/1\.1 200 OK\n[\s\S]*\n\n<h1>home\n$/,
  );
  assert.match(await exchange(`${url}/about`, "-H", "Accept: text/html"), /\n\n<h1>about\n$/);
  assert.equal(await exchange(`${url}/none.js`, "-H", "Accept: */*"), NOT_FOUND);
});

test("tsgi static: --cors lets every origin read, and answers preflights", async () => {
  const { url } = await running("static", site, "--port", "0", "--cors");
  const readable = ["Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *"];
  const origin = ["-H", "Origin: http://elsewhere.example"];
  assert.equal(
    await exchange(`${url}/about`, ...origin),
    response("200 OK", [...OF_ABOUT, ...readable], "<h1>about\n"),
  );
  assert.equal(
    await exchange(`${url}/none`, ...origin),
    response("404 Not Found", [...OF_NOTHING, ...readable], "Not Found\n"),
  );
  const preflight = [...origin, "-X", "OPTIONS", "-H", "Access-Control-Request-Method: GET"];
  assert.equal(
    await exchange(`${url}/about`, ...preflight, "-H", "Access-Control-Request-Headers: x-own, authorization"),
    response(
      "204 No Content",
      [
        "Access-Control-Allow-Origin: *",
        "Access-Control-Allow-Methods: GET, HEAD",
        "Access-Control-Allow-Headers: *, Authorization",
        "Access-Control-Max-Age: 7200",
      ],
      "",
    ),
  );
  assert.match(
    await exchange(`${url}/about`, "-X", "OPTIONS"),
    /^HTTP\/1\.1 405 [\s\S]*\nAccess-Control-Allow-Origin: \*\n/,
  );
  const bare = await running("static", site, "--port", "0");
  assert.match(await exchange(`${bare.url}/about`, ...preflight), /^HTTP\/1\.1 405 Method Not Allowed\n/);
});

test("tsgi static: --cache and --immutable say how long a file may be kept", async () => {
  const { url } = await running("static", site, "--port", "0", "--cache", "3600", "--immutable");
  assert.match(await exchange(`${url}/about`), /\nCache-Control: max-age=3600\n/);
  assert.match(await exchange(`${url}/app.3f2a1b9c.js`), /\nCache-Control: max-age=31536000, immutable\n/);
  const bare = await running("static", site, "--port", "0");
  assert.match(await exchange(`${bare.url}/app.3f2a1b9c.js`), /\nCache-Control: no-cache\n/);
});

test("tsgi static: --dotfiles serves them", async () => {
  const { url } = await running("static", site, "--port", "0", "--dotfiles");
  assert.match(await exchange(`${url}/.env`), /\n\nsecret\n$/);
});

/** A folder of programs that stand for the one that opens the browser. */
function fakeOpener(script: string): NodeJS.ProcessEnv {
  const programs = mkdtempSync(join(scratch, "programs-"));
  for (const name of ["xdg-open", "open"]) {
    writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(programs, name), 0o755);
  }
  return { PATH: [programs, "/usr/bin", "/bin"].join(delimiter) };
}

test("tsgi static: --open opens the browser, --quiet prints nothing", async () => {
  const opened = join(scratch, "opened");
  const command = new Command(scratch, fakeOpener(`echo "$@" > ${opened}.new; mv ${opened}.new ${opened}`));
  for (const workers of ["1", "2"]) {
    const { child, printed } = command.started(
      "static",
      site,
      "--port",
      "0",
      "--open",
      "--quiet",
      "--workers",
      workers,
    );
    await until(() => existsSync(opened));
    const url = readFileSync(opened, "utf8");
    rmSync(opened);
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/\n$/);
    assert.match(await exchange(url.trim()), /\n\n<h1>home\n$/);
    child.kill("SIGINT");
    await until(() => child.exitCode !== null);
    assert.deepEqual([child.exitCode, printed()], [0, ""]);
  }
});

test("tsgi static: a browser that cannot be opened is one line, and nothing else", async () => {
  for (const [environment, reason] of [
    [fakeOpener("exit 3"), /^tsgi: the browser cannot be opened: (?:xdg-)?open ended with exit code 3$/m],
    [{ PATH: scratch }, /^tsgi: the browser cannot be opened: spawn (?:xdg-)?open ENOENT$/m],
  ] as const) {
    const { url, printed } = await new Command(scratch, environment).running("static", site, "--port", "0", "--open");
    await until(() => reason.test(printed()));
    assert.equal(printed().trim().split("\n").length, 2);
    assert.match(await exchange(`${url}/`), /\n\n<h1>home\n$/);
  }
});

test("tsgi static: --verbose prints the exchanges of a folder too", async () => {
  const { url, printed } = await running("static", site, "--port", "0", "--verbose");
  await exchange(`${url}/none`);
  await until(() => /^> HTTP\/1\.1 404 Not Found$/m.test(printed()));
});

test("tsgi static: on every interface, it prints the addresses on the network", async () => {
  const { url, printed } = await running("static", site, "--port", "0", "--host", "0.0.0.0");
  const port = new URL(url).port;
  const external = Object.values(networkInterfaces())
    .flat()
    .filter((each) => each?.family === "IPv4" && !each.internal);
  assert.equal(
    printed(),
    [
      `tsgi: serving site on http://localhost:${port}`,
      ...external.map((each) => `tsgi: on the network: http://${each?.address}:${port}`),
      "",
    ].join("\n"),
  );
});

test("tsgi static: the addresses on the network are those that others can open", () => {
  const at = (address: string, family: "IPv4" | "IPv6", internal = false) =>
    ({ address, family, internal }) as NetworkInterfaceInfo;
  const interfaces = {
    lo: [at("127.0.0.1", "IPv4", true), at("::1", "IPv6", true)],
    eth0: [at("192.0.2.7", "IPv4"), at("2001:db8::7", "IPv6"), at("fe80::7", "IPv6")],
  };
  assert.deepEqual(addressesOf("http://127.0.0.1:80", interfaces), ["http://127.0.0.1:80"]);
  assert.deepEqual(addressesOf("http://0.0.0.0:80", interfaces), ["http://localhost:80", "http://192.0.2.7:80"]);
  assert.deepEqual(addressesOf("https://[::]:80", interfaces), [
    "https://localhost:80",
    "https://192.0.2.7:80",
    "https://[2001:db8::7]:80",
  ]);
  assert.deepEqual(addressesOf("unix:/0.0.0.0", interfaces), ["unix:/0.0.0.0"]);
});

test("tsgi static: serves on a Unix socket", async () => {
  const socket = join(scratch, "socket");
  await running("static", site, "--unix", socket);
  const answer = execFileSync("curl", ["-s", "--unix-socket", socket, "http://x/about"], { encoding: "utf8" });
  assert.equal(answer, "<h1>about\n");
});

for (const [what, args, message] of [
  ["a folder that is not there", ["nope"], "there is no folder nope; check the path"],
  ["a file", ["site/about.html"], "there is no folder site/about.html; check the path"],
  ["two folders", ["site", "site"], '"site" is one argument too many; see tsgi --help'],
  ["a time that is none", ["--cache", "1h"], "--cache 1h is not a number of seconds; for example --cache 3600"],
  ["a negative time", ["--cache=-1"], "--cache -1 is not a number of seconds; for example --cache 3600"],
  ["a time that is missing", ["--cache"], "Option '--cache <value>' argument missing; see tsgi --help"],
  ["an unknown option", ["--list"], "Unknown option '--list'; see tsgi --help"],
  ["a value too many", ["--cors=yes"], "Option '--cors' does not take an argument; see tsgi --help"],
  ["an option of precompress", ["--only", "br"], "--only is an option of tsgi precompress; see tsgi --help"],
  ["both ways of printing", ["--quiet", "--verbose"], "--verbose and --quiet exclude each other; leave one out"],
  ["a socket to open", ["--open", "--unix", "s"], "a browser cannot --open a Unix socket; leave one out"],
  ["a port that is none", ["--port", "x"], "--port x is not a port; choose 0 to 65535"],
] as [string, string[], string][]) {
  test(`tsgi static: ${what} is one line and exit code 2`, () => {
    assert.deepEqual(ended("static", ...args), { code: 2, out: "", error: `tsgi: ${message}\n` });
  });
}
