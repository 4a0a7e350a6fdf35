/**
 * What a supervisor costs: `node --import tsx bench/workers.ts [node …]`, for each Node that is named, by default this one. The CPU
 * time of all processes of a server, and of the one that holds the others, for a request on a kept connection and on a fresh one.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pinned } from "./server.ts";
import { median, printTable, quartiles } from "./table.ts";

const run = promisify(execFile);

const ROUNDS = 7;
const SECONDS = 2;

/** How long a clock tick of `/proc` is, in microseconds. */
const TICK = 10_000;

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const COMMAND = [at("../dist/src/cli.js"), at("servers/workers/app.js"), "--port", "0"];
const CLUSTER = at("servers/workers/cluster.js");

/** What is measured: the first is what the others are measured by. */
const SERVERS: Readonly<Record<string, readonly string[]>> = {
  serve: COMMAND,
  // One worker that is supervised.
  "one worker": [...COMMAND, "--timeout", "31s"],
  "two workers": [...COMMAND, "--workers", "2"],
  "cluster serve": [CLUSTER, "tsgi"],
  "cluster node:http": [CLUSTER],
};

interface Sample {
  /** Microseconds of CPU time for each request, of all processes and of the one that holds the others. */
  readonly all: number;
  readonly holder: number;
}

/** What has to be ended however the benchmark ends. */
const RUNNING = new Set<Server>();
process.on("exit", () => {
  for (const server of RUNNING) server.stop();
});

class Server {
  readonly name: string;
  readonly #child: ChildProcess;
  #url = "";
  readonly samples: Sample[] = [];

  constructor(name: string, node: string, args: readonly string[]) {
    this.name = name;
    this.#child = spawn(...pinned(0, node, [...args]), {
      env: { ...process.env, NODE_ENV: "production", HOST: "", PORT: "", WEB_CONCURRENCY: "" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    RUNNING.add(this);
  }

  listening(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.once("exit", () => reject(new Error(`${this.name} does not serve`)));
      this.#child.stdout?.on("data", (chunk: Buffer) => {
        this.#url ||= / on (http:\S+)/.exec(String(chunk))?.[1] ?? "";
        if (this.#url !== "") resolve();
      });
    });
  }

  async take(kind: Kind): Promise<void> {
    const before = this.#cpuTimes();
    const flags = kind === "fresh" ? ["-H", "Connection: close"] : [];
    const { stdout } = await run(...pinned(1, "wrk", ["-t1", "-c64", `-d${SECONDS}s`, ...flags, this.#url]));
    const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
    if (!(requests > 0) || /Non-2xx/.test(stdout)) throw new Error(`errors of ${this.name}:\n${stdout}`);
    const after = this.#cpuTimes();
    this.samples.push({
      all: (after.all - before.all) / requests,
      holder: (after.holder - before.holder) / requests,
    });
  }

  #cpuTimes(): { all: number; holder: number } {
    const pid = this.#child.pid as number;
    return { all: [pid, ...childrenOf(pid)].reduce((sum, each) => sum + cpuTime(each), 0), holder: cpuTime(pid) };
  }

  /** Its workers leave when it is gone. */
  stop(): void {
    RUNNING.delete(this);
    this.#child.kill("SIGKILL");
  }
}

function childrenOf(pid: number): number[] {
  const lists = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8"),
  );
  return lists.join("").split(" ").filter(Boolean).map(Number);
}

/** User and system, in microseconds. */
function cpuTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

type Kind = "kept" | "fresh";

async function compare(node: string): Promise<void> {
  const { stdout: version } = await run(node, ["--version"]);
  for (const kind of ["kept", "fresh"] as const) {
    const servers = Object.entries(SERVERS).map(([name, args]) => new Server(name, node, args));
    try {
      await Promise.all(servers.map((server) => server.listening()));
      for (let round = -2; round < ROUNDS; round++) {
        // Each other round goes the other way round, and the first ones warm up.
        for (const server of round % 2 === 0 ? servers : servers.toReversed()) await server.take(kind);
        if (round < 0) for (const { samples } of servers) samples.length = 0;
      }
    } finally {
      for (const server of servers) server.stop();
    }
    print(`Node ${version.trim()}, a ${kind} connection, as a ratio to serve`, servers);
    await sleep(2_000);
  }
}

function print(title: string, servers: readonly Server[]): void {
  const [{ samples: base }] = servers as [Server];
  const rows = servers.map(({ name, samples }) => {
    const ratios = samples.map(({ all }, round) => all / (base[round] as Sample).all);
    const held = name === "serve" ? [0] : samples.map(({ holder }) => holder);
    return { name, cells: [median(ratios), ...quartiles(ratios), median(samples.map(({ all }) => all)), median(held)] };
  });
  printTable(title, ["CPU/request", "quartile 1", "quartile 3", "µs CPU", "of it holder"], rows);
}

const named = process.argv.slice(2);
for (const node of named.length > 0 ? named : [process.execPath]) await compare(node);
