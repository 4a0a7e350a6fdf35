import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect as connectPlainly } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { automaticWorkers } from "../../src/supervisor/cpus.ts";
import { selfSigned } from "../support/authority.ts";
import { certificate } from "../support/certificate.ts";
import { Command, until } from "../support/command.ts";
import { loops } from "../support/loops.ts";
import { freePort } from "../support/proxies.ts";
import { RawClient } from "../support/raw-client.ts";
import { cli } from "../support/session.ts";
import { childrenOf, fixtures, isAlive, nodes, page, pidOf, pids, supervised } from "../support/supervised.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsgi-supervisor-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** How often the workers are replaced under load. By hand: `TSGI_RELOADS=10`. */
const RELOADS = Number(process.env.TSGI_RELOADS ?? 1);

for (const [name, node, skip] of nodes) {
  test(`supervisor: on ${name} neither a reload nor a new supervisor loses a request under load`, {
    skip,
  }, async (t) => {
    const pidFile = join(scratch, `pid-${name}`);
    const site = await supervised(node, ["--workers", "2", "--grace", "60s", "--pid-file", pidFile]);
    const clients = await loops(t, new URL(site.url).port);
    for (let reload = 1; reload <= RELOADS; reload++) {
      await clients.more(200);
      site.child.kill("SIGHUP");
      await until(() => site.printed().split("reload: done").length > reload);
    }
    const supervisorPid = () => Number(existsSync(pidFile) && readFileSync(pidFile, "utf8"));
    for (let reload = 1; reload <= RELOADS; reload++) {
      await clients.more(200);
      const former = supervisorPid();
      process.kill(former, "SIGUSR2");
      await until(() => !isAlive(former) && isAlive(supervisorPid()));
    }
    assert.deepEqual(await site.exited, [0, null]);
    await clients.more(200);
    const { lost, refused, requests, answered } = await clients.stop();
    t.diagnostic(`${requests} requests over ${2 * RELOADS} reloads, ${requests - answered} lost, ${refused} refused`);
    const successor = supervisorPid();
    process.kill(successor, "SIGTERM");
    assert.deepEqual({ lost, refused }, { lost: {}, refused: 0 });
    await until(() => !isAlive(successor));
    assert.equal(existsSync(pidFile), false);
  });

  test(`supervisor: on ${name} certificates are renewed under load, and no request is lost`, { skip }, async (t) => {
    const [key, cert] = [join(scratch, `key-${name}.pem`), join(scratch, `cert-${name}.pem`)];
    const renew = (names: readonly string[]) => {
      const issued = selfSigned({ names });
      writeFileSync(key, issued.key);
      writeFileSync(cert, issued.cert);
    };
    renew(["0.example"]);
    const site = await supervised(node, ["--workers", "2", "--tls-key", key, "--tls-cert", cert]);
    const { port } = new URL(site.url);
    const clients = await loops(t, port, "32", "tls");
    for (let renewal = 1; renewal <= RELOADS; renewal++) {
      await clients.more(100);
      renew([`${renewal}.example`]);
      await until(() => site.printed().split("reloaded the certificate").length > 2 * renewal);
    }
    await clients.more(100);
    const { lost, refused, requests, answered } = await clients.stop();
    t.diagnostic(`${requests} requests over ${RELOADS} renewals, ${requests - answered} lost, ${refused} refused`);
    assert.deepEqual({ lost, refused }, { lost: {}, refused: 0 });
    const socket = request(Number(port));
    await once(socket, "secureConnect");
    assert.equal(socket.getPeerCertificate().subject.CN, `${RELOADS}.example`);
    socket.destroy();
  });

  test(`supervisor: on ${name} of the requests under load only those fail that a killed worker holds`, {
    skip: skip || (RELOADS === 1 && "by hand, with TSGI_RELOADS"),
  }, async (t) => {
    const site = await supervised(node, ["--workers", "2"], "boot 1000");
    const clients = await loops(t, new URL(site.url).port);
    const workers = await pids(site.url, 2);
    // What the machine has besides makes requests slow, too.
    const { slowest: before } = await clients.more(1000 * RELOADS);
    for (let kill = 1; kill <= RELOADS; kill++) {
      await clients.more(200);
      const [victim = 0, sibling = 0] = workers;
      process.kill(victim, "SIGKILL");
      workers.delete(victim);
      await until(() => site.printed().split("has died").length > kill);
      for (let pid = sibling; pid === sibling; ) pid = workers.add(await pidOf(site.url)).size > 1 ? 0 : sibling;
    }
    await clients.more(200);
    const { lost, refused, requests, slowest } = await clients.stop();
    const failed = Object.values(lost).reduce((sum, count) => sum + count, 0);
    t.diagnostic(
      `${requests} requests over ${RELOADS} kills, ${failed} lost; the slowest fresh one took ${Math.round(slowest)} ms, ` +
        `and ${Math.round(before)} ms before the first`,
    );
    assert.equal(refused, 0);
    // Each client has one request under way.
    assert.ok(failed <= 32 * RELOADS, JSON.stringify(lost));
    for (const what of Object.keys(lost)) assert.match(what, /ECONNRESET|EPIPE|socket hang up|aborted/);
  });

  test(`supervisor: on ${name} more and fewer workers, and workers that have served enough, lose no request`, {
    skip,
  }, async (t) => {
    const site = await supervised(node, ["--workers", "2", "--grace", "60s", "--max-requests", "200"]);
    const clients = await loops(t, new URL(site.url).port);
    for (let count = 1; count <= RELOADS; count++) {
      for (const [signal, said] of [
        ["SIGTTIN", "one worker more: done"],
        ["SIGTTOU", "one worker less: done"],
      ] as const) {
        await clients.more(100);
        site.child.kill(signal);
        await until(() => site.printed().split(said).length > count);
      }
    }
    await clients.more(400);
    const { lost, refused, requests, answered } = await clients.stop();
    t.diagnostic(`${requests} requests, ${requests - answered} lost, ${refused} refused`);
    assert.deepEqual({ lost, refused }, { lost: {}, refused: 0 });
    assert.doesNotMatch(site.printed(), /died|failed/);
  });

  test(`supervisor: on ${name} connections are spread over the workers, and nobody else gets their port`, {
    skip,
  }, async () => {
    const site = await supervised(node, ["--workers", "4"]);
    await pids(site.url, 4);
    const counts = new Map<number, number>();
    for (let burst = 0; burst < 4; burst++) {
      const answered = await Promise.all(Array.from({ length: 64 }, () => pidOf(site.url)));
      for (const pid of answered) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    }
    assert.ok(Math.max(...counts.values()) <= 0.4 * 4 * 64, JSON.stringify([...counts.values()]));
    const { port } = new URL(site.url);
    const other = new Command(fixtures, {}, { node }).ended("supervised-app.mjs", "--workers", "2", "--port", port);
    assert.deepEqual([other.code, other.out], [1, ""]);
    assert.match(other.error, new RegExp(`^tsgi: 127\\.0\\.0\\.1:${port} is in use\\. .*\n$`));
  });

  test(`supervisor: on ${name} a worker that is killed is replaced, and nobody waits for that`, { skip }, async () => {
    const site = await supervised(node, ["--workers", "2"]);
    const [victim = 0, sibling = 0] = await pids(site.url, 2);
    site.behaviour("boot 500");
    process.kill(victim, "SIGKILL");
    await until(() => site.printed().includes("has died"));
    for (let count = 0; count < 8; count++) assert.equal(await pidOf(site.url), sibling);
    site.behaviour("");
    const after = await pids(site.url, 2);
    assert.ok(after.has(sibling) && !after.has(victim));
    assert.match(
      site.printed(),
      new RegExp(`tsgi: worker \\d \\(pid ${victim}\\) has died: SIGKILL; perhaps the system was out of memory`),
    );
  });
}

test("supervisor: code that does not load, never ends or fails its canary leaves the old workers serving", async () => {
  const site = await supervised(process.execPath, [
    ...["--workers", "1", "--ready-path", "/ready", "--boot-timeout", "6s"],
  ]);
  const before = await pidOf(site.url);
  for (const [behaviour, reason] of [
    ["throw", /reload failed: .*: Error: this module does not load \(supervised-app\.mjs:\d+:\d+\)\n/],
    ["exit", /reload failed: it ended with exit code 9\n/],
    ["pend", /reload failed: it was not ready after 6000 ms\n/],
    ["ill", /reload failed: GET \/ready was answered with 500 Internal Server Error\n/],
    ["hurl", /reload failed: no database\n/],
  ] as const) {
    site.behaviour(behaviour);
    const from = site.printed().length;
    site.child.kill("SIGHUP");
    await until(() => /failed: .*\n/.test(site.printed().slice(from)));
    assert.match(site.printed().slice(from), reason);
    assert.equal(await pidOf(site.url), before);
  }
  site.behaviour("mended");
  site.child.kill("SIGHUP");
  await until(() => site.printed().includes("reload: done"));
  assert.match(await page(`${site.url}/pid`), /^\d+ mended$/);
});

test("supervisor: where no worker can start, the reason is said once, and the exit code is 3", () => {
  const file = join(scratch, "behaviour");
  writeFileSync(file, "throw");
  const { ended } = new Command(fixtures, { BEHAVIOUR: file });
  const { code, out, error } = ended("supervised-app.mjs", "--workers", "3", "--port", "0");
  assert.deepEqual([code, out], [3, ""]);
  assert.match(error, /^tsgi: supervised-app\.mjs cannot be loaded: Error: this module does not load \(.*\)\n$/);
});

const [, bound, isMissing] = nodes[1] as (typeof nodes)[number];

for (const [limit, code, said] of [
  [24, 1, /^tsgi: cannot listen on .*EMFILE.*ulimit -n\n$/],
  [48, 3, /^tsgi: spawn .*; perhaps this process may open too few files: ulimit -n\n$/],
] as const) {
  test(`supervisor: with ${limit} files that may be open the command says so`, {
    skip: isMissing,
  }, () => {
    const command = [bound, cli, "supervised-app.mjs", "--workers", "2", "--port", "0"];
    const limited = ["-c", 'ulimit -n "$0"; exec "$@"', String(limit), ...command];
    const { status, stderr } = spawnSync("bash", limited, { cwd: fixtures, encoding: "utf8" });
    assert.match(stderr, said);
    assert.equal(status, code);
  });
}

test("supervisor: SIGTERM lets requests finish, and nothing is left", async () => {
  const socket = join(scratch, "socket");
  const pidFile = join(scratch, "pid");
  const site = await supervised(process.execPath, [
    ...["--workers", "2", "--bind", `unix:${socket}?mode=600`, "--pid-file", pidFile],
  ]);
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  assert.equal(readFileSync(pidFile, "utf8"), `${site.child.pid}\n`);
  const workers = await pids(site.url, 2);
  assert.equal(await page(`${site.url}/say`), "");
  const slow = page(`${site.url}/wait`);
  await sleep(100);
  site.child.kill("SIGTERM");
  assert.equal(await slow, "");
  assert.deepEqual(await site.exited, [0, null]);
  assert.deepEqual([...workers].filter(isAlive), []);
  assert.deepEqual([existsSync(socket), existsSync(pidFile)], [false, false]);
});

test("supervisor: as many workers as the environment says, each replaced after exactly so many requests", async () => {
  const flags = ["--max-requests", "100", "--max-requests-jitter", "0", "--port", "0"];
  const site = await new Command(fixtures, { WEB_CONCURRENCY: "2" }).running("supervised-app.mjs", ...flags);
  assert.match(site.printed(), /with 2 workers on/);
  const client = await RawClient.open(connectPlainly(Number(new URL(site.url).port)));
  for (let count = 1; count <= 100; count++) {
    client.get("/pid");
    await until(() => client.received.split("HTTP/1.1 200").length > count);
  }
  const pid = Number(/\r\n\r\n(\d+) /.exec(client.received)?.[1]);
  await until(() => !isAlive(pid));
  assert.equal(client.end, "end");
  assert.equal((await pids(site.url, 2)).has(pid), false);
  assert.doesNotMatch(site.printed(), /died/);
});

/** A command whose config file is read until it is let go on. */
async function readingConfiguration(t: TestContext, workers: number) {
  const folder = mkdtempSync(join(scratch, "early-"));
  const config = { app: join(fixtures, "supervised-app.mjs"), port: 0, workers };
  writeFileSync(
    join(folder, "tsgi.config.mjs"),
    `import { existsSync, writeFileSync } from "node:fs";
writeFileSync("reading", "");
while (!existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 5));
export default ${JSON.stringify(config)};
`,
  );
  const { child, printed } = new Command(folder).started();
  t.after(() => child.kill("SIGTERM"));
  await until(() => existsSync(join(folder, "reading")));
  return { child, printed, exited: once(child, "exit"), goOn: () => writeFileSync(join(folder, "go"), "") };
}

test("supervisor: signals that come while the configuration is read are obeyed once it serves", async (t) => {
  const [site, replaced, single] = await Promise.all([2, 2, 1].map((workers) => readingConfiguration(t, workers)));
  assert.ok(site && replaced && single);
  for (const signal of ["SIGHUP", "SIGTTIN"] as const) site.child.kill(signal);
  replaced.child.kill("SIGUSR2");
  single.child.kill("SIGHUP");
  await sleep(50);
  for (const { goOn } of [site, replaced, single]) goOn();
  // One process alone has no use for it.
  assert.deepEqual(await single.exited, [null, "SIGHUP"]);
  assert.equal(single.printed(), "");
  await until(() => ["reload: done", "one worker more: done"].every((done) => site.printed().includes(done)));
  assert.deepEqual(await replaced.exited, [0, null]);
  const successor = Number(/the supervisor (\d+) goes on/.exec(replaced.printed())?.[1]);
  assert.equal(isAlive(successor), true);
  process.kill(successor, "SIGTERM");
  await until(() => !isAlive(successor));
});

test("supervisor: one that is told to end before it serves ends well", async (t) => {
  const site = await readingConfiguration(t, 2);
  site.goOn();
  await until(() => childrenOf(site.child.pid as number).length > 0);
  site.child.kill("SIGTERM");
  assert.deepEqual(await site.exited, [0, null]);
  assert.equal(site.printed(), "tsgi: closing; SIGTERM again ends at once\n");
});

for (const signals of [["SIGINT", "SIGINT"], ["SIGTERM", "SIGTERM"], ["SIGQUIT"]] as const) {
  test(`supervisor: ${signals.length > 1 ? "a second " : ""}${signals[0]} ends everything at once`, async () => {
    const site = await supervised(process.execPath, ["--workers", "auto"]);
    const workers = childrenOf(site.child.pid as number);
    assert.equal(workers.length, automaticWorkers());
    const hung = page(`${site.url}/block`).catch(() => "cut");
    await sleep(100);
    const [first, second] = signals;
    site.child.kill(first);
    if (second !== undefined) {
      await until(() => site.printed().includes(`closing; ${first} again ends at once`));
      site.child.kill(second);
    }
    assert.equal(await hung, "cut");
    assert.deepEqual(await site.exited, [0, null]);
    assert.deepEqual(workers.filter(isAlive), []);
  });
}

test("supervisor: a worker that dies again at its start is tried again, and the others serve", async () => {
  const site = await supervised(process.execPath, ["--workers", "2"]);
  const [victim = 0, sibling = 0] = await pids(site.url, 2);
  site.behaviour("exit");
  process.kill(victim, "SIGKILL");
  const failures = () =>
    site.printed().match(/^tsgi: worker \d cannot start: it ended with exit code 9$/gm)?.length ?? 0;
  await until(() => failures() > 1);
  assert.equal(await pidOf(site.url), sibling);
  site.behaviour("");
  assert.ok((await pids(site.url, 2)).has(sibling));
});

test("supervisor: it goes on where nobody reads any more what it prints", async () => {
  const site = await supervised(process.execPath, ["--workers", "2"]);
  const before = await pids(site.url, 2);
  site.child.stdout?.destroy();
  site.child.stderr?.destroy();
  site.child.kill("SIGHUP");
  await until(() => ![...before].some(isAlive));
  assert.equal((await pids(site.url, 2)).size, 2);
  site.child.kill("SIGTERM");
  assert.deepEqual(await site.exited, [0, null]);
});

test("supervisor: workers whose supervisor was killed leave", async () => {
  const site = await supervised(process.execPath, ["--workers", "2"]);
  const workers = await pids(site.url, 2);
  site.child.kill("SIGKILL");
  await site.exited;
  await until(() => [...workers].every((pid) => !isAlive(pid)));
});

test("supervisor: a worker that takes too much memory is replaced, and answers until then", async () => {
  const site = await supervised(process.execPath, ["--workers", "1", "--max-memory", "300M"]);
  const before = await pidOf(site.url);
  assert.equal(await page(`${site.url}/grow`), "grown");
  let after = before;
  while (after === before) after = await pidOf(site.url);
  assert.match(
    site.printed(),
    new RegExp(`tsgi: worker 1 \\(pid ${before}\\) takes \\d{9} bytes of memory, and is replaced\n`),
  );
  await until(() => !isAlive(before));
  assert.doesNotMatch(site.printed(), /died/);
});

test("supervisor: one new supervisor is started at a time, and ended with the one that has started it", async () => {
  const site = await supervised(process.execPath, ["--workers", "2"]);
  const pid = site.child.pid as number;
  const workers = childrenOf(pid);
  site.behaviour("boot 60000");
  site.child.kill("SIGUSR2");
  await until(() => childrenOf(pid).length === 3);
  site.child.kill("SIGUSR2");
  await until(() => site.printed().includes("tsgi: a new supervisor is starting already\n"));
  const children = childrenOf(pid);
  assert.equal(children.length, 3);
  const successor = children.find((child) => !workers.includes(child)) as number;
  await until(() => childrenOf(successor).length > 0);
  const all = [...children, ...childrenOf(successor)];
  site.child.kill("SIGTERM");
  assert.deepEqual(await site.exited, [0, null]);
  await until(() => !all.some(isAlive));
});

test("supervisor: a new one goes on where the former one is killed before that, whether it can write the pid file or not", async (t) => {
  const folder = mkdtempSync(join(scratch, "pid-"));
  const site = await supervised(process.execPath, ["--timeout", "31s", "--pid-file", join(folder, "pid")]);
  const pid = site.child.pid as number;
  const workers = childrenOf(pid);
  site.behaviour("boot 300");
  site.child.kill("SIGUSR2");
  let successor = 0;
  await until(() => {
    successor = childrenOf(pid).find((child) => !workers.includes(child)) ?? 0;
    return successor > 0 && childrenOf(successor).length > 0;
  });
  t.after(() => isAlive(successor) && process.kill(successor, "SIGTERM"));
  rmSync(folder, { recursive: true });
  site.child.kill("SIGKILL");
  await until(() => site.printed().includes(`tsgi: --pid-file ${folder}/pid cannot be written: ENOENT\n`));
  assert.match(await page(`${site.url}/pid`), / boot 300$/);
  assert.equal(isAlive(successor), true);
});

test("supervisor: connections wait while there are no workers", async () => {
  const site = await supervised(process.execPath, ["--workers", "2"]);
  const before = await pids(site.url, 2);
  site.child.kill("SIGWINCH");
  await until(() => site.printed().includes("no workers: done"));
  const waiting = pidOf(site.url);
  site.child.kill("SIGHUP");
  assert.equal(before.has(await waiting), false);
  assert.equal((await pids(site.url, 2)).size, 2);
});

for (const [name, node, skip] of nodes) {
  test(`supervisor: on ${name} a new supervisor finds its sockets in another order`, { skip }, async (t) => {
    const folder = mkdtempSync(join(scratch, "order-"));
    const port = await freePort();
    const places = [`127.0.0.1:${port}`, "unix:socket"];
    const configure = (bind: readonly string[]) => {
      const config = { app: join(fixtures, "supervised-app.mjs"), bind, workers: 1, timeout: "31s", pidFile: "pid" };
      writeFileSync(join(folder, "tsgi.config.json"), JSON.stringify(config));
    };
    configure(places);
    const { child } = await new Command(folder, {}, { node }).running();
    const exited = once(child, "exit");
    configure([...places].reverse());
    child.kill("SIGUSR2");
    assert.deepEqual(await exited, [0, null]);
    const successor = () => Number(existsSync(join(folder, "pid")) && readFileSync(join(folder, "pid"), "utf8"));
    await until(() => successor() > 0 && successor() !== child.pid);
    t.after(() => process.kill(successor(), "SIGTERM"));
    const byPort = await pidOf(`http://127.0.0.1:${port}`);
    const bySocket = execFileSync("curl", ["-s", "--unix-socket", join(folder, "socket"), "http://x/pid"]);
    assert.equal(Number.parseInt(bySocket.toString(), 10), byPort);
  });

  test(`supervisor: on ${name} sessions of TLS are resumed by other workers, and after a reload`, {
    skip,
  }, async () => {
    const { key, cert } = await certificate();
    const [keyFile, certFile] = [join(scratch, "key.pem"), join(scratch, "cert.pem")];
    writeFileSync(keyFile, key);
    writeFileSync(certFile, cert);
    const site = await supervised(node, ["--workers", "2", "--tls-key", keyFile, "--tls-cert", certFile]);
    const port = Number(new URL(site.url).port);
    const session = await sessionOf(port);
    const reused = () => isReused(port, session);
    for (let count = 0; count < 8 * RELOADS; count++) assert.equal(await reused(), true);
    site.child.kill("SIGHUP");
    await until(() => site.printed().includes("reload: done"));
    for (let count = 0; count < 4 * RELOADS; count++) assert.equal(await reused(), true);
  });
}

function request(port: number, session?: Buffer): TLSSocket {
  const socket = connect({ port, session, rejectUnauthorized: false });
  socket.on("secureConnect", () => socket.end("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  return socket.resume();
}

/** The session that a client is given. */
async function sessionOf(port: number): Promise<Buffer> {
  const [session] = (await once(request(port), "session")) as [Buffer];
  return session;
}

/** Whether a session is resumed. */
async function isReused(port: number, session: Buffer): Promise<boolean> {
  const socket = request(port, session);
  await once(socket, "secureConnect");
  const isReused = socket.isSessionReused();
  await once(socket, "close");
  return isReused;
}
