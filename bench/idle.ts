/** The memory of idle connections. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Effort } from "./measure.ts";
import { bytesOf, requestsOf } from "./requests.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";
import type { Memory, TestedServer } from "./server.ts";
import { median, printTable, quartiles } from "./table.ts";

/** What a connection has done before it is idle: nothing, or a request. */
type Past = "new" | "kept";

const REQUESTS = requestsOf(SCENARIOS.find(({ name }) => name === "browser") as Scenario).map(bytesOf);
/** How many are opened at a time. */
const AT_ONCE = 100;
/** So many come and go before anything is measured, for the code that they load. */
const WARMING = 500;
const KIB = 1024;

interface Entrant {
  readonly name: string;
  readonly samples: { readonly whole: number; readonly each: number; readonly heap: number }[];
}

/**
 * Measures and prints the memory of so many connections that have sent nothing, and of as many that are kept after a request.
 * Each server is started anew for each round; the first is what the others are measured by.
 */
export async function measureIdle(
  starts: readonly (() => Promise<TestedServer | undefined>)[],
  { rounds, connections }: Pick<Effort, "rounds" | "connections">,
): Promise<void> {
  for (const past of ["new", "kept"] as const) {
    const entrants: Entrant[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [index, start] of starts.entries()) {
        const server = await start();
        if (server === undefined) throw new Error("a server cannot run here");
        entrants[index] ??= { name: server.name, samples: [] };
        try {
          entrants[index].samples.push(await sampleOf(server, past, connections));
        } finally {
          server.stop();
        }
      }
    }
    print(
      `${connections} connections, ${past === "new" ? "that have sent nothing" : "kept after a request"}`,
      entrants,
    );
  }
}

async function sampleOf(server: TestedServer, past: Past, connections: number) {
  close(await open(server.port, WARMING, "kept"));
  const before = await server.memory();
  const sockets = await open(server.port, connections, past);
  const after = await server.memory();
  const left = sockets.filter(({ readyState }) => readyState !== "open").length;
  if (left > 0) throw new Error(`${server.name} has closed ${left} of its idle connections`);
  close(sockets);
  const grownBy = (kind: keyof Memory) => (after[kind] - before[kind]) / connections / KIB;
  return { whole: after.resident / KIB / KIB, each: grownBy("resident"), heap: grownBy("heap") };
}

async function open(port: number, connections: number, past: Past): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < connections) {
    const some = Array.from({ length: Math.min(AT_ONCE, connections - sockets.length) }, (_, index) =>
      openOne(port, past === "new" ? undefined : REQUESTS[(sockets.length + index) % REQUESTS.length]),
    );
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

async function openOne(port: number, request: string | undefined): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  if (request === undefined) return socket;
  socket.write(request);
  // An answer this small comes at once.
  await once(socket, "data");
  return socket;
}

function close(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy();
}

function print(title: string, entrants: readonly Entrant[]): void {
  const [{ name: reference, samples: base }] = entrants as [Entrant];
  const rows = entrants.map(({ name, samples }) => {
    const whole = samples.map((sample, round) => sample.whole / (base[round] as (typeof base)[number]).whole);
    const each = samples.map((sample, round) => sample.each / (base[round] as (typeof base)[number]).each);
    return {
      name,
      cells: [
        median(whole),
        median(each),
        ...quartiles(each),
        median(samples.map((sample) => sample.whole)),
        median(samples.map((sample) => sample.each)),
        median(samples.map((sample) => sample.heap)),
      ],
    };
  });
  const columns = ["process", "connection", "quartile 1", "quartile 3", "MiB process", "KiB each", "KiB of heap"];
  printTable(`${title}, as a ratio to ${reference}`, columns, rows);
}
