import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { TsgiConfig } from "../../src/config.ts";
import type { Status } from "../../src/supervisor/status.ts";
import { Command, type Running, until } from "../support/command.ts";
import { root } from "../support/session.ts";

const app = fileURLToPath(new URL("../support/fixtures/supervised-app.mjs", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "tsgi-control-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;

/** A folder with a config file, and the command there. */
function site(config: TsgiConfig): { folder: string; behaviour(text: string): void; command: Command } {
  const folder = join(scratch, String(folders++));
  mkdirSync(folder);
  writeFileSync(join(folder, "tsgi.config.json"), JSON.stringify({ app, port: 0, ...config }));
  const behaviour = (text: string) => writeFileSync(join(folder, "behaviour"), text);
  behaviour("");
  return { folder, behaviour, command: new Command(folder, { BEHAVIOUR: join(folder, "behaviour") }) };
}

interface Asked {
  readonly status: number | undefined;
  readonly body: string;
}

/** What is answered at a path, on a connection of its own. */
async function ask(socketPath: string, path: string, method = "GET"): Promise<Asked> {
  const asked = request({ socketPath, path, method, agent: false }).end();
  const [response] = await once(asked, "response");
  return { status: response.statusCode, body: await text(response) };
}

const page = async (url: string): Promise<string> => (await fetch(url, { headers: { Connection: "close" } })).text();

/** The end of a command that goes on meanwhile. */
async function ended({ started }: Command, ...args: string[]): Promise<{ code: number; printed: string }> {
  const { child, printed } = started(...args);
  const [code] = (await once(child, "close")) as [number];
  return { code, printed: printed() };
}

/** Text with what differs from run to run replaced. */
function constant(text: string, { child, url }: Running): string {
  return text
    .replaceAll(String(child.pid), "PID")
    .replaceAll(url, "URL")
    .replaceAll(app, "APP")
    .replace(/(?<=for |last time )\d+ s/g, "N s")
    .replace(/^\d +\d+ .*$/gm, (row) => row.replace(/\d[\d.]*/g, "N"))
    .replace(/ +/g, " ");
}

test("ctl: tells of a supervisor, reloads, scales and stops it", async () => {
  const { folder, behaviour, command } = site({ workers: 1, control: "ctl.sock", readyPath: "/ready" });
  const running = await command.running();
  const { url, child, printed } = running;
  const exited = once(child, "exit");
  const socket = join(folder, "ctl.sock");
  assert.equal((statSync(socket).mode & 0o777).toString(8), "600");
  assert.deepEqual(await ended(command, "--status", "127.0.0.1:0"), {
    code: 1,
    printed: "tsgi: ctl.sock is in use. Stop the server that listens there, or choose another path\n",
  });
  const slow = fetch(`${url}/wait?x=%1b`);
  while (JSON.parse((await ask(socket, "/requests")).body).length === 0);
  const [requests, scaled] = await Promise.all([
    ended(command, "ctl", "requests"),
    ended(command, "ctl", "scale", "2"),
  ]);
  assert.match(requests.printed, /^(?:worker +pid +for +request\n1 +\d+ +\d+ ms +GET \/wait\?x=%1b\n|no requests\n)$/);
  assert.deepEqual(scaled, { code: 0, printed: "2 workers run\n" });
  await slow;
  behaviour("ill");
  const [failed, failedJson] = [await ended(command, "ctl", "reload"), await ended(command, "ctl", "reload", "--json")];
  const reason = "GET /ready was answered with 500 Internal Server Error";
  assert.deepEqual(failed, { code: 1, printed: `tsgi: reload failed: ${reason}\n` });
  assert.deepEqual(failedJson, {
    code: 1,
    printed: `${JSON.stringify({ ok: false, reason }, undefined, 2)}\ntsgi: reload failed: ${reason}\n`,
  });
  behaviour("");
  assert.deepEqual(await ended(command, "ctl", "reload"), { code: 0, printed: "reloaded\n" });
  assert.equal(
    constant((await ended(command, "ctl", "status", "--control", socket)).printed, running),
    `APP:app on URL
serving for N s as process PID; 2 of 2 workers serve
reloads: 1, the last time N s ago; workers that died: 0, because they hung: 0

worker pid state up requests in flight connections lag memory
N N ready N s N N N N ms N MiB
N N ready N s N N N N ms N MiB
`,
  );
  const status = JSON.parse((await ended(command, "ctl", "status", "--json")).printed) as Status;
  assert.deepEqual(
    [status.pid, status.state, status.wanted, status.serving, status.workers.map(({ number }) => number)],
    [child.pid, "serving", 2, 2, [1, 2]],
  );
  for (const [path, method, expected] of [
    ["/scale?workers=x", "POST", 400],
    ["/scale?workers=99", "POST", 500],
    ["/reload", "GET", 405],
    ["/other", "GET", 404],
  ] as const) {
    assert.equal((await ask(socket, path, method)).status, expected, path);
  }
  assert.deepEqual(await ended(command, "ctl", "stop"), { code: 0, printed: "stopped\n" });
  assert.deepEqual(await exited, [0, null]);
  assert.equal(existsSync(socket), false);
  assert.equal(
    printed().replace(url, "URL").replace(app, "APP"),
    `tsgi: serving APP:app with 1 worker on URL
tsgi: 2 workers: done
tsgi: reload failed: ${reason}
tsgi: reload failed: ${reason}
tsgi: reload: done
tsgi: 99 workers failed: 99 workers were asked for, and 0 to 16 can run
tsgi: closing
`,
  );
  assert.deepEqual(await ended(command, "ctl", "reload"), {
    code: 1,
    printed: `tsgi: nothing listens at ctl.sock; is the supervisor running?\n`,
  });
});

test("ctl: a new supervisor answers where the one before it did, and goes on counting", async () => {
  const { folder, command } = site({ workers: 1, control: "ctl.sock", status: "unix:health.sock" });
  const { child, printed, url } = await command.running();
  await until(() => printed().includes("tsgi: health and metrics on unix:health.sock\n"));
  assert.equal((await ask(join(folder, "ctl.sock"), "/reload", "POST")).status, 200);
  for (let count = 0; count < 5; count++) await page(`${url}/pid`);
  const last = fetch(`${url}/wait`, { headers: { Connection: "close" } });
  await sleep(100);
  const exited = once(child, "exit");
  child.kill("SIGUSR2");
  assert.deepEqual(await exited, [0, null]);
  const successor = Number(/the supervisor (\d+) goes on/.exec(printed())?.[1]);
  const sockets = ["ctl.sock", "health.sock"].map((name) => join(folder, name));
  for (const socket of sockets) {
    let pid = 0;
    while (pid !== successor)
      pid = JSON.parse(
        await ask(socket, "/status").then(
          ({ body }) => body,
          () => "{}",
        ),
      ).pid;
  }
  await last;
  await page(`${url}/pid`);
  const [, health = ""] = sockets;
  let exposed = "";
  do {
    exposed = (await ask(health, "/metrics")).body;
    // Never less than the former supervisor has told.
    assert.ok(counted(exposed) >= 5, exposed);
  } while (counted(exposed) < 7);
  assert.equal(counted(exposed), 7);
  assert.match(exposed, /^tsgi_supervisor_reloads_total 1$/m);
  assert.deepEqual(await ended(command, "ctl", "stop"), { code: 0, printed: "stopped\n" });
  assert.deepEqual(sockets.filter(existsSync), []);
  assert.doesNotMatch(printed(), /cannot|in use/);
});

test("status: a port that was to be any one is told, stays the same, and what the site mounts is told before", async () => {
  const { folder, command } = site({ workers: 1, status: "127.0.0.1:0" });
  writeFileSync(
    join(folder, "site.mjs"),
    `import { text } from ${JSON.stringify(join(root, "dist/src/index.js"))};
import { dispatcher } from ${JSON.stringify(join(root, "dist/middleware/index.js"))};
export const app = dispatcher(text("home"), { "/docs": text("docs") });
`,
  );
  const running = await command.running("site.mjs");
  const { child, printed } = running;
  const exited = once(child, "exit");
  const health = () => /health and metrics on (http\S+)\n/.exec(printed())?.[1] ?? "";
  await until(() => health() !== "");
  assert.equal(
    constant(printed(), running).replace(health(), "STATUS"),
    `tsgi: serving site.mjs:app with 1 worker on URL
 dispatcher
 ├── /docs → text
 └── (else) → text
tsgi: health and metrics on STATUS
`,
  );
  child.kill("SIGUSR2");
  await exited;
  const pid = Number(/the supervisor (\d+) goes on/.exec(printed())?.[1]);
  const ready = async () => (await page(`${health()}/readyz`).catch(() => "")) === "ok\n";
  while (!(await ready())) await sleep(20);
  process.kill(pid, "SIGTERM");
});

test("supervise: from code, with a control socket and a status listener", async () => {
  const { folder, command: ctl } = site({ control: "ctl.sock" });
  const script = join(folder, "site.mjs");
  writeFileSync(
    script,
    `import { supervise } from ${JSON.stringify(join(root, "dist/src/index.js"))};
const options = { port: 0, control: "ctl.sock", status: { unix: "health.sock" } };
const failed = await supervise("none.mjs", options).catch(({ code }) => code);
const { urls } = await supervise(${JSON.stringify(app)}, options);
console.log(failed, "serving on", ...urls);
`,
  );
  const { child, url } = await new Command(folder, {}, { cli: script }).running();
  const exited = once(child, "exit");
  await page(`${url}/pid`);
  assert.deepEqual(await ended(ctl, "ctl", "reload"), { code: 0, printed: "reloaded\n" });
  assert.equal(counted((await ask(join(folder, "health.sock"), "/metrics")).body), 1);
  assert.deepEqual(await ended(ctl, "ctl", "stop"), { code: 0, printed: "stopped\n" });
  assert.deepEqual(await exited, [0, null]);
});

test("ctl: what is asked of a supervisor that starts is done when it has", async () => {
  const { folder, behaviour, command } = site({ workers: 2, control: "ctl.sock" });
  behaviour("boot 1000");
  const starting = command.running();
  const socket = join(folder, "ctl.sock");
  // A socket has its name a moment before anybody is listened to there.
  let reloaded: Awaited<ReturnType<typeof ask>> | undefined;
  while (reloaded === undefined) {
    reloaded = await ask(socket, "/reload", "POST").catch(({ code }) => {
      if (code !== "ENOENT" && code !== "ECONNREFUSED") throw code;
      return undefined;
    });
    await sleep(5);
  }
  assert.deepEqual(reloaded, { status: 200, body: '{"ok":true}' });
  const { url, printed } = await starting;
  const status = JSON.parse((await ask(socket, "/status")).body) as Status;
  assert.deepEqual([status.reloads, status.serving, status.urls], [1, 2, [url]]);
  assert.doesNotMatch(printed(), /failed|died/);
  assert.deepEqual(await ended(command, "ctl", "stop"), { code: 0, printed: "stopped\n" });
});

test("ctl: says what is wrong with a call", async () => {
  const command = new Command(scratch);
  const wrong = [
    [
      ["status"],
      "which supervisor? Give --control <path>, as the supervisor was given, or set control in the config file",
    ],
    [[], "what? Give status, requests, reload, scale or stop, for example: tsgi ctl status"],
    [["statsu"], "tsgi ctl does not know statsu; did you mean: tsgi ctl status"],
    [["scale"], "how many workers? Give a number, for example: tsgi ctl scale 3"],
    [["stop", "now"], '"now" is one argument too many; see tsgi --help'],
  ] as const;
  const found = await Promise.all(wrong.map(([words]) => ended(command, "ctl", ...words)));
  assert.deepEqual(
    found,
    wrong.map(([, message]) => ({ code: 2, printed: `tsgi: ${message}\n` })),
  );
});

/** The number of requests that were counted. */
function counted(exposed: string): number {
  const counts = [...exposed.matchAll(/^http_server_request_duration_seconds_count\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

test("status: tells that the site is alive, ready and what it has done, whatever becomes of the workers", async () => {
  const { folder, command } = site({
    workers: 2,
    status: "unix:health.sock?mode=600",
    timeout: "4s",
    drainDelay: "2s",
  });
  const { url, child, printed } = await command.running("--control", "ctl.sock");
  const exited = once(child, "exit");
  const socket = join(folder, "health.sock");
  const serving = async (count: number) => {
    while ((JSON.parse((await ask(socket, "/status")).body) as Status).serving !== count) await sleep(20);
  };
  assert.deepEqual(await ask(socket, "/livez"), { status: 200, body: "ok\n" });
  assert.deepEqual(await ask(socket, "/readyz"), { status: 200, body: "ok\n" });
  for (let count = 0; count < 20; count++) await page(`${url}/pid`);
  // What was counted since the last beat is told at the end of a worker, too.
  assert.equal((await ask(join(folder, "ctl.sock"), "/reload", "POST")).status, 200);
  const exposed = (await ask(socket, "/metrics")).body;
  assert.equal(counted(exposed), 20);
  for (const line of [
    /^tsgi_supervisor_workers_wanted 2$/m,
    /^tsgi_supervisor_workers_serving 2$/m,
    /^tsgi_supervisor_deaths_total 0$/m,
    /^tsgi_supervisor_reloads_total 1$/m,
    /^tsgi_worker_memory_usage_bytes\{worker="1",state="ready"\} \d{7,}$/m,
    /^tsgi_worker_memory_usage_bytes\{worker="2",state="ready"\} \d{7,}$/m,
    /^tsgi_worker_eventloop_lag_seconds\{worker="1",state="ready"\} [\d.]+$/m,
    /^tsgi_worker_connections\{worker="1",state="ready"\} \d+$/m,
    /^tsgi_worker_requests_active\{worker="1",state="ready"\} \d+$/m,
  ]) {
    assert.match(exposed, line);
  }
  const names = [...exposed.matchAll(/^([a-z]\S*) /gm)].map(([, series]) => series);
  assert.equal(new Set(names).size, names.length);
  const status = JSON.parse((await ask(socket, "/status")).body) as Status;
  process.kill(status.workers[0]?.pid as number, "SIGKILL");
  await until(() => printed().includes("has died"));
  assert.equal(counted((await ask(socket, "/metrics")).body), 20);
  await page(`${url}/pid`);
  while (counted((await ask(socket, "/metrics")).body) < 21) await sleep(20);
  await serving(2);
  // The second one is for the other worker.
  for (const left of [1, 0]) {
    page(`${url}/hang`).catch(() => {});
    await serving(left);
  }
  assert.deepEqual(await ask(socket, "/readyz"), { status: 503, body: "no worker serves\n" });
  assert.equal((await ask(socket, "/livez")).status, 200);
  await serving(2);
  assert.deepEqual(await ask(socket, "/readyz"), { status: 200, body: "ok\n" });
  while (!/^tsgi_supervisor_hangs_total 2$/m.test((await ask(socket, "/metrics")).body)) await sleep(20);
  child.kill("SIGTERM");
  while ((await ask(socket, "/readyz")).status === 200) await sleep(20);
  assert.deepEqual(await ask(socket, "/readyz"), { status: 503, body: "draining\n" });
  assert.equal((await ask(socket, "/livez")).status, 200);
  assert.match(await page(`${url}/pid`).catch(String), /^\d+ $/);
  assert.deepEqual(await exited, [0, null]);
  assert.equal(existsSync(socket), false);
});
