import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { until } from "../support/command.ts";
import { cli } from "../support/session.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsgi-systemd-"));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

writeFileSync(
  join(scratch, "site.mjs"),
  `const inherited = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC"].filter((name) => name in process.env);
export const app = (environ, startResponse) => {
  startResponse("200 OK", []);
  return \`port \${environ.SERVER_PORT} \${inherited}\`;
};
`,
);
writeFileSync(join(scratch, "named.json"), JSON.stringify({ bind: "fd:web", status: "fd:health", workers: 1 }));
writeFileSync(join(scratch, "ports.json"), JSON.stringify({ port: 1 }));

/** Where systemd's program would say what it was told. */
const notified = join(scratch, "notified");
const programs = join(scratch, "programs");
mkdirSync(programs);
writeFileSync(join(programs, "systemd-notify"), `#!/bin/sh\n/bin/echo "$NOTIFY_SOCKET $@" >> ${notified}\n`);
chmodSync(join(programs, "systemd-notify"), 0o755);

interface Activated {
  readonly child: ChildProcess;
  readonly ports: readonly number[];
  printed(): string;
}

/** The command as systemd starts it, with two sockets; `LISTEN_PID` is its own id where it is `"$$"`. */
async function activated(args: readonly string[], pid = "$$", environment: NodeJS.ProcessEnv = {}): Promise<Activated> {
  const servers = [createServer(), createServer()].map((server) => server.listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const fds = servers.map((server) => (server as unknown as { _handle: { fd: number } })._handle.fd);
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  const child = spawn("/bin/sh", ["-c", `LISTEN_PID=${pid} exec "$0" "$@"`, process.execPath, cli, ...args], {
    cwd: scratch,
    env: { ...process.env, HOST: "", PORT: "", WEB_CONCURRENCY: "", LISTEN_FDS: "2", ...environment },
    stdio: ["ignore", "pipe", "pipe", ...fds],
  });
  children.add(child);
  for (const server of servers) server.close();
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      printed += chunk;
    });
  }
  return { child, ports, printed: () => printed };
}

async function ended({ child }: Activated): Promise<unknown> {
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  return code;
}

async function page(port: number, path = "/"): Promise<string> {
  const asked = request({ port, path, host: "127.0.0.1", agent: false }).end();
  const [response] = await once(asked, "response");
  return text(response);
}

test("systemd: its sockets are the places, in one process and in workers, and nobody else inherits that", async () => {
  for (const args of [[], ["--workers", "2"], ["--config", "ports.json"]]) {
    const site = await activated(["site.mjs", ...args]);
    await until(() => site.printed().includes("also on"));
    for (const port of site.ports) assert.equal(await page(port), `port ${port} `);
    assert.equal(await ended(site), 0);
  }
  const [bound, foreign] = await Promise.all([
    activated(["site.mjs", "--bind", "127.0.0.1:0"]),
    activated(["site.mjs", "--port", "0"], "1"),
  ]);
  for (const site of [bound, foreign]) {
    await until(() => site.printed().includes("serving"));
    const port = Number(/:(\d+)\n/.exec(site.printed())?.[1]);
    assert.ok(!site.ports.includes(port));
    assert.equal(await page(port), `port ${port} `);
    assert.equal(await ended(site), 0);
  }
});

test("systemd: tells of the sockets in tsgi config", async () => {
  const site = await activated(["config", "--config", "ports.json"]);
  await once(site.child, "close");
  assert.match(site.printed(), /^bind +fd:3,? fd:4 +\$LISTEN_FDS$/m);
  assert.match(site.printed(), /^port +- +replaced by bind$/m);
});

test("systemd: sockets have names, and a new supervisor goes on with them", async () => {
  const names = {
    LISTEN_FDNAMES: "health:web",
    NOTIFY_SOCKET: "@there",
    PATH: [programs, process.env.PATH].join(delimiter),
  };
  const site = await activated(["site.mjs", "--config", "named.json"], "$$", names);
  const [health = 0, web = 0] = site.ports;
  await until(() => site.printed().includes("serving"));
  assert.equal(await page(web), `port ${web} `);
  assert.equal(await page(health, "/readyz"), "ok\n");
  const pid = site.child.pid as number;
  site.child.kill("SIGHUP");
  await until(() => site.printed().includes("reload: done"));
  const exited = once(site.child, "exit");
  site.child.kill("SIGUSR2");
  assert.deepEqual(await exited, [0, null]);
  const successor = Number(/the supervisor (\d+) goes on/.exec(site.printed())?.[1]);
  assert.equal(await page(web), `port ${web} `);
  let live = "";
  while (live === "") live = await page(health, "/livez").catch(() => "");
  assert.equal(live, "ok\n");
  process.kill(successor, "SIGTERM");
  const told = () => readFileSync(notified, "utf8").split("\n").slice(0, -1);
  await until(() => told().length >= 6);
  const lines = told().map((line) => line.replace(/MONOTONIC_USEC=\d+/, "MONOTONIC_USEC=N"));
  const [old, next] = [`@there --pid=${pid}`, `@there --pid=${successor}`];
  assert.deepEqual(
    lines.sort(),
    [
      `${old} READY=1`,
      `${old} READY=1`,
      `${old} RELOADING=1 MONOTONIC_USEC=N`,
      `@there MAINPID=${successor}`,
      `${next} READY=1`,
      `${next} STOPPING=1`,
    ].sort(),
  );
  const unknown = await activated(["site.mjs", "--bind", "fd:wbe"], "$$", names);
  const [code] = await once(unknown.child, "close");
  assert.deepEqual(
    [code, unknown.printed()],
    [2, "tsgi: bind: systemd has opened no socket for this process that is called wbe, but health, web\n"],
  );
});

test("systemd: one process tells that it is ready, alive and stopping, and says once where it cannot", async () => {
  rmSync(notified, { force: true });
  const PATH = [programs, process.env.PATH].join(delimiter);
  const watched = { PATH, NOTIFY_SOCKET: "@there", WATCHDOG_USEC: "100000" };
  const [site, mute] = await Promise.all([
    activated(["site.mjs"], "$$", watched),
    activated(["site.mjs"], "$$", { ...watched, PATH: "/nowhere" }),
  ]);
  const told = () => (existsSync(notified) ? readFileSync(notified, "utf8").split("\n").slice(0, -1) : []);
  await until(() => told().length > 3 && mute.printed().includes("told"));
  assert.deepEqual([await ended(site), await ended(mute)], [0, 0]);
  // While it closes it is alive, too.
  await until(() => told().some((line) => line.includes("STOPPING")));
  const own = `@there --pid=${site.child.pid}`;
  assert.deepEqual([...new Set(told())], [`${own} READY=1`, `${own} WATCHDOG=1`, `${own} STOPPING=1`]);
  assert.deepEqual(
    mute
      .printed()
      .split("\n")
      .filter((line) => !/ on /.test(line)),
    [
      "tsgi: systemd is not told how this service is: there is no program systemd-notify",
      "tsgi: closing; SIGTERM again ends at once",
      "",
    ],
  );
});

/** A datagram socket, which Node has not, and what comes there. */
const RECEIVER = `import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1])
print("bound", flush=True)
while True: print(server.recv(4096).decode().replace("\\n", " "), flush=True)`;

const real = ["systemd-notify", "systemd-socket-activate"].map((name) => `/usr/bin/${name}`);

test("systemd: its own programs start and hear a supervisor", {
  skip: !(real.every(existsSync) && existsSync("/usr/bin/python3")) && "needs systemd and Python",
}, async () => {
  const socket = join(scratch, "notify");
  const receiver = spawn("/usr/bin/python3", ["-c", RECEIVER, socket]);
  children.add(receiver);
  let received = "";
  receiver.stdout.on("data", (chunk) => {
    received += chunk;
  });
  await until(() => received.includes("bound"));
  const web = join(scratch, "web.sock");
  const child = spawn(
    real[1] as string,
    ["-l", web, "-E", "NOTIFY_SOCKET", "-E", "PATH", process.execPath, cli, "site.mjs", "--workers", "1"],
    { cwd: scratch, env: { ...process.env, NOTIFY_SOCKET: socket }, stdio: "ignore" },
  );
  children.add(child);
  await until(() => existsSync(web));
  const [response] = await once(request({ socketPath: web, agent: false }).end(), "response");
  assert.equal(await text(response), "port 80 ");
  await until(() => received.includes("READY=1"));
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  await until(() => received.includes("STOPPING=1"));
  const messages = received.split("\n").filter((line) => line.includes("MAINPID"));
  assert.deepEqual(messages, [`MAINPID=${child.pid} READY=1`, `MAINPID=${child.pid} STOPPING=1`]);
});
