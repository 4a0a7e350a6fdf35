/** What compressing a response costs, and tagging one, in tsgi and in the middlewares of frameworks. See README.md. */

import { execFile } from "node:child_process";
import { request } from "node:http";
import { parseArgs, promisify } from "node:util";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { runCommand } from "./command.ts";
import { pinned, TestedServer } from "./server.ts";
import { BODIES } from "./servers/compress/bodies.js";
import { median, printTable, quartiles } from "./table.ts";

const run = promisify(execFile);

const USAGE = `npx tsx bench/compress.ts [flags]

  --rounds 5     rounds that count, after one to warm up
  --seconds 1    of each measurement
  --only gzip    tasks whose name has this in it`;

interface Task {
  readonly name: string;
  readonly path: "/2k" | "/100k";
  /** What is accepted; undefined where nothing is to be compressed. */
  readonly coding: "br" | "gzip" | undefined;
  readonly servers: readonly string[];
}

const COMPRESSING = ["tsgi", "tsgi same", "express", "koa", "fastify"].map((name) => `compress/${name}`);
const TASKS: readonly Task[] = [
  ...(["/2k", "/100k"] as const).flatMap((path) => [
    { name: `br ${path}`, path, coding: "br" as const, servers: COMPRESSING },
    { name: `gzip ${path}`, path, coding: "gzip" as const, servers: [...COMPRESSING, "compress/hono"] },
  ]),
  { name: "tag /2k", path: "/2k", coding: undefined, servers: ["compress/tsgi etag", "compress/express etag"] },
];

await runCommand(
  USAGE,
  (args) => {
    const options = {
      rounds: { type: "string" },
      seconds: { type: "string" },
      only: { type: "string" },
      help: { type: "boolean" },
    } as const;
    const { values } = parseArgs({ args, options });
    const { rounds = "5", seconds = "1", only = "", help } = values;
    return help ? undefined : { rounds: Number(rounds), seconds: Number(seconds), only };
  },
  async ({ rounds, seconds, only }) => {
    for (const task of TASKS) if (task.name.includes(only)) await compare(task, rounds, seconds);
  },
);

/** Loads all servers of a task in turn, each other round the other way round. */
async function compare(task: Task, rounds: number, seconds: number): Promise<void> {
  const servers: TestedServer[] = [];
  try {
    for (const name of task.servers) servers.push((await TestedServer.start(name)) as TestedServer);
    const sizes = await Promise.all(servers.map(({ port }) => checkedSize(task, port)));
    const samples = servers.map((): number[] => []);
    for (let round = 0; round <= rounds; round++) {
      const order = servers.map((_, index) => index);
      for (const index of round % 2 === 0 ? order : order.reverse()) {
        const cpu = await cpuOf(servers[index] as TestedServer, task, seconds);
        if (round > 0) samples[index]?.push(cpu);
      }
    }
    const [base = []] = samples;
    const rows = servers.map(({ name }, index) => {
      const own = samples[index] as number[];
      // Of tsgi to the other: below 1 it is cheaper.
      const ratios = own.map((cpu, round) => (base[round] as number) / cpu);
      return { name, cells: [median(ratios), ...quartiles(ratios), median(own), sizes[index] as number] };
    });
    printTable(
      `${task.name}: tsgi as a ratio to`,
      ["CPU/request", "quartile 1", "quartile 3", "µs CPU", "bytes"],
      rows,
    );
  } finally {
    for (const server of servers) server.stop();
  }
}

/** Microseconds of CPU time for each request. */
async function cpuOf(server: TestedServer, { path, coding }: Task, seconds: number): Promise<number> {
  const before = await server.cpuTime();
  const url = `http://127.0.0.1:${server.port}${path}`;
  const header = `Accept-Encoding: ${coding ?? "identity"}`;
  const { stdout } = await run(...pinned(1, "wrk", ["-t1", "-c16", `-d${seconds}s`, "-H", header, url]));
  const [, served = "0"] = /(\d+) requests in /.exec(stdout) ?? [];
  if (/Non-2xx|Socket errors: connect [1-9]/.test(stdout) || served === "0")
    throw new Error(`errors at ${url}:\n${stdout}`);
  return ((await server.cpuTime()) - before) / Number(served);
}

/** How many bytes come. Throws where they are not what they should be. */
async function checkedSize({ path, coding }: Task, port: number): Promise<number> {
  const { bytes, got } = await new Promise<{ bytes: Buffer; got: string | undefined }>((resolve, reject) => {
    const headers = { "Accept-Encoding": coding ?? "identity" };
    request({ port, path, headers }, (incoming) => {
      const parts: Buffer[] = [];
      incoming.on("data", (part: Buffer) => parts.push(part));
      incoming.on("end", () => resolve({ bytes: Buffer.concat(parts), got: incoming.headers["content-encoding"] }));
    })
      .on("error", reject)
      .end();
  });
  const decoded = coding === "br" ? brotliDecompressSync(bytes) : coding === "gzip" ? gunzipSync(bytes) : bytes;
  if (got !== coding || decoded.toString() !== BODIES[path]) throw new Error(`another answer at port ${port}: ${got}`);
  return bytes.length;
}
