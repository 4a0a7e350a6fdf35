import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createPrivateKey, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ConnectionOptions, connect as connectSecurely, type TLSSocket } from "node:tls";
import type { TsgiConfig } from "../../src/config.ts";
import { Authority, type Issued, selfSigned } from "../support/authority.ts";
import { Command, type Running, until } from "../support/command.ts";
import { RawClient } from "../support/raw-client.ts";
import { cli } from "../support/session.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsgi-settings-"));
// Another user has to get there.
chmodSync(scratch, 0o755);

after(() => rmSync(scratch, { recursive: true, force: true }));

writeFileSync(
  join(scratch, "site.mjs"),
  `const ids = () => [process.getuid(), process.getgid(), ...process.getgroups()].join(" ");
const loadedBy = ids();
export const app = async (environ, startResponse) => {
  if (environ.PATH_INFO === "/error") throw new Error("in the app");
  if (environ.PATH_INFO === "/never") await new Promise(() => {});
  if (environ.PATH_INFO === "/upload") for await (const _ of environ["tsgi.input"]);
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  const { REMOTE_ADDR, PATH_INFO, SERVER_PROTOCOL, SSL_CLIENT_S_DN: client } = environ;
  return JSON.stringify({ REMOTE_ADDR, PATH_INFO, SERVER_PROTOCOL, client, ids: ids(), loadedBy });
};
export const make = () => app;
`,
);

const { running, started } = new Command(scratch);

function file(name: string, contents: string | Uint8Array): string {
  writeFileSync(join(scratch, name), contents);
  return name;
}

async function ended(...args: string[]) {
  const { child, printed } = started(...args);
  const [code] = (await once(child, "close")) as [number];
  return { code, printed: printed() };
}

/** The end of a command that was told to close. */
async function closed({ child }: Running, signal: NodeJS.Signals = "SIGTERM"): Promise<number | NodeJS.Signals> {
  child.kill(signal);
  const [code, by] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return code ?? (by as NodeJS.Signals);
}

function raw(to: { port: number } | { path: string }): Promise<RawClient> {
  return RawClient.open(connect({ host: "127.0.0.1", ...to }));
}

/** The first client of a Unix socket that is about to be there. */
async function rawOnce(path: string): Promise<RawClient> {
  for (let tries = 0; tries < 5000; tries++) {
    try {
      return await raw({ path });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  throw new Error(`nobody listens at ${path}`);
}

const portOf = ({ url }: Running) => Number(new URL(url).port);

/** A socket that listens, for a command to inherit. */
async function listening(): Promise<{ server: Server; port: number; fd: number }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { server, port: (server.address() as AddressInfo).port, fd };
}

test("settings: an app, places, permissions and an id of a config file", async () => {
  const folder = join(scratch, "places");
  mkdirSync(folder);
  const config: TsgiConfig = {
    app: "../site.mjs:app",
    bind: ["127.0.0.1:0", "unix:open.sock", "unix:group.sock?mode=660", "fd:3", "[::1]:0"],
    umask: "000",
    pidFile: "site.pid",
    backlog: 7,
    keepAliveTimeout: "7s",
  };
  writeFileSync(join(folder, "tsgi.config.json"), JSON.stringify(config));
  const inherited = await listening();
  const child = spawn(process.execPath, [cli, "--umask", "077"], {
    cwd: folder,
    env: { ...process.env, PORT: "1", WEB_CONCURRENCY: "" },
    stdio: ["ignore", "pipe", "inherit", inherited.fd],
  });
  inherited.server.close();
  let printed = "";
  child.stdout?.on("data", (text) => {
    printed += text;
  });
  await until(() => printed.includes("[::1]"));
  const port = Number(/serving \S+ on http:\/\/127\.0\.0\.1:(\d+)\n/.exec(printed)?.[1]);
  assert.equal(
    printed.replace(String(port), "PORT").replace(/\[::1\]:\d+/, "[::1]:PORT"),
    `tsgi: serving ../site.mjs:app on http://127.0.0.1:PORT
tsgi: also on unix:open.sock
tsgi: also on unix:group.sock
tsgi: also on http://127.0.0.1:${inherited.port}
tsgi: also on http://[::1]:PORT
`,
  );
  const sockets = ["open.sock", "group.sock"].map((name) => join(folder, name));
  for (const to of [{ port }, { port: inherited.port }, ...sockets.map((path) => ({ path }))]) {
    const client = await raw(to);
    const answer = await client.get("/").until("}");
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Keep-Alive: timeout=7\r\n/);
    client.socket.destroy();
  }
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
  assert.deepEqual(sockets.map(modeOf), ["700", "660"]);
  assert.match(execFileSync("ss", ["-Hltn", `sport = :${port}`], { encoding: "utf8" }), /^LISTEN\s+0\s+7\s/);
  const pidFile = join(folder, "site.pid");
  assert.equal(readFileSync(pidFile, "utf8"), `${child.pid}\n`);
  assert.equal(modeOf(pidFile), "600");
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
  assert.deepEqual([...sockets, pidFile].filter(existsSync), []);
});

test("settings: limits of a config file", async () => {
  const config: TsgiConfig = {
    app: "site.mjs:make",
    factory: true,
    interface: "tsgi",
    host: "localhost",
    port: 0,
    headersTimeout: "400ms",
    requestTimeout: "1h",
    bodyTimeout: "1h",
    maxTargetLength: 100,
    maxHeaderSize: "1K",
    maxHeadersCount: 5,
    maxRequestsPerConnection: 2,
    maxConcurrentStreams: 3,
    keepAliveTimeout: 400,
    mergeSlashes: false,
    http2: true,
  };
  const command = await running(
    ...["--config", file("limits.json", JSON.stringify(config)), "--request-timeout", "700ms"],
  );
  const port = portOf(command);
  const open = () => raw({ port });
  const heads = [
    `GET /${"a".repeat(100)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nA: ${"a".repeat(1024)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\n${"A: b\r\n".repeat(5)}\r\n`,
    "GET / HTTP/1.1\r\n",
    "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na",
    "GET /a//b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  ];
  const answers = await Promise.all(heads.map(async (head) => (await open()).send(head).all()));
  assert.deepEqual(
    answers.map((answer) => /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]),
    ["414", "431", "431", "408", "408", "200", "200", "200"],
  );
  assert.match(answers[5] as string, /"PATH_INFO":"\/a\/\/b"/);
  assert.deepEqual(
    [...(answers[6] as string).matchAll(/^Connection: (.*)\r$/gm)].map(([, value]) => value),
    ["keep-alive", "close"],
  );
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const [settings] = (await once(session, "remoteSettings")) as [{ maxConcurrentStreams: number }];
  session.destroy();
  assert.equal(settings.maxConcurrentStreams, 3);
  assert.equal(await closed(command), 0);
});

test("settings: static takes them too: proxies, a limit of connections, stalled bodies, silence", async () => {
  const socket = join(scratch, "static.sock");
  const flags =
    "--proxy-protocol 192.0.2.0/24,127.0.0.0/8 --max-connections 2 --quiet --backlog 9 --max-header-size 2K";
  const command = started("static", ".", "--bind", `unix:${socket}`, "--bind", "127.0.0.1:0", ...flags.split(" "));
  const [first, second] = [await rawOnce(socket), await raw({ path: socket })];
  const header = "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443\r\n";
  for (const client of [first, second])
    assert.match(await client.send(header).get("/site.mjs").until("loadedBy"), /200/);
  assert.equal(await (await raw({ path: socket })).send(header).get("/").all(), "");
  first.socket.destroy();
  assert.match(await second.get("/", `A: ${"a".repeat(2048)}`).all(), /431 Request Header Fields Too Large/);
  assert.equal(command.printed(), "");
  assert.equal(await closed(command), 0);
});

test("settings: how a server closes", async () => {
  const socket = join(scratch, "drain.sock");
  const times = "--drain-delay 500ms --linger 0 --grace 300ms --keep-alive-timeout 1m --body-timeout 1m";
  const command = await running("site.mjs", "--unix", socket, ...times.split(" "));
  const [idle, hanging] = [await raw({ path: socket }), await raw({ path: socket })];
  await idle.get("/").until("}");
  hanging.get("/never");
  const end = closed(command);
  await until(() => command.printed().includes("closing"));
  const late = await raw({ path: socket });
  assert.match(await late.get("/late").all(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n/);
  assert.match(await idle.all(), /\}$/);
  assert.equal(await hanging.all(), "");
  assert.equal(await end, 0);
});

/** A certificate whose key is encrypted. */
function encrypted({ key, cert }: Issued, name: string): readonly [key: string, cert: string] {
  const secret = createPrivateKey(key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "open",
  });
  return [file(`${name}.key`, secret), file(`${name}.pem`, cert)];
}

async function secured(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectSecurely({ port, rejectUnauthorized: false, ...options });
  await once(socket, "secureConnect");
  return socket;
}

/** The answer on a connection, or how it failed. */
async function answered(port: number, options: ConnectionOptions): Promise<string> {
  try {
    return await new RawClient(await secured(port, options)).get("/", "Connection: close").all();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

const nameOf = (socket: TLSSocket) => socket.getPeerCertificate().subject.CN;

test("settings: certificates, chosen by name, with encrypted keys, for clients that have one", async () => {
  const authority = new Authority("/CN=authority");
  const client = authority.issue({ subject: "/CN=client" });
  const first = encrypted(selfSigned({ names: ["first.example"] }), "first");
  const second = encrypted(selfSigned({ names: ["second.example"] }), "second");
  const ticketKeys = randomBytes(48);
  const certificates = [first, second].flatMap(([key, cert]) => ["--tls-key", key, "--tls-cert", cert]);
  const files = [
    "--tls-passphrase-file",
    file("passphrase", "open\nsesame\n"),
    "--tls-client-ca",
    file("ca.pem", authority.cert),
  ];
  const tickets = ["--tls-ticket-keys", file("tickets", ticketKeys)];
  const command = await running("site.mjs", "--port", "0", "--http2", ...certificates, ...files, ...tickets);
  const port = portOf(command);
  const old = await secured(port, { ...client, servername: "first.example", maxVersion: "TLSv1.2" });
  assert.equal(nameOf(old), "first.example");
  assert.deepEqual(old.getTLSTicket()?.subarray(0, 16), ticketKeys.subarray(0, 16));
  old.destroy();
  assert.match(await answered(port, { ...client, servername: "second.example" }), /"client":"CN=client"/);
  assert.doesNotMatch(await answered(port, { servername: "second.example" }), /200 OK/);
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ...client, rejectUnauthorized: false });
  await once(session, "connect");
  assert.equal(session.alpnProtocol, "h2");
  session.destroy();

  // Written again, the same is not another one.
  encrypted(selfSigned({ names: ["second.example"], subject: "/CN=renewed" }), "second");
  file("ca.pem", authority.cert);
  await until(() => command.printed().includes("reloaded"));
  const renewed = await secured(port, { ...client, servername: "second.example" });
  assert.equal(nameOf(renewed), "renewed");
  renewed.destroy();
  assert.equal(command.printed().split("reloaded").length, 2);
  assert.equal(await closed(command), 0);
});

test("settings: what a config file says of TLS", async () => {
  const [key, cert] = encrypted(selfSigned({ names: ["first.example"] }), "config");
  const config: TsgiConfig = {
    tlsKey: key,
    tlsCert: [cert],
    tlsClientCa: file("other-ca.pem", new Authority("/CN=other").cert),
    tlsClientCertificates: "request",
    tlsMinVersion: "TLSv1.3",
    tlsCiphers: "TLS_CHACHA20_POLY1305_SHA256",
    handshakeTimeout: "500ms",
    bodyTimeout: "300ms",
    requestTimeout: 0,
    development: true,
    verbose: true,
  };
  const environment = { TSGI_TLS_PASSPHRASE: "open" };
  const command = await new Command(scratch, environment).running(
    "site.mjs",
    ...["--port", "0", "--config", file("tls.json", JSON.stringify(config))],
  );
  const port = portOf(command);
  const socket = await secured(port, {});
  assert.equal(socket.getCipher().name, "TLS_CHACHA20_POLY1305_SHA256");
  socket.destroy();
  assert.match(await answered(port, {}), /^HTTP\/1\.1 200 OK/);
  assert.equal(await answered(port, { maxVersion: "TLSv1.2" }), "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
  assert.equal(await (await raw({ port })).all(), "");
  const stalled = new RawClient(await secured(port, {}));
  stalled.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
  assert.match(await stalled.all(), /^HTTP\/1\.1 408 /);
  const failed = new RawClient(await secured(port, {})).get("/error", "Connection: close");
  assert.match(await failed.all(), /Error: in the app/);
  await until(() => command.printed().includes("< GET /error HTTP/1.1"));
  assert.equal(await closed(command), 0);
});

test("settings: files of TLS that cannot be used", async () => {
  const [key, cert] = encrypted(selfSigned({ names: ["first.example"] }), "unused");
  const tls = ["site.mjs", "--tls-key", key, "--tls-cert", cert];
  const short = file("short", "48");
  const results = await Promise.all([
    ended(...tls, "--tls-passphrase-file", "nowhere"),
    ended(...tls, "--tls-passphrase-file", file("empty", "\n")),
    ended(...tls, "--tls-ticket-keys", short),
    ended(...tls, "--tls-passphrase-file", file("wrong", "shut")),
  ]);
  assert.deepEqual(
    results.map(({ code, printed }) => [code, printed]),
    [
      [2, "tsgi: --tls-passphrase-file nowhere cannot be read: ENOENT\n"],
      [2, "tsgi: --tls-passphrase-file empty has no first line; write the passphrase there\n"],
      [2, "tsgi: --tls-ticket-keys short has 2 bytes, not 48; make it: openssl rand -out short 48\n"],
      [2, "tsgi: key of tls cannot be decrypted. Check passphrase: openssl pkey -noout -in key.pem asks for it\n"],
    ],
  );
});

/** The answer of a command that has just begun to listen. */
async function early(command: Running, path: string): Promise<{ command: Running; answer: string }> {
  const answer = await (await rawOnce(path)).get("/", "Connection: close").all();
  await until(() => command.printed().includes("serving"));
  return { command, answer };
}

const isRoot = process.geteuid?.() === 0;

test("settings: a user and a group", { skip: !isRoot && "needs root" }, async () => {
  const folder = join(scratch, "user");
  mkdirSync(folder);
  const [socket, pidFile] = [join(folder, "socket"), join(folder, "pid")];
  const places = ["--unix", socket, "--pid-file", pidFile];
  file("slow.mjs", 'await new Promise((resolve) => setTimeout(resolve, 300));\nexport * from "./site.mjs";\n');
  mkdirSync(join(scratch, "keys"));
  const { key, cert } = selfSigned({ names: ["first.example"] });
  const tls = ["--tls-key", file("keys/key.pem", key), "--tls-cert", file("keys/cert.pem", cert)];
  const group = Number(execFileSync("id", ["-g", "nobody"], { encoding: "utf8" }));
  const workersSocket = join(folder, "workers");
  const [own, other, workers, nobody, noGroup, groupless] = await Promise.all([
    early(started("slow.mjs", "--user", "nobody", ...places), socket),
    running("site.mjs", "--port", "0", "--user", "12345", "--group", "54321", ...tls),
    running("site.mjs", "--workers", "2", "--user", "nobody", "--bind", `unix:${workersSocket}?mode=600`),
    ended("site.mjs", "--user", "nobody-there"),
    ended("site.mjs", "--user", "nobody", "--group", "nobody-there"),
    ended("site.mjs", "--user", "12345"),
  ]);
  const uid = Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" }));
  const ids = `${uid} ${group} ${group}`;
  assert.match(own.answer, new RegExp(`"ids":"${ids}","loadedBy":"${ids}"`));
  assert.match(await answered(portOf(other), {}), /"loadedBy":"12345 54321 54321"/);
  chmodSync(join(scratch, "keys"), 0o700);
  await until(() =>
    other.printed().includes("tsgi: the certificate was not reloaded: EACCES: permission denied, stat"),
  );
  assert.deepEqual([statSync(socket).uid, statSync(pidFile).uid], [uid, uid]);
  const { uid: owner, mode } = statSync(workersSocket);
  assert.deepEqual([owner, mode & 0o777], [uid, 0o600]);
  const client = await raw({ path: workersSocket });
  assert.match(await client.get("/").until("}"), new RegExp(`"loadedBy":"${ids}"`));
  client.socket.destroy();
  assert.deepEqual(await Promise.all([closed(own.command), closed(other), closed(workers)]), [0, 0, 0]);
  // The folder is not that user's.
  assert.equal(readFileSync(pidFile, "utf8"), "");
  assert.deepEqual(
    [nobody, noGroup, groupless].map(({ code, printed }) => [code, printed]),
    [
      [2, "tsgi: there is no user nobody-there; check --user\n"],
      [2, "tsgi: there is no group nobody-there; check --group\n"],
      [2, "tsgi: user 12345 has no group of its own; give --group\n"],
    ],
  );
});

test("settings: an app that fails after the user was changed ends the command", {
  skip: !isRoot && "needs root",
}, async () => {
  file("broken.mjs", "throw new Error('broken');\n");
  assert.deepEqual(await ended("broken.mjs", "--port", "0", "--user", "nobody", "--pid-file", "broken.pid"), {
    code: 2,
    printed: "tsgi: broken.mjs cannot be loaded: Error: broken (broken.mjs:1:7)\n",
  });
});

test("settings: a pid file is held by one process, and gone at each kind of end", async () => {
  const pidFile = join(scratch, "held.pid");
  writeFileSync(pidFile, "999999999\n");
  const flags = ["--port", "0", "--pid-file", pidFile];
  const first = await running("site.mjs", ...flags);
  const id = `${first.child.pid}\n`;
  assert.equal(readFileSync(pidFile, "utf8"), id);
  assert.deepEqual(await ended("site.mjs", ...flags), {
    code: 1,
    printed: `tsgi: --pid-file ${pidFile}: process ${first.child.pid} is running; stop it, or remove the file\n`,
  });
  assert.equal(await closed(first, "SIGKILL"), "SIGKILL");
  assert.equal(readFileSync(pidFile, "utf8"), id);
  const ends = await Promise.all(
    (["SIGHUP", "SIGINT"] as const).map(async (signal, index) => {
      const held = index === 0 ? pidFile : join(scratch, "other.pid");
      const command = await running("site.mjs", "--port", "0", "--pid-file", held);
      return [await closed(command, signal), existsSync(held)];
    }),
  );
  assert.deepEqual(ends, [
    ["SIGHUP", false],
    [0, false],
  ]);
  const [foreign, crashed] = await Promise.all([
    ended("site.mjs", "--port", "0", "--pid-file", file("notes", "not a pid")),
    ended(file("crash.mjs", "throw 1;\n"), "--port", "0", "--pid-file", "crash.pid"),
  ]);
  assert.deepEqual(foreign, { code: 2, printed: "tsgi: --pid-file notes holds something else; choose another path\n" });
  assert.deepEqual([crashed.code, existsSync(join(scratch, "crash.pid"))], [2, false]);
  assert.equal(readFileSync(join(scratch, "notes"), "utf8"), "not a pid");
});
