/** The benchmark: every server of a scenario in turn, round after round, in one run. See README.md. */

import { spawnSync } from "node:child_process";
import { checkAnswer } from "./answer.ts";
import { load } from "./load.ts";
import { peerOf, type Scenario } from "./scenarios.ts";
import { TestedServer } from "./server.ts";
import { readSettings, type Settings, USAGE } from "./settings.ts";

interface Sample {
  /** Microseconds of CPU time for each request. */
  readonly cpu: number;
  /** Requests for each second. */
  readonly throughput: number;
}

/** A server of a scenario. */
interface Entrant {
  readonly server: TestedServer;
  /** What it is asked: the scenario, with the `ETag` that it gave where that is sent back. */
  asked: Scenario;
  readonly samples: Sample[];
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
  const entrants: Entrant[] = [];
  try {
    for (const [index, name] of scenario.servers.entries()) {
      const peer = peerOf(name);
      if (index > 0 && peer !== "tsgi" && !settings.against.includes(peer)) continue;
      const server = await TestedServer.start(name);
      if (server !== undefined) entrants.push({ server, asked: scenario, samples: [] });
    }
    for (const entrant of entrants) {
      entrant.asked = await checkAnswer(scenario, entrant.server.name, entrant.server.port);
    }
    // The first round warms up and does not count; each other one goes the other way round.
    for (let round = 0; round <= settings.rounds; round++) {
      for (const entrant of round % 2 === 0 ? entrants : entrants.toReversed()) {
        const sample = await sampleOf(entrant, settings);
        if (round > 0) entrant.samples.push(sample);
      }
    }
  } finally {
    for (const { server } of entrants) server.stop();
  }
  print(scenario, entrants);
}

async function sampleOf({ server, asked }: Entrant, settings: Settings): Promise<Sample> {
  const before = await server.cpuTime();
  const { requests, seconds } = await load(asked, server.port, settings.seconds, settings.connections);
  return { cpu: ((await server.cpuTime()) - before) / requests, throughput: requests / seconds };
}

function print(scenario: Scenario, entrants: readonly Entrant[]): void {
  const { server: reference, samples: base } = entrants[0] as Entrant;
  console.log(`\n${scenario.name}, as a ratio to ${reference.name}`);
  console.log(
    `${"".padEnd(22)}${["CPU/request", "min", "max", "throughput", "µs CPU"].map((text) => text.padStart(12)).join("")}`,
  );
  const rows = entrants.map(({ server: { name }, samples }) => {
    const cpu = samples.map((sample, round) => sample.cpu / (base[round] as Sample).cpu);
    const throughput = samples.map((sample, round) => sample.throughput / (base[round] as Sample).throughput);
    return {
      name,
      cells: [
        median(cpu),
        Math.min(...cpu),
        Math.max(...cpu),
        median(throughput),
        median(samples.map((each) => each.cpu)),
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
