/** The benchmark: every server of a scenario in turn, round after round, in one run. See README.md. */

import { spawnSync } from "node:child_process";
import { checkAnswer, load } from "./load.ts";
import type { Scenario } from "./scenarios.ts";
import { TestedServer } from "./server.ts";
import { readSettings, type Settings, USAGE } from "./settings.ts";

interface Sample {
  /** Microseconds of CPU time for each request. */
  readonly cpu: number;
  /** Requests for each second. */
  readonly throughput: number;
}

try {
  const settings = readSettings(process.argv.slice(2));
  if (settings === undefined) console.log(USAGE);
  else if (spawnSync("wrk", ["-v"]).error !== undefined) {
    console.error("bench: wrk is missing; install it: apt-get install wrk");
    process.exitCode = 2;
  } else {
    for (const scenario of settings.scenarios) await measure(scenario, settings);
  }
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function measure(scenario: Scenario, settings: Settings): Promise<void> {
  const names = scenario.servers.filter(
    (name, index) => index === 0 || name.startsWith("tsgi") || settings.against.includes(name),
  );
  const servers: TestedServer[] = [];
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
  try {
    for (const name of names) servers.push(await TestedServer.start(name));
    for (const { name, port } of servers) await checkAnswer(scenario, name, port);
    // The first round warms up and does not count; each other one goes the other way round.
    for (let round = 0; round <= settings.rounds; round++) {
      for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
        const sample = await sampleOf(scenario, server, settings);
        if (round > 0) samples.get(server.name)?.push(sample);
      }
    }
  } finally {
    for (const server of servers) server.stop();
  }
  print(scenario, samples);
}

async function sampleOf(scenario: Scenario, server: TestedServer, settings: Settings): Promise<Sample> {
  const before = await server.cpuTime();
  const { requests, seconds } = await load(scenario, server.port, settings.seconds, settings.connections);
  return { cpu: ((await server.cpuTime()) - before) / requests, throughput: requests / seconds };
}

function print(scenario: Scenario, samples: Map<string, Sample[]>): void {
  const [reference] = samples.keys();
  const base = samples.get(reference as string) as Sample[];
  console.log(`\n${scenario.name}, as a ratio to ${reference}`);
  console.log(
    `${"".padEnd(22)}${["CPU/request", "min", "max", "throughput", "µs CPU"].map((text) => text.padStart(12)).join("")}`,
  );
  const rows = [...samples].map(([name, list]) => {
    const cpu = list.map((sample, round) => sample.cpu / (base[round] as Sample).cpu);
    const throughput = list.map((sample, round) => sample.throughput / (base[round] as Sample).throughput);
    return {
      name,
      cells: [
        median(cpu),
        Math.min(...cpu),
        Math.max(...cpu),
        median(throughput),
        median(list.map((each) => each.cpu)),
      ],
    };
  });
  for (const { name, cells } of rows.sort((a, b) => (a.cells[0] as number) - (b.cells[0] as number))) {
    console.log(`${name.padEnd(22)}${cells.map((cell) => cell.toFixed(2).padStart(12)).join("")}`);
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
