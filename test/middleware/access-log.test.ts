import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { type TestContext, test } from "node:test";
import { LogFile } from "../../middleware/access-log/log-file.ts";
import { type AccessLogEntry, type AccessLogOptions, accessLog } from "../../middleware/access-log.ts";
import { cascade } from "../../middleware/cascade.ts";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { router } from "../../middleware/router.ts";
import { mapText, transform } from "../../middleware/transform.ts";
import { notFound, text } from "../../src/apps.ts";
import { enter } from "../../src/exchange/innermost.ts";
import type { App } from "../../src/gateway.ts";
import { type RequestOptions, request } from "../../src/testing.ts";
import { eventually, start } from "../support/raw-client.ts";

const hello = text("hello");

/** The lines of a log, once there are as many as expected. */
class Lines {
  readonly written: string[] = [];
  write(text: string): void {
    this.written.push(text);
  }

  async some(count = 1): Promise<string[]> {
    const lines = () => this.written.join("").split("\n").slice(0, -1);
    await eventually(() => lines().length >= count);
    return lines();
  }
}

/** A line without what differs from run to run. */
const steady = (line: string): string =>
  line
    .replace(/\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]/, "[time]")
    .replace(/"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/, '"time":"time"')
    .replace(/"duration":\d+\.\d{3}/, '"duration":0')
    .replace(/\d\d:\d\d:\d\d/, "time")
    .replace(/[\d.]+ ms/, "0 ms");

async function lineOf(
  app: App,
  url: string,
  options: RequestOptions = {},
  logged: AccessLogOptions = {},
): Promise<string> {
  const lines = new Lines();
  const response = await request(accessLog(app, { ...logged, to: lines }), url, options).catch(() => undefined);
  await response?.text().catch(() => {});
  return steady((await lines.some())[0] as string);
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "tsgi-log-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const HEADERS = { Referer: "https://example.com/", "User-Agent": "curl/8" };

test("accessLog: the combined format, by default", async () => {
  assert.equal(
    await lineOf(hello, "/a?b=%22", { headers: HEADERS }),
    '127.0.0.1 - - [time] "GET /a?b=%22 HTTP/1.1" 200 5 "https://example.com/" "curl/8"',
  );
  assert.equal(await lineOf(notFound, "/"), '127.0.0.1 - - [time] "GET / HTTP/1.1" 404 10 "-" "-"');
});

test("accessLog: the common format", async () => {
  const app: App = (environ, startResponse) => hello(enter({ ...environ, REMOTE_USER: "ann" }), startResponse);
  assert.equal(
    await lineOf(app, "/", { method: "HEAD" }, { format: "common" }),
    '127.0.0.1 - ann [time] "HEAD / HTTP/1.1" 200 -',
  );
});

test("accessLog: JSON", async () => {
  const app = dispatcher(notFound, { "/shop/:city": router(notFound, { "GET /cart/:id": hello }) });
  const line = await lineOf(app, "/shop/bonn/cart/7", { headers: HEADERS }, { format: "json" });
  assert.deepEqual(JSON.parse(line), {
    time: "time",
    address: "127.0.0.1",
    method: "GET",
    target: "/shop/bonn/cart/7",
    protocol: "HTTP/1.1",
    status: 200,
    bytes: 5,
    duration: 0,
    outcome: "complete",
    mount: "/shop/bonn",
    route: "/shop/:city/cart/:id",
    host: "localhost",
    referer: "https://example.com/",
    userAgent: "curl/8",
  });
});

test("accessLog: the short form, coloured on a terminal only", async () => {
  const app = dispatcher(notFound, { "/shop": hello });
  assert.equal(await lineOf(app, "/shop/a", {}, { format: "short" }), "time 200 GET /shop/a 0 ms 5 B in /shop");
  const terminal = Object.assign(new Lines(), { isTTY: true });
  await (await request(accessLog(app, { to: terminal }), "/none")).text();
  const [line] = await terminal.some();
  assert.match(
    (line as string).replaceAll("\x1b", "^"),
    /^\^\[2m[\d:]{8}\^\[0m \^\[33m404\^\[0m GET \/none \^\[2m[\d.]+ ms 10 B\^\[0m$/,
  );
});

test("accessLog: a function gets an entry, and may leave it out", async () => {
  const lines = new Lines();
  const entries: AccessLogEntry[] = [];
  const format = (entry: AccessLogEntry): string | undefined => {
    entries.push(entry);
    return entry.target === "/livez" ? undefined : `${entry.method} ${entry.status}`;
  };
  const app = accessLog(hello, { format, to: lines });
  for (const path of ["/livez", "/"]) await (await request(app, path)).text();
  assert.deepEqual(await lines.some(), ["GET 200"]);
  assert.equal(entries[1]?.environ?.REQUEST_URI, "/");
});

test("accessLog: a format that throws costs its line, and is reported", async () => {
  const lines = new Lines();
  const app = accessLog(hello, {
    to: lines,
    format() {
      throw new Error("no line");
    },
  });
  await assert.rejects(async () => (await request(app, "/")).text(), { message: "no line" });
  assert.deepEqual(lines.written, []);
});

const HOSTILE = 'a"b\\c\td\x1be\x7f\x9bf\xe9';

for (const [format, expected] of [
  ["combined", `"a\\"b\\\\c\\x09d\\x1be\\x7f\\x9bf\\xe9"`],
  ["json", '"a\\"b\\\\c\\td\\u001be\\u007f\\u009bf\xe9"'],
] as const) {
  test(`accessLog: what a client sends cannot end a line or a field, or reach a terminal, ${format}`, async () => {
    // `request` refuses what a parser would, so that the environ is what is hostile.
    const environ = { HTTP_USER_AGENT: HOSTILE };
    const line = await lineOf(hello, "/", { environ, lint: false }, { format });
    assert.ok(line.includes(expected), line);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there.
    assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f]/);
  });
}

test("accessLog: each control character is escaped, in every field and format", async () => {
  const controls = Array.from({ length: 160 }, (_, code) => String.fromCharCode(code))
    .filter((char) => char < " " || char > "~")
    .concat("\u2028", "\u202e")
    .join("");
  const environ = {
    REMOTE_ADDR: `1${controls}`,
    REMOTE_USER: `ann" [${controls}`,
    REQUEST_METHOD: `GET${controls}`,
    REQUEST_URI: `/" 200${controls}`,
    HTTP_REFERER: controls,
    HTTP_USER_AGENT: controls,
    HTTP_HOST: controls,
    SCRIPT_NAME: `/${controls}`,
  };
  for (const format of ["common", "combined", "json", "short"] as const) {
    const line = await lineOf(hello, "/", { environ, lint: false }, { format });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there.
    assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u2028]/, format);
    if (format === "json") assert.equal(JSON.parse(line).referer, controls);
    if (format === "combined")
      assert.match(
        line,
        /^[^ ]+ - [^ [\]"]+(\\"[^ [\]"]*)* \[time\] "(\\.|[^"\\])*" 200 5 "(\\.|[^"\\])*" "(\\.|[^"\\])*"$/,
      );
  }
});

test("accessLog: a request is one line, however often its app was called", async () => {
  const lines = new Lines();
  const log = (app: App) => accessLog(app, { to: lines, format: ({ status, bytes }) => `${status} ${bytes}` });
  const partial: App = (environ, startResponse) => {
    if (environ.HTTP_RANGE === undefined) return text("whole")(environ, startResponse);
    startResponse("206 Partial Content", [
      ["Content-Type", "text/plain"],
      ["Content-Range", "bytes 0-1/5"],
    ]);
    return "wh";
  };
  const upper = transform(
    log(partial),
    mapText("text/plain", (piece) => piece.toUpperCase()),
  );
  const response = await request(upper, "/", { headers: { Range: "bytes=0-1" } });
  assert.equal(await response.text(), "WHOLE");
  await (await request(cascade([log(notFound), hello]), "/")).text();
  assert.deepEqual(await lines.some(2), ["200 5", "200 5"]);
});

test("accessLog: the mount is that of the app that has answered, not of one that was tried before", async () => {
  const app = cascade([dispatcher(notFound, { "/a": notFound }), hello]);
  assert.equal(await lineOf(app, "/a/b", {}, { format: ({ mount, route }) => `${mount}|${route}` }), "|");
});

test("accessLog: an app that fails is logged as what its client got", async () => {
  const failing: App = () => {
    throw new Error("boom");
  };
  const lines = new Lines();
  const app = accessLog(failing, { to: lines, format: ({ status, error }) => `${status} ${error}` });
  await assert.rejects(request(app, "/"), { message: "boom" });
  assert.deepEqual(await lines.some(), ["500 Error: boom"]);
});

test("accessLog: over a socket, a response that its client has left and one that was cut", async (t) => {
  const lines = new Lines();
  const app: App = async function* ({ PATH_INFO, "tsgi.exchange": exchange }, startResponse) {
    startResponse("200 OK", []);
    yield "begin";
    if (PATH_INFO === "/cut") throw new Error("boom");
    await new Promise<void>((resolve) => exchange.onAbort?.(resolve));
  };
  const format = ({ target, status, bytes, outcome }: AccessLogEntry) => `${target} ${status} ${bytes} ${outcome}`;
  const { connect } = await start(t, accessLog(app, { to: lines, format }));
  await (await connect()).get("/cut").all();
  await lines.some(1);
  const client = (await connect()).get("/left");
  await client.until("begin");
  client.socket.destroy();
  assert.deepEqual(await lines.some(2), ["/cut 200 5 cut", "/left 200 5 aborted"]);
});

test("accessLog: the lines of one turn are written at once", async (t) => {
  const lines = new Lines();
  const { connect } = await start(t, accessLog(hello, { to: lines, format: "common" }));
  const client = await connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50));
  assert.equal((await lines.some(50)).length, 50);
  assert.ok(lines.written.length < 10, `${lines.written.length} writes`);
});

test("accessLog: a file is appended to, and opened anew after it was renamed, without a line lost or written twice", async (t) => {
  const path = join(folder(t), "access.log");
  const app = accessLog(hello, { to: path, format: ({ target }) => target });
  t.after(() => app.close());
  const names: string[] = [];
  for (let index = 0; index < 40; index++) {
    if (index % 10 === 5) {
      renameSync(path, `${path}.${index}`);
      names.push(`${path}.${index}`);
      if (index === 15) await (await request(app, "/between")).text();
      app.reopen();
    }
    await (await request(app, `/${index}`)).text();
  }
  app.reopen();
  const all = [...names, path].map((name) => readFileSync(name, "utf8")).join("");
  const expected = Array.from({ length: 40 }, (_, index) => `/${index}\n`);
  expected.splice(15, 0, "/between\n");
  assert.equal(all, expected.join(""));
  const again = accessLog(hello, { to: path, format: () => "more" });
  await (await request(again, "/")).text();
  again.close();
  assert.match(readFileSync(path, "utf8"), /\/39\nmore\n$/);
});

test("accessLog: a file that cannot be opened throws when the app is built, and keeps the old one when it is opened anew", async (t) => {
  const place = folder(t);
  assert.throws(() => accessLog(hello, { to: join(place, "none", "access.log") }), { code: "ENOENT" });
  const path = join(place, "access.log");
  const app = accessLog(hello, { to: path, format: () => "line" });
  rmSync(place, { recursive: true });
  assert.throws(() => app.reopen(), { code: "ENOENT" });
  assert.equal(await (await request(app, "/")).text(), "hello");
  app.close();
});

test("accessLog: a full disk costs lines and nothing else, and is reported once", {
  skip: process.platform !== "linux",
}, async () => {
  const app = accessLog(hello, { to: "/dev/full" });
  const first = await request(app, "/");
  assert.equal(await first.text(), "hello");
  await eventually(() => first.errors !== "");
  for (let index = 0; index < 20; index++) await (await request(app, "/")).text();
  assert.match(first.errors, /^accessLog: Error: ENOSPC/);
  assert.equal(first.errors.split("ENOSPC").length, 2, first.errors);
  app.close();
});

test("accessLog: a stream that fails, and one that nobody reads, end nothing", async () => {
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
  const app = accessLog(hello, { to: broken });
  for (let index = 0; index < 3; index++) {
    assert.equal(await (await request(app, "/")).text(), "hello");
    await new Promise(setImmediate);
  }
  assert.equal(broken.destroyed, true);
  const stuck = new Writable({ write() {} });
  const long = "x".repeat(100_000);
  const endless = accessLog(hello, { to: stuck, format: () => long });
  for (let index = 0; index < 60; index++) {
    await (await request(endless, "/", { lint: false })).text();
    await new Promise(setImmediate);
  }
  assert.ok(stuck.writableLength < 2_000_000, `${stuck.writableLength} bytes wait`);
});

test("accessLog: an object that throws, or rejects, ends nothing", async () => {
  for (const write of [
    () => {
      throw new Error("no");
    },
    () => Promise.reject(new Error("no")),
  ]) {
    const app = accessLog(hello, { to: { write } });
    const response = await request(app, "/");
    assert.equal(await response.text(), "hello");
    await eventually(() => response.errors.includes("accessLog: Error: no"));
  }
});

test("accessLog: wrong options throw when the app is built", () => {
  assert.throws(() => accessLog(hello, { format: "combine" as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => accessLog(hello, { to: {} as never }), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => accessLog(hello, { file: "x" } as never), { code: "TSGI_BAD_OPTION" });
  assert.throws(() => accessLog(undefined as never), { code: "TSGI_NO_APP" });
});

test("accessLog: what a pipe takes in part goes on where it ended, amid a character", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-pipe-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const log = new LogFile(path);
  const text = "\u20ac \n".repeat(30_000);
  const read: Buffer[] = [];
  const buffer = Buffer.alloc(50_001);
  let rest: string | Uint8Array | undefined = text;
  let times = 0;
  for (; rest !== undefined; times++) {
    rest = log.write(rest);
    const length = readSync(reader, buffer);
    read.push(Buffer.from(buffer.subarray(0, length)));
  }
  log.close();
  for (let length = 1; length > 0; ) {
    length = readSync(reader, buffer);
    read.push(Buffer.from(buffer.subarray(0, length)));
  }
  closeSync(reader);
  assert.ok(times > 1);
  assert.equal(Buffer.concat(read).toString(), text);
});
