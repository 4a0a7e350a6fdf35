/** `examples/deploy/`: what can run here runs, all else is parsed and compared with what the command says of it. */

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { Command } from "../support/command.ts";
import { deploy, example, parseDockerfile, parseUnit, redeploy } from "../support/deployed.ts";
import { loops } from "../support/loops.ts";
import { freePort, isMissing, type ProxyKind, startProxy } from "../support/proxies.ts";
import { startRedis, withRedis } from "../support/redis.ts";
import { curl, root, startSite, steps } from "../support/session.ts";

const run = promisify(execFile);

const project = deploy();
after(() => rmSync(project, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(join(example, name), "utf8");

/** What the command makes of arguments, beside the config file of the example; it refuses flags that it does not know. */
function settings(args: readonly string[]): Record<string, unknown> {
  const { code, out, error } = new Command(project, {}, { node: join(node, "node") }).ended(
    "config",
    ...args,
    "--json",
  );
  assert.deepEqual([code, error], [0, ""]);
  const values = JSON.parse(out) as Record<string, { value: unknown }>;
  return Object.fromEntries(Object.entries(values).map(([name, { value }]) => [name, value]));
}

/** In how many seconds a process ends that has been told to, at the latest. */
function secondsToEnd({ drainDelay, grace }: Record<string, unknown>): number {
  return (Number(drainDelay) + Number(grace)) / 1000;
}

const balancer: ProxyKind = {
  name: "HAProxy",
  package: "haproxy",
  program: "haproxy",
  args: (file) => ["-db", "-f", file],
  config: () => "",
};

/** Where the Node is that runs them: one that runs TypeScript by itself, as each process starts two Nodes. */
const newer = join(root, "node_modules/node-24/bin");
const node = existsSync(newer) ? newer : dirname(process.execPath);

/** How many clients ask meanwhile. By hand: `TSGI_CLIENTS=32`. */
const CLIENTS = process.env.TSGI_CLIENTS ?? "6";

/** The ports of the example. */
const PORTS = ["8001", "8002", "8003", "9001", "9002", "9003"];

test("deploy: a rolling restart of three processes behind HAProxy loses no request under load", {
  skip: isMissing(balancer),
}, async (t) => {
  const ports = new Map<string, number>();
  for (const port of PORTS) ports.set(port, await freePort());
  const folder = redeploy(project, ports);
  // The app that the clients know, and a limit that they do not reach; the rest is as it is shipped.
  writeFileSync(join(folder, "known.mjs"), readFileSync(join(root, "test/support/fixtures/supervised-app.mjs")));
  const shipped = readFileSync(join(folder, "site.ts"), "utf8");
  const known = shipped.replace(/const hello: App = .*/, 'import { app as hello } from "./known.mjs";');
  writeFileSync(join(folder, "site.ts"), known.replaceAll(/\b100\b/g, "1e6"));
  const env = {
    ...process.env,
    REDIS_URL: withRedis.skip ? "" : await startRedis(t),
    HOST: "",
    PORT: "",
    WEB_CONCURRENCY: "",
    PATH: [node, process.env.PATH].join(delimiter),
  };
  const processes = (action: string) => run("sh", [join(folder, "processes.sh"), action], { env, timeout: 60_000 });
  t.after(async () => {
    await processes("stop");
    rmSync(folder, { recursive: true, force: true });
  });
  await processes("start");
  const pids = () => PORTS.slice(0, 3).map((port) => readFileSync(join(folder, `${ports.get(port)}.pid`), "utf8"));
  const before = pids();
  const configuration = readFileSync(join(folder, "haproxy.cfg"), "utf8");
  const proxy = await startProxy(
    t,
    { ...balancer, config: (port) => configuration.replace(/\b8080\b/, String(port)) },
    0,
  );
  const clients = await loops(t, proxy.port, CLIENTS);
  await clients.more(100);
  await processes("restart");
  await clients.more(100);
  const { lost, refused, requests, answered } = await clients.stop();
  t.diagnostic(`${requests} requests, ${requests - answered} lost`);
  assert.deepEqual({ lost, refused }, { lost: {}, refused: 0 });
  const renewed = pids();
  assert.deepEqual(
    before.filter((pid) => renewed.includes(pid)),
    [],
  );
});

test("deploy: several processes count to one limit in Redis", withRedis, async (t) => {
  const command = new Command(project, { REDIS_URL: await startRedis(t) }, { node: join(node, "node") });
  const sites = await Promise.all([1, 2].map(() => command.running("site.ts", "--port", "0", "--access-log", "off")));
  t.after(() => {
    for (const { child } of sites) child.kill("SIGKILL");
  });
  const statuses = async (url: string, client: string, count: number) => {
    const headers = { "X-Forwarded-For": client };
    const responses = await Promise.all(Array.from({ length: count }, () => fetch(url, { headers })));
    return responses.filter(({ status }) => status === 200).length;
  };
  const [one, other] = sites.map(({ url }) => url) as [string, string];
  assert.equal(await statuses(one, "203.0.113.9", 60), 60);
  assert.equal(await statuses(other, "203.0.113.9", 60), 40);
  assert.equal(await statuses(one, "203.0.113.9", 1), 0);
  assert.equal(await statuses(one, "203.0.113.10", 1), 1);
  assert.equal(await (await fetch(`${other}/healthy`)).text(), "ok\n");
});

test("deploy: the app answers as its first comment says", async () => {
  const comment = /^(?:\/\/.*\n)+/.exec(read("site.ts"))?.[0] ?? "";
  const [start, ...session] = steps(comment.replace(/^\/\/ ?/gm, ""));
  assert.equal(start?.command, "npx tsgi examples/deploy/site.ts");
  const site = await startSite("examples/deploy/site.ts", root);
  try {
    for (const { command, output } of session) assert.equal(await curl(site, command), output, command);
  } finally {
    site.stop();
  }
});

test("deploy: the image has what it copies, is not run by root, and starts the command with flags that it has", () => {
  const instructions = parseDockerfile(read("Dockerfile"));
  const texts = (name: string) => instructions.filter((one) => one.name === name).map(({ text }) => text);
  const stages = instructions.filter(({ name }) => name === "FROM").map(({ text }) => / AS (\w+)$/.exec(text)?.[1]);
  for (const text of texts("COPY")) {
    const [, stage, paths = ""] = /^(?:--from=(\w+) )?(.+)$/.exec(text) ?? [];
    if (stage !== undefined) assert.ok(stages.includes(stage), text);
    for (const path of paths.split(" ").slice(0, -1)) {
      assert.ok(existsSync(join(project, path.replace(/^\/site\//, ""))), `${path} does not exist`);
    }
  }
  const last = instructions.slice(instructions.findLastIndex(({ name }) => name === "FROM"));
  assert.deepEqual(
    last.filter(({ name }) => name === "USER").map(({ text }) => text),
    ["node"],
  );
  const [program, ...args] = JSON.parse(texts("CMD")[0] as string) as string[];
  assert.ok(existsSync(join(project, program as string)));
  const values = settings(args);
  const { host, port, status, workers } = values;
  assert.deepEqual(
    { host, port, status, workers },
    { host: "0.0.0.0", port: 8000, status: "0.0.0.0:9000", workers: "auto" },
  );
  assert.deepEqual(texts("EXPOSE"), ["8000 9000"]);
  const check = JSON.parse(texts("HEALTHCHECK")[0]?.replace(/^.*? CMD /, "") as string) as string[];
  assert.match(check.join(" "), /^node -e fetch\('http:\/\/127\.0\.0\.1:9000\/livez'\)/);
  const patience = Number(/--stop-timeout (\d+)/.exec(read("Dockerfile"))?.[1]);
  assert.ok(patience >= secondsToEnd(values) + 5);
});

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // biome-ignore lint/suspicious/noExplicitAny: the fields of any kind.
  readonly spec: any;
}

test("deploy: the manifests of Kubernetes agree with each other and with the flags", () => {
  const documents = parseAllDocuments(read("kubernetes.yaml"), { strict: true, uniqueKeys: true });
  assert.ok(Array.isArray(documents));
  for (const { errors, warnings } of documents) assert.deepEqual([errors, warnings], [[], []]);
  const manifests = documents.map((document) => document.toJS() as Manifest);
  assert.deepEqual(
    manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    ["Deployment site", "Service site", "PodDisruptionBudget site"],
  );
  const [deployment, service, budget] = manifests.map(({ spec }) => spec);
  const { labels } = deployment.template.metadata;
  assert.deepEqual(
    [deployment.selector.matchLabels, service.selector, budget.selector.matchLabels],
    [labels, labels, labels],
  );
  assert.ok(budget.minAvailable < deployment.replicas);
  assert.deepEqual(deployment.strategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 });

  const pod = deployment.template.spec;
  const [container] = pod.containers;
  assert.deepEqual(container.command, ["node_modules/.bin/tsgi"]);
  assert.ok(
    container.args.every((arg: unknown) => typeof arg === "string"),
    "arguments are texts",
  );
  const values = settings(container.args);
  const ports = Object.fromEntries(
    container.ports.map(({ name, containerPort }: { name: string; containerPort: number }) => [name, containerPort]),
  );
  assert.deepEqual([values.port, values.status, values.host], [ports.http, `0.0.0.0:${ports.health}`, "0.0.0.0"]);
  assert.deepEqual(service.ports, [{ name: "http", port: 80, targetPort: "http" }]);
  assert.deepEqual(container.readinessProbe.httpGet, { path: "/readyz", port: "health" });
  assert.deepEqual(container.startupProbe.httpGet, { path: "/readyz", port: "health" });
  assert.deepEqual(container.livenessProbe.httpGet, { path: "/livez", port: "health" });
  // It is out of all balancers before it stops listening, and is killed only after it has cut what still ran.
  const { periodSeconds, failureThreshold } = container.readinessProbe;
  assert.ok(Number(values.drainDelay) / 1000 > periodSeconds * failureThreshold);
  assert.equal(pod.terminationGracePeriodSeconds, secondsToEnd(values) + 5);
  assert.equal(pod.securityContext.runAsNonRoot, true);
});

test("deploy: the units of systemd agree with each other and with the flags", () => {
  const unit = parseUnit(read("site.service"));
  const socket = parseUnit(read("site.socket"));
  const service = Object.fromEntries(unit.get("Service") ?? []);
  assert.equal(unit.get("Unit")?.get("Requires"), "site.socket");
  assert.deepEqual([service.Type, service.NotifyAccess, service.KillMode], ["notify", "all", "mixed"]);
  assert.equal(service.ExecReload, "/bin/kill -HUP $MAINPID");
  assert.equal(socket.get("Socket")?.get("ListenStream"), "127.0.0.1:8000");
  assert.equal(socket.get("Install")?.get("WantedBy"), "sockets.target");
  const [program, ...args] = service.ExecStart?.split(" ") ?? [];
  assert.equal(program, join(service.WorkingDirectory ?? "", "node_modules/.bin/tsgi"));
  const values = settings(args);
  // The place is that of the socket.
  assert.deepEqual([values.bind, values.workers], [null, "auto"]);
  assert.equal(Number(service.TimeoutStopSec), secondsToEnd(values) + 5);
});

test("deploy: systemd finds nothing wrong with the units", {
  skip: spawnSync("systemd-analyze", ["--version"]).error !== undefined && "needs systemd-analyze",
}, () => {
  // The program has to be there.
  const units = ["site.service", "site.socket"].map((name) => {
    const file = join(project, name);
    writeFileSync(file, read(name).replaceAll("/srv/site", project));
    return file;
  });
  const { status, stderr } = spawnSync("systemd-analyze", ["--man=no", "verify", ...units], { encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
});

test("deploy: the guide tells of each file, and of flags and signals that there are", () => {
  const guide = read("README.md");
  const linked = [...guide.matchAll(/\]\(([\w.-]+)\)/g)].map(([, name]) => name as string);
  const shipped = readdirSync(example).filter((name) => name !== "README.md");
  assert.deepEqual([...new Set(linked)].sort(), shipped.sort());
  const { out } = new Command(project).ended("--help");
  // Flags of other programs have other lines.
  for (const [, flag] of guide.matchAll(/`(--[\w-]+)[^`]*`/g))
    assert.ok(out.includes(`${flag} `), `${flag} in the guide`);
});
