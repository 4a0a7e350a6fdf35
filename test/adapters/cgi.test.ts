import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { type CgiOptions, cgi } from "../../src/adapters/cgi.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { request } from "../../src/testing.ts";
import { aWhile, start } from "../support/raw-client.ts";
import { reported, transcript } from "../support/transcript.ts";

/** A program of one line of shell. */
const sh = (script: string, options?: CgiOptions): App => cgi(["sh", "-c", script], options);

for (const [what, script, expected] of [
  ["a type and a body", "printf 'Content-Type: text/x\\n\\nhi'", "200 OK\ncontent-type: text/x\n\nhi"],
  ["lines that end as in HTTP", "printf 'Content-Type: text/x\\r\\n\\r\\nhi'", "200 OK\ncontent-type: text/x\n\nhi"],
  ["a status", "printf 'Status: 418 Tea\\nX: 1\\n\\n'", "418 Tea\ncontent-length: 0\nx: 1\n\n"],
  ["a status by its number", "printf 'status:404\\n\\nno'", "404 Not Found\n\nno"],
  ["a status without a body", "printf 'Status: 204\\n\\n'", "204 No Content\n\n"],
  ["a redirect", "printf 'Location: http://a/b\\n\\n'", "302 Found\ncontent-length: 0\nlocation: http://a/b\n\n"],
  ["a redirect to a path", "printf 'Location: /b?c\\n\\n'", "302 Found\ncontent-length: 0\nlocation: /b?c\n\n"],
  [
    "a redirect with a status",
    "printf 'Location: /b\\nStatus: 303 See Other\\n\\n'",
    "303 See Other\ncontent-length: 0\nlocation: /b\n\n",
  ],
  [
    "cookies",
    "printf 'Set-Cookie: a=1\\nSet-Cookie: b=2\\n\\n'",
    "200 OK\ncontent-length: 0\nset-cookie: a=1\nset-cookie: b=2\n\n",
  ],
  [
    "headers of a connection",
    "printf 'A: 1\\nConnection: close\\nTransfer-Encoding: chunked\\n\\nhi'",
    "200 OK\na: 1\n\nhi",
  ],
  ["a head in pieces", "printf 'A: 1\\n'; sleep 0.05; printf '\\nhi'", "200 OK\na: 1\n\nhi"],
  ["a body of its own length", "printf 'Content-Length: 2\\n\\nhi'", "200 OK\ncontent-length: 2\n\nhi"],
] as const) {
  test(`cgi: ${what}`, async () => {
    assert.deepEqual(await reported(sh(script)), [expected, ""]);
  });
}

const BAD_GATEWAY = "502 Bad Gateway\ncontent-length: 12\ncontent-type: text/plain; charset=utf-8\n\nBad Gateway\n";

for (const [what, script, told] of [
  ["fails at once", "exit 3", "exited with 3 before its head was complete"],
  ["says nothing", ":", "ended before its head was complete"],
  ["is killed", "kill -9 $$", "was ended by SIGKILL before its head was complete"],
  ["stops within its head", "printf 'A: 1\\n'", "ended before its head was complete"],
  ["writes no head", "echo hello; echo", 'its head is malformed: "hello" is not a header line'],
  ["begins with an empty line", "echo; echo hi; echo", 'its head is malformed: "" is not a header line'],
  ["sends a status that is none", "printf 'Status: 42\\n\\n'", /^its head is malformed: "42" is n/],
  ["sends a status that is not final", "printf 'Status: 100 Go\\n\\n'", /^its head is malformed: "100 Go"/],
  ["sends a header that is none", "printf 'A B: 1\\n\\n'", /^its head is malformed: /],
  ["splits a header", "printf 'A: 1\\rB: 2\\n\\n'", /^its head is malformed: /],
  ["sends lengths that contradict", "printf 'Content-Length: x\\n\\n'", /^its head is malformed: /],
  ["sends a head without an end", "head -c 100000 /dev/zero", "its head is longer than 65536 bytes"],
] as const) {
  test(`cgi: a program that ${what} is a 502`, async () => {
    const [answer, errors] = await reported(sh(script));
    assert.equal(answer, BAD_GATEWAY);
    assert.match(errors, /^sh: .*\n$/);
    if (typeof told === "string") assert.equal(errors, `sh: ${told}\n`);
    else assert.match(errors.slice("sh: ".length), told);
  });
}

test("cgi: a program whose head is refused is ended, and lets the next one run", async (t) => {
  const folder = temporary(t);
  for (const head of ["hello", "A B: 1"]) {
    const app = sh(`echo $$ > pid; printf '${head}\\n\\n'; sleep 60; :`, { cwd: folder, maxProcesses: 1 });
    assert.equal((await reported(app))[0], BAD_GATEWAY);
    await isGone(Number(readFileSync(join(folder, "pid"), "utf8")));
    assert.equal((await reported(app))[0], BAD_GATEWAY);
  }
});

test("cgi: the environ is the environment, and nothing else of ours", async () => {
  Object.assign(process.env, { TSGI_SECRET: "x" });
  const app = dispatcher(notFound, {
    "/a b": sh("printf 'A: 1\\n\\n'; env", { env: ({ REQUEST_METHOD }) => ({ OF_MINE: REQUEST_METHOD }) }),
  });
  const response = await request(app, "/a%20b/%C3%A9%5C/x?a=%20b", {
    method: "PUT",
    body: "12345",
    headers: [
      ["Proxy", "http://evil"],
      ["X-Two", "1"],
      ["X-Two", "2"],
      ["X-Text", "caf\u00c3\u00a9"],
      ["X-Bytes", "caf\u00e9"],
      ["X%Odd", "1"],
      ["Keep-Alive", "1"],
      ["Authorization", "Basic x"],
      ["Content-Type", "text/x"],
    ],
    environ: { REMOTE_USER: "ada", AUTH_TYPE: "Basic", "x.other": "1", ...{ OTHER: "1" } },
  });
  const { PATH } = process.env;
  const lines = (await response.text())
    .split("\n")
    .filter((line) => line !== "" && !/^(PWD|SHLVL|OLDPWD|_)=/.test(line));
  assert.deepEqual(lines.sort(), [
    "AUTH_TYPE=Basic",
    "CONTENT_LENGTH=5",
    "CONTENT_TYPE=text/x",
    "GATEWAY_INTERFACE=CGI/1.1",
    "HTTP_AUTHORIZATION=Basic x",
    "HTTP_HOST=localhost",
    "HTTP_X_BYTES=caf\u00e9",
    "HTTP_X_TEXT=caf\u00e9",
    "HTTP_X_TWO=1, 2",
    "OF_MINE=PUT",
    `PATH=${PATH}`,
    "PATH_INFO=/\u00e9\\/x",
    "QUERY_STRING=a=%20b",
    "REMOTE_ADDR=127.0.0.1",
    "REMOTE_HOST=127.0.0.1",
    "REMOTE_PORT=50000",
    "REMOTE_USER=ada",
    "REQUEST_METHOD=PUT",
    "REQUEST_SCHEME=http",
    "REQUEST_URI=/a%20b/%C3%A9%5C/x?a=%20b",
    "SCRIPT_NAME=/a b",
    "SERVER_NAME=localhost",
    "SERVER_PORT=80",
    "SERVER_PROTOCOL=HTTP/1.1",
    "SERVER_SOFTWARE=tsgi",
  ]);
});

test("cgi: a header never becomes another variable", async () => {
  const app = sh("printf 'A: 1\\n\\n'; env");
  const hostile = ["Proxy", "PROXY", "pRoXy", "Proxy-", "BASH_FUNC_x%%", "X%Y", "LD-PRELOAD", "PATH"];
  const answer = await (
    await request(app, "/", { headers: hostile.map((name): [string, string] => [name, "evil"]) })
  ).text();
  const found = answer.split("\n").filter((line) => line.includes("evil"));
  assert.deepEqual(found.sort(), ["HTTP_LD_PRELOAD=evil", "HTTP_PATH=evil", "HTTP_PROXY_=evil"]);
});

for (const path of ["/a%2Fb", "/..%2F..%2Fetc", "/%FF", "/%C3"]) {
  test(`cgi: ${path} is not a path for a program`, async () => {
    const environ = { SCRIPT_NAME: "/cgi", PATH_INFO: path };
    assert.match(await transcript(sh("echo never; exit 1"), "/", { environ }), /^404 Not Found/);
    assert.match(
      await transcript(sh("exit 1"), "/", { environ: { SCRIPT_NAME: path, PATH_INFO: "" } }),
      /^404 Not Found/,
    );
  });
}

test("cgi: arguments are what they are", async () => {
  const app = cgi(["printf", "A: 1\\n\\n%s|%s", "$(id)", "a b; echo"]);
  assert.equal(await transcript(app, "/?-x+y"), "200 OK\na: 1\n\n$(id)|a b; echo");
});

test("cgi: a program runs in its own folder, or where it is told to", async (t) => {
  const folder = temporary(t);
  writeFileSync(join(folder, "where.cgi"), "#!/bin/sh\nprintf 'A: 1\\n\\n'; pwd -P");
  chmodSync(join(folder, "where.cgi"), 0o755);
  const answer = (where: string): string => `200 OK\na: 1\n\n${where}\n`;
  assert.equal(await transcript(cgi(join(folder, "where.cgi")), "/"), answer(folder));
  assert.equal(await transcript(cgi("./where.cgi", { cwd: folder }), "/"), answer(folder));
  assert.equal(await transcript(cgi([join(folder, "where.cgi")]), "/"), answer(process.cwd()));
  assert.equal(await transcript(cgi(join(folder, "where.cgi"), { cwd: "/" }), "/"), answer("/"));
});

test("cgi: the request body is its input", async () => {
  const app = sh("printf 'A: 1\\n\\n'; echo $CONTENT_LENGTH; cat");
  const body = "x".repeat(1_000_000);
  assert.equal(await transcript(app, "/", { method: "POST", body }), `200 OK\na: 1\n\n1000000\n${body}`);
  assert.equal(await transcript(app, "/"), "200 OK\na: 1\n\n\n");
});

async function* pieces(): AsyncIterable<Uint8Array> {
  yield Buffer.from("abc");
  yield Buffer.from("def");
}

test("cgi: a body without a length is given one, or comes as it is", async () => {
  const script = "printf 'A: 1\\n\\n'; env | grep -c CONTENT_LENGTH; cat";
  const asked = () => ({ method: "POST", body: pieces() });
  assert.equal(await transcript(sh(script), "/", asked()), "200 OK\na: 1\n\n1\nabcdef");
  assert.match(await transcript(sh(script, { bufferLimit: 5 }), "/", asked()), /^413 /);
  assert.equal(await transcript(sh(script, { bufferLimit: "stream" }), "/", asked()), "200 OK\na: 1\n\n0\nabcdef");
});

test("cgi: a program need not read its input", async () => {
  const app = sh("printf 'A: 1\\n\\nhi'");
  for (let round = 0; round < 5; round++) {
    const asked = { method: "POST", body: Buffer.alloc(1_000_000) };
    assert.deepEqual(await reported(app, "/", asked), ["200 OK\na: 1\n\nhi", ""]);
  }
});

test("cgi: its standard error goes to tsgi.errors", async () => {
  const [answer, errors] = await reported(sh("echo caf\u00e9 >&2; printf 'A: 1\\n\\nhi'"));
  assert.deepEqual([answer, errors], ["200 OK\na: 1\n\nhi", "caf\u00e9\n"]);
});

test("cgi: chunks come as they are written", async (t) => {
  const { connect } = await start(t, sh("printf 'A: 1\\n\\none'; read line; printf two", { bufferLimit: "stream" }));
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n");
  await client.until("one");
  client.send("go\n");
  assert.match(await client.all(), /3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/);
});

test("cgi: a program that fails after its head cuts the connection", async (t) => {
  const { connect, log } = await start(t, sh("printf 'A: 1\\n\\nhi'; exit 2"));
  const client = await connect();
  client.get("/");
  const received = await client.all();
  assert.match(received, /2\r\nhi\r\n$/);
  assert.match(log.join(""), /sh: exited with 2 after its head/);
});

test("cgi: an error page stands, however the program ends", async () => {
  assert.equal(await transcript(sh("printf 'Status: 500\\n\\nhi'; exit 255"), "/"), "500 Internal Server Error\n\nhi");
});

test("cgi: a program that says nothing is ended, with all that it has started", async (t) => {
  const file = join(temporary(t), "pid");
  const app = sh(`sh -c 'echo $$ > ${file}; exec sleep 60'; :`, { timeout: 300 });
  const [answer, errors] = await reported(app);
  assert.match(answer, /^504 Gateway Timeout\n/);
  assert.match(errors, /^sh: made no progress for 300 ms\. /);
  await isGone(Number(readFileSync(file, "utf8")));
});

test("cgi: a program that stops in its body is ended, and the connection cut", async (t) => {
  const { connect, log } = await start(t, sh("printf 'A: 1\\n\\nhi'; sleep 60", { timeout: 300 }));
  const client = await connect();
  client.get("/");
  assert.match(await client.all(), /2\r\nhi\r\n$/);
  assert.match(log.join(""), /TSGI_GATEWAY_TIMEOUT|made no progress for 300 ms/);
});

for (const [what, script] of [
  ["before the head", "sleep 60; :"],
  ["within the body", "printf 'A: 1\\n\\nhi'; sleep 60; :"],
  ["though its leader has ended", "printf 'A: 1\\n\\nhi'"],
  [
    "though its leader has ended, and what it left does not want to",
    "(trap '' TERM; sleep 60; sleep 60) & printf 'A: 1\\n\\nhi'",
  ],
  ["while it writes", "printf 'A: 1\\n\\nhi'; yes 2>&-; :"],
  ["though it does not want to end", "trap '' TERM; printf 'A: 1\\n\\nhi'; sleep 60; sleep 60; :"],
] as const) {
  test(`cgi: a client that leaves ${what} ends the process group`, async (t) => {
    const file = join(temporary(t), "pid");
    const { connect, log } = await start(t, sh(`sh -c 'echo $PPID $$ > ${file}; exec sleep 60' & ${script}`));
    const client = await connect();
    client.get("/");
    while (!existsSync(file) || readFileSync(file, "utf8") === "") await sleep(5);
    if (!what.includes("head")) await client.until("hi");
    client.socket.destroy();
    // An orphan's parent is the first process.
    const pids = readFileSync(file, "utf8").trim().split(" ").map(Number);
    for (const pid of pids.filter((pid) => pid !== 1)) await isGone(pid);
    assert.deepEqual(log, []);
  });
}

test("cgi: a body that breaks off ends the program before it could take it for whole", async (t) => {
  const folder = temporary(t);
  const script = "trap 'touch stopped; exit' TERM; cat > got; touch whole";
  const { connect } = await start(t, sh(script, { cwd: folder, bufferLimit: 2 }));
  const client = await connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  while (!existsSync(join(folder, "got"))) await sleep(5);
  client.socket.destroy();
  while (!existsSync(join(folder, "stopped"))) await sleep(5);
  assert.ok(!existsSync(join(folder, "whole")));
});

test("cgi: a HEAD lets the program come to its end", async (t) => {
  const folder = temporary(t);
  const app = sh("printf 'A: 1\\n\\n'; head -c 300000 /dev/zero; touch done", { cwd: folder });
  assert.equal(await transcript(app, "/", { method: "HEAD" }), "200 OK\na: 1\n\n");
  while (!existsSync(join(folder, "done"))) await sleep(5);
});

test("cgi: at most `maxProcesses` run at once, and the others queue", async (t) => {
  const folder = temporary(t);
  const script = "mkdir taken || exit 1; sleep 0.05; rmdir taken; printf 'A: 1\\n\\nhi'";
  const app = sh(script, { cwd: folder, maxProcesses: 1 });
  const answers = await Promise.all(Array.from({ length: 10 }, () => transcript(app, "/")));
  assert.deepEqual(new Set(answers), new Set(["200 OK\na: 1\n\nhi"]));
});

test("cgi: a request that queues too long, or finds the queue full, is a 503", async () => {
  const app = sh("sleep 0.5; printf 'A: 1\\n\\nhi'", { maxProcesses: 1, timeout: 400 });
  const answers = await Promise.all(Array.from({ length: 40 }, () => reported(app)));
  const statuses = answers.map(([answer]) => answer.slice(0, 3));
  assert.equal(statuses.filter((status) => status === "503").length >= 38, true, String(statuses));
  assert.match(answers.at(-1)?.[1] ?? "", /^sh: all 1 are busy\. Raise `maxProcesses`/);
});

test("cgi: a client that leaves the queue makes room in it", async (t) => {
  const { connect, log } = await start(t, sh("sleep 0.3; printf 'A: 1\\n\\nhi'", { maxProcesses: 1 }));
  const first = await connect();
  first.get("/");
  for (let round = 0; round < 30; round++) {
    const client = await connect();
    client.get("/");
    await sleep(2);
    client.socket.destroy();
  }
  await first.until("hi");
  const last = await connect();
  await last.get("/").until("hi");
  assert.deepEqual(log, []);
});

test("cgi: a response that an outer layer refuses ends the program, and lets the next one run", async () => {
  const program = sh("printf 'A: 1\\n\\n'; yes", { maxProcesses: 1, timeout: 1_000 });
  const refuse: App = (environ, _startResponse) =>
    program(environ, () => {
      throw new Error("refused");
    });
  for (let round = 0; round < 3; round++) await assert.rejects(reported(refuse), { message: "refused" });
});

test("cgi: a program that goes on after closing its output is ended after `timeout`", async (t) => {
  const folder = temporary(t);
  const script = "echo $$ > pid; printf 'A: 1\\n\\nhi'; exec 1>&- 2>&-; sleep 60; :";
  const app = sh(script, { cwd: folder, maxProcesses: 1, timeout: 1_500 });
  assert.equal(await transcript(app, "/"), "200 OK\na: 1\n\nhi");
  await isGone(Number(readFileSync(join(folder, "pid"), "utf8")));
  assert.equal(await transcript(app, "/"), "200 OK\na: 1\n\nhi");
});

test("cgi: slow uploads occupy no process", async (t) => {
  const { connect } = await start(t, sh("printf 'A: 1\\n\\nhi'; cat", { maxProcesses: 1, bufferLimit: 100 }));
  const slow = await Promise.all([connect(), connect()]);
  for (const client of slow) client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n-");
  await aWhile();
  const other = await connect();
  await other.get("/").until("hi");
  for (const client of slow) await client.send("-".repeat(49)).until("hi");
});

test("cgi: a body longer than `bufferLimit` is passed on from there", async () => {
  const app = sh("printf 'A: 1\\n\\n'; cat", { bufferLimit: 10 });
  const body = Buffer.alloc(200_000, "x");
  assert.equal(await transcript(app, "/", { method: "POST", body }), `200 OK\na: 1\n\n${body}`);
});

test("cgi: a log that throws changes no response", async () => {
  const environ = {
    "tsgi.errors": {
      write() {
        throw new Error("the log is closed");
      },
    },
  };
  assert.equal(await transcript(sh("echo oh >&2; printf 'A: 1\\n\\nhi'"), "/", { environ }), "200 OK\na: 1\n\nhi");
  assert.equal(await transcript(sh("exit 1"), "/", { environ }), BAD_GATEWAY);
});

for (const [what, env] of [
  [
    "throws",
    () => {
      throw new Error("no variables");
    },
  ],
  ["gives a promise", async () => ({})],
  ["gives something that is not a string", () => ({ A: 1 })],
] as const) {
  test(`cgi: an \`env\` that ${what} is the app's error, and occupies no process`, async () => {
    const app = sh("exit 1", { env: env as never, maxProcesses: 1 });
    for (let round = 0; round < 3; round++) await assert.rejects(reported(app), /no variables|env/);
  });
}

test("cgi: a program that is gone is a 502", async (t) => {
  const file = join(temporary(t), "x.cgi");
  writeFileSync(file, "#!/bin/sh\n");
  chmodSync(file, 0o755);
  const app = cgi(file);
  rmSync(file);
  const [answer, errors] = await reported(app);
  assert.equal(answer, BAD_GATEWAY);
  assert.match(errors, /x\.cgi: could not be started: /);
});

for (const [what, make, code] of [
  ["no program", () => cgi("./no-such-program"), "TSGI_NO_PROGRAM"],
  ["no program of that name", () => cgi("no-such-program"), "TSGI_NO_PROGRAM"],
  ["a folder", () => cgi("/tmp"), "TSGI_NO_PROGRAM"],
  ["a file that cannot be run", () => cgi("./package.json"), "TSGI_NO_PROGRAM"],
  ["an empty name", () => cgi(""), "TSGI_NO_PROGRAM"],
  ["an empty list", () => cgi([] as never), "TSGI_NO_PROGRAM"],
  ["an argument that is not a string", () => cgi(["sh", 1] as never), "TSGI_NO_PROGRAM"],
  ["an option that it does not have", () => sh("", { maxProcess: 1 } as CgiOptions), "TSGI_BAD_OPTION"],
  ["a time that is not whole", () => sh("", { timeout: 1.5 }), "TSGI_BAD_OPTION"],
  ["a size that is another word", () => sh("", { bufferLimit: "all" as "stream" }), "TSGI_BAD_OPTION"],
  ["variables that are not an object", () => sh("", { env: "A=1" as never }), "TSGI_BAD_OPTION"],
  ["a time that no timer can measure", () => sh("", { timeout: 2 ** 31 }), "TSGI_BAD_OPTION"],
  ["a variable that is not a string", () => sh("", { env: { A: 1 } as never }), "TSGI_BAD_OPTION"],
  ["a variable with NUL", () => sh("", { env: { A: "\0" } }), "TSGI_BAD_OPTION"],
  ["no limit", () => sh("", { maxProcesses: 0 }), "TSGI_BAD_OPTION"],
  ["no time", () => sh("", { timeout: 0 }), "TSGI_BAD_OPTION"],
  ["a size that is not one", () => sh("", { bufferLimit: -1 }), "TSGI_BAD_OPTION"],
] as const) {
  test(`cgi: ${what} is refused`, () => assert.throws(make, { code }));
}

/** A folder for one test. */
function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-cgi-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Waits for the end of a process. */
async function isGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
      // One that ended and that nobody has waited for is there still.
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return;
    } catch {
      return;
    }
    await sleep(10);
  }
}
